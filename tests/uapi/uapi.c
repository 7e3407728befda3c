// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "uapi.h"

int uapi_control(void)
{
	int fd = open(KIPC_DEV_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		harness_skip("kmod", "%s: %s", KIPC_DEV_PATH, strerror(errno));
	return fd;
}

int uapi_call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

struct kipc_ioc_create uapi_create(uint64_t bytes)
{
	return (struct kipc_ioc_create){
		.size = sizeof(struct kipc_ioc_create),
		.kind = KIPC_KIND_PAIR,
		.ring_bytes = { bytes, bytes },
		.align = { 8, 8 },
		.node = { KIPC_NODE_ANY, KIPC_NODE_ANY },
	};
}

void uapi_pair_at(int fd[2], uint64_t start0, uint64_t start1)
{
	struct kipc_ioc_create c = uapi_create(RING_BYTES);
	int control = uapi_control();

	c.start[0] = start0;
	c.start[1] = start1;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	must_sys(close(control));
	fd[0] = c.fd[0];
	fd[1] = c.fd[1];
}

void uapi_pair(int fd[2])
{
	uapi_pair_at(fd, 0, 0);
}

int uapi_map(int fd, uint64_t offset, uint64_t bytes, int prot, int flags, void **at)
{
	void *area = mmap(NULL, bytes, prot, flags, fd, (off_t)offset);

	if (area == MAP_FAILED)
		return -errno;
	if (at)
		*at = area;
	else
		must_sys(munmap(area, bytes));
	return 0;
}

unsigned uapi_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	must(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void *map_area(int fd, uint64_t offset, uint64_t bytes, int prot)
{
	void *at = NULL;

	must_eq(uapi_map(fd, offset, bytes, prot, MAP_SHARED, &at), 0);
	return at;
}

void side_map(struct side *s, int fd)
{
	struct kipc_ioc_self self = { .size = sizeof(self) };
	const struct kipc_ring_ident *id;
	const struct kipc_ring_geom *out, *in;

	must_eq(uapi_call(fd, KIPC_IOC_SELF, &self), 0);
	s->fd = fd;
	s->end = self.end;
	s->status = map_area(fd, 0, self.status_bytes, PROT_READ);
	id = &s->status->ident;
	out = &s->status->geom[side_out(s)];
	in = &s->status->geom[side_in(s)];
	s->own = map_area(fd, id->ctrl_off + s->end * id->ctrl_bytes, id->ctrl_bytes,
	                  PROT_READ | PROT_WRITE);
	s->other = map_area(fd, id->ctrl_off + (1 - s->end) * id->ctrl_bytes, id->ctrl_bytes,
	                    PROT_READ);
	s->out = map_area(fd, out->data_off, 2 * out->bytes, PROT_READ | PROT_WRITE);
	s->in = map_area(fd, in->data_off, 2 * in->bytes, PROT_READ);
}

void both_map(struct both *b, uint64_t start0, uint64_t start1)
{
	int fd[2];

	uapi_pair_at(fd, start0, start1);
	side_map(&b->s[0], fd[0]);
	side_map(&b->s[1], fd[1]);
}

void side_unmap_own(struct side *s)
{
	must_sys(munmap(s->own, s->status->ident.ctrl_bytes));
	s->own = NULL;
}

static const struct kipc_ring_bell *bell_of(const struct side *s, unsigned ring, unsigned which)
{
	const struct kipc_ring_bells *bells = &s->status->bells[ring];

	return which == KIPC_SIDE_DATA ? &bells->data : &bells->space;
}

const struct kipc_ring_bell *side_bell(const struct side *s, unsigned which)
{
	return bell_of(s, which == KIPC_SIDE_DATA ? side_in(s) : side_out(s), which);
}

const struct kipc_ring_bell *side_peer_bell(const struct side *s, unsigned which)
{
	return bell_of(s, which == KIPC_SIDE_DATA ? side_out(s) : side_in(s), which);
}

int side_wait(const struct side *s, unsigned which, uint64_t position, int64_t deadline)
{
	struct kipc_ioc_wait w = {
		.size = sizeof(w),
		.ring = which == KIPC_SIDE_DATA ? side_in(s) : side_out(s),
		.side = which,
		.position = position,
		.deadline = deadline,
	};

	return uapi_call(s->fd, KIPC_IOC_WAIT, &w);
}

int side_wake(const struct side *s, unsigned which)
{
	struct kipc_ioc_wake w = {
		.size = sizeof(w),
		.ring = which == KIPC_SIDE_DATA ? side_out(s) : side_in(s),
		.side = which,
	};

	return uapi_call(s->fd, KIPC_IOC_WAKE, &w);
}

int side_xchg(const struct side *s, uint64_t position, unsigned hint, int64_t deadline)
{
	struct kipc_ioc_xchg x = {
		.size = sizeof(x),
		.wake = { .size = sizeof(x.wake), .ring = side_out(s), .hint = hint },
		.wait = {
			.size = sizeof(x.wait),
			.ring = side_in(s),
			.position = position,
			.deadline = deadline,
		},
	};

	return uapi_call(s->fd, KIPC_IOC_XCHG, &x);
}

int side_shutdown(const struct side *s, unsigned dirs)
{
	struct kipc_ioc_shutdown arg = { .size = sizeof(arg), .dirs = dirs };

	return uapi_call(s->fd, KIPC_IOC_SHUTDOWN, &arg);
}

struct kipc_ioc_peer side_peer(const struct side *s)
{
	struct kipc_ioc_peer arg = { .size = sizeof(arg), .reserved = 1 };

	must_eq(uapi_call(s->fd, KIPC_IOC_PEER, &arg), 0);
	must_eq(arg.reserved, 0);
	return arg;
}

struct kipc_ioc_stat side_stat(const struct side *s)
{
	struct kipc_ioc_stat arg = { .size = sizeof(arg) };

	must_eq(uapi_call(s->fd, KIPC_IOC_STAT, &arg), 0);
	return arg;
}

void side_move(struct side *s, unsigned which, uint64_t position)
{
	uint64_t *word = which == KIPC_SIDE_DATA ? (uint64_t *)&s->own->prod.pos
	                                         : (uint64_t *)&s->own->cons.pos;

	__atomic_store_n(word, position, __ATOMIC_RELEASE); /* (E) or (C) */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);            /* (F) pairs with (I) in the module */
}

void await_armed(const struct kipc_ring_bell *bell, uint32_t bits)
{
	int64_t until = harness_now() + SOON;

	while ((__atomic_load_n(&bell->armed, __ATOMIC_ACQUIRE) & bits) != bits) {
		must(harness_now() < until);
		sched_yield();
	}
}

void await_state(const struct side *s, unsigned end, uint32_t state)
{
	int64_t until = harness_now() + SOON;

	while (__atomic_load_n(&s->status->ends[end].state, __ATOMIC_ACQUIRE) != state) {
		must(harness_now() < until);
		sched_yield();
	}
}

short poll_now(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	must_sys(poll(&p, 1, 0));
	return p.revents;
}

int epoll_of(int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events };
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));

	must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	return ep;
}

