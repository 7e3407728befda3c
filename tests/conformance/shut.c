// SPDX-License-Identifier: MIT
/* What a process shuts down itself, among its own threads. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include "form.h"

enum verb { RECV, PEEK, WAIT_IN, SEND, RESERVE, WAIT_OUT, VERBS };

struct sleeper {
	struct kipc_chan *c;
	enum verb verb;
	pid_t tid;
	int result;
};

static int call(struct kipc_chan *c, enum verb verb)
{
	uint8_t buf[1000] = { 0 };
	struct kipc_msg m = { .len = sizeof(buf) };

	switch (verb) {
	case RECV:
		return (int)kipc_recv(c, buf, sizeof(buf), -1);
	case PEEK:
		return kipc_peek(c, &m, 1, -1);
	case WAIT_IN:
		return kipc_wait(c, KIPC_IN, -1);
	case SEND:
		return kipc_send(c, buf, sizeof(buf), -1);
	case RESERVE:
		return kipc_reserve(c, &m, 1, -1);
	default:
		return kipc_wait(c, KIPC_OUT, -1);
	}
}

static void *sleep_in_call(void *arg)
{
	struct sleeper *s = arg;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	s->result = call(s->c, s->verb);
	return NULL;
}

/* Whoever sleeps in a direction that another thread shuts down is told as a later call would be. */
EACH_FORM(shut_ends_a_sleep_of_ones_own)
{
	for (unsigned i = 0; i < VERBS * 3; i++) {
		struct sleeper s = { .verb = i % VERBS };
		unsigned dir = s.verb < SEND ? KIPC_IN : KIPC_OUT, wait = wait_modes[i / VERBS];
		pthread_t thread;
		struct duo d;

		harness_note("verb %d, waiting by %s", s.verb, wait_name(wait));
		duo_both(&d, f, "size=4K");
		s.c = d.end[0];
		chan_set_wait(s.c, wait);
		if (dir == KIPC_OUT)
			fill_up(s.c, 1000, 1);
		must_eq(pthread_create(&thread, NULL, sleep_in_call, &s), 0);
		while (__atomic_load_n(&s.tid, __ATOMIC_ACQUIRE) == 0)
			sched_yield();
		if (wait != KIPC_WAIT_SPIN)
			await_asleep(s.tid);
		must_eq(kipc_shutdown(s.c, dir), 0);
		pthread_join(thread, NULL);
		if (s.verb == WAIT_IN || s.verb == WAIT_OUT)
			must(s.result == -EPIPE || (s.result & KIPC_HUP));
		else
			must_eq(s.result, -EPIPE);
		duo_close(&d);
	}
}

EACH_FORM(shut_is_told_to_who_polls)
{
	for (unsigned dir = KIPC_IN; dir <= KIPC_OUT; dir++) {
		struct pollfd p = { .events = POLLIN };
		struct duo d;

		duo_both(&d, f, "size=4K");
		p.fd = (int)must_ok(kipc_chan_fd(d.end[0], dir));
		if (dir == KIPC_OUT)
			fill_up(d.end[0], 1000, 1);
		must_eq(kipc_wait(d.end[0], dir, 0), -EAGAIN);
		must_eq(kipc_shutdown(d.end[0], dir), 0);
		must_eq(must_sys(poll(&p, 1, -1)), 1);
		duo_close(&d);
	}
}

/* ---- both at once ----------------------------------------------------------------------- */

struct shutter {
	struct kipc_chan *c;
	unsigned dir;
	unsigned *gate;
};

static void *shut_one(void *arg)
{
	struct shutter *s = arg;

	__atomic_sub_fetch(s->gate, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(s->gate, __ATOMIC_ACQUIRE))
		;
	must_eq(kipc_shutdown(s->c, s->dir), 0);
	return NULL;
}

/* The halves are two threads, and each of them ends its own. */
EACH_ANON(shut_both_halves_at_once)
{
	for (unsigned i = 0; i < harness_rounds(300); i++) {
		unsigned gate = 2;
		struct shutter s[2];
		pthread_t thread;
		struct duo d;
		char byte;

		duo_both(&d, f, "size=4K");
		must_eq(kipc_wait(d.end[0], KIPC_OUT, 0), KIPC_OUT);
		for (unsigned k = 0; k < 2; k++)
			s[k] = (struct shutter){ d.end[0], k ? KIPC_IN : KIPC_OUT, &gate };
		must_eq(pthread_create(&thread, NULL, shut_one, &s[0]), 0);
		shut_one(&s[1]);
		pthread_join(thread, NULL);
		must_eq(kipc_send(d.end[0], "x", 1, 0), -EPIPE);
		must_eq(kipc_recv(d.end[0], &byte, 1, 0), -EPIPE);
		duo_close(&d);
	}
}
