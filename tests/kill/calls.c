// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include "victim.h"

/* Calls. Where the caller is killed, the survivor serves, and where the server is, it calls: what was sent
 * is handed out, replies that were given arrive, and everything else ends with -EPIPE.
 */

#define WRONG (-EDOM) /* what a server says that does not like a request */

/* ---- a caller as victim ------------------------------------------------------------------- */

static void call_begin(struct victim *v, unsigned i)
{
	trying(v, 1);
	v->id[i] = kipc_call_begin(v->chan, v->letter[i].body, v->letter[i].len, -1);
	must(v->id[i] > 0);
	committed(v, 1);
}

static void call_end(struct victim *v, unsigned i)
{
	struct letter l;
	ssize_t len = kipc_call_end(v->chan, v->id[i], l.body, sizeof(l.body), -1);

	must(len >= 0 && letter_is(l.body, (size_t)len, SURVIVOR, WARM_ROUNDS + i));
}

static void call(struct victim *v, unsigned i)
{
	struct letter l;
	ssize_t len;

	trying(v, 1);
	len = kipc_call(v->chan, v->letter[i].body, v->letter[i].len, l.body, sizeof(l.body), -1);
	committed(v, 1);
	must(len >= 0 && letter_is(l.body, (size_t)len, SURVIVOR, WARM_ROUNDS + i));
}

static void call_some(struct victim *v)
{
	call(v, 0);
	call(v, 1);
}

static void call_several(struct victim *v)
{
	call_begin(v, 0);
	call_begin(v, 1);
	call_begin(v, 2);
	call_end(v, 2);
	call_end(v, 0);
	call_end(v, 1);
}

static void call_and_cancel(struct victim *v)
{
	call_begin(v, 0);
	must_eq(kipc_call_cancel(v->chan, v->id[0]), 0);
	call(v, 1);
}

/* The server is not handed what has expired before it looks. */
static void call_in_vain(struct victim *v)
{
	struct letter l;

	trying(v, 1);
	must_eq(kipc_call(v->chan, v->letter[0].body, v->letter[0].len, l.body, sizeof(l.body),
	                  NAP),
	        -ETIMEDOUT);
}

static void call_for_ever(struct victim *v)
{
	call(v, 0);
}

/* ---- a server as victim ------------------------------------------------------------------- */

static void take_request(struct victim *v, unsigned i)
{
	const struct kipc_request *q = &v->request[i];

	must_eq(kipc_call_next(v->chan, &v->request[i], -1), 0);
	must(letter_is(q->data, q->len, SURVIVOR, WARM_ROUNDS + i));
}

static void serve_some(struct victim *v)
{
	for (unsigned i = 0; i < 3; i++) {
		take_request(v, i);
		trying(v, 1);
		must_eq(kipc_reply(v->chan, v->request[i].id, v->letter[i].body, v->letter[i].len,
		                   -1),
		        0);
		committed(v, 1);
	}
}

static void serve_on(struct victim *v)
{
	struct kipc_request q;

	must_eq(kipc_call_next(v->chan, &q, -1), 0);
	for (unsigned i = 0; i < 3; i++) {
		trying(v, 1);
		must_eq(kipc_reply_next(v->chan, q.id, v->letter[i].body, v->letter[i].len, &q, -1),
		        0);
		committed(v, 1);
		must(letter_is(q.data, q.len, SURVIVOR, WARM_ROUNDS + i + 1));
	}
}

static void refuse_some(struct victim *v)
{
	for (unsigned i = 0; i < 2; i++) {
		take_request(v, i);
		trying(v, 1);
		must_eq(kipc_reply_error(v->chan, v->request[i].id, WRONG), 0);
		committed(v, 1);
	}
}

static void take_and_look(struct victim *v)
{
	take_request(v, 0);
	take_request(v, 1);
	must_eq(kipc_call_cancelled(v->chan, v->request[0].id), 0);
}

/* ---- survivors ---------------------------------------------------------------------------- */

static void check_end(struct stage *s, struct kipc_chan *c)
{
	struct kipc_peer peer = { .size = sizeof(peer) };
	struct kipc_request q;
	char byte;

	must(s->ledger->got == s->ledger->sent ||
	     s->ledger->got == s->ledger->sent + s->ledger->trying);
	must_eq(kipc_chan_peer(c, &peer), 0);
	must_eq(peer.state, KIPC_PEER_GONE);
	must_eq(kipc_call_next(c, &q, -1), -EPIPE);
	must_eq(kipc_call(c, "x", 1, &byte, 1, -1), -EPIPE);
	poll_for(c, KIPC_IN);
}

