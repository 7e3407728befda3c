// SPDX-License-Identifier: MIT
/*
 * No wake-up is lost, whatever happens at the same moment. A lost one is a hang, which the deadline of
 * the test ends.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(lost, .init = harness_begin);

#define DATA KIPC_SIDE_DATA

/* ---- to and fro -------------------------------------------------------------------------- */

/* Two threads hand a position to and fro and look at the bell only when it is armed, as the
 * library does. With KIPC_FENCE_PEER the mover leaves out its own full fence (F), and the
 * module is to put it there.
 */
struct shuttle {
	struct side *side;
	uint32_t fence;
	bool first;
	unsigned rounds;
};

static void shuttle_publish(struct side *s, uint64_t at, uint32_t fence)
{
	const struct kipc_ring_bell *bell = side_peer_bell(s, DATA);

	__atomic_store_n((uint64_t *)&s->own->prod.pos, at, __ATOMIC_RELEASE); /* (E) */
	if (!(fence & KIPC_FENCE_PEER))
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* (F) */
	else
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&bell->armed, __ATOMIC_RELAXED)) /* (G) */
		must_eq(side_wake(s, DATA), 0);
}

static void *shuttle_run(void *arg)
{
	struct shuttle *sh = arg;
	struct side *s = sh->side;
	uint64_t seed = 1 + s->end;

	__atomic_store_n((uint32_t *)&s->own->hints.fence, sh->fence, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint64_t i = 1; i <= sh->rounds; i++) {
		if (sh->first)
			shuttle_publish(s, 8 * i, sh->fence);
		/* Looks for a random time first, so that arming meets publishing at every offset. */
		for (uint64_t k = harness_random(&seed) % 4096; k-- && s->other->prod.pos != 8 * i;)
			__asm__ volatile("" ::: "memory");
		must_eq(side_wait(s, DATA, 8 * i, KIPC_FOREVER), 0);
		if (!sh->first)
			shuttle_publish(s, 8 * i, sh->fence);
	}
	return NULL;
}

static void shuttle_process(struct peer *me, void *arg)
{
	struct shuttle sh = *(struct shuttle *)arg;
	struct side s;

	side_map(&s, (int)sh.side->fd);
	sh.side = &s;
	peer_tell(me, 'r');
	peer_expect(me, 'g');
	shuttle_run(&sh);
}

static void shuttle_between_processes(uint32_t fence)
{
	struct side end[2];
	struct shuttle sh[2];
	struct peer p[2];
	int fd[2];

	uapi_pair(fd);
	for (unsigned e = 0; e < 2; e++) {
		end[e].fd = fd[e];
		sh[e] = (struct shuttle){ &end[e], fence, e == 0, harness_rounds(5000) };
		peer_start(&p[e], shuttle_process, &sh[e]);
		peer_expect(&p[e], 'r');
	}
	for (unsigned e = 0; e < 2; e++)
		peer_tell(&p[e], 'g');
	for (unsigned e = 0; e < 2; e++)
		peer_end(&p[e]);
}

Test(lost, nothing_to_and_fro_with_own_fences)
{
	shuttle_between_processes(0);
}

static bool has_fence(void)
{
	struct kipc_ioc_info info = { .size = sizeof(info) };
	int control = uapi_control();

	must_eq(uapi_call(control, KIPC_IOC_INFO, &info), 0);
	must_sys(close(control));
	return info.features & KIPC_FEAT_FENCE;
}

Test(lost, nothing_to_and_fro_when_the_sleeper_fences)
{
	if (!has_fence())
		harness_skip("fence", "this kernel does not fence the peer");
	shuttle_between_processes(KIPC_FENCE_PEER);
}

Test(lost, nothing_between_threads)
{
	struct shuttle sh[2];
	pthread_t thread;
	struct both b;

	both_map(&b, 0, 0);
	for (unsigned e = 0; e < 2; e++)
		sh[e] = (struct shuttle){ &b.s[e], has_fence() ? KIPC_FENCE_PEER : 0, e == 0,
			                  harness_rounds(3000) };
	must_eq(pthread_create(&thread, NULL, shuttle_run, &sh[1]), 0);
	shuttle_run(&sh[0]);
	must_eq(pthread_join(thread, NULL), 0);
}

/* ---- at the moment of arming ------------------------------------------------------------- */

