// SPDX-License-Identifier: MIT
/*
 * bench_roundtrip.c - latency: a message there and its echo back
 *
 * The first process stamps a message, sends it and waits for the echo in another buffer; the time from
 * before the send until after the receive, less what reading the clock takes, goes to the histogram. Stamping and checking are outside of
 * it. The second process checks each message and sends back what it received (in place: stamps a
 * reply), so that both sides touch what they get.
 */
#include "bench.h"
#include "clock.h"
#include "message.h"

#define WARM_ROUNDS 200
#define WARM_MS     5

/* From here to there; the clock's own cost is not the mechanism's. */
static int64_t between(uint64_t start, uint64_t end)
{
	return end - start > clock_cost ? end - start - clock_cost : 0;
}

/* One round trip of the message word; its ticks, or a negative errno. */
typedef int64_t (*round_fn)(struct side *s, void *const buf[2], uint64_t word);

static int wrong(struct side *s, uint64_t want, uint64_t got, bool whole)
{
	if (!whole)
		return bench_fail(s->pair, -EBADMSG, "message %llu arrived torn",
		                  (unsigned long long)(want & MESSAGE_SEQ));
	return bench_fail(s->pair, -EBADMSG, "message %llu arrived in place of %llu",
	                  (unsigned long long)(got & MESSAGE_SEQ),
	                  (unsigned long long)(want & MESSAGE_SEQ));
}

static int check(struct side *s, const void *msg, uint64_t want)
{
	bool whole;
	uint64_t got = message_read(msg, s->cell->size, &whole);

	return whole && got == want ? 0 : wrong(s, want, got, whole);
}

static int64_t round_copy(struct side *s, void *const buf[2], uint64_t word)
{
	const struct mech *m = s->cell->mech;
	uint64_t start, end;
	int r;

	message_stamp(buf[0], s->cell->size, word);
	start = clock_ticks();
	r = m->send(s, buf[0]);
	if (r < 0)
		return r;
	r = m->recv(s, buf[1]);
	if (r < 0)
		return r;
	end = clock_ticks();
	r = check(s, buf[1], word);
	return r < 0 ? r : between(start, end);
}

/* Stamping is part of the trip here: it writes into the channel's own memory. */
static int64_t round_inplace(struct side *s, void *const buf[2], uint64_t word)
{
	const struct mech *m = s->cell->mech;
	uint64_t start = clock_ticks(), end;
	void *at[1];
	int r;

	(void)buf;
	r = m->reserve(s, at, 1);
	if (r < 0)
		return r;
	message_stamp(at[0], s->cell->size, word);
	r = m->commit(s, 1);
	if (r < 0)
		return r;
	r = m->peek(s, at, 1);
	if (r < 0)
		return r;
	end = clock_ticks();
	r = check(s, at[0], word);
	if (r == 0)
		r = m->release(s, 1);
	return r < 0 ? r : between(start, end);
}

/* Caches, page tables and the peer's first wake-up are not what is measured. */
static int64_t warm_up(struct side *s, round_fn round, void *const buf[2])
{
	uint64_t end = clock_ticks() + clock_ticks_of_ms(WARM_MS);
	int64_t n = 0, r;

	do {
		r = round(s, buf, n);
		if (r < 0)
			return r;
	} while (++n < WARM_ROUNDS && (n < 2 || clock_ticks() < end));
	return n;
}

static int measure(struct side *s, round_fn round, void *const buf[2], uint64_t seq)
{
	struct sample *out = &s->pair->sample;
	uint64_t start, now, end;

	meter_start(&out->meter[0]);
	start = now = clock_ticks();
	end = start + clock_ticks_of_ms(s->cell->ms);
	while (now < end || !out->hist.total) {
		int64_t r = round(s, buf, seq++);

		if (r < 0)
			return r;
		hist_add(&out->hist, r);
		now = clock_ticks();
	}
	meter_stop(&out->meter[0]);
	out->ticks = now - start;
	out->msgs = 2 * out->hist.total;
	return round(s, buf, seq | MESSAGE_STOP) < 0 ? -EPIPE : 0;
}

static int run_first(struct side *s)
{
	round_fn round = s->cell->variant == VARIANT_INPLACE ? round_inplace : round_copy;
	void *buf[2] = { bench_buffer(s, s->cell->size), bench_buffer(s, s->cell->size) };
	int64_t n;

	if (!buf[0] || !buf[1])
		return -ENOMEM;
	n = warm_up(s, round, buf);
	return n < 0 ? n : measure(s, round, buf, n);
}

/* Takes the message that is next and sends it back; 1: it was the last. */
static int echo_copy(struct side *s, void *buf, uint64_t seq)
{
	const struct mech *m = s->cell->mech;
	bool whole;
	uint64_t word;
	int r = m->recv(s, buf);

	if (r < 0)
		return r;
	word = message_read(buf, s->cell->size, &whole);
	if (!whole || (word & MESSAGE_SEQ) != seq)
		return wrong(s, seq, word, whole);
	r = m->send(s, buf);
	return r < 0 ? r : (word & MESSAGE_STOP) != 0;
}

static int echo_inplace(struct side *s, void *buf, uint64_t seq)
{
	const struct mech *m = s->cell->mech;
	void *from[1], *to[1];
	bool whole;
	uint64_t word;
	int r = m->peek(s, from, 1);

	(void)buf;
	if (r < 0)
		return r;
	word = message_read(from[0], s->cell->size, &whole);
	if (!whole || (word & MESSAGE_SEQ) != seq)
		return wrong(s, seq, word, whole);
	r = m->reserve(s, to, 1);
	if (r < 0)
		return r;
	message_stamp(to[0], s->cell->size, word);
	r = m->commit(s, 1);
	if (r >= 0)
		r = m->release(s, 1);
	return r < 0 ? r : (word & MESSAGE_STOP) != 0;
}

static int run_second(struct side *s)
{
	void *buf = bench_buffer(s, s->cell->size);
	bool inplace = s->cell->variant == VARIANT_INPLACE;
	uint64_t seq = 0;
	int r;

	if (!buf)
		return -ENOMEM;
	meter_start(&s->pair->sample.meter[1]);
	do {
		r = inplace ? echo_inplace(s, buf, seq) : echo_copy(s, buf, seq);
		seq++;
	} while (r == 0);
	meter_stop(&s->pair->sample.meter[1]);
	return r < 0 ? r : 0;
}

const struct bench bench_roundtrip = { "roundtrip", { run_first, run_second } };
