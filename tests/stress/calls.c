// SPDX-License-Identifier: MIT
/* A pair on which both ends call and serve, several calls at a time, with deadlines and without. */
#include <errno.h>
#include <string.h>
#include "session.h"

#define FLIGHTS    16
#define OPEN_MOST  8
#define REFUSED    (-EDOM)
#define CALLS_MOST 2000

/* In front of a request and of its reply; all that follows is made of it. */
struct head {
	uint64_t kind, slot, session, seq, len;
};

#define REQUEST 0x747365757165ULL
#define REPLY   0x796c706572ULL

struct flight {
	int64_t id;
	uint64_t seq;
	bool hurried; /* it has a deadline */
};

struct open {
	int64_t id;
	struct head asked;
};

struct talk {
	struct session s;
	struct flight flight[FLIGHTS];
	struct open open[OPEN_MOST];
	unsigned flights, opens;
	uint64_t seq;      /* of the next request */
	uint64_t peer_seq; /* of the last one that came, and one */
	uint64_t answers;
	bool over;
};

static uint64_t chance(struct talk *t, uint64_t n)
{
	return random_below(&t->s.random[0], n);
}

static int64_t some_patience(struct talk *t)
{
	return chance(t, 3) ? 0 : (int64_t)chance(t, 3 * MSEC);
}

static size_t head_fill(struct head h, void *to)
{
	memcpy(to, &h, sizeof(h));
	content_fill((uint8_t *)to + sizeof(h), h.len - sizeof(h),
	             h.kind ^ h.slot << 40 ^ h.session << 24 ^ h.seq);
	return h.len;
}

/* Is it what belongs to this head? */
static void head_check(struct talk *t, const void *data, size_t len, struct head *h)
{
	if (len < sizeof(*h))
		broken(&t->s, "a request or reply of %zu bytes", len);
	memcpy(h, data, sizeof(*h));
	if (h->len != len || (h->kind != REQUEST && h->kind != REPLY))
		broken(&t->s, "a request or reply of %zu bytes says that it has %llu", len,
		       (unsigned long long)h->len);
	head_fill(*h, t->s.check);
	if (memcmp(t->s.check, data, len) != 0)
		broken(&t->s, "a request or reply has other content");
	t->s.me->messages++;
	t->s.me->bytes += len;
}

static uint64_t some_length(struct talk *t)
{
	uint64_t limit = chance(t, 16) ? 300 : t->s.longest - KIPC_CALL_BYTES;

	limit = limit < t->s.longest - KIPC_CALL_BYTES ? limit : t->s.longest - KIPC_CALL_BYTES;
	return sizeof(struct head) + chance(t, limit - sizeof(struct head) + 1);
}

/* ---- calling ------------------------------------------------------------------------------ */

static void begin(struct talk *t)
{
	struct flight *f = &t->flight[t->flights];
	struct head h = { REQUEST, t->s.slot, t->s.me->session, t->seq, some_length(t) };
	int64_t timeout = chance(t, 2) ? 0 : 1 + (int64_t)chance(t, 20 * MSEC);

	if (t->flights == FLIGHTS || t->seq >= t->s.budget)
		return;
	head_fill(h, t->s.out);
	calling(&t->s, SENDING, "kipc_call_begin");
	f->id = called(&t->s, SENDING, kipc_call_begin(t->s.chan, t->s.out, h.len, timeout));
	if (f->id == -EPIPE)
		t->over = true;
	else if (f->id <= 0 && !not_now(f->id) && f->id != -EBUSY)
		broken(&t->s, "beginning a call: %s", kipc_strerror((int)f->id));
	t->seq++;
	if (f->id <= 0)
		return;
	f->seq = h.seq;
	f->hurried = timeout > 0;
	t->flights++;
}

/* Whether the call is over. */
static bool settled(struct talk *t, const struct flight *f, int64_t r)
{
	struct head h;

	if (r == -EAGAIN || r == -EINTR)
		return false;
	if (r == -EPIPE || kipc_call_remote(r) == REFUSED || (r == -ETIMEDOUT && f->hurried))
		return true;
	if (r < 0)
		broken(&t->s, "a call: %s", kipc_strerror((int)r));
	head_check(t, t->s.in, (size_t)r, &h);
	if (h.kind != REPLY || h.slot != t->s.slot || h.session != t->s.me->session ||
	    h.seq != f->seq)
		broken(&t->s, "the reply to call %llu is that to %llu", (unsigned long long)f->seq,
		       (unsigned long long)h.seq);
	t->answers++;
	return true;
}

static void end(struct talk *t)
{
	unsigned i = t->flights ? (unsigned)chance(t, t->flights) : 0;
	int64_t r;

	if (!t->flights)
		return;
	calling(&t->s, RECEIVING, "kipc_call_end");
	r = called(&t->s, RECEIVING,
	           kipc_call_end(t->s.chan, t->flight[i].id, t->s.in, t->s.longest,
	                         t->over ? 0 : some_patience(t)));
	if (settled(t, &t->flight[i], r))
		t->flight[i] = t->flight[--t->flights];
}

