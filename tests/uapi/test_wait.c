// SPDX-License-Identifier: MIT
/*
 * WAIT, WAKE and XCHG: who sleeps, who is woken, and that nobody is forgotten.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(wait, .init = harness_begin);

#define DATA  KIPC_SIDE_DATA
#define SPACE KIPC_SIDE_SPACE

/* A thread that waits. */
struct sleeper {
	pthread_t thread;
	const struct side *side;
	unsigned which;
	uint64_t position;
	int64_t deadline;
	int result;
};

static void *sleep_there(void *arg)
{
	struct sleeper *s = arg;

	s->result = side_wait(s->side, s->which, s->position, s->deadline);
	return NULL;
}

static void sleeper_start(struct sleeper *s, const struct side *side, unsigned which,
                          uint64_t position)
{
	*s = (struct sleeper){ .side = side, .which = which, .position = position };
	s->deadline = KIPC_FOREVER;
	must_eq(pthread_create(&s->thread, NULL, sleep_there, s), 0);
}

static int sleeper_end(struct sleeper *s)
{
	must_eq(pthread_join(s->thread, NULL), 0);
	return s->result;
}

/* ---- positions and deadlines ------------------------------------------------------------ */

Test(wait, returns_at_once_when_the_position_is_reached)
{
	static const uint64_t starts[] = { 0, 8, 1ULL << 63, UINT64_MAX - 7, UINT64_MAX - 63 };

	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct both b;

		both_map(&b, starts[i], starts[i]);
		must_eq(side_wait(&b.s[0], DATA, starts[i], KIPC_FOREVER), 0);
		must_eq(side_wait(&b.s[0], DATA, starts[i] - 4096, KIPC_FOREVER), 0);
		must_eq(side_wait(&b.s[0], SPACE, starts[i], KIPC_FOREVER), 0);
		must_eq(side_wait(&b.s[0], DATA, starts[i] + 8, 0), -ETIMEDOUT);
		side_move(&b.s[1], DATA, starts[i] + 128); /* beyond the wrap for some */
		must_eq(side_wait(&b.s[0], DATA, starts[i] + 128, KIPC_FOREVER), 0);
		must_eq(side_wait(&b.s[0], DATA, starts[i] + 129, 0), -ETIMEDOUT);
		side_move(&b.s[1], SPACE, starts[i] + 64);
		must_eq(side_wait(&b.s[0], SPACE, starts[i] + 64, KIPC_FOREVER), 0);
		must_eq(side_wait(&b.s[0], SPACE, starts[i] + 72, 0), -ETIMEDOUT);
		must_eq(side_bell(&b.s[0], DATA)->armed | side_bell(&b.s[0], SPACE)->armed, 0);
	}
}

Test(wait, deadlines_are_absolute)
{
	struct both b;
	int64_t until;

	both_map(&b, 0, 0);
	for (unsigned which = 0; which < 2; which++) {
		must_eq(side_wait(&b.s[0], which, 8, 0), -ETIMEDOUT);
		must_eq(side_wait(&b.s[0], which, 8, harness_now() - 1), -ETIMEDOUT);
		until = harness_now() + 20 * MSEC;
		must_eq(side_wait(&b.s[0], which, 8, until), -ETIMEDOUT);
		must(harness_now() >= until);
		must_eq(side_bell(&b.s[0], which)->armed, 0);
	}
}

static void wait_elsewhen(struct peer *me, void *arg)
{
	struct side s;
	int64_t until;

	side_map(&s, *(int *)arg);
	until = harness_now() + 20 * MSEC;
	must(until > 1000000 * SEC);
	must_eq(side_wait(&s, DATA, 8, harness_now() - 1), -ETIMEDOUT);
	must_eq(side_wait(&s, DATA, 8, until), -ETIMEDOUT);
	must(harness_now() >= until);
	must_eq(side_wait(&s, DATA, 8, 0), -ETIMEDOUT);
	until = harness_now() + 20 * MSEC;
	must_eq(side_xchg(&s, 8, KIPC_HINT_NONE, until), -ETIMEDOUT);
	must(harness_now() >= until);
	peer_tell(me, 'd');
}

