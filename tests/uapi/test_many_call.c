// SPDX-License-Identifier: MIT
/*
 * Channels with many ends: what each call accepts, refuses and tells.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "many.h"

TestSuite(many_call, .init = harness_begin);

#define QUEUE  KIPC_KIND_QUEUE
#define PUBSUB KIPC_KIND_PUBSUB

/* ---- sizes and numbers ------------------------------------------------------------------ */

struct call {
	unsigned long cmd;
	uint32_t size;
};

static const struct call calls[] = {
	{ KIPC_IOC_ARM, sizeof(struct kipc_ioc_arm) },
	{ KIPC_IOC_SLEEP, sizeof(struct kipc_ioc_sleep) },
	{ KIPC_IOC_RING, sizeof(struct kipc_ioc_ring) },
	{ KIPC_IOC_BIND, sizeof(struct kipc_ioc_bind) },
	{ KIPC_IOC_CUT, sizeof(struct kipc_ioc_cut) },
	{ KIPC_IOC_UNDO, sizeof(struct kipc_ioc_undo) },
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

static int try_size(int fd, const struct call *c, uint32_t size, uint8_t tail)
{
	uint8_t arg[2 * PAGE] __attribute__((aligned(8))) = { 0 };

	memset(arg + 4, 0xff, c->size - 4); /* nothing in it is lawful */
	memcpy(arg, &size, sizeof(size));
	arg[c->size + 7] = tail;
	return uapi_call(fd, c->cmd, arg);
}

Test(many_call, every_call_checks_the_size_of_its_struct)
{
	const char *name = harness_name();
	struct many m;

	many_new(&m, name, PUBSUB, SUB);
	for (unsigned i = 0; i < NR_CALLS; i++) {
		const struct call *c = &calls[i];

		must_eq(try_size(m.fd, c, 0, 0), -EINVAL);
		must_eq(try_size(m.fd, c, c->size - 1, 0), -EINVAL);
		must_eq(try_size(m.fd, c, c->size, 0), -EINVAL);
		must_eq(try_size(m.fd, c, c->size + 8, 0), -EINVAL);
		must_eq(try_size(m.fd, c, c->size + 8, 1), -E2BIG);
		must_eq(try_size(m.fd, c, PAGE + 1, 0), -E2BIG);
		must_eq(uapi_call(m.fd, c->cmd, NULL), -EFAULT);
	}
}

Test(many_call, each_kind_of_end_has_calls_of_its_own)
{
	const char *name = harness_name();
	uint64_t arg[64] = { 0 };
	struct many m;
	int fd[2], control = uapi_control();

	uapi_pair(fd);
	many_new(&m, name, QUEUE, 0);
	for (unsigned i = 0; i < NR_CALLS; i++) {
		*(uint32_t *)arg = calls[i].size;
		must_eq(uapi_call(fd[0], calls[i].cmd, arg), -ENOTTY);
		must_eq(uapi_call(control, calls[i].cmd, arg), -ENOTTY);
	}
	*(uint32_t *)arg = sizeof(struct kipc_ioc_xchg);
	must_eq(uapi_call(m.fd, KIPC_IOC_WAIT, arg), -ENOTTY);
	must_eq(uapi_call(m.fd, KIPC_IOC_WAKE, arg), -ENOTTY);
	must_eq(uapi_call(m.fd, KIPC_IOC_XCHG, arg), -ENOTTY);
	must_eq(uapi_call(m.fd, KIPC_IOC_HANDOVER, NULL), -ENOTTY);
}

Test(many_call, structs_of_before_are_still_accepted)
{
	struct kipc_ioc_create c = uapi_create(RING_BYTES);
	struct kipc_ioc_info info = { .size = 56, .kinds = 77 };
	int control = uapi_control();

	must_eq(uapi_call(control, KIPC_IOC_INFO, &info), 0);
	must_eq(info.kinds, 77); /* was not written */
	info.size = sizeof(info);
	must_eq(uapi_call(control, KIPC_IOC_INFO, &info), 0);
	must_eq(info.kinds, 1 << KIPC_KIND_PAIR | 1 << PUBSUB | 1 << QUEUE);
	c.size = 136;
	c.role = c.slots = c.reserved = 99; /* not read */
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	c.size = sizeof(c);
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), -EINVAL);
}

/* ---- CREATE ----------------------------------------------------------------------------- */

