// SPDX-License-Identifier: MIT
/* Close, shutdown, one-way ends, fork. Death by force is death.c. */
#include <pthread.h>
#include "form.h"

EACH_FORM(life_close_delivers_then_ends)
{
	struct duo d;

	duo_both(&d, f, "size=4K");
	for (int i = 0; i < 4; i++)
		must_eq(send_one(d.end[0], 100, 1, i, 0), 0);
	kipc_chan_close(d.end[0]);
	d.end[0] = NULL;
	for (int i = 0; i < 4; i++)
		recv_one(d.end[1], 100, 1, i);
	for (int i = 0; i < 3; i++) {
		must_eq(kipc_recv(d.end[1], &d, sizeof(d), -1), -EPIPE);
		must_eq(send_one(d.end[1], 8, 1, 0, -1), -EPIPE);
	}
	duo_close(&d);
}

/* What the closing side did not read is nobody's business any more. */
EACH_FORM(life_close_with_unread_messages)
{
	struct duo d;

	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[0], 100, 1, 0, 0), 0);
	must_eq(send_one(d.end[1], 100, 1, 0, 0), 0);
	must_eq(send_one(d.end[1], 100, 1, 1, 0), 0);
	kipc_chan_close(d.end[1]);
	d.end[1] = NULL;
	recv_one(d.end[0], 100, 1, 0);
	recv_one(d.end[0], 100, 1, 1);
	must_eq(kipc_recv(d.end[0], &d, sizeof(d), -1), -EPIPE);
	duo_close(&d);
}

EACH_FORM(life_close_drops_what_was_not_committed)
{
	struct kipc_msg m = { .len = 64 };
	struct duo d;

	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[0], 100, 1, 0, 0), 0);
	must_eq(kipc_reserve(d.end[0], &m, 1, 0), 1);
	memset(m.data, 0xee, 64);
	kipc_chan_close(d.end[0]);
	d.end[0] = NULL;
	recv_one(d.end[1], 100, 1, 0);
	must_eq(kipc_recv(d.end[1], &d, sizeof(d), -1), -EPIPE);
	duo_close(&d);
}

EACH_FORM(life_shutdown_of_sending)
{
	struct duo d;

	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[0], 100, 1, 0, 0), 0);
	must_eq(kipc_shutdown(d.end[0], KIPC_OUT), 0);
	must_eq(kipc_shutdown(d.end[0], KIPC_OUT), 0);
	must_eq(send_one(d.end[0], 8, 1, 0, 0), -EPIPE);
	recv_one(d.end[1], 100, 1, 0);
	must_eq(kipc_recv(d.end[1], &d, sizeof(d), -1), -EPIPE);
	for (int i = 0; i < 5; i++) {
		must_eq(send_one(d.end[1], 50, 1, i, 0), 0);
		recv_one(d.end[0], 50, 1, i);
	}
	duo_close(&d);
}

EACH_FORM(life_shutdown_of_receiving)
{
	struct duo d;

	duo_both(&d, f, "size=4K");
	must_eq(kipc_shutdown(d.end[1], KIPC_IN), 0);
	must_eq(kipc_recv(d.end[1], &d, sizeof(d), 0), -EPIPE);
	must_eq(send_one(d.end[0], 8, 1, 0, -1), -EPIPE);
	for (int i = 0; i < 5; i++) {
		must_eq(send_one(d.end[1], 50, 1, i, 0), 0);
		recv_one(d.end[0], 50, 1, i);
	}
	must_eq(kipc_shutdown(d.end[1], KIPC_IN | KIPC_OUT), 0);
	must_eq(kipc_recv(d.end[0], &d, sizeof(d), -1), -EPIPE);
	duo_close(&d);
}

/* ---- shutdown wakes a sleeper ----------------------------------------------------------- */

struct quiet {
	struct duo duo;
	bool sending;
};

static void sleep_until_shut(struct peer *me, void *arg)
{
	struct quiet *q = arg;
	struct kipc_chan *c = duo_theirs(&q->duo);
	uint8_t buf[1000] = { 0 };

	chan_set_wait(c, KIPC_WAIT_BLOCK);
	if (q->sending)
		fill_up(c, 1000, 1);
	peer_tell(me, 's');
	must_eq(q->sending ? kipc_send(c, buf, 1000, -1) : kipc_recv(c, buf, 1000, -1), -EPIPE);
	kipc_chan_close(c);
}

