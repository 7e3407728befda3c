// SPDX-License-Identifier: MIT
/*
 * What one end cannot do to the other, whatever it stores and calls.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(hostile, .init = harness_begin);

#define DATA KIPC_SIDE_DATA

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