static int create(struct kipc_ioc_create *c)
{
	int control = uapi_control();
	int rc = uapi_call(control, KIPC_IOC_CREATE, c);

	must_sys(close(control));
	if (rc == 0)
		must_sys(close(c->fd[0]));
	return rc;
}

#define refuses(kind, role, change, err)                                         \
	do {                                                                     \
		struct kipc_ioc_create c = many_arg(harness_name(), kind, role); \
		change;                                                          \
		must_eq(create(&c), err);                                        \
	} while (0)

Test(many_call, create_refuses_what_is_malformed_of_both_kinds)
{
	static const uint32_t kinds[2][2] = { { PUBSUB, PUB }, { QUEUE, 0 } };

	for (unsigned i = 0; i < 2; i++) {
		uint32_t kind = kinds[i][0], role = kinds[i][1];

		refuses(kind, role, (void)c, 0);
		refuses(kind, role, c.name[0] = 0, -EINVAL); /* no anonymous one */
		refuses(kind, role, c.name[0] = '.', -EINVAL);
		refuses(kind, role, c.flags = 1, -EINVAL);
		refuses(kind, role, c.mode = 01000, -EINVAL);
		refuses(kind, role, c.reserved = 1, -EINVAL);
		refuses(kind, role, c.role = 3, -EINVAL);
		refuses(kind, role, c.role = UINT32_MAX, -EINVAL);
		refuses(kind, role, c.nr_ends = 0, -EINVAL);
		refuses(kind, role, c.nr_ends = 1, -EINVAL);
		refuses(kind, role, c.nr_ends = 2, 0);
		refuses(kind, role, c.nr_ends = KIPC_RING_ENDS, 0);
		refuses(kind, role, c.nr_ends = KIPC_RING_ENDS + 1, -EINVAL);
		refuses(kind, role, c.nr_ends = UINT32_MAX, -EINVAL);
		refuses(kind, role, c.ring_bytes[1] = RING, -EINVAL);
		refuses(kind, role, c.start[1] = 8, -EINVAL);
		refuses(kind, role, c.align[1] = 8, -EINVAL);
		refuses(kind, role, c.node[1] = 0, -EINVAL);
		refuses(kind, role, c.node[0] = -2, -EINVAL);
		refuses(kind, role, c.node[0] = 4096, -EINVAL);
		refuses(kind, role, c.node[0] = 0, 0);
	}
	refuses(PUBSUB, PUB, c.role = 0, -EINVAL);
	refuses(QUEUE, 0, c.role = PUB, -EINVAL);
	refuses(4, 0, (void)c, -EINVAL);
	refuses(UINT32_MAX, 0, (void)c, -EINVAL);
}

Test(many_call, create_refuses_a_ring_that_is_none)
{
	refuses(PUBSUB, SUB, c.ring_bytes[0] = 0, -EINVAL);
	refuses(PUBSUB, SUB, c.ring_bytes[0] = 2048, -EINVAL);
	refuses(PUBSUB, SUB, c.ring_bytes[0] = RING + 8, -EINVAL);
	refuses(PUBSUB, SUB, c.ring_bytes[0] = 1ULL << 31, -EINVAL);
	refuses(PUBSUB, SUB, c.ring_bytes[0] = 1ULL << 63, -EINVAL);
	refuses(PUBSUB, SUB, c.ring_bytes[0] = 1ULL << 30, -ENOSPC);
	refuses(PUBSUB, SUB, c.start[0] = 4, -EINVAL);
	refuses(PUBSUB, SUB, c.start[0] = 48, 0);
	refuses(PUBSUB, SUB, c.align[0] = 4, -EINVAL);
	refuses(PUBSUB, SUB, c.align[0] = 24, -EINVAL);
	refuses(PUBSUB, SUB, c.align[0] = RING / 16, 0);
	refuses(PUBSUB, SUB, c.align[0] = 8192, -EINVAL);
	refuses(PUBSUB, SUB, (c.ring_bytes[0] = 4096, c.align[0] = 512), -EINVAL);
	refuses(PUBSUB, SUB, c.slots = 1, -EINVAL);
	refuses(PUBSUB, SUB, c.stride = 64, -EINVAL);
	refuses(PUBSUB, SUB, c.classes = 1, -EINVAL);
	refuses(PUBSUB, SUB, c.held = 1, -EINVAL);
}