static void cancel(struct talk *t)
{
	if (!t->flights || chance(t, 8))
		return;
	calling(&t->s, SENDING, "kipc_call_cancel");
	if (called(&t->s, SENDING, kipc_call_cancel(t->s.chan, t->flight[--t->flights].id)) != 0)
		broken(&t->s, "cancel refused");
}

/* ---- serving ------------------------------------------------------------------------------ */

/* Each comes once, and in the order in which they were begun. */
static void next(struct talk *t)
{
	struct open *o = &t->open[t->opens];
	struct kipc_request q;
	int64_t r;

	if (t->opens == OPEN_MOST)
		return;
	calling(&t->s, RECEIVING, "kipc_call_next");
	r = called(&t->s, RECEIVING, kipc_call_next(t->s.chan, &q, some_patience(t)));
	if (r == -EPIPE)
		t->over = true;
	else if (r < 0 && !not_now(r))
		broken(&t->s, "the next request: %s", kipc_strerror((int)r));
	if (r < 0)
		return;
	head_check(t, q.data, q.len, &o->asked);
	if (o->asked.kind != REQUEST || o->asked.slot != (t->s.slot ^ 1) ||
	    o->asked.seq < t->peer_seq)
		broken(&t->s, "request %llu comes twice, or too late",
		       (unsigned long long)o->asked.seq);
	t->peer_seq = o->asked.seq + 1;
	o->id = q.id;
	t->opens++;
}

static void answer(struct talk *t)
{
	unsigned i = t->opens ? (unsigned)chance(t, t->opens) : 0;
	struct head h = t->open[i].asked;
	int64_t r;

	if (!t->opens)
		return;
	calling(&t->s, SENDING, "kipc_reply");
	if (chance(t, 8) == 0) {
		r = called(&t->s, SENDING, kipc_reply_error(t->s.chan, t->open[i].id, REFUSED));
	} else {
		h.kind = REPLY;
		h.len = some_length(t);
		r = called(&t->s, SENDING,
		           kipc_reply(t->s.chan, t->open[i].id, t->s.out, head_fill(h, t->s.out),
		                      some_patience(t)));
	}
	if (not_now(r))
		return;
	if (r < 0 && r != -ECANCELED && r != -EPIPE)
		broken(&t->s, "a reply: %s", kipc_strerror((int)r));
	t->open[i] = t->open[--t->opens];
}

static void look(struct talk *t)
{
	if (!t->opens)
		return;
	calling(&t->s, SENDING, "kipc_call_cancelled");
	if (called(&t->s, SENDING, kipc_call_cancelled(t->s.chan, t->open[0].id)) < 0)
		broken(&t->s, "kipc_call_cancelled refused");
}

/* Both kinds of waiting; what is in hand goes on after a moment. */
static void wait_for_any(struct talk *t)
{
	int64_t r;

	if (chance(t, 2)) {
		poll_for(&t->s, RECEIVING, kipc_chan_fd(t->s.chan, KIPC_IN));
		return;
	}
	calling(&t->s, RECEIVING, "kipc_wait");
	r = called(&t->s, RECEIVING, kipc_wait(t->s.chan, KIPC_IN, (int64_t)chance(t, 3 * MSEC)));
	if (r < 0 && !not_now(r))
		broken(&t->s, "waiting: %s", kipc_strerror((int)r));
}

/* ---- the session -------------------------------------------------------------------------- */

static void step(struct talk *t)
{
	static void (*const verbs[])(struct talk * t) = { begin, begin,        end,    end,
		                                          next,  next,         answer, answer,
		                                          look,  wait_for_any, cancel };

	verbs[chance(t, sizeof(verbs) / sizeof(*verbs))](t);
}

static bool goes_on(const struct talk *t)
{
	return !t->over && !__atomic_load_n(&table->stop, __ATOMIC_RELAXED) &&
	       (t->seq < t->s.budget || t->flights || t->opens);
}

void calls_run(unsigned i, struct worker *me, uint64_t *random)
{
	static struct talk t;

	memset(&t, 0, sizeof(t));
	session_open(&t.s, i, me, random);
	t.s.budget = 1 + random_below(random, CALLS_MOST);
	while (goes_on(&t))
		step(&t);
	/* The peer is gone: replies that it gave are there, and nothing waits any more. */
	for (unsigned n = 0; t.over && t.flights && n < 10 * FLIGHTS; n++)
		end(&t);
	if (t.over && t.flights)
		broken(&t.s, "the peer is gone and %u calls do not end", t.flights);
	if (t.answers)
		me->compared++;
	else
		me->unknown++;
	session_close(&t.s);
}