EACH_FORM(life_shutdown_wakes_a_sleeper)
{
	for (int sending = 0; sending < 2; sending++) {
		struct quiet q = { .sending = sending };
		struct kipc_chan *c;
		struct peer peer;

		duo_make(&q.duo, f, "size=4K");
		peer_start(&peer, sleep_until_shut, &q);
		c = duo_mine(&q.duo);
		peer_expect(&peer, 's');
		await_asleep(peer.pid);
		must_eq(kipc_shutdown(c, sending ? KIPC_IN : KIPC_OUT), 0);
		peer_end(&peer);
		kipc_chan_close(c);
	}
}

/* ---- one-way ends ----------------------------------------------------------------------- */

static void check_one_way(struct kipc_chan *tx, struct kipc_chan *rx)
{
	struct kipc_msg m = { .len = 8 };
	char byte;

	must_eq(kipc_recv(tx, &byte, 1, 0), -EACCES);
	must_eq(kipc_peek(tx, &m, 1, 0), -EACCES);
	must_eq(kipc_wait(tx, KIPC_IN, 0), -EACCES);
	must_eq(kipc_chan_fd(tx, KIPC_IN), -EACCES);
	must_eq(kipc_send(rx, &byte, 1, 0), -EACCES);
	must_eq(kipc_reserve(rx, &m, 1, 0), -EACCES);
	must_eq(kipc_wait(rx, KIPC_OUT, 0), -EACCES);
	must_eq(kipc_chan_fd(rx, KIPC_OUT), -EACCES);
	for (int i = 0; i < 20; i++) {
		must_eq(send_one(tx, 500, 1, i, -1), 0);
		recv_one(rx, 500, 1, i);
	}
}

EACH_ANON(life_one_way_pair)
{
	char uri[URI_MAX];

	form_uri(f, "size=4K", uri, sizeof(uri));
	for (int i = 0; i < 2; i++) {
		struct kipc_chan *c[2];

		must_eq(kipc_chan_pair(c, uri, KIPC_PAIR | (i ? KIPC_RECV : KIPC_SEND), NULL), 0);
		check_one_way(c[i], c[1 - i]);
		kipc_chan_close(c[i]);
		must_eq(kipc_recv(c[1 - i], uri, sizeof(uri), -1), -EPIPE);
		kipc_chan_close(c[1 - i]);
	}
}

EACH_NAMED(life_one_way_name)
{
	struct kipc_chan *tx, *rx;
	char uri[URI_MAX];

	form_uri(f, "size=4K", uri, sizeof(uri));
	must_eq(kipc_chan_open(&tx, uri, KIPC_PAIR | KIPC_CREATE | KIPC_SEND, NULL), 0);
	must_eq(kipc_chan_open(&rx, uri, KIPC_PAIR | KIPC_RECV, NULL), 0);
	check_one_way(tx, rx);
	kipc_chan_close(tx);
	kipc_chan_close(rx);
}

/* The other end may do both and learns that nobody listens. */
EACH_NAMED(life_one_way_tells_the_peer)
{
	struct kipc_chan *tx, *both;
	char uri[URI_MAX];

	form_uri(f, "size=4K", uri, sizeof(uri));
	must_eq(kipc_chan_open(&tx, uri, KIPC_PAIR | KIPC_CREATE | KIPC_SEND, NULL), 0);
	must_eq(kipc_chan_open(&both, uri, KIPC_PAIR, NULL), 0);
	must_eq(send_one(tx, 8, 1, 0, -1), 0);
	recv_one(both, 8, 1, 0);
	must_eq(send_one(both, 8, 1, 0, -1), -EPIPE);
	kipc_chan_close(tx);
	kipc_chan_close(both);
}

/* ---- fork ------------------------------------------------------------------------------- */

static void every_question_is_stale(struct kipc_chan *c)
{
	static const enum kipc_opt opts[] = { KIPC_OPT_RING_BYTES, KIPC_OPT_WAIT,
		                              KIPC_OPT_SPIN_NS };
	struct kipc_stats s = { .size = sizeof(s) };
	struct kipc_peer p = { .size = sizeof(p) };
	uint64_t value;

	must_eq(kipc_chan_peer(c, &p), -ESTALE);
	must_eq(kipc_chan_stats(c, &s), -ESTALE);
	for (int i = 0; i < 3; i++)
		must_eq(kipc_chan_get(c, opts[i], &value), -ESTALE);
	must_eq(kipc_chan_set(c, KIPC_OPT_SPIN_NS, 1), -ESTALE);
	must_eq(kipc_chan_set(c, KIPC_OPT_RING_BYTES, 1), -ESTALE);
}

