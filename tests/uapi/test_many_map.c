// SPDX-License-Identifier: MIT
/*
 * Channels with many ends: who may map what.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include "many.h"

TestSuite(many_map, .init = harness_begin);

#define RW (PROT_READ | PROT_WRITE)

#define CTRL_OFF PAGE
#define DATA_OFF ((1 + NR_ENDS) * PAGE)

static int map(int fd, uint64_t offset, uint64_t bytes, int prot)
{
	return uapi_map(fd, offset, bytes, prot, MAP_SHARED, NULL);
}

/* What is the same for every end of every kind. e is its place, data the length of DATA. */
static void check_common(int fd, unsigned e, uint64_t data)
{
	must_eq(map(fd, 0, PAGE, PROT_READ), 0);
	must_eq(map(fd, 0, PAGE, RW), -EACCES);
	must_eq(map(fd, 0, PAGE, PROT_READ | PROT_EXEC), -EACCES);
	must_eq(map(fd, 0, 2 * PAGE, PROT_READ), -EINVAL);
	must_eq(map(fd, CTRL_OFF, NR_ENDS * PAGE, PROT_READ), 0);
	must_eq(map(fd, CTRL_OFF, NR_ENDS * PAGE, RW), -EACCES);
	must_eq(map(fd, CTRL_OFF, 2 * PAGE, PROT_READ), -EINVAL);
	must_eq(map(fd, CTRL_OFF, (NR_ENDS + 1) * PAGE, PROT_READ), -EINVAL);
	for (unsigned i = 0; i < NR_ENDS; i++) {
		must_eq(map(fd, CTRL_OFF + i * PAGE, PAGE, PROT_READ), 0);
		if (i != e)
			must_eq(map(fd, CTRL_OFF + i * PAGE, PAGE, RW), -EACCES);
	}
	must_eq(map(fd, DATA_OFF, data, PROT_READ), 0);
	must_eq(map(fd, DATA_OFF, data, PROT_READ | PROT_EXEC), -EACCES);
	must_eq(map(fd, DATA_OFF, PAGE, PROT_READ), -EINVAL);
	must_eq(map(fd, DATA_OFF, data + PAGE, PROT_READ), -EINVAL);
	must_eq(map(fd, DATA_OFF + PAGE, data - PAGE, PROT_READ), -EINVAL);
	must_eq(map(fd, DATA_OFF + data, PAGE, PROT_READ), -EINVAL);
	must_eq(uapi_map(fd, 0, PAGE, PROT_READ, MAP_PRIVATE, NULL), -EINVAL);
	must_eq(uapi_map(fd, DATA_OFF, data, PROT_READ, MAP_PRIVATE, NULL), -EINVAL);
}

Test(many_map, a_publisher_writes_the_ring_once_it_owns_the_end)
{
	const char *name = harness_name();
	int fd = (int)must_ok(many_create(name, KIPC_KIND_PUBSUB, PUB));
	struct many m;

	check_common(fd, 0, 2 * RING);
	must_eq(map(fd, DATA_OFF, 2 * RING, RW), -EPERM);
	many_map(&m, fd);
	must_eq(map(fd, DATA_OFF, 2 * RING, RW), 0);
	check_common(fd, 0, 2 * RING);
	m.data[5] = 7;
	must_eq(m.data[RING + 5], 7);
}

Test(many_map, a_subscriber_never_writes_the_ring)
{
	const char *name = harness_name();
	int fd = (int)must_ok(many_create(name, KIPC_KIND_PUBSUB, SUB));
	struct many m;

	check_common(fd, 1, 2 * RING);
	must_eq(map(fd, DATA_OFF, 2 * RING, RW), -EACCES);
	many_map(&m, fd);
	must_eq(map(fd, DATA_OFF, 2 * RING, RW), -EACCES);
	must_eq(mprotect(m.data, m.data_bytes, RW), -1);
	must_eq(errno, EACCES);
	must_eq(mprotect((void *)m.status, PAGE, RW), -1);
	must_eq(mprotect((void *)m.ctrls, NR_ENDS * PAGE, RW), -1);
}

Test(many_map, every_end_of_a_queue_writes_its_slots)
{
	const char *name = harness_name();
	struct many a, b;
	int fd;

	many_new(&a, name, KIPC_KIND_QUEUE, 0);
	fd = (int)must_ok(many_attach(name, KIPC_KIND_QUEUE, 0));
	check_common(fd, 1, Q_MAPPED);
	must_eq(map(fd, DATA_OFF, Q_MAPPED, RW), -EPERM);
	many_map(&b, fd);
	check_common(fd, 1, Q_MAPPED);
	a.data[Q_BYTES - 1] = 9;
	must_eq(b.data[Q_BYTES - 1], 9);
	b.own->cons.pos = 77;
	must_eq(((const struct kipc_ring_ctrl *)(a.ctrls + PAGE))->cons.pos, 77);
}

static void try_foreign(struct peer *me, void *arg)
{
	const struct many *m = arg;

	(void)me;
	must_eq(map(m->fd, CTRL_OFF + m->end * PAGE, PAGE, RW), -EBUSY);
	must_eq(map(m->fd, DATA_OFF, Q_MAPPED, RW), -EBUSY);
	must_eq(map(m->fd, DATA_OFF, Q_MAPPED, PROT_READ), 0);
	must_eq(many_ring(m, DATA, KIPC_RING_ALL), -EPERM);
	must_eq(many_undo(m, KIPC_END_NONE, NULL), -EPERM);
}

