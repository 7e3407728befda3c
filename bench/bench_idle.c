// SPDX-License-Identifier: MIT
/*
 * bench_idle.c - what waiting costs: a receiver waits and nothing comes
 *
 * Two messages go first, the second one when the receiver has waited for a while, so that whatever is
 * set up or measured at the first use and at the first long wait is done; then the sender sleeps and at
 * last sends a third one. The receiver's CPU time between the last two is the figure.
 */
#include <time.h>

#include "bench.h"
#include "clock.h"
#include "message.h"

static const struct timespec settling = { .tv_nsec = 100 * 1000 * 1000 };

static int send_word(struct side *s, void *buf, uint64_t word)
{
	message_stamp(buf, s->cell->size, word);
	return s->cell->mech->send(s, buf);
}

static int run_first(struct side *s)
{
	struct timespec pause = { s->cell->ms / 1000, s->cell->ms % 1000 * 1000000l };
	void *buf[2] = { bench_buffer(s, s->cell->size), bench_buffer(s, s->cell->size) };
	int r;

	if (!buf[0] || !buf[1])
		return -ENOMEM;
	r = send_word(s, buf[0], 0);
	if (r < 0)
		return r;
	nanosleep(&settling, NULL);
	r = send_word(s, buf[1], 1);
	if (r < 0)
		return r;
	nanosleep(&pause, NULL);
	r = send_word(s, buf[0], 2);
	return r < 0 ? r : 0;
}

static int run_second(struct side *s)
{
	struct sample *out = &s->pair->sample;
	void *buf = bench_buffer(s, s->cell->size);
	uint64_t start;
	int r;

	if (!buf)
		return -ENOMEM;
	r = s->cell->mech->recv(s, buf);
	if (r >= 0)
		r = s->cell->mech->recv(s, buf);
	if (r < 0)
		return r;
	start = clock_ticks();
	meter_start(&out->meter[1]);
	r = s->cell->mech->recv(s, buf);
	meter_stop(&out->meter[1]);
	out->ticks = clock_ticks() - start;
	out->msgs = 1;
	return r < 0 ? r : 0;
}

const struct bench bench_idle = { "idle", { run_first, run_second } };
