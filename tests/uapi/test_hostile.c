// SPDX-License-Identifier: MIT
/*
 * What one end cannot do to the other, whatever it stores and calls.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(hostile, .init = harness_begin);

#define DATA  KIPC_SIDE_DATA
#define SPACE KIPC_SIDE_SPACE
#define PAGE  4096U

/* ---- a position that is taken back -------------------------------------------------------- */

static void *say_and_unsay(void *arg)
{
	struct side *s = arg;
	uint64_t seed = 7;

	for (uint64_t at = 8;; at ^= 8) {
		__atomic_store_n((uint64_t *)&s->own->prod.pos, at, __ATOMIC_RELEASE);
		for (uint64_t k = harness_random(&seed) % 4096; k--;)
			__asm__ volatile("" ::: "memory");
	}
	return NULL;
}

static void ring_for_nothing(struct peer *me, void *arg)
{
	pthread_t thread;
	struct side s;

	side_map(&s, *(int *)arg);
	must_eq(pthread_create(&thread, NULL, say_and_unsay, &s), 0);
	peer_tell(me, 'r');
	for (;;)
		side_wake(&s, DATA);
}

/* Who is woken and finds nothing lies down again where the next ring finds it. */
Test(hostile, a_position_that_is_taken_back_hides_no_sleeper)
{
	struct peer p;
	struct side s;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	peer_start(&p, ring_for_nothing, &fd[1]);
	peer_expect(&p, 'r');
	for (unsigned i = 0; i < harness_rounds(50000); i++)
		must_eq(side_wait(&s, DATA, 8, harness_now() + SOON), 0);
	peer_kill(&p);
}

/* ---- sleepers whom one ring has to wake ---------------------------------------------------- */

#define THREADS 16U

struct sleeper {
	const struct side *side;
	pid_t tid;
	pthread_t thread;
};

static void *sleep_there(void *arg)
{
	struct sleeper *t = arg;

	__atomic_store_n(&t->tid, gettid(), __ATOMIC_SEQ_CST);
	must_eq(side_wait(t->side, DATA, 64, KIPC_FOREVER), 0);
	return NULL;
}

static void sleeper_start(struct sleeper *t, const struct side *side)
{
	*t = (struct sleeper){ .side = side };
	must_eq(pthread_create(&t->thread, NULL, sleep_there, t), 0);
	while (!__atomic_load_n(&t->tid, __ATOMIC_SEQ_CST))
		sched_yield();
	await_asleep(t->tid);
}

/* All of them are woken by one call of the other end. */
Test(hostile, few_threads_sleep_on_a_side)
{
	struct sleeper t[THREADS], other;
	struct both b;

	both_map(&b, 0, 0);
	for (unsigned i = 0; i < THREADS; i++)
		sleeper_start(&t[i], &b.s[0]);
	must_eq(side_wait(&b.s[0], DATA, 64, harness_now() + SEC), -EBUSY);
	must_eq(side_wait(&b.s[0], DATA, 0, KIPC_FOREVER), 0);
	must_eq(side_wait(&b.s[0], SPACE, 64, 0), -ETIMEDOUT);
	must_eq(side_wait(&b.s[1], DATA, 64, 0), -ETIMEDOUT);
	/* What it has published is announced all the same. */
	sleeper_start(&other, &b.s[1]);
	side_move(&b.s[0], DATA, 64);
	must_eq(side_xchg(&b.s[0], 64, KIPC_HINT_NONE, harness_now() + SEC), -EBUSY);
	must_eq(pthread_join(other.thread, NULL), 0);

	side_move(&b.s[1], DATA, 64);
	must_eq(side_wake(&b.s[1], DATA), 0);
	for (unsigned i = 0; i < THREADS; i++)
		must_eq(pthread_join(t[i].thread, NULL), 0);
	must_eq(side_bell(&b.s[0], DATA)->armed, 0);
	must_eq(side_wait(&b.s[0], DATA, 128, 0), -ETIMEDOUT);
}