int uapi_aio_poll(struct uapi_aio *a, int fd, short events)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = (uint32_t)fd };
	struct iocb *list[] = { &cb };

	a->ctx = 0;
	cb.aio_buf = (uint64_t)events;
	must_sys(syscall(SYS_io_setup, 1, &a->ctx));
	return syscall(SYS_io_submit, a->ctx, 1, list) == 1 ? 0 : -errno;
}

short uapi_aio_end(struct uapi_aio *a)
{
	struct io_event ev = { 0 };

	must_eq(must_sys(syscall(SYS_io_getevents, a->ctx, 1, 1, &ev, NULL)), 1);
	must_sys(syscall(SYS_io_destroy, a->ctx));
	return (short)(ev.res & (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
}

static void *listen_once(void *arg)
{
	struct listener *l = arg;
	struct epoll_event ev = { 0 };

	__atomic_store_n(&l->tid, gettid(), __ATOMIC_SEQ_CST);
	must_eq(must_sys(epoll_wait(l->ep, &ev, 1, -1)), 1);
	l->heard = ev.events;
	return NULL;
}

void listener_start(struct listener *l, int fd, uint32_t events)
{
	*l = (struct listener){ .ep = epoll_of(fd, events) };
	must_eq(pthread_create(&l->thread, NULL, listen_once, l), 0);
	while (!__atomic_load_n(&l->tid, __ATOMIC_SEQ_CST))
		sched_yield();
	await_asleep(l->tid);
}

uint32_t listener_end(struct listener *l)
{
	must_eq(pthread_join(l->thread, NULL), 0);
	return l->heard;
}