static void every_call_is_stale(struct kipc_chan *c)
{
	struct kipc_request q;
	uint64_t p;
	struct kipc_msg m = { .len = 8, .data = &p };

	must_eq(kipc_send(c, &p, 8, 0), -ESTALE);
	must_eq(kipc_recv(c, &p, 8, 0), -ESTALE);
	must_eq(kipc_reserve(c, &m, 1, 0), -ESTALE);
	must_eq(kipc_commit(c, &m, 1), -ESTALE);
	must_eq(kipc_discard(c), -ESTALE);
	must_eq(kipc_peek(c, &m, 1, 0), -ESTALE);
	must_eq(kipc_release(c, 1), -ESTALE);
	must_eq(kipc_send_n(c, &m, 1, 0), -ESTALE);
	must_eq(kipc_recv_n(c, &m, 1, 0), -ESTALE);
	must_eq(kipc_wait(c, KIPC_IN, 0), -ESTALE);
	must_eq(kipc_chan_fd(c, KIPC_IN), -ESTALE);
	must_eq(kipc_shutdown(c, KIPC_IN), -ESTALE);
	must_eq(kipc_write(c, &p, 8, 0), -ESTALE);
	must_eq(kipc_read(c, &p, 8, 0), -ESTALE);
	must_eq(kipc_call(c, &p, 8, &p, 8, 1), -ESTALE);
	must_eq(kipc_call_next(c, &q, 0), -ESTALE);
	must_eq(kipc_reply_error(c, 1, -EIO), -ESTALE);
	must_eq(kipc_chan_handover(c), -ESTALE);
	every_question_is_stale(c);
}

static void use_stale(struct peer *me, void *arg)
{
	struct duo *d = arg;

	for (int i = 0; i < 2; i++)
		every_call_is_stale(d->end[i]);
	must(kipc_chan_caps(d->end[0]) != 0);
	must(!strcmp(kipc_chan_transport(d->end[0]), d->form->scheme));
	peer_tell(me, 's');
	peer_expect(me, 'c');
	duo_close(d);
	peer_tell(me, 'c');
	peer_expect(me, 'e');
}

/* Both ends are in use in this process; a child that uses, closes and ends must change nothing. */
EACH_FORM(life_stale_after_fork)
{
	struct kipc_msg m = { .len = 30 }, seen;
	struct peer peer;
	struct duo d;

	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[0], 30, 1, 0, 0), 0);
	must_eq(send_one(d.end[1], 30, 1, 0, 0), 0);
	must_eq(kipc_peek(d.end[1], &seen, 1, 0), 1);
	must_eq(kipc_reserve(d.end[0], &m, 1, 0), 1);
	peer_start(&peer, use_stale, &d);
	peer_expect(&peer, 's');
	content_fill(m.data, 30, 1, 1);
	must_eq(kipc_commit(d.end[0], &m, 1), 1);
	must(content_is(seen.data, 30, 1, 0));
	peer_tell(&peer, 'c');
	peer_expect(&peer, 'c');
	recv_one(d.end[1], 30, 1, 0);
	recv_one(d.end[0], 30, 1, 0);
	peer_tell(&peer, 'e');
	peer_end(&peer);
	recv_one(d.end[1], 30, 1, 1);
	must_eq(kipc_recv(d.end[1], &m, sizeof(m), 0), -EAGAIN);
	for (int i = 0; i < 100; i++) {
		must_eq(send_one(d.end[0], 30, 1, i, 0), 0);
		recv_one(d.end[1], 30, 1, i);
	}
	duo_close(&d);
}

static void ask_stale(struct peer *me, void *arg)
{
	(void)me;
	every_question_is_stale(arg);
	kipc_chan_close(arg);
}

/* What a queue tells stands in memory that the child has not. */
Test(shm_named, life_questions_to_a_queue_are_stale, .init = harness_begin, .fini = harness_end)
{
	struct kipc_chan *c;
	char uri[URI_MAX];
	struct peer peer;

	form_uri(&shm_named, "", uri, sizeof(uri));
	must_eq(kipc_chan_open(&c, uri, KIPC_QUEUE | KIPC_CREATE, NULL), 0);
	peer_start(&peer, ask_stale, c);
	peer_end(&peer);
	must_eq(chan_get(c, KIPC_OPT_PENDING), 0);
	kipc_chan_close(c);
}

