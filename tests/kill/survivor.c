// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <signal.h>
#include "kill.h"

void say(struct stage *s)
{
	must(write(s->said[1], "s", 1) == 1);
}

void hear(struct stage *s)
{
	char c;

	must(read(s->told[0], &c, 1) == 1);
}

bool heard_already(struct stage *s)
{
	struct pollfd p = { .fd = s->told[0], .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

unsigned kind_of(const struct stage *s)
{
	return s->scene->kind ? s->scene->kind : KIPC_PAIR;
}

/* Who publishes does not subscribe. */
static unsigned other_side(const struct stage *s)
{
	return s->scene->kind != KIPC_PUBSUB ? 0
	       : s->scene->flags & KIPC_SEND ? KIPC_RECV
	                                     : KIPC_SEND;
}

static struct kipc_chan *meet(struct stage *s)
{
	struct kipc_chan *c;

	if (!s->flavour->named) {
		kipc_chan_close(s->end[0]);
		return s->end[1];
	}
	must_eq(kipc_chan_open(&c, s->uri, kind_of(s) | other_side(s) | KIPC_CREATE, NULL), 0);
	return c;
}

/* It can only have come where the victim had not, or had given its place away. */
static void welcome(struct stage *s, struct kipc_chan *c, const void *body, size_t len)
{
	struct letter l;

	must(s->scene->fresh || s->scene->creates || s->scene->gives);
	must(letter_is(body, len, NEWCOMER, 0));
	must_eq(s->ledger->joined, 0);
	s->ledger->joined = 1;
	letter_write(&l, SURVIVOR, 0);
	must_eq(kipc_send(c, l.body, l.len, -1), 0);
}

/* A letter, which must be the next one of the victim. */
static void take(struct stage *s, struct kipc_chan *c, const void *body, size_t len)
{
	if (letter_author(body, len) == NEWCOMER) {
		welcome(s, c, body, len);
		return;
	}
	must_eq(s->ledger->joined, 0);
	must(letter_is(body, len, VICTIM, s->ledger->got));
	s->ledger->got++;
}

static void warm(struct stage *s, struct kipc_chan *c)
{
	struct letter in, out;
	uint32_t i;

	for (i = 0; i < WARM_ROUNDS; i++) {
		ssize_t len = kipc_recv(c, in.body, sizeof(in.body), -1);

		must(len >= 0);
		take(s, c, in.body, (size_t)len);
		letter_write(&out, SURVIVOR, i);
		must_eq(kipc_send(c, out.body, out.len, -1), 0);
	}
}

static uint32_t fill(struct kipc_chan *c)
{
	struct letter l;
	uint32_t number = WARM_ROUNDS;
	int r;

	for (;; number++) {
		letter_write(&l, SURVIVOR, number);
		r = kipc_send(c, l.body, l.len, 0);
		if (r < 0)
			break;
	}
	must_eq(r, -EAGAIN);
	return number;
}

/* ---- waiting ---------------------------------------------------------------------------- */

void poll_for(struct kipc_chan *c, unsigned dir)
{
	struct pollfd p = { .fd = kipc_chan_fd(c, dir), .events = POLLIN };

	must(p.fd >= 0);
	must_eq(poll(&p, 1, -1), 1);
}

/* Receive until there is no more; the result says why. */
static int drain(struct stage *s, struct kipc_chan *c)
{
	int64_t timeout = s->mood == POLLING ? 0 : -1;
	struct letter l;
	ssize_t r;

	for (;;) {
		r = kipc_recv(c, l.body, sizeof(l.body), timeout);
		if (r >= 0)
			take(s, c, l.body, (size_t)r);
		else if (r == -EAGAIN && s->mood == POLLING)
			poll_for(c, KIPC_IN);
		else
			return (int)r;
	}
}

static int send_on(struct stage *s, struct kipc_chan *c, uint32_t number)
{
	int64_t timeout = s->mood == POLLING ? 0 : -1;
	struct letter l;
	int r;

	for (;;) {
		letter_write(&l, SURVIVOR, number);
		r = kipc_send(c, l.body, l.len, timeout);
		if (r == 0)
			number++;
		else if (r == -EAGAIN && s->mood == POLLING)
			poll_for(c, KIPC_OUT);
		else
			return r;
	}
}

/* ---- the end ---------------------------------------------------------------------------- */

static void check_no_data(struct kipc_chan *c)
{
	char byte;

	must_eq(kipc_recv(c, &byte, 1, -1), -EPIPE);
	must_eq(kipc_wait(c, KIPC_IN, -1), KIPC_IN | KIPC_HUP);
	poll_for(c, KIPC_IN);
}

static void check_no_room(struct kipc_chan *c)
{
	must_eq(kipc_send(c, "x", 1, -1), -EPIPE);
	must_eq(kipc_wait(c, KIPC_OUT, -1), KIPC_OUT | KIPC_HUP);
	poll_for(c, KIPC_OUT);
}

void check_gone(struct kipc_chan *c, unsigned dirs)
{
	struct kipc_peer peer = { .size = sizeof(peer) };

	must_eq(kipc_chan_peer(c, &peer), 0);
	must_eq(peer.state, KIPC_PEER_GONE);
	if (dirs & KIPC_IN)
		check_no_data(c);
	if (dirs & KIPC_OUT)
		check_no_room(c);
}

/* A call is all or none. */
static void check_letters(const struct stage *s)
{
	const struct ledger *l = s->ledger;

	if (l->got != l->sent && l->got != l->sent + l->trying)
		fprintf(stderr, "received %u, committed %u, perhaps %u more\n", l->got, l->sent,
		        l->trying);
	must(l->got == l->sent || l->got == l->sent + l->trying);
}

/* The end of an anonymous pair that was made to talk one way cannot do the other. */
static unsigned dirs_of(const struct stage *s)
{
	unsigned flags = s->flavour->named ? 0 : s->scene->flags;

	return flags == KIPC_SEND ? KIPC_IN : flags == KIPC_RECV ? KIPC_OUT : KIPC_IN | KIPC_OUT;
}

void survivor_main(struct stage *s)
{
	const struct scene *scene = s->scene;
	unsigned dirs = dirs_of(s);
	struct kipc_chan *c;
	uint32_t next = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(s->patience);
	if (scene->creates && s->mood == AWAY)
		hear(s);
	c = meet(s);
	say(s);
	if (!scene->fresh && !scene->creates && !scene->kind)
		warm(s, c);
	if (scene->survive) {
		scene->survive(s, c);
		kipc_chan_close(c);
		_exit(0);
	}
	if (scene->full)
		next = fill(c);
	say(s);
	if (!scene->creates && s->mood == AWAY)
		hear(s);
	if (scene->full || !(dirs & KIPC_IN))
		must_eq(send_on(s, c, next), -EPIPE);
	if (dirs & KIPC_IN)
		must_eq(drain(s, c), -EPIPE);
	check_letters(s);
	if (s->mood != AWAY)
		hear(s); /* it may have said that it leaves before it died */
	check_gone(c, dirs);
	kipc_chan_close(c);
	_exit(0);
}
