// SPDX-License-Identifier: MIT
/*
 * bench_stream.c - throughput: messages one way, as fast as they go
 *
 * The first process sends until the time is over and marks the message from which the receiver's clock
 * runs and the last one. The second process checks every message (length, order, tail) and measures
 * from the first mark to the last.
 */
#include "bench.h"
#include "clock.h"
#include "message.h"

#define WARM_MS       3
#define WARM_LARGE_MS 8 /* once round a ring of 8 MiB whose pages come with the first messages */

struct sender {
	uint64_t seq;
	uint64_t mark;  /* flags of the next message */
	uint64_t phase; /* when the current phase ends */
	unsigned int sent_since_look;
	unsigned int look_every; /* the clock costs as much as a small message */
	bool started;
	bool done;
};

static void begin(struct sender *t, const struct cell *c)
{
	*t = (struct sender){
		.phase =
			clock_ticks() + clock_ticks_of_ms(c->size < 4096 ? WARM_MS : WARM_LARGE_MS),
		.look_every = c->size < 4096 ? 64 : 1,
	};
}

/* The next message's word. Starts the clock when the warm-up is over, stops when the time is. */
static uint64_t next_word(struct side *s, struct sender *t)
{
	uint64_t word = t->seq++ | t->mark, now;

	t->mark = 0;
	if (++t->sent_since_look < t->look_every)
		return word;
	t->sent_since_look = 0;
	now = clock_ticks();
	if (now < t->phase)
		return word;
	if (t->started) {
		t->done = true;
		return word | MESSAGE_STOP;
	}
	t->started = true;
	t->mark = MESSAGE_START;
	t->phase = now + clock_ticks_of_ms(s->cell->ms);
	meter_start(&s->pair->sample.meter[0]);
	return word;
}

static int send_one_by_one(struct side *s, struct sender *t)
{
	const struct mech *m = s->cell->mech;
	void *buf[2] = { bench_buffer(s, s->cell->size), NULL };
	int r = 0;

	buf[1] = m->keeps_buffer ? bench_buffer(s, s->cell->size) : buf[0];
	if (!buf[0] || !buf[1])
		return -ENOMEM;
	while (r >= 0 && !t->done) {
		uint64_t word = next_word(s, t);
		void *msg = buf[word & 1];

		message_stamp(msg, s->cell->size, word);
		r = m->send(s, msg);
	}
	return r;
}

/* Stamps up to n messages; fewer when the last one is among them. */
static unsigned int fill(struct side *s, struct sender *t, void **at, unsigned int n)
{
	unsigned int i = 0;

	while (i < n && !t->done)
		message_stamp(at[i++], s->cell->size, next_word(s, t));
	return i;
}

static int send_batches(struct side *s, struct sender *t)
{
	unsigned int n = s->cell->batch;
	char *base = bench_buffer(s, n * s->cell->size);
	void *at[BENCH_BATCH_MAX];
	int r = 0;

	if (!base)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		at[i] = base + i * s->cell->size;
	while (r >= 0 && !t->done)
		r = s->cell->mech->send_many(s, base, fill(s, t, at, n));
	return r;
}

static int send_inplace(struct side *s, struct sender *t)
{
	const struct mech *m = s->cell->mech;
	void *at[BENCH_BATCH_MAX];
	int r = 0;

	while (r >= 0 && !t->done) {
		r = m->reserve(s, at, s->cell->batch);
		if (r >= 0)
			r = m->commit(s, fill(s, t, at, s->cell->batch));
	}
	return r;
}

static int run_first(struct side *s)
{
	struct sender t;
	int r;

	begin(&t, s->cell);
	if (s->cell->variant == VARIANT_INPLACE)
		r = send_inplace(s, &t);
	else if (s->cell->batch > 1)
		r = send_batches(s, &t);
	else
		r = send_one_by_one(s, &t);
	meter_stop(&s->pair->sample.meter[0]);
	return r < 0 ? r : 0;
}

struct receiver {
	uint64_t seq;
	uint64_t first; /* the message with which the clock started */
	uint64_t start;
	bool done;
};

static int take_marked(struct side *s, struct receiver *t, uint64_t word)
{
	struct sample *out = &s->pair->sample;

	if (word & MESSAGE_START) {
		t->first = t->seq;
		meter_start(&out->meter[1]);
		t->start = clock_ticks();
	}
	if (word & MESSAGE_STOP) {
		out->ticks = clock_ticks() - t->start;
		meter_stop(&out->meter[1]);
		out->msgs = t->seq - t->first;
		t->done = true;
	}
	return 0;
}

static inline int take(struct side *s, struct receiver *t, const void *msg)
{
	bool whole;
	uint64_t word = message_read(msg, s->cell->size, &whole);
	int r = 0;

	if (!whole)
		return bench_fail(s->pair, -EBADMSG, "message %llu arrived torn",
		                  (unsigned long long)t->seq);
	if ((word & MESSAGE_SEQ) != t->seq)
		return bench_fail(s->pair, -EBADMSG, "message %llu arrived in place of %llu",
		                  (unsigned long long)(word & MESSAGE_SEQ),
		                  (unsigned long long)t->seq);
	if (word & ~MESSAGE_SEQ)
		r = take_marked(s, t, word);
	t->seq++;
	return r;
}

static int receive_one_by_one(struct side *s, struct receiver *t)
{
	void *buf = bench_buffer(s, s->cell->size);
	int r = buf ? 0 : -ENOMEM;

	while (r >= 0 && !t->done) {
		r = s->cell->mech->recv(s, buf);
		if (r >= 0)
			r = take(s, t, buf);
	}
	return r;
}

static int receive_batches(struct side *s, struct receiver *t)
{
	char *base = bench_buffer(s, s->cell->batch * s->cell->size);
	int r = base ? 0 : -ENOMEM;

	while (r >= 0 && !t->done) {
		int n = s->cell->mech->recv_many(s, base, s->cell->batch);

		r = n;
		for (int i = 0; i < n && r >= 0; i++)
			r = take(s, t, base + i * s->cell->size);
	}
	return r;
}

static int receive_inplace(struct side *s, struct receiver *t)
{
	const struct mech *m = s->cell->mech;
	void *at[BENCH_BATCH_MAX];
	int r = 0;

	while (r >= 0 && !t->done) {
		int n = m->peek(s, at, s->cell->batch);

		r = n;
		for (int i = 0; i < n && r >= 0; i++)
			r = take(s, t, at[i]);
		if (r >= 0)
			r = m->release(s, n);
	}
	return r;
}

static int run_second(struct side *s)
{
	struct receiver t = { 0 };
	int r;

	if (s->cell->variant == VARIANT_INPLACE)
		r = receive_inplace(s, &t);
	else if (s->cell->batch > 1)
		r = receive_batches(s, &t);
	else
		r = receive_one_by_one(s, &t);
	return r < 0 ? r : 0;
}

const struct bench bench_stream = { "stream", { run_first, run_second } };