/* ---- messages of a former holder ------------------------------------------------------------ */

static int map_rw(int fd, uint64_t offset, uint64_t bytes, void **at)
{
	return uapi_map(fd, offset, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, at);
}

/* Ends as STATUS of any pair of this size has them. */
static int map_ctrl(int fd, unsigned end, void **at)
{
	return map_rw(fd, (1 + end) * PAGE, PAGE, at);
}

static int map_data(int fd, unsigned end, void **at)
{
	return map_rw(fd, 3 * PAGE + 2 * end * RING_BYTES, 2 * RING_BYTES, at);
}

/* Somebody else, who is to own the end: refused, until the one before has let go. */
static void succeed(struct peer *me, void *arg)
{
	int fd = *(int *)arg;

	peer_expect(me, 't');
	must_eq(map_ctrl(fd, 0, NULL), -EBUSY);
	must_eq(map_data(fd, 0, NULL), -EBUSY);
	peer_tell(me, 'b');
	peer_expect(me, 'g');
	must_eq(map_data(fd, 0, NULL), 0);
	must_eq(map_ctrl(fd, 0, NULL), 0);
	must_eq(map_ctrl(fd, 0, NULL), -EPIPE);
}

static void expect_refused(struct peer *p)
{
	peer_tell(p, 't');
	peer_expect(p, 'b');
}

static void expect_granted(struct peer *p)
{
	peer_tell(p, 'g');
	peer_end(p);
}

Test(hostile, who_wrote_into_a_free_end_is_no_others_ghost)
{
	struct peer p;
	void *data;
	int fd[2];

	uapi_pair(fd);
	peer_start(&p, succeed, &fd[0]);
	must_eq(map_data(fd[0], 0, &data), 0);
	expect_refused(&p);
	must_eq(map_data(fd[0], 0, NULL), 0);
	must_eq(map_ctrl(fd[1], 1, NULL), 0); /* ends do not depend on each other */
	must_sys(munmap(data, 2 * RING_BYTES));
	expect_granted(&p);
}

Test(hostile, who_hands_over_writes_no_more)
{
	struct peer p;
	struct side s;
	int fd[2];

	uapi_pair(fd);
	peer_start(&p, succeed, &fd[0]);
	side_map(&s, fd[0]);
	must_eq(uapi_call(fd[0], KIPC_IOC_HANDOVER, NULL), 0);
	side_unmap_own(&s);
	must_eq(s.status->ends[0].state, KIPC_END_FREE);
	expect_refused(&p);
	must_sys(munmap(s.out, 2 * RING_BYTES));
	expect_granted(&p);
}

static void keep_a_copy(struct peer *me, void *arg)
{
	struct side *s = arg;

	peer_expect(me, 'x');
	s->out[0] = 1;
	must_sys(munmap(s->out, 2 * RING_BYTES));
	peer_tell(me, 'x');
	peer_expect(me, 'x');
}

Test(hostile, a_copy_of_the_one_before_counts_as_well)
{
	struct peer p, copy;
	struct side s;
	int fd[2];

	uapi_pair(fd);
	peer_start(&p, succeed, &fd[0]);
	side_map(&s, fd[0]);
	must_sys(madvise(s.out, 2 * RING_BYTES, MADV_DOFORK));
	peer_start(&copy, keep_a_copy, &s);
	must_eq(uapi_call(fd[0], KIPC_IOC_HANDOVER, NULL), 0);
	must_sys(munmap(s.out, 2 * RING_BYTES));
	side_unmap_own(&s);
	must_eq(map_ctrl(fd[0], 0, NULL), -EBUSY);
	expect_refused(&p);
	peer_tell(&copy, 'x');
	peer_expect(&copy, 'x');
	expect_granted(&p);
	peer_tell(&copy, 'x');
	peer_end(&copy);
}