Test(many_call, create_refuses_slots_that_are_none)
{
	refuses(QUEUE, 0, c.slots = 0, -EINVAL);
	refuses(QUEUE, 0, c.slots = 3, -EINVAL);
	refuses(QUEUE, 0, c.slots = 1, 0);
	refuses(QUEUE, 0, c.slots = 65536, 0);
	refuses(QUEUE, 0, c.slots = 131072, -EINVAL);
	refuses(QUEUE, 0, c.slots = 1U << 31, -EINVAL);
	refuses(QUEUE, 0, c.stride = 0, -EINVAL);
	refuses(QUEUE, 0, c.stride = 63, -EINVAL);
	refuses(QUEUE, 0, c.stride = 1U << 20, 0);
	refuses(QUEUE, 0, c.stride = (1U << 20) + 64, -EINVAL);
	refuses(QUEUE, 0, c.stride = UINT32_MAX & ~63U, -EINVAL);
	refuses(QUEUE, 0, c.classes = 0, -EINVAL);
	refuses(QUEUE, 0, c.classes = 32, 0);
	refuses(QUEUE, 0, c.classes = 33, -EINVAL);
	refuses(QUEUE, 0, c.held = 1, 0);
	refuses(QUEUE, 0, c.held = 2, -EINVAL);
	refuses(QUEUE, 0, (c.slots = 65536, c.stride = 1U << 20, c.classes = 32), -EINVAL);
	refuses(QUEUE, 0, (c.slots = 4096, c.stride = 1U << 18), -EINVAL); /* 1 GiB and a head */
	refuses(QUEUE, 0, (c.slots = 2048, c.stride = 1U << 18), -ENOSPC);
	refuses(QUEUE, 0, c.ring_bytes[0] = RING, -EINVAL);
	refuses(QUEUE, 0, c.start[0] = 8, -EINVAL);
	refuses(QUEUE, 0, c.align[0] = 8, -EINVAL);
}

Test(many_call, create_makes_what_was_asked_for)
{
	const char *name = harness_name();
	struct kipc_ioc_create c = many_arg(name, QUEUE, 0);
	const struct kipc_queue_geom *geom;
	struct many m;
	int control = uapi_control();

	c.held = KIPC_QUEUE_DROP;
	c.classes = 3;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	must(c.end == 0 && c.fd[1] == -1);
	many_map(&m, c.fd[0]);
	must_eq(m.status->ident.kind, QUEUE);
	must_eq(m.status->ident.magic, KIPC_RING_MAGIC);
	must_eq(m.status->ident.nr_rings, 1);
	must_eq(m.status->geom[1].reserved[0], (uint64_t)SLOTS << 32 | STRIDE);
	must_eq(m.status->geom[1].reserved[1], 3ULL << 32 | KIPC_QUEUE_DROP);
	geom = (const void *)m.data;
	must(geom->slots == SLOTS && geom->stride == STRIDE && geom->classes == 3);
	must(geom->held == KIPC_QUEUE_DROP && geom->nr_ends == NR_ENDS);
	must(m.data_bytes >= KIPC_QUEUE_SLOTS_OFF + 3 * SLOTS * STRIDE);
	for (uint64_t i = KIPC_QUEUE_SLOTS_OFF; i < m.data_bytes; i++)
		must_eq(m.data[i], 0);
}

Test(many_call, a_new_ring_has_a_beginning)
{
	const char *name = harness_name();
	struct kipc_ioc_create c = many_arg(name, PUBSUB, SUB);
	const struct kipc_ring_pub *pub;
	struct many m;
	int control = uapi_control();

	c.start[0] = 48;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	must_eq(c.end, 1);
	many_map(&m, c.fd[0]);
	must_eq(m.status->geom[0].bytes, RING);
	must_eq(m.status->geom[0].start, 48);
	pub = (const void *)m.ctrls;
	must(pub->prod == 48 && pub->claim == 48 && pub->oldest == 48);
	must_eq(pub->last, KIPC_PUB_NONE);
}