/* As a container may that was moved from another machine. */
Test(wait, deadlines_are_of_the_callers_clock)
{
	struct peer p;
	FILE *shift;
	int fd[2];

	if (geteuid() != 0 || unshare(CLONE_NEWTIME) < 0)
		harness_skip("root", "a time namespace is made by root, where the kernel has them");
	shift = fopen("/proc/self/timens_offsets", "w");
	must(shift && fprintf(shift, "monotonic 1000000 0\n") > 0 && fclose(shift) == 0);
	uapi_pair(fd);
	peer_start(&p, wait_elsewhen, &fd[0]);
	peer_expect(&p, 'd');
	peer_end(&p);
}

Test(wait, sleeps_until_it_is_woken)
{
	for (unsigned which = 0; which < 2; which++) {
		struct sleeper t;
		struct both b;

		both_map(&b, 0, 0);
		sleeper_start(&t, &b.s[0], which, 64);
		await_armed(side_bell(&b.s[0], which), KIPC_ARMED_PARKED);
		must_eq(side_bell(&b.s[0], 1 - which)->armed, 0);
		side_move(&b.s[1], which, 64);
		must_eq(side_wake(&b.s[1], which), 0);
		/* The bell is clear when WAKE returns, whenever the sleeper gets a CPU. */
		must_eq(side_bell(&b.s[0], which)->armed, 0);
		must_eq(sleeper_end(&t), 0);
	}
}

Test(wait, is_not_woken_by_less_than_it_asked_for)
{
	struct sleeper t;
	struct both b;

	both_map(&b, UINT64_MAX - 63, 0);
	sleeper_start(&t, &b.s[1], DATA, 64);
	await_armed(side_bell(&b.s[1], DATA), KIPC_ARMED_PARKED);
	for (uint64_t at = UINT64_MAX - 63; at != 64; at += 8) {
		side_move(&b.s[0], DATA, at);
		must_eq(side_wake(&b.s[0], DATA), 0);
		must_eq(side_bell(&b.s[1], DATA)->armed, KIPC_ARMED_PARKED);
	}
	side_move(&b.s[0], DATA, 64);
	must_eq(side_wake(&b.s[0], DATA), 0);
	must_eq(sleeper_end(&t), 0);
}

Test(wait, each_thread_is_woken_by_its_own_position)
{
	struct sleeper t[3];
	struct both b;

	both_map(&b, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		sleeper_start(&t[i], &b.s[0], DATA, 64 * (3 - i));
		await_armed(side_bell(&b.s[0], DATA), KIPC_ARMED_PARKED);
	}
	/* The last to come is the first to go; the others stay armed. */
	for (unsigned i = 3; i-- > 0;) {
		side_move(&b.s[1], DATA, 64 * (3 - i));
		must_eq(side_wake(&b.s[1], DATA), 0);
		must_eq(sleeper_end(&t[i]), 0);
	}
	must_eq(side_bell(&b.s[0], DATA)->armed, 0);
}

Test(wait, one_wake_reaches_all_whom_it_concerns)
{
	struct sleeper t[4];
	struct both b;

	both_map(&b, 0, 0);
	for (unsigned i = 0; i < 4; i++) {
		sleeper_start(&t[i], &b.s[0], DATA, 8);
		await_armed(side_bell(&b.s[0], DATA), KIPC_ARMED_PARKED);
	}
	side_move(&b.s[1], DATA, 8);
	must_eq(side_wake(&b.s[1], DATA), 0);
	for (unsigned i = 0; i < 4; i++)
		must_eq(sleeper_end(&t[i]), 0);
	must_eq(side_bell(&b.s[0], DATA)->armed, 0);
}

/* ---- signals ---------------------------------------------------------------------------- */

static void nothing(int sig)
{
	(void)sig;
}

static void handle_usr1(int flags)
{
	struct sigaction act = { .sa_handler = nothing, .sa_flags = flags };

	must_sys(sigaction(SIGUSR1, &act, NULL));
}

static void wait_and_say(struct peer *me, void *arg)
{
	struct side s;

	side_map(&s, *(int *)arg);
	handle_usr1(0);
	peer_tell(me, 'r');
	must_eq(side_wait(&s, DATA, 8, KIPC_FOREVER), -EINTR);
	must_eq(side_bell(&s, DATA)->armed, 0);
	must_eq(side_xchg(&s, 8, KIPC_HINT_NONE, KIPC_FOREVER), -EINTR);
	must_eq(side_bell(&s, DATA)->armed, 0);
	handle_usr1(SA_RESTART);
	peer_tell(me, 's');
	must_eq(side_wait(&s, DATA, 8, KIPC_FOREVER), 0);
}