struct swap {
	struct duo duo;
	int end; /* which one the child uses */
};

static void use_one_end(struct peer *me, void *arg)
{
	struct swap *s = arg;

	(void)me;
	kipc_chan_close(s->duo.end[1 - s->end]);
	for (int i = 0; i < 50; i++) {
		recv_one(s->duo.end[s->end], 40, 1, i);
		must_eq(send_one(s->duo.end[s->end], 40, 2, i, -1), 0);
	}
	kipc_chan_close(s->duo.end[s->end]);
}

EACH_ANON(life_fresh_ends_go_to_either_side)
{
	for (int end = 0; end < 2; end++) {
		struct swap s = { .end = end };
		struct kipc_chan *c;
		struct peer peer;

		duo_make(&s.duo, f, "size=4K");
		peer_start(&peer, use_one_end, &s);
		kipc_chan_close(s.duo.end[end]);
		c = s.duo.end[1 - end];
		for (int i = 0; i < 50; i++) {
			must_eq(send_one(c, 40, 1, i, -1), 0);
			recv_one(c, 40, 2, i);
		}
		peer_end(&peer);
		must_eq(kipc_recv(c, &s, sizeof(s), -1), -EPIPE);
		kipc_chan_close(c);
	}
}

/* Two processes try to use the same fresh end: one of them is refused, the other not disturbed. */
static void use_taken_end(struct peer *me, void *arg)
{
	struct duo *d = arg;
	int r;

	peer_expect(me, 'g');
	r = send_one(d->end[1], 8, 1, 0, 0);
	must_eq(r, -EBUSY);
	kipc_chan_close(d->end[1]);
}

EACH_ANON(life_an_end_has_one_owner)
{
	struct peer peer;
	struct duo d;

	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return; /* a socket knows no owner */
	duo_make(&d, f, "size=4K");
	peer_start(&peer, use_taken_end, &d);
	must_eq(send_one(d.end[1], 8, 1, 0, 0), 0);
	peer_tell(&peer, 'g');
	peer_end(&peer);
	recv_one(d.end[0], 8, 1, 0);
	must_eq(send_one(d.end[0], 8, 1, 1, 0), 0);
	recv_one(d.end[1], 8, 1, 1);
	duo_close(&d);
}

/* ---- fork among threads ------------------------------------------------------------------- */

struct crowd {
	const struct form *form;
	bool stop;
};

/* A channel's whole life, with what threads of a process share: names, locks, who is watched. */
static void live_once(const struct form *f)
{
	struct duo d;

	duo_both(&d, f, "size=4K");
	for (int i = 0; i < 2; i++)
		must(kipc_chan_fd(d.end[i], KIPC_IN) >= 0);
	must_eq(send_one(d.end[0], 30, 1, 0, 0), 0);
	recv_one(d.end[1], 30, 1, 0);
	duo_close(&d);
}

static void *live_often(void *arg)
{
	struct crowd *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
		live_once(c->form);
	return NULL;
}

static void live_in_child(struct peer *me, void *arg)
{
	(void)me;
	live_once(arg);
}

/* Whatever the other threads were doing when it was forked: a child can open a channel and use it. */
EACH_FORM(life_forked_among_threads)
{
	struct crowd crowd = { .form = f };
	pthread_t thread[2];
	struct peer peer;

	live_once(f);
	for (int i = 0; i < 2; i++)
		must_eq(pthread_create(&thread[i], NULL, live_often, &crowd), 0);
	for (unsigned i = 0; i < harness_rounds(100); i++) {
		peer_start(&peer, live_in_child, (void *)f);
		peer_end(&peer);
	}
	__atomic_store_n(&crowd.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		must_eq(pthread_join(thread[i], NULL), 0);
}

/* A chain of two forks: the grandchild talks to the grandparent. */
static void talk_as_grandchild(struct peer *me, void *arg)
{
	(void)me;
	recv_one(duo_theirs(arg), 40, 1, 0);
}

static void fork_once_more(struct peer *me, void *arg)
{
	struct peer inner;

	(void)me;
	peer_start(&inner, talk_as_grandchild, arg);
	peer_end(&inner);
}

EACH_FORM(life_through_two_forks)
{
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;

	duo_make(&d, f, "size=4K");
	peer_start(&peer, fork_once_more, &d);
	c = duo_mine(&d);
	must_eq(send_one(c, 40, 1, 0, -1), 0);
	peer_end(&peer);
	kipc_chan_close(c);
}