Test(many_call, holdings_are_counted_and_given_back)
{
	const char *name = harness_name();
	struct kipc_ioc_info before = { .size = sizeof(before) }, during = before, after = before;
	struct many m;
	int control = uapi_control();

	must_eq(uapi_call(control, KIPC_IOC_INFO, &before), 0);
	many_new(&m, name, QUEUE, 0);
	must_eq(uapi_call(control, KIPC_IOC_INFO, &during), 0);
	must_eq(during.user_chans, before.user_chans + 1);
	must_eq(during.user_bytes - before.user_bytes, (1 + NR_ENDS) * PAGE + Q_MAPPED);
	must_eq(during.user_bytes - before.user_bytes, m.status->ident.total_bytes);
	many_leave(&m);
	must_eq(uapi_call(control, KIPC_IOC_INFO, &after), 0);
	must(after.user_chans == before.user_chans && after.user_bytes == before.user_bytes);
}

/* ---- ATTACH ----------------------------------------------------------------------------- */

static int attach(struct kipc_ioc_attach *a)
{
	int control = uapi_control();
	int rc = uapi_call(control, KIPC_IOC_ATTACH, a);

	must_sys(close(control));
	if (rc == 0)
		must_sys(close(a->fd));
	return rc;
}

#define joins(kind, role, change, err)                                        \
	do {                                                                  \
		struct kipc_ioc_attach a = many_attach_arg(name, kind, role); \
		change;                                                       \
		must_eq(attach(&a), err);                                     \
	} while (0)

Test(many_call, attach_to_a_pubsub_asks_for_a_role_and_a_ring)
{
	const char *name = harness_name();
	int fd = (int)must_ok(many_create(name, PUBSUB, SUB));

	joins(PUBSUB, PUB, (void)a, 0);
	joins(PUBSUB, SUB, (void)a, 0);
	joins(PUBSUB, 0, (void)a, -EINVAL);
	joins(PUBSUB, 3, (void)a, -EINVAL);
	joins(QUEUE, 0, (void)a, -EINVAL);
	joins(KIPC_KIND_PAIR, 0, (void)a, -EINVAL);
	joins(PUBSUB, SUB, a.ring_bytes[0] = RING, 0);
	joins(PUBSUB, SUB, a.ring_bytes[0] = RING / 2, -EEXIST);
	joins(PUBSUB, SUB, a.align[0] = 8, 0);
	joins(PUBSUB, SUB, a.align[0] = 16, -EEXIST);
	joins(PUBSUB, SUB, a.ring_bytes[1] = RING, -EINVAL);
	joins(PUBSUB, SUB, a.align[1] = 8, -EINVAL);
	joins(PUBSUB, SUB, a.slots = 1, -EINVAL);
	joins(PUBSUB, SUB, a.held_plus_1 = 1, -EINVAL);
	joins(PUBSUB, SUB, a.reserved = 1, -EINVAL);
	joins(PUBSUB, SUB, a.flags = 2, -EINVAL);
	joins(PUBSUB, SUB, (a.flags = KIPC_ATTACH_EXPECT, a.expect_uid = geteuid()), 0);
	joins(PUBSUB, SUB, (a.flags = KIPC_ATTACH_EXPECT, a.expect_uid = geteuid() + 1), -EPERM);
	joins(PUBSUB, SUB, strcat(a.name, "x"), -ENOENT);
	must_sys(close(fd));
}

Test(many_call, attach_to_a_queue_asks_for_slots)
{
	const char *name = harness_name();
	int fd = (int)must_ok(many_create(name, QUEUE, 0));

	joins(QUEUE, 0, (void)a, 0);
	joins(QUEUE, PUB, (void)a, -EINVAL);
	joins(QUEUE, 0, a.slots = SLOTS, 0);
	joins(QUEUE, 0, a.slots = 2 * SLOTS, -EEXIST);
	joins(QUEUE, 0, a.stride = STRIDE, 0);
	joins(QUEUE, 0, a.stride = 64, -EEXIST);
	joins(QUEUE, 0, a.classes = 1, 0);
	joins(QUEUE, 0, a.classes = 2, -EEXIST);
	joins(QUEUE, 0, a.held_plus_1 = 1 + KIPC_QUEUE_REDELIVER, 0);
	joins(QUEUE, 0, a.held_plus_1 = 1 + KIPC_QUEUE_DROP, -EEXIST);
	joins(QUEUE, 0, a.ring_bytes[0] = RING, -EINVAL);
	must_sys(close(fd));
	joins(QUEUE, 0, (void)a, -ENOENT);
}

/* ---- calls of an end -------------------------------------------------------------------- */

