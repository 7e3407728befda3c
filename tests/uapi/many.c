// SPDX-License-Identifier: MIT
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include "many.h"

struct kipc_ioc_create many_arg(const char *name, uint32_t kind, uint32_t role)
{
	bool pubsub = kind == KIPC_KIND_PUBSUB;
	struct kipc_ioc_create c = {
		.size = sizeof(c),
		.kind = kind,
		.mode = 0600,
		.ring_bytes = { pubsub ? RING : 0 },
		.align = { pubsub ? 8 : 0 },
		.node = { KIPC_NODE_ANY, KIPC_NODE_ANY },
		.role = role,
		.nr_ends = NR_ENDS,
		.slots = pubsub ? 0 : SLOTS,
		.stride = pubsub ? 0 : STRIDE,
		.classes = pubsub ? 0 : 1,
	};

	must(strlen(name) < sizeof(c.name));
	strcpy(c.name, name);
	return c;
}

struct kipc_ioc_attach many_attach_arg(const char *name, uint32_t kind, uint32_t role)
{
	struct kipc_ioc_attach a = { .size = sizeof(a), .kind = kind, .role = role };

	must(strlen(name) < sizeof(a.name));
	strcpy(a.name, name);
	return a;
}

int many_create(const char *name, uint32_t kind, uint32_t role)
{
	struct kipc_ioc_create c = many_arg(name, kind, role);
	int control = uapi_control();
	int rc = uapi_call(control, KIPC_IOC_CREATE, &c);

	must_sys(close(control));
	return rc ? rc : c.fd[0];
}

int many_attach(const char *name, uint32_t kind, uint32_t role)
{
	struct kipc_ioc_attach a = many_attach_arg(name, kind, role);
	int control = uapi_control();
	int rc = uapi_call(control, KIPC_IOC_ATTACH, &a);

	must_sys(close(control));
	return rc ? rc : a.fd;
}

static void *map_area(int fd, uint64_t offset, uint64_t bytes, int prot)
{
	void *at = NULL;

	must_eq(uapi_map(fd, offset, bytes, prot, MAP_SHARED, &at), 0);
	return at;
}

void many_map(struct many *m, int fd)
{
	struct kipc_ioc_self self = { .size = sizeof(self) };
	const struct kipc_ring_ident *id;
	bool writes;

	must_eq(uapi_call(fd, KIPC_IOC_SELF, &self), 0);
	*m = (struct many){ .fd = fd, .end = self.end, .queue = self.kind == KIPC_KIND_QUEUE };
	m->status = map_area(fd, 0, self.status_bytes, PROT_READ);
	id = &m->status->ident;
	must_eq(id->nr_ends, self.nr_ends);
	m->ctrls = map_area(fd, id->ctrl_off, (uint64_t)id->nr_ends * PAGE, PROT_READ);
	m->own = map_area(fd, id->ctrl_off + m->end * PAGE, PAGE, PROT_READ | PROT_WRITE);
	writes = m->queue || m->end == 0;
	m->data_bytes = id->total_bytes - m->status->geom[0].data_off;
	m->data_bytes *= m->queue ? 1 : 2;
	m->data = map_area(fd, m->status->geom[0].data_off, m->data_bytes,
	                   PROT_READ | (writes ? PROT_WRITE : 0));
}

void many_leave(struct many *m)
{
	must_sys(munmap(m->data, m->data_bytes));
	must_sys(munmap(m->own, PAGE));
	must_sys(munmap((void *)m->ctrls, m->status->ident.nr_ends * PAGE));
	must_sys(munmap((void *)m->status, PAGE));
	must_sys(close(m->fd));
}

void many_new(struct many *m, const char *name, uint32_t kind, uint32_t role)
{
	many_map(m, (int)must_ok(many_create(name, kind, role)));
}

void many_join(struct many *m, const char *name, uint32_t kind, uint32_t role)
{
	many_map(m, (int)must_ok(many_attach(name, kind, role)));
}

const struct kipc_ring_bell *many_bell(const struct many *m, unsigned side)
{
	const struct kipc_ring_bells *bells = &m->status->bells[0];

	return side == DATA ? &bells->data : &bells->space;
}

uint32_t many_seen(const struct many *m, unsigned side)
{
	return __atomic_load_n(&many_bell(m, side)->armed, __ATOMIC_ACQUIRE);
}

uint32_t many_state(const struct many *m, unsigned end)
{
	return __atomic_load_n(&m->status->ends[end].state, __ATOMIC_ACQUIRE) & 0xff;
}

int many_arm(const struct many *m, unsigned side, uint32_t how)
{
	struct kipc_ioc_arm arg = { .size = sizeof(arg), .side = side, .how = how };
	int rc = uapi_call(m->fd, KIPC_IOC_ARM, &arg);

	if (rc == 0)
		must_eq(arg.seen & how, how);
	return rc;
}

int many_sleep(const struct many *m, unsigned side, uint32_t seen, int64_t deadline)
{
	struct kipc_ioc_sleep arg = {
		.size = sizeof(arg), .side = side, .seen = seen, .deadline = deadline
	};

	return uapi_call(m->fd, KIPC_IOC_SLEEP, &arg);
}

int many_sleep_word(const struct many *m, unsigned side, uint32_t seen, uint64_t offset,
                    uint64_t value, int64_t deadline)
{
	struct kipc_ioc_sleep arg = {
		.size = sizeof(arg),
		.flags = KIPC_SLEEP_WORD,
		.side = side,
		.seen = seen,
		.offset = offset,
		.value = value,
		.deadline = deadline,
	};

	return uapi_call(m->fd, KIPC_IOC_SLEEP, &arg);
}

int many_ring(const struct many *m, unsigned side, uint32_t sleepers)
{
	struct kipc_ioc_ring arg = { .size = sizeof(arg), .side = side, .sleepers = sleepers };

	return uapi_call(m->fd, KIPC_IOC_RING, &arg);
}

int many_bind(const struct many *m, unsigned bound)
{
	struct kipc_ioc_bind arg = { .size = sizeof(arg), .bound = bound };

	return uapi_call(m->fd, KIPC_IOC_BIND, &arg);
}

int many_cut(const struct many *m, uint64_t ends)
{
	struct kipc_ioc_cut arg = { .size = sizeof(arg), .ends = { ends } };

	return uapi_call(m->fd, KIPC_IOC_CUT, &arg);
}

int many_shutdown(const struct many *m, uint32_t dirs)
{
	struct kipc_ioc_shutdown arg = { .size = sizeof(arg), .dirs = dirs };

	return uapi_call(m->fd, KIPC_IOC_SHUTDOWN, &arg);
}

uint64_t many_bound(const struct many *m)
{
	return __atomic_load_n(&m->status->sets.bound[0], __ATOMIC_ACQUIRE);
}

uint64_t many_undone(const struct many *m)
{
	return __atomic_load_n(&m->status->sets.undone[0], __ATOMIC_ACQUIRE);
}

int64_t many_undo(const struct many *m, uint32_t done, uint32_t *again)
{
	struct kipc_ioc_undo arg = { .size = sizeof(arg), .done = done };
	int rc = uapi_call(m->fd, KIPC_IOC_UNDO, &arg);

	if (again)
		*again = arg.again;
	return rc ? rc : (int64_t)arg.end;
}

void many_await_state(const struct many *m, unsigned end, uint32_t state)
{
	int64_t until = harness_now() + SOON;

	while (many_state(m, end) != state) {
		must(harness_now() < until);
		sched_yield();
	}
}
