// SPDX-License-Identifier: MIT
/*
 * mech_call.c - calls: kipc_call() and kipc_reply_next() over a pair, one or several in flight
 *
 * A round trip as bench_roundtrip.c takes it, with the batch as the number of calls that are in flight. With
 * one, each trip is a kipc_call(). With more the caller begins them all, and a new one for each that it
 * ends; a trip then lasts from before its request until after its reply, so it contains the others'.
 * The server answers each request with the request itself, out of the ring that it came through.
 */
#include <kipc.h>
#include <string.h>

#include "clock.h"
#include "kipc_pair.h"
#include "message.h"

#define WARM_TRIPS 200
#define WARM_MS    5

struct flight {
	int64_t id;
	uint64_t word, start;
};

struct caller {
	struct side *side;
	struct kipc_chan *chan;
	void *out, *in;
	uint64_t seq;
	struct flight flight[BENCH_BATCH_MAX]; /* the call with number seq at seq % batch */
	bool measuring;
	uint64_t end; /* of this phase */
};

static int join(struct side *s)
{
	s->own = kipc_pair_end(s);
	return 0;
}

static void leave(struct side *s)
{
	kipc_chan_close(s->own);
}

static int check(struct side *s, const void *msg, ssize_t len, uint64_t want)
{
	bool whole;
	uint64_t got;

	if (len < 0)
		return kipc_pair_failed(s->pair, (int)len, "a call");
	if ((size_t)len != s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "a reply of %zd bytes", len);
	got = message_read(msg, s->cell->size, &whole);
	if (!whole)
		return bench_fail(s->pair, -EBADMSG, "a torn reply");
	if (got != want)
		return bench_fail(s->pair, -EBADMSG, "the reply to call %llu in place of %llu",
		                  (unsigned long long)(got & MESSAGE_SEQ),
		                  (unsigned long long)(want & MESSAGE_SEQ));
	return 0;
}

/* ---- the caller ------------------------------------------------------------------------- */

/* A call from its begin to its end: counted, where it lies within the time. */
static int trip_over(struct caller *c, const struct flight *f, ssize_t len)
{
	uint64_t now = clock_ticks();

	if (c->measuring)
		hist_add(&c->side->pair->sample.hist, now - f->start);
	return check(c->side, c->in, len, f->word);
}

static int call_one(struct caller *c, uint64_t mark)
{
	size_t size = c->side->cell->size;
	struct flight f = { .word = c->seq++ | mark };
	ssize_t len;

	message_stamp(c->out, size, f.word);
	f.start = clock_ticks();
	len = kipc_call(c->chan, c->out, size, c->in, size, -1);
	return trip_over(c, &f, len);
}

static int begin_one(struct caller *c)
{
	size_t size = c->side->cell->size;
	struct flight *f = &c->flight[c->seq % c->side->cell->batch];

	f->word = c->seq++;
	message_stamp(c->out, size, f->word);
	f->start = clock_ticks();
	f->id = kipc_call_begin(c->chan, c->out, size, -1);
	return f->id < 0 ? kipc_pair_failed(c->side->pair, (int)f->id, "kipc_call_begin") : 0;
}

static int end_oldest(struct caller *c)
{
	struct flight *f = &c->flight[c->seq % c->side->cell->batch];
	size_t size = c->side->cell->size;

	return trip_over(c, f, kipc_call_end(c->chan, f->id, c->in, size, -1));
}

/* As many calls as go until the time of this phase is over, but some. */
static int call_until(struct caller *c, uint64_t least)
{
	bool several = c->side->cell->batch > 1;
	int r = 0;

	for (uint64_t n = 0; r >= 0 && (n < least || clock_ticks() < c->end); n++) {
		if (!several) {
			r = call_one(c, 0);
			continue;
		}
		r = end_oldest(c);
		if (r >= 0)
			r = begin_one(c);
	}
	return r;
}

static int warm_up(struct caller *c)
{
	int r = 0;

	for (unsigned int i = 0; r >= 0 && c->side->cell->batch > 1 && i < c->side->cell->batch;
	     i++)
		r = begin_one(c);
	c->end = clock_ticks() + clock_ticks_of_ms(WARM_MS);
	return r < 0 ? r : call_until(c, 2);
}

static int measure(struct caller *c)
{
	struct sample *out = &c->side->pair->sample;
	uint64_t start;
	int r;

	c->measuring = true;
	meter_start(&out->meter[0]);
	start = clock_ticks();
	c->end = start + clock_ticks_of_ms(c->side->cell->ms);
	r = call_until(c, 1);
	out->ticks = clock_ticks() - start;
	meter_stop(&out->meter[0]);
	out->msgs = 2 * out->hist.total;
	c->measuring = false;
	return r;
}

/* What is still in flight is answered before the last call. */
static int call_last(struct caller *c)
{
	unsigned int left = c->side->cell->batch > 1 ? c->side->cell->batch : 0;
	int r = 0;

	for (; r >= 0 && left; left--) {
		r = end_oldest(c);
		c->seq++; /* the next slot of the row */
	}
	return r < 0 ? r : call_one(c, MESSAGE_STOP);
}

static int run_caller(struct side *s)
{
	struct caller c = {
		.side = s,
		.chan = s->own,
		.out = bench_buffer(s, s->cell->size),
		.in = bench_buffer(s, s->cell->size),
	};
	int r = c.out && c.in ? warm_up(&c) : -ENOMEM;

	if (r >= 0)
		r = measure(&c);
	return r < 0 ? r : call_last(&c);
}

/* ---- the server ------------------------------------------------------------------------- */

/* 1: it was the last one. */
static int look_at(struct side *s, const struct kipc_request *q)
{
	bool whole;
	uint64_t word;

	if (q->len != s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "a request of %zu bytes", q->len);
	word = message_read(q->data, q->len, &whole);
	if (!whole)
		return bench_fail(s->pair, -EBADMSG, "a torn request");
	return (word & MESSAGE_STOP) != 0;
}

static int run_server(struct side *s)
{
	struct kipc_chan *chan = s->own;
	struct kipc_request q;
	int r, last = 0;

	meter_start(&s->pair->sample.meter[1]);
	r = kipc_call_next(chan, &q, -1);
	while (r == 0 && (last = look_at(s, &q)) == 0)
		r = kipc_reply_next(chan, q.id, q.data, q.len, &q, -1);
	if (r == 0 && last > 0)
		r = kipc_reply(chan, q.id, q.data, q.len, -1);
	meter_stop(&s->pair->sample.meter[1]);
	if (last < 0)
		return last;
	return r < 0 ? kipc_pair_failed(s->pair, r, "serving") : 0;
}

const struct bench bench_call = { "roundtrip", { run_caller, run_server } };

#define CALL_MECH(symbol, string, words)                                                      \
	const struct mech symbol = {                                                          \
		.name = string,                                                               \
		.about = words,                                                               \
		.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK) | BIT(WAIT_ADAPTIVE),               \
		.max_size = 256 << 10,                                                        \
		.max_why = "the bench's own limit: all calls in flight have to fit the ring", \
		.setup = kipc_pair_setup,                                                     \
		.join = join,                                                                 \
		.leave = leave,                                                               \
	}

CALL_MECH(mech_call_kmod, "call:kmod", "kipc_call and kipc_reply over the kernel module");
CALL_MECH(mech_call_shm, "call:shm", "kipc_call and kipc_reply over shared memory");
CALL_MECH(mech_call_unix, "call:unix", "kipc_call and kipc_reply over a unix seqpacket socket");