Test(many_call, a_pubsub_has_a_side_for_each_role)
{
	const char *name = harness_name();
	struct many pub, sub;

	many_new(&pub, name, PUBSUB, PUB);
	many_join(&sub, name, PUBSUB, SUB);
	must_eq(many_arm(&pub, DATA, KIPC_ARMED_PARKED), -EINVAL);
	must_eq(many_arm(&pub, SPACE, KIPC_ARMED_PARKED), 0);
	must_eq(many_arm(&sub, DATA, KIPC_ARMED_PARKED), 0);
	must_eq(many_arm(&sub, SPACE, KIPC_ARMED_PARKED), -EINVAL);
	must_eq(many_ring(&pub, SPACE, KIPC_RING_ALL), -EINVAL);
	must_eq(many_ring(&sub, DATA, KIPC_RING_ALL), -EINVAL);
	must_eq(many_ring(&pub, DATA, KIPC_RING_ALL), 0);
	must_eq(many_ring(&sub, SPACE, KIPC_RING_ALL), 0);
	must_eq(many_sleep(&pub, DATA, 0, 0), -EINVAL);
	must_eq(many_sleep(&sub, SPACE, 0, 0), -EINVAL);
	must_eq(many_bind(&pub, 1), -EINVAL);
	must_eq(many_cut(&sub, 2), -EINVAL);
	must_eq(many_undo(&pub, KIPC_END_NONE, NULL), -EINVAL);
	must_eq(many_undo(&sub, KIPC_END_NONE, NULL), -EINVAL);
	must_eq(many_shutdown(&pub, KIPC_DIR_IN), -EINVAL);
	must_eq(many_shutdown(&sub, KIPC_DIR_OUT), -EINVAL);
	must_eq(many_shutdown(&sub, 0), -EINVAL);
}

Test(many_call, an_end_of_a_queue_does_all)
{
	const char *name = harness_name();
	struct many m;

	many_new(&m, name, QUEUE, 0);
	for (unsigned side = 0; side < 2; side++) {
		must_eq(many_arm(&m, side, KIPC_ARMED_PARKED), 0);
		must_eq(many_arm(&m, side, KIPC_ARMED_POLLED), 0);
		must_eq(many_arm(&m, side, 0), 0);
		must_eq(many_ring(&m, side, KIPC_RING_ONE), 0);
	}
	must_eq(many_arm(&m, 2, KIPC_ARMED_PARKED), -EINVAL);
	must_eq(many_arm(&m, 2, 0), -EINVAL);
	must_eq(many_arm(&m, DATA, 3), -EINVAL);
	must_eq(many_arm(&m, DATA, 4), -EINVAL);
	must_eq(many_ring(&m, 2, KIPC_RING_ONE), -EINVAL);
	must_eq(many_ring(&m, DATA, 2), -EINVAL);
	must_eq(many_bind(&m, 1), -EINVAL);
	must_eq(many_cut(&m, 1), -EINVAL);
	must_eq(many_shutdown(&m, KIPC_DIR_IN), -EINVAL);
	must_eq(many_shutdown(&m, 4), -EINVAL);
	must_eq(many_shutdown(&m, KIPC_DIR_IN | KIPC_DIR_OUT), 0);
}

Test(many_call, sleep_refuses_what_is_malformed)
{
	const char *name = harness_name();
	struct kipc_ioc_sleep good, s;
	struct many m;
	uint64_t data_off;

	many_new(&m, name, QUEUE, 0);
	data_off = m.status->geom[0].data_off;
	good = (struct kipc_ioc_sleep){ .size = sizeof(s), .seen = many_seen(&m, DATA) };
#define sleeps(change, err)                                        \
	do {                                                       \
		s = good;                                          \
		change;                                            \
		must_eq(uapi_call(m.fd, KIPC_IOC_SLEEP, &s), err); \
	} while (0)
	sleeps((void)s, -ETIMEDOUT); /* the deadline is long over */
	sleeps(s.seen ^= KIPC_ARMED_POLLED, -ETIMEDOUT);
	sleeps(s.seen += KIPC_ARMED_EVENT, 0);
	sleeps(s.side = 2, -EINVAL);
	sleeps(s.flags = 2, -EINVAL);
	sleeps(s.offset = 8, -EINVAL);
	sleeps(s.value = 8, -EINVAL);
	sleeps(s.deadline = -2, -EINVAL);
	sleeps(s.deadline = INT64_MIN, -EINVAL);
	good.flags = KIPC_SLEEP_WORD;
	sleeps(s.offset = 0, -EINVAL); /* STATUS is not watched */
	sleeps(s.offset = PAGE - 8, -EINVAL);
	sleeps(s.offset = PAGE, -ETIMEDOUT);
	sleeps(s.offset = PAGE + 4, -EINVAL);
	sleeps(s.offset = data_off - 8, -ETIMEDOUT);
	sleeps((s.offset = data_off, s.value = 0), 0);
	sleeps(s.offset = data_off + Q_MAPPED - 8, -ETIMEDOUT);
	sleeps((s.offset = data_off + Q_MAPPED - 8, s.value = 1), 0);
	sleeps(s.offset = data_off + Q_MAPPED, -EINVAL);
	sleeps(s.offset = UINT64_MAX - 7, -EINVAL);
	sleeps(s.offset = UINT64_MAX, -EINVAL);
}