/* One publishes, never sleeps, and steers its delay to the very moment in which the other one arms:
 * earlier when the bell was armed already, later when it was not yet. That is where a mover without
 * a full fence would read an old "not armed" while the sleeper reads the old position.
 */
static void steer_into_the_window(struct peer *me, void *arg)
{
	const struct shuttle *sh = arg;
	const struct kipc_ring_bell *bell;
	uint64_t seed = 7, delay = 100;
	struct side s;

	side_map(&s, sh->side->fd);
	bell = side_peer_bell(&s, DATA);
	__atomic_store_n((uint32_t *)&s.own->hints.fence, sh->fence, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	peer_tell(me, 'r');
	for (uint64_t i = 1; i <= sh->rounds; i++) {
		uint64_t step = harness_random(&seed) % 8;
		uint32_t armed;

		while (__atomic_load_n((const uint64_t *)&s.other->cons.pos, __ATOMIC_ACQUIRE) != i)
			sched_yield();
		for (uint64_t k = 0; k < delay; k++)
			__asm__ volatile("" ::: "memory");
		__atomic_store_n((uint64_t *)&s.own->prod.pos, i, __ATOMIC_RELEASE);
		if (!(sh->fence & KIPC_FENCE_PEER))
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
		armed = __atomic_load_n(&bell->armed, __ATOMIC_RELAXED);
		if (armed)
			must_eq(side_wake(&s, DATA), 0);
		delay = armed ? delay - (delay < step ? delay : step) : delay + step;
	}
}

static void wait_in_the_window(uint32_t fence)
{
	struct shuttle sh = { .fence = fence, .rounds = harness_rounds(8000) };
	struct side s, other;
	struct peer p;
	int fd[2];

	uapi_pair(fd);
	other.fd = fd[1];
	sh.side = &other;
	peer_start(&p, steer_into_the_window, &sh);
	side_map(&s, fd[0]);
	peer_expect(&p, 'r');
	for (uint64_t i = 1; i <= sh.rounds; i++) {
		__atomic_store_n((uint64_t *)&s.own->cons.pos, i, __ATOMIC_RELEASE);
		must_eq(side_wait(&s, DATA, i, KIPC_FOREVER), 0);
	}
	peer_end(&p);
}

Test(lost, nothing_at_the_moment_of_arming_with_own_fences)
{
	wait_in_the_window(0);
}

Test(lost, nothing_at_the_moment_of_arming_when_the_sleeper_fences)
{
	if (!has_fence())
		harness_skip("fence", "this kernel does not fence the peer");
	wait_in_the_window(KIPC_FENCE_PEER);
}

/* ---- the fence, seen from outside -------------------------------------------------------- */

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must_sys(sched_setaffinity(0, sizeof(set), &set));
}

/* Calls that one CPU made another execute, all CPUs together. */
static unsigned long count_remote_calls(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	unsigned long sum = 0, n;
	char line[4096], *at, *end;

	must(f);
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, "CAL:");
		if (!at)
			continue;
		for (at += 4; n = strtoul(at, &end, 10), end != at; at = end)
			sum += n;
	}
	fclose(f);
	return sum;
}

/* All the time, if it may: who is not running is not fenced. */
static void run_elsewhere(struct peer *me, void *arg)
{
	struct sched_param first = { .sched_priority = 1 };
	struct side s;

	pin(1);
	(void)sched_setscheduler(0, SCHED_FIFO, &first);
	side_map(&s, *(int *)arg);
	peer_tell(me, 'r');
	peer_expect(me, 'f');
	__atomic_store_n((uint32_t *)&s.own->hints.fence, KIPC_FENCE_PEER, __ATOMIC_RELAXED);
	peer_tell(me, 'f');
	while (!peer_told_within(me, 0))
		;
}

Test(lost, arming_runs_a_fence_where_the_peer_runs_and_only_on_its_wish)
{
	unsigned long before, calls[2];
	struct peer p;
	struct side s;
	int fd[2];

	if (!has_fence() || sysconf(_SC_NPROCESSORS_ONLN) < 2)
		harness_skip("fence", "no fence of the peer, or only one CPU");
	pin(0);
	uapi_pair(fd);
	peer_start(&p, run_elsewhere, &fd[1]);
	side_map(&s, fd[0]);
	peer_expect(&p, 'r');
	for (unsigned wish = 0; wish < 2; wish++) {
		before = count_remote_calls();
		for (unsigned i = 0; i < 200; i++)
			must_eq(side_wait(&s, DATA, 8, 0), -ETIMEDOUT);
		calls[wish] = count_remote_calls() - before;
		if (wish == 0) {
			peer_tell(&p, 'f');
			peer_expect(&p, 'f');
		}
	}
	must(calls[0] < 100);
	must(calls[1] >= 100);
	peer_tell(&p, 'x');
	peer_end(&p);
}

