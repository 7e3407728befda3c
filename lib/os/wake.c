// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include "../core/atomic.h"
#include "fork.h"
#include "sys.h"
#include "wake.h"

int kipc__futex_wait(uint32_t *word, uint32_t expected, int64_t deadline, int64_t nap)
{
	struct timespec ts;
	int64_t left = nap;
	long r;

	/* A relative time spares reading the clock where there is no deadline. */
	if (deadline != KIPC__NEVER) {
		left = deadline - kipc__now();
		if (left <= 0)
			return -ETIMEDOUT;
		left = left < nap ? left : nap;
	}
	ts = kipc__timespec(left);
	r = syscall(SYS_futex, word, FUTEX_WAIT, expected, left == KIPC__NEVER ? NULL : &ts, NULL,
	            0);
	if (r == 0 || errno == EAGAIN)
		return 0;
	return -errno;
}

void kipc__futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

unsigned kipc__futex_wake_some(uint32_t *word, unsigned n)
{
	long woken = syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0);

	return woken > 0 ? (unsigned)woken : 0;
}

bool kipc__fence_register(void)
{
	static int64_t registered_in;
	int64_t now = kipc__fork_generation();

	if (kipc__load_relaxed(&registered_in) == now)
		return true;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) != 0)
		return false;
	kipc__store_relaxed(&registered_in, now);
	return true;
}

void kipc__fence_others(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

uint32_t kipc__cpu(void)
{
	const struct rseq *area;

	if (__rseq_size == 0)
		return 0;
	area = (const void *)((const char *)__builtin_thread_pointer() + __rseq_offset);
	return kipc__load_relaxed(&area->cpu_id) + 1;
}

/* ---- what sleeping costs ---------------------------------------------------------------- */

#define ROUNDS      24
#define PATIENCE_NS (10 * 1000 * 1000)

struct echo {
	uint32_t ping, pong;
	int cpu;        /* of the one who asks */
	bool elsewhere; /* the other one got a CPU of its own */
};

static void turn_wait(uint32_t *word, uint32_t seen)
{
	while (kipc__load_acquire(word) == seen) /* pairs with turn_give */
		if (kipc__futex_wait(word, seen, KIPC__NEVER, PATIENCE_NS) == -ETIMEDOUT)
			break;
}

static void turn_give(uint32_t *word)
{
	kipc__fetch_add(word, 1);
	kipc__futex_wake(word);
}

static bool pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

/* Move this thread to a CPU that is not avoid. The mask that it inherited may be narrower than what
 * the process may use, so it is asked for one by one.
 */
static bool pin_elsewhere(int avoid)
{
	int n = get_nprocs_conf();
	int cpu;

	for (cpu = 0; cpu < n && cpu < CPU_SETSIZE; cpu++)
		if (cpu != avoid && pin(cpu))
			return true;
	return false;
}

static void *echo_main(void *arg)
{
	struct echo *e = arg;
	uint32_t i;

	e->elsewhere = pin_elsewhere(e->cpu);
	for (i = 0; i < ROUNDS; i++) {
		turn_wait(&e->ping, i);
		turn_give(&e->pong);
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Rounds of a futex ping-pong from the other CPU; one wake-up is half of the median round. */
static void *measure_main(void *arg)
{
	struct echo e = { 0 };
	int64_t took[ROUNDS];
	pthread_t peer;
	uint32_t i;

	e.cpu = sched_getcpu();
	if (!pin(e.cpu) || pthread_create(&peer, NULL, echo_main, &e) != 0)
		return NULL;
	for (i = 0; i < ROUNDS; i++) {
		took[i] = kipc__now();
		turn_give(&e.ping);
		turn_wait(&e.pong, i);
		took[i] = kipc__now() - took[i];
	}
	pthread_join(peer, NULL);
	qsort(took, ROUNDS, sizeof(took[0]), by_value);
	*(uint64_t *)arg = e.elsewhere ? (uint64_t)took[ROUNDS / 2] / 2 : 0;
	return NULL;
}

static uint64_t cost;

/* In threads of its own, with every signal blocked, so that the caller's affinity and handlers are
 * left alone.
 */
static void measure(void)
{
	sigset_t all, old;
	pthread_t t;

	cost = 50 * 1000; /* where it cannot be measured */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&t, NULL, measure_main, &cost) == 0)
		pthread_join(t, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

uint64_t kipc__wake_cost(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, measure);
	return cost;
}