/* The peer may have gone, or have changed its mind. */
static void reply(struct kipc_chan *c, int64_t id, uint32_t number)
{
	struct letter l;
	int r;

	letter_write(&l, SURVIVOR, number);
	r = kipc_reply(c, id, l.body, l.len, -1);
	must(r == 0 || r == -EPIPE || r == -ECANCELED);
}

static int next(struct stage *s, struct kipc_chan *c, struct kipc_request *q)
{
	int r;

	while ((r = kipc_call_next(c, q, s->mood == POLLING ? 0 : -1)) == -EAGAIN)
		poll_for(c, KIPC_IN);
	return r;
}

static void serve(struct stage *s, struct kipc_chan *c, bool answers)
{
	int64_t held[LETTERS];
	struct kipc_request q;
	unsigned n = 0;
	int r;

	say(s);
	while ((r = next(s, c, &q)) == 0) {
		must(letter_is(q.data, q.len, VICTIM, s->ledger->got));
		if (answers)
			reply(c, q.id, s->ledger->got);
		else
			held[n++] = q.id;
		s->ledger->got++;
	}
	must_eq(r, -EPIPE);
	while (n > 0) {
		must_eq(kipc_call_cancelled(c, held[--n]), 1);
		reply(c, held[n], 0);
	}
	hear(s);
	check_end(s, c);
}

static void serve_survive(struct stage *s, struct kipc_chan *c)
{
	serve(s, c, true);
}

static void hold_survive(struct stage *s, struct kipc_chan *c)
{
	serve(s, c, false);
}

static ssize_t end(struct stage *s, struct kipc_chan *c, int64_t id, struct letter *l)
{
	ssize_t r;

	for (;;) {
		r = kipc_call_end(c, id, l->body, sizeof(l->body), s->mood == POLLING ? 0 : -1);
		if (r != -EAGAIN)
			return r;
		poll_for(c, KIPC_IN);
	}
}

/* The first calls are answered, the others are not. */
static void call_survive(struct stage *s, struct kipc_chan *c)
{
	int64_t id[LETTERS];
	struct letter l;
	bool over = false;
	ssize_t r;

	for (unsigned i = 0; i < LETTERS; i++) {
		letter_write(&l, SURVIVOR, WARM_ROUNDS + i);
		id[i] = kipc_call_begin(c, l.body, l.len, -1);
		must(id[i] > 0);
	}
	say(s);
	if (s->mood == AWAY)
		hear(s);
	for (unsigned i = 0; i < LETTERS; i++) {
		r = end(s, c, id[i], &l);
		must(r == -EPIPE || !over);
		over = r == -EPIPE;
		if (over)
			continue;
		must(r < 0 ? kipc_call_remote(r) == WRONG
		           : letter_is(l.body, (size_t)r, VICTIM, s->ledger->got));
		s->ledger->got++;
	}
	if (s->mood != AWAY)
		hear(s);
	check_end(s, c);
}

#define CALLER(NAME, ...)                                                                   \
	{                                                                                   \
		.name = "call: " NAME, .survive = serve_survive, .talks = true, __VA_ARGS__ \
	}
#define SERVER(NAME, ...)                                                                          \
	{                                                                                          \
		.name = "serve: " NAME, .survive = call_survive, .options = "size=8K", __VA_ARGS__ \
	}

const struct scene call_scenes[] = {
	CALLER("call", .act = call_some, .commits = 2),
	CALLER("begin, end", .act = call_several, .commits = 3),
	CALLER("cancel", .act = call_and_cancel, .commits = 2),
	{ .name = "call: timed out",
	  .act = call_in_vain,
	  .survive = hold_survive,
	  .talks = true,
	  .late = true },
	{ .name = "call: asleep",
	  .act = call_for_ever,
	  .survive = hold_survive,
	  .talks = true,
	  .asleep = true },
	SERVER("next, reply", .act = serve_some, .commits = 3),
	SERVER("reply_next", .act = serve_on, .commits = 3),
	SERVER("reply_error", .act = refuse_some, .commits = 2),
	SERVER("next", .act = take_and_look),
	{ .name = NULL },
};
