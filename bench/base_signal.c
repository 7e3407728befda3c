// SPDX-License-Identifier: MIT
/*
 * base_signal.c - shared memory and queued real-time signals
 *
 * Each counter is a signal number, each post a queued signal. Free slots are counted by their user to
 * begin with, so that a sender awaits a signal only when it has used all of them once.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "slots.h"

struct own {
	unsigned int unused_slots;
	sigset_t set[TOKENS];
};

/* Blocked before the fork, so that none of them ever runs a handler or kills. */
static int setup(struct pair *p)
{
	sigset_t all;

	sigemptyset(&all);
	for (unsigned int i = 0; i < TOKENS; i++)
		sigaddset(&all, SIGRTMIN + i);
	if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return bench_fail(p, -errno, "sigprocmask: %m");
	return slots_map(p);
}

/* The queue of signals is a resource limit of the user; when it is full the receiver must go first. */
static int post(struct side *s, unsigned int index)
{
	union sigval value = { .sival_int = index };

	while (sigqueue(s->pair->pid[!s->who], SIGRTMIN + index, value) < 0) {
		if (errno != EAGAIN)
			return bench_fail(s->pair, -errno, "sigqueue: %m");
		sched_yield();
	}
	return 0;
}

static int wait(struct side *s, unsigned int index)
{
	static const struct timespec now;
	struct own *own = s->own;
	siginfo_t info;

	if (index % 2 == TOKEN_SPACE && own->unused_slots) {
		own->unused_slots--;
		return 0;
	}
	for (;;) {
		int r = s->spin ? sigtimedwait(&own->set[index], &info, &now)
		                : sigwaitinfo(&own->set[index], &info);

		if (r > 0)
			return 0;
		if (errno == EAGAIN)
			cpu_relax();
		else if (errno != EINTR)
			return bench_fail(s->pair, -errno, "sigwaitinfo: %m");
	}
}

static const struct token_ops signal_tokens = { post, wait };

static int join(struct side *s)
{
	struct own *own = bench_buffer(s, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->unused_slots = slots_depth(s->cell->size);
	for (unsigned int i = 0; i < TOKENS; i++) {
		sigemptyset(&own->set[i]);
		sigaddset(&own->set[i], SIGRTMIN + i);
	}
	s->own = own;
	s->tokens = &signal_tokens;
	return 0;
}

const struct mech mech_signal = {
	.name = "stock:signal",
	.about = "shared memory slots and queued real-time signals",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = join,
	.send = slots_send,
	.recv = slots_recv,
};