Test(wait, a_signal_ends_it_or_restarts_it)
{
	const struct kipc_ring_bell *bell;
	struct peer p;
	struct side s;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[1]);
	bell = side_peer_bell(&s, DATA);
	peer_start(&p, wait_and_say, &fd[0]);
	peer_expect(&p, 'r');
	await_armed(bell, KIPC_ARMED_PARKED);
	await_asleep(p.pid);
	must_sys(kill(p.pid, SIGUSR1));
	/* Another one for the second call. */
	while (!peer_told_within(&p, 5))
		must_sys(kill(p.pid, SIGUSR1));
	peer_expect(&p, 's');
	await_armed(bell, KIPC_ARMED_PARKED);
	for (unsigned i = 0; i < 10; i++) {
		await_asleep(p.pid);
		must_sys(kill(p.pid, SIGUSR1));
	}
	side_move(&s, DATA, 8);
	must_eq(side_wake(&s, DATA), 0);
	peer_end(&p);
}

/* ---- XCHG ------------------------------------------------------------------------------- */

#define TRIPS 300U

static void answer(struct peer *me, void *arg)
{
	unsigned rounds = harness_rounds(TRIPS);
	struct side s;

	(void)me;
	side_map(&s, *(int *)arg);
	must_eq(side_wait(&s, DATA, 8, KIPC_FOREVER), 0);
	for (uint64_t i = 1; i <= rounds; i++) {
		must_eq(s.other->prod.pos, 8 * i);
		side_move(&s, DATA, 8 * i);
		if (i == rounds)
			must_eq(side_wake(&s, DATA), 0);
		else
			must_eq(side_xchg(&s, 8 * (i + 1), i % 3, KIPC_FOREVER), 0);
	}
}

Test(wait, xchg_is_a_leg_of_a_round_trip)
{
	unsigned rounds = harness_rounds(TRIPS);
	struct kipc_ioc_stat stat;
	struct peer p;
	struct side s;
	int fd[2];

	uapi_pair(fd);
	peer_start(&p, answer, &fd[1]);
	side_map(&s, fd[0]);
	for (uint64_t i = 1; i <= rounds; i++) {
		side_move(&s, DATA, 8 * i);
		must_eq(side_xchg(&s, 8 * i, i % 3, KIPC_FOREVER), 0);
		must_eq(s.other->prod.pos, 8 * i);
	}
	peer_end(&p);
	stat = side_stat(&s);
	must_eq(stat.wakes, rounds);
	must_eq(stat.waits + stat.waits_met, rounds);
}

Test(wait, xchg_rings_even_when_it_need_not_sleep)
{
	struct sleeper t;
	struct both b;

	both_map(&b, 0, 0);
	sleeper_start(&t, &b.s[1], DATA, 8);
	await_armed(side_bell(&b.s[1], DATA), KIPC_ARMED_PARKED);
	side_move(&b.s[1], DATA, 8); /* the answer is there before the question */
	side_move(&b.s[0], DATA, 8);
	must_eq(side_xchg(&b.s[0], 8, KIPC_HINT_SYNC, KIPC_FOREVER), 0);
	must_eq(sleeper_end(&t), 0);
	must_eq(side_xchg(&b.s[0], 16, KIPC_HINT_NONE, 0), -ETIMEDOUT);
	must_eq(side_bell(&b.s[0], DATA)->armed, 0);
}

struct placed {
	struct side *side;
	pid_t tid;
	unsigned rounds;
	unsigned here; /* how often it woke on CPU 0 */
};

static void pin(unsigned first, unsigned last)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned cpu = first; cpu <= last; cpu++)
		CPU_SET(cpu, &set);
	must_sys(sched_setaffinity(0, sizeof(set), &set));
}

static void *answer_anywhere(void *arg)
{
	struct placed *p = arg;

	p->tid = gettid(); /* read once it has armed */
	for (uint64_t i = 1; i <= p->rounds; i++) {
		pin(1, 1); /* slept there last, */
		pin(0, 1); /* may wake anywhere */
		must_eq(side_wait(p->side, DATA, i, KIPC_FOREVER), 0);
		p->here += sched_getcpu() == 0;
		side_move(p->side, DATA, i);
		must_eq(side_wake(p->side, DATA), 0);
	}
	return NULL;
}