Test(many_call, only_the_owner_of_a_live_end_may_act)
{
	const char *name = harness_name();
	struct many m;
	int fresh = (int)must_ok(many_create(name, QUEUE, 0));
	struct many nobody = { .fd = fresh, .queue = true };

	must_eq(many_arm(&nobody, DATA, KIPC_ARMED_PARKED), -EPERM);
	must_eq(many_sleep(&nobody, DATA, 0, 0), -EPERM);
	must_eq(many_ring(&nobody, DATA, 0), -EPERM);
	must_eq(many_undo(&nobody, KIPC_END_NONE, NULL), -EPERM);
	must_eq(many_shutdown(&nobody, 3), -EPERM);
	many_map(&m, fresh);
	must_eq(many_ring(&nobody, DATA, 0), 0);
	must_sys(munmap(m.own, PAGE));
	must_eq(many_arm(&m, DATA, KIPC_ARMED_PARKED), -EPIPE);
	must_eq(many_sleep(&m, DATA, 0, 0), -EPIPE);
	must_eq(many_ring(&m, DATA, 0), -EPIPE);
	must_eq(many_undo(&m, KIPC_END_NONE, NULL), -EPIPE);
	must_eq(many_shutdown(&m, 3), -EPIPE);
	must_eq(uapi_map(fresh, PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, NULL), -EPIPE);
}

Test(many_call, peer_tells_of_each_place)
{
	const char *name = harness_name();
	struct kipc_ioc_peer who = { .size = sizeof(who), .end = 1 };
	struct many a;
	int fd;

	many_new(&a, name, QUEUE, 0);
	fd = (int)must_ok(many_attach(name, QUEUE, 0));
	must_eq(uapi_call(a.fd, KIPC_IOC_PEER, &who), 0);
	must(who.state == KIPC_END_FREE && who.pid == 0 && who.generation == 0);
	must_eq(uapi_map(fd, 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, NULL), 0);
	who = (struct kipc_ioc_peer){ .size = sizeof(who), .end = 1 };
	must_eq(uapi_call(a.fd, KIPC_IOC_PEER, &who), 0);
	must(who.state == KIPC_END_REAP && who.pid == getpid() && who.generation == 1);
	must_eq(who.uid, geteuid());
	who.end = NR_ENDS;
	must_eq(uapi_call(a.fd, KIPC_IOC_PEER, &who), -EINVAL);
	who = (struct kipc_ioc_peer){ .size = 32, .end = NR_ENDS };
	must_eq(uapi_call(a.fd, KIPC_IOC_PEER, &who), 0); /* of the size of before: end 0 */
	must_eq(who.state, KIPC_END_LIVE);
}

Test(many_call, peer_of_a_place_that_was_taken_again_is_nobody_yet)
{
	const char *name = harness_name();
	struct kipc_ioc_peer who = { .size = sizeof(who), .end = 1 };
	struct many pub, sub;

	many_new(&pub, name, KIPC_KIND_PUBSUB, PUB);
	many_join(&sub, name, KIPC_KIND_PUBSUB, SUB);
	must_eq(sub.end, 1);
	many_leave(&sub);
	must_eq(uapi_call(pub.fd, KIPC_IOC_PEER, &who), 0);
	must(who.state == KIPC_END_DEAD && who.pid == getpid());
	must_ok(many_attach(name, KIPC_KIND_PUBSUB, SUB));
	must_eq(uapi_call(pub.fd, KIPC_IOC_PEER, &who), 0);
	must(who.state == KIPC_END_FREE && who.pid == 0 && who.generation == 1);
}
