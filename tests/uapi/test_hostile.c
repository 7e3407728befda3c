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