Test(many_map, a_live_end_has_one_owner)
{
	const char *name = harness_name();
	struct many m;
	struct peer p;

	many_new(&m, name, KIPC_KIND_QUEUE, 0);
	peer_start(&p, try_foreign, &m);
	peer_end(&p);
	must_eq(many_state(&m, 0), KIPC_END_LIVE);
}

Test(many_map, a_second_mapping_keeps_the_end_alive)
{
	const char *name = harness_name();
	struct many m;
	void *again;

	many_new(&m, name, KIPC_KIND_QUEUE, 0);
	must_eq(uapi_map(m.fd, CTRL_OFF, PAGE, RW, MAP_SHARED, &again), 0);
	must_sys(munmap(m.own, PAGE));
	must_eq(many_state(&m, 0), KIPC_END_LIVE);
	must_eq(m.status->ends[0].generation, 1);
	must_sys(munmap(again, PAGE));
	must_eq(many_state(&m, 0), KIPC_END_REAP);
}

/* What another thread can write while mmap is under way, whose address it knows. */
struct glance {
	void *at;
	bool stop;
	unsigned long seen;
};

static void *glance_at(void *arg)
{
	struct glance *g = arg;
	int zero = (int)must_sys(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	uint64_t seed = 1;

	while (!__atomic_load_n(&g->stop, __ATOMIC_RELAXED)) {
		volatile uint64_t delay = harness_random(&seed) >> 48;

		while (delay)
			delay--;
		if (read(zero, g->at, 1) == 1)
			g->seen++;
		else
			must_eq(errno, EFAULT);
	}
	close(zero);
	return NULL;
}

/* A place is free again when nothing of it is mapped writable. So what is refused is never there, not for
 * the length of the call either.
 */
Test(many_map, a_mapping_that_is_refused_never_had_a_page)
{
	struct kipc_ioc_create c = many_arg(harness_name(), KIPC_KIND_PUBSUB, PUB);
	const size_t bytes = 2 * (c.ring_bytes[0] = 16 << 20);
	int fixed = MAP_SHARED | MAP_FIXED;
	struct glance g = { NULL };
	pthread_t thread;

	must_eq(uapi_call(uapi_control(), KIPC_IOC_CREATE, &c), 0);
	g.at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(g.at != MAP_FAILED);
	must_eq(pthread_create(&thread, NULL, glance_at, &g), 0);
	for (unsigned i = 0; i < harness_rounds(1000); i++) {
		must(mmap(g.at, bytes, RW, fixed, c.fd[0], DATA_OFF) == MAP_FAILED);
		must_eq(errno, EPERM); /* it does not own the end */
	}
	__atomic_store_n(&g.stop, true, __ATOMIC_RELAXED);
	must_eq(pthread_join(thread, NULL), 0);
	must_eq(g.seen, 0);
}

/* ---- places ----------------------------------------------------------------------------- */

Test(many_map, a_place_is_given_away_when_nothing_of_it_is_writable)
{
	const char *name = harness_name();
	struct many keeper, pub, next;

	many_new(&keeper, name, KIPC_KIND_PUBSUB, SUB);
	many_join(&pub, name, KIPC_KIND_PUBSUB, PUB);
	must_eq(many_attach(name, KIPC_KIND_PUBSUB, PUB), -EBUSY);
	must_sys(munmap(pub.own, PAGE));
	must_eq(many_state(&keeper, 0), KIPC_END_DEAD);
	must_eq(many_attach(name, KIPC_KIND_PUBSUB, PUB), -EBUSY); /* it can still write DATA */
	must_sys(munmap(pub.data, pub.data_bytes));
	must_eq(map(pub.fd, DATA_OFF, 2 * RING, RW), -EPIPE);
	many_join(&next, name, KIPC_KIND_PUBSUB, PUB);
	must_eq(next.end, 0);
	must_eq(keeper.status->ends[0].generation, 2);
	must_eq(map(pub.fd, DATA_OFF, 2 * RING, RW), -EPIPE); /* the old file stays dead */
	must_eq(map(pub.fd, CTRL_OFF, PAGE, RW), -EPIPE);
	must_eq(many_ring(&pub, DATA, 0), -EPIPE);
	must_sys(close(pub.fd));
	must_eq(many_state(&keeper, 0), KIPC_END_LIVE); /* and its end harms nobody */
}

Test(many_map, a_new_owner_finds_a_clean_page_but_a_publisher_goes_on)
{
	const char *name = harness_name();
	struct many keeper, a;

	many_new(&keeper, name, KIPC_KIND_PUBSUB, SUB);
	for (unsigned round = 0; round < 2; round++) {
		many_join(&a, name, KIPC_KIND_PUBSUB, SUB);
		must_eq(a.end, 2);
		must_eq(a.own->cons.pos, 0);
		a.own->cons.pos = 99;
		many_leave(&a);
		many_join(&a, name, KIPC_KIND_PUBSUB, PUB);
		must_eq(a.own->prod.pos, round ? 64 : 0);
		a.own->prod.pos = 64;
		many_leave(&a);
	}
}

Test(many_map, places_run_out_and_come_back)
{
	const char *name = harness_name();
	int fd[NR_ENDS];

	fd[0] = (int)must_ok(many_create(name, KIPC_KIND_QUEUE, 0));
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 1; i < NR_ENDS; i++)
			fd[i] = (int)must_ok(many_attach(name, KIPC_KIND_QUEUE, 0));
		must_eq(many_attach(name, KIPC_KIND_QUEUE, 0), -EBUSY);
		for (unsigned i = 1; i < NR_ENDS; i++)
			must_sys(close(fd[i]));
	}
	must_sys(close(fd[0]));
	must_eq(many_attach(name, KIPC_KIND_QUEUE, 0), -ENOENT);
}
