// SPDX-License-Identifier: MIT
/*
 * bench_alone.c - what batches cost where no cache line moves: both ends of a ring in one thread
 *
 * A batch goes in and comes out again. "send-alone" counts the time of the one half, "recv-alone" that of
 * the other: stamping and checking the messages belong to it, as in a stream. A stream between two CPUs is no
 * faster than the slower of the two, however near they are.
 */
#include <kipc.h>
#include <string.h>

#include "bench.h"
#include "clock.h"
#include "kipc_pair.h"
#include "message.h"

#define WARM_MS 1

struct alone {
	struct side *side;
	struct kipc_chan *chan[2];
	struct kipc_msg m[BENCH_BATCH_MAX];
	char *buf[2];
	uint64_t seq;
};

/* A pair more: of the one that is there this process has an end only. */
static int open_both(struct alone *a)
{
	int r = kipc_pair_setup(a->side->pair);

	a->chan[0] = a->side->pair->handle[0];
	a->chan[1] = a->side->pair->handle[1];
	return r;
}

/* Where the messages of a batch lie outside of the ring. */
static void lay_out(struct alone *a, int who)
{
	const struct cell *c = a->side->cell;

	for (unsigned int i = 0; i < c->batch; i++)
		a->m[i] = (struct kipc_msg){ .data = a->buf[who] + i * c->size, .len = c->size };
}

static int send_batch(struct alone *a)
{
	const struct cell *c = a->side->cell;
	bool inplace = c->variant == VARIANT_INPLACE;
	int r = 0;

	lay_out(a, 0);
	if (inplace)
		r = kipc_reserve(a->chan[0], a->m, c->batch, 0);
	for (unsigned int i = 0; i < c->batch && r >= 0; i++)
		message_stamp(a->m[i].data, c->size, a->seq + i);
	if (r < 0)
		return r;
	return inplace ? kipc_commit(a->chan[0], a->m, c->batch)
	               : kipc_send_n(a->chan[0], a->m, c->batch, 0);
}

static int recv_batch(struct alone *a)
{
	const struct cell *c = a->side->cell;
	bool inplace = c->variant == VARIANT_INPLACE, whole;
	int r;

	lay_out(a, 1);
	r = inplace ? kipc_peek(a->chan[1], a->m, c->batch, 0)
	            : kipc_recv_n(a->chan[1], a->m, c->batch, 0);
	for (int i = 0; i < r; i++)
		if (message_read(a->m[i].data, c->size, &whole) != a->seq + i || !whole)
			return -EBADMSG;
	return r > 0 && inplace ? kipc_release(a->chan[1], r) : r;
}

/* Ticks of a half; a batch is all or nothing here, for the ring is empty before. */
static int64_t time_half(struct alone *a, int (*half)(struct alone *a))
{
	uint64_t start = clock_ticks(), ticks;
	int r = half(a);

	ticks = clock_ticks() - start;
	if (r != (int)a->side->cell->batch)
		return r < 0 ? r : -EBADMSG;
	return ticks > clock_cost ? ticks - clock_cost : 0;
}

static int64_t round_trip(struct alone *a, int which)
{
	int64_t ticks[2];

	ticks[0] = time_half(a, send_batch);
	if (ticks[0] < 0)
		return ticks[0];
	ticks[1] = time_half(a, recv_batch);
	a->seq += a->side->cell->batch;
	return ticks[1] < 0 ? ticks[1] : ticks[which];
}

static int run(struct side *s, int which)
{
	struct sample *out = &s->pair->sample;
	size_t bytes = s->cell->batch * s->cell->size;
	struct alone a = {
		.side = s,
		.buf = { bench_buffer(s, bytes), bench_buffer(s, bytes) },
	};
	uint64_t warm, end;
	int64_t r;

	if (!a.buf[0] || !a.buf[1])
		return -ENOMEM;
	r = open_both(&a);
	if (r < 0)
		return r;
	warm = clock_ticks() + clock_ticks_of_ms(WARM_MS);
	end = warm + clock_ticks_of_ms(s->cell->ms);
	meter_start(&out->meter[0]);
	do {
		r = round_trip(&a, which);
		if (r < 0)
			return kipc_pair_failed(s->pair, r, "a batch in one thread");
		if (clock_ticks() < warm)
			continue;
		out->ticks += r;
		out->msgs += s->cell->batch;
	} while (clock_ticks() < end || !out->msgs);
	meter_stop(&out->meter[0]);
	kipc_chan_close(a.chan[0]);
	kipc_chan_close(a.chan[1]);
	return 0;
}

static int run_send(struct side *s)
{
	return run(s, 0);
}

static int run_recv(struct side *s)
{
	return run(s, 1);
}

const struct bench bench_send_alone = { "send-alone", { run_send, NULL } };
const struct bench bench_recv_alone = { "recv-alone", { run_recv, NULL } };