static unsigned woken_here(unsigned hint, unsigned rounds)
{
	struct placed p = { .rounds = rounds };
	pthread_t thread;
	struct both b;

	both_map(&b, 0, 0);
	p.side = &b.s[1];
	pin(0, 0);
	must_eq(pthread_create(&thread, NULL, answer_anywhere, &p), 0);
	for (uint64_t i = 1; i <= rounds; i++) {
		await_armed(side_bell(&b.s[1], DATA), KIPC_ARMED_PARKED);
		await_asleep(p.tid); /* who has not left its CPU yet is woken there */
		side_move(&b.s[0], DATA, i);
		must_eq(side_xchg(&b.s[0], i, hint, KIPC_FOREVER), 0);
	}
	must_eq(pthread_join(thread, NULL), 0);
	return p.here;
}

Test(wait, a_hint_brings_the_wakee_to_the_wakers_cpu)
{
	struct kipc_ioc_info info = { .size = sizeof(info) };
	const unsigned rounds = 60;
	int control = uapi_control();

	must_eq(uapi_call(control, KIPC_IOC_INFO, &info), 0);
	if (!(info.features & KIPC_FEAT_SAME_CPU) || sysconf(_SC_NPROCESSORS_ONLN) < 2)
		harness_skip("same-cpu", "before Linux 6.6, or only one CPU");
	must(woken_here(KIPC_HINT_SAME_CPU, rounds) > rounds / 2);
}

/* ---- who may ---------------------------------------------------------------------------- */

static void try_everything(struct peer *me, void *arg)
{
	const struct side *s = arg;

	(void)me;
	must_eq(side_wait(s, DATA, 0, KIPC_FOREVER), -EPERM);
	must_eq(side_wait(s, SPACE, 8, KIPC_FOREVER), -EPERM);
	must_eq(side_wake(s, DATA), -EPERM);
	must_eq(side_wake(s, SPACE), -EPERM);
	must_eq(side_xchg(s, 0, KIPC_HINT_NONE, KIPC_FOREVER), -EPERM);
	must_eq(side_shutdown(s, KIPC_DIR_IN), -EPERM);
	must_eq(uapi_call(s->fd, KIPC_IOC_HANDOVER, NULL), -EPERM);
	must_eq(side_peer(s).state, KIPC_END_FREE);
	side_stat(s);
}

Test(wait, only_the_owner_may_act_for_a_live_end)
{
	struct peer child;
	struct side s;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	peer_start(&child, try_everything, &s);
	peer_end(&child);
	must_eq(s.status->bells[1].data.gone, 0);
	must_eq(side_wake(&s, DATA), 0);
	must_eq(side_wait(&s, DATA, 0, KIPC_FOREVER), 0);
}

Test(wait, a_free_end_is_nobodys)
{
	int fd[2];

	uapi_pair(fd);
	for (unsigned e = 0; e < 2; e++) {
		struct side s = { .fd = fd[e], .end = e };

		must_eq(side_wait(&s, DATA, 0, 0), -EPERM);
		must_eq(side_wake(&s, DATA), -EPERM);
		must_eq(side_xchg(&s, 0, KIPC_HINT_NONE, 0), -EPERM);
		must_eq(uapi_call(fd[e], KIPC_IOC_HANDOVER, NULL), 0);
	}
}

Test(wait, counters_count)
{
	struct kipc_ioc_stat stat;
	struct sleeper t;
	struct both b;

	both_map(&b, 0, 0);
	must_eq(side_wait(&b.s[0], DATA, 0, KIPC_FOREVER), 0);
	must_eq(side_wait(&b.s[0], DATA, 8, 0), -ETIMEDOUT);
	sleeper_start(&t, &b.s[0], DATA, 8);
	await_armed(side_bell(&b.s[0], DATA), KIPC_ARMED_PARKED);
	must_eq(side_wake(&b.s[1], DATA), 0); /* in vain */
	side_move(&b.s[1], DATA, 8);
	must_eq(side_wake(&b.s[1], DATA), 0);
	must_eq(sleeper_end(&t), 0);
	must_eq(side_wake(&b.s[1], DATA), 0); /* nobody there */
	poll_now(b.s[0].fd, 1);
	stat = side_stat(&b.s[0]);
	must(stat.waits >= 1 && stat.waits_met >= 1);
	must_eq(stat.waits + stat.waits_met, 3);
	must_eq(stat.wakes, 0);
	must_eq(stat.polls, 1);
	stat = side_stat(&b.s[1]);
	must_eq(stat.wakes, 3);
	must_eq(stat.wakes_idle, 2);
}