/* A peer on CPU 1 that wants to be fenced, of an end that this process owns on CPU 0. */
static void have_fenced_peer(struct peer *p, struct side *s)
{
	int fd[2];

	if (!has_fence() || sysconf(_SC_NPROCESSORS_ONLN) < 2)
		harness_skip("fence", "no fence of the peer, or only one CPU");
	pin(0);
	uapi_pair(fd);
	peer_start(p, run_elsewhere, &fd[1]);
	side_map(s, fd[0]);
	peer_expect(p, 'r');
	peer_tell(p, 'f');
	peer_expect(p, 'f');
}

static void poll_often(struct peer *me, void *arg)
{
	(void)me;
	for (unsigned i = 0; i < 400; i++)
		poll_now(*(int *)arg, POLLIN);
}

/* Copies of a file are easily had, and nobody but the owner is promised a wake-up. */
Test(lost, nobody_but_the_owner_has_the_peer_fenced)
{
	struct peer p, stranger;
	unsigned long before;
	struct side s;

	have_fenced_peer(&p, &s);
	before = count_remote_calls();
	peer_start(&stranger, poll_often, &s.fd);
	peer_end(&stranger);
	must(count_remote_calls() - before < 200);
	before = count_remote_calls();
	poll_often(NULL, &s.fd);
	must(count_remote_calls() - before >= 200);
	peer_tell(&p, 'x');
	peer_end(&p);
}

#define FENCE_BURST 64 /* the module's */
#define FENCE_GAP   (50 * 1000)

/* However often the owner arms. The slack is for calls that have nothing to do with it. */
Test(lost, a_peer_is_fenced_only_so_often)
{
	unsigned long calls, before;
	struct peer p;
	struct side s;
	int64_t start;

	have_fenced_peer(&p, &s);
	start = harness_now();
	before = count_remote_calls();
	for (unsigned i = 0; i < 2000; i++)
		must_eq(side_wait(&s, DATA, 8, 0), -ETIMEDOUT);
	calls = count_remote_calls() - before;
	must(calls <= FENCE_BURST + (unsigned long)((harness_now() - start) / FENCE_GAP) + 200);
	peer_tell(&p, 'x');
	peer_end(&p);
}

/* ---- among many threads ------------------------------------------------------------------ */

static void nothing(int sig)
{
	(void)sig;
}

static void handle_usr1(int flags)
{
	struct sigaction act = { .sa_handler = nothing, .sa_flags = flags };

	must_sys(sigaction(SIGUSR1, &act, NULL));
}

/* Many threads of one end, signals falling among them: whoever leaves takes nobody's wake-up. */
struct crowd {
	struct side *side;
	uint64_t last;
};

static void *crowd_wait(void *arg)
{
	struct crowd *c = arg;

	for (uint64_t at = 8; at <= c->last; at += 8) {
		int rc = -EINTR;

		while (rc == -EINTR || rc == -ETIMEDOUT)
			rc = side_wait(c->side, DATA, at, harness_now() + MSEC);
		must_eq(rc, 0);
	}
	return NULL;
}

Test(lost, threads_that_leave_take_no_wake_up_with_them)
{
	uint64_t last = 8ULL * harness_rounds(300);
	pthread_t thread[3];
	struct crowd c;
	struct both b;

	both_map(&b, 0, 0);
	handle_usr1(0);
	c = (struct crowd){ &b.s[0], last };
	for (unsigned i = 0; i < 3; i++)
		must_eq(pthread_create(&thread[i], NULL, crowd_wait, &c), 0);
	for (uint64_t at = 8; at <= last; at += 8) {
		side_move(&b.s[1], DATA, at);
		pthread_kill(thread[(at / 8) % 3], SIGUSR1);
		if (__atomic_load_n(&side_peer_bell(&b.s[1], DATA)->armed, __ATOMIC_RELAXED))
			must_eq(side_wake(&b.s[1], DATA), 0);
	}
	for (unsigned i = 0; i < 3; i++)
		must_eq(pthread_join(thread[i], NULL), 0);
	must_eq(side_bell(&b.s[0], DATA)->armed, 0);
}
