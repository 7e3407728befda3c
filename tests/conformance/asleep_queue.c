// SPDX-License-Identifier: MIT
/*
 * Who sleeps at a queue is woken by whatever makes its call possible. All ends are in one process, and so old
 * asleep that none of them gets up by itself: a wake-up that is forgotten is a test that does not end.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include "asleep.h"
#include "queue_ends.h"

struct sleeper {
	struct kipc_chan *c;
	ssize_t (*call)(struct kipc_chan *c);
	ssize_t said;
	pid_t tid;
	pthread_t thread;
};

static void *sleep_in_call(void *arg)
{
	struct sleeper *s = arg;

	chan_set_wait(s->c, KIPC_WAIT_BLOCK);
	__atomic_store_n(&s->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	s->said = s->call(s->c);
	return NULL;
}

static void fall_asleep(struct sleeper *s, const char *uri, ssize_t (*call)(struct kipc_chan *c))
{
	*s = (struct sleeper){ .c = queue_end(uri, 0), .call = call };
	must_eq(pthread_create(&s->thread, NULL, sleep_in_call, s), 0);
	while (!__atomic_load_n(&s->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	still(s->tid);
}

/* Its call has returned; what it says. The end stays open, with what it holds. */
static ssize_t woken(struct sleeper *s)
{
	must_eq(pthread_join(s->thread, NULL), 0);
	return s->said;
}

/* ---- for room --------------------------------------------------------------------------- */

static ssize_t send_one_last(struct kipc_chan *c)
{
	struct kipc_msg m = { .data = (void *)(uintptr_t) "x", .len = 1 };

	m.flags = KIPC_PRIO(chan_get(c, KIPC_OPT_PRIORITIES) - 1);
	return kipc_send_n(c, &m, 1, -1);
}

static ssize_t reserve_one(struct kipc_chan *c)
{
	struct kipc_msg m = { .len = 1 };

	return kipc_reserve(c, &m, 1, -1);
}

/* n messages are reserved, one in each class if there are several, and all but so many given up. What the
 * sleeper has to send goes where the last one would have gone.
 */
static void give_up(const struct form *f, const char *options, unsigned n, unsigned commit)
{
	struct kipc_msg m[2] = { { .len = 1 }, { .len = 1 } };
	struct sleeper s;
	struct kipc_chan *c;
	char uri[URI_MAX], byte;

	form_uri(f, options, uri, sizeof(uri));
	c = queue_end(uri, 0);
	for (unsigned i = 0; i < n; i++)
		m[i].flags = KIPC_PRIO(chan_get(c, KIPC_OPT_PRIORITIES) > 1 ? i : 0);
	must_eq(kipc_reserve(c, m, n, 0), n);
	fall_asleep(&s, uri, send_one_last);
	if (commit)
		must_eq(kipc_commit(c, m, commit), commit);
	else
		must_eq(kipc_discard(c), 0);
	must_eq(woken(&s), 1);
	for (unsigned i = 0; i < 1 + commit; i++)
		must_eq(kipc_recv(c, &byte, 1, 0), 1);
	kipc_chan_close(s.c);
	kipc_chan_close(c);
}

QUEUE_TEST(asleep_until_a_reservation_is_given_up)
{
	give_up(f, "slots=1", 1, 0);
	give_up(f, "slots=2", 2, 0);
	give_up(f, "slots=1&prio=2", 2, 0);
	give_up(f, "slots=1&prio=2", 2, 1);
}

/* Two slots are free at once, and who gets the first of them keeps it for itself. */
QUEUE_TEST(asleep_while_another_one_reserves)
{
	struct kipc_msg m[2];
	struct sleeper s[2];
	struct kipc_chan *c;
	char uri[URI_MAX];

	form_uri(f, "slots=2", uri, sizeof(uri));
	c = queue_end(uri, 0);
	must_eq(fill_up(c, 1, 1), 2);
	for (int i = 0; i < 2; i++)
		fall_asleep(&s[i], uri, reserve_one);
	must_eq(kipc_peek(c, m, 2, 0), 2);
	must_eq(kipc_release(c, 2), 2);
	for (int i = 0; i < 2; i++)
		must_eq(woken(&s[i]), 1);
	for (int i = 0; i < 2; i++)
		kipc_chan_close(s[i].c);
	kipc_chan_close(c);
}

/* ---- for data --------------------------------------------------------------------------- */

static ssize_t recv_small(struct kipc_chan *c)
{
	char buf[10];

	return kipc_recv(c, buf, sizeof(buf), -1);
}

static ssize_t recv_n_small(struct kipc_chan *c)
{
	char buf[10];
	struct kipc_msg m = { .data = buf, .len = sizeof(buf) };

	return kipc_recv_n(c, &m, 1, -1);
}

static ssize_t recv_large(struct kipc_chan *c)
{
	char buf[100];

	return kipc_recv(c, buf, sizeof(buf), -1);
}

/* It is woken first, cannot take the message, and does not come back. */
static void too_small_a_buffer(const struct form *f, ssize_t (*small)(struct kipc_chan *c))
{
	struct sleeper first, second;
	struct kipc_chan *c;
	char uri[URI_MAX], message[50] = { 0 };

	form_uri(f, "slots=4", uri, sizeof(uri));
	c = queue_end(uri, KIPC_SEND);
	fall_asleep(&first, uri, small);
	fall_asleep(&second, uri, recv_large);
	must_eq(kipc_send(c, message, sizeof(message), 0), 0);
	must_eq(woken(&second), sizeof(message));
	must_eq(kipc_send(c, message, 5, 0), 0); /* for the first one, if it was not woken at all */
	must(woken(&first) == -EMSGSIZE || first.said > 0);
	kipc_chan_close(first.c);
	kipc_chan_close(second.c);
	kipc_chan_close(c);
}

QUEUE_TEST(asleep_behind_too_small_a_buffer)
{
	too_small_a_buffer(f, recv_small);
	too_small_a_buffer(f, recv_n_small);
}
