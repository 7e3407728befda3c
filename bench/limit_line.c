// SPDX-License-Identifier: MIT
/*
 * limit_line.c - what the hardware allows: a bare ping-pong over one cache line, and over two
 *
 * The clock is read once for 16 round trips, so that its cost does not show.
 */
#include <sys/mman.h>

#include "clock.h"
#include "lines.h"

#define GROUP      16
#define WARM_TRIPS 2000

extern const struct mech mech_two_lines;

static int setup(struct pair *p)
{
	p->map_bytes = sizeof(struct lines);
	p->map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p->map == MAP_FAILED ? bench_fail(p, -errno, "mmap: %m") : 0;
}

static inline void measure(struct side *s, bool two)
{
	struct sample *out = &s->pair->sample;
	struct lines *l = s->pair->map;
	uint64_t n = 0, start, now, end;

	while (n < WARM_TRIPS)
		line_pass(l, two, ++n);
	meter_start(&out->meter[0]);
	start = now = clock_ticks();
	end = start + clock_ticks_of_ms(s->cell->ms);
	while (now < end) {
		uint64_t before = now;

		for (int i = 0; i < GROUP; i++)
			line_pass(l, two, ++n);
		now = clock_ticks();
		hist_add_n(&out->hist, (now - before + GROUP / 2) / GROUP, GROUP);
	}
	meter_stop(&out->meter[0]);
	out->ticks = now - start;
	out->msgs = 2 * out->hist.total;
	line_end(l);
}

static int run_first(struct side *s)
{
	if (s->cell->mech == &mech_two_lines)
		measure(s, true);
	else
		measure(s, false);
	return 0;
}

static int run_second(struct side *s)
{
	bool two = s->cell->mech == &mech_two_lines;
	uint64_t n = 1;

	meter_start(&s->pair->sample.meter[1]);
	while (line_answer(s->pair->map, two, n))
		n++;
	meter_stop(&s->pair->sample.meter[1]);
	return 0;
}

static const struct bench bare_roundtrip = { "roundtrip", { run_first, run_second } };

const struct mech mech_line = {
	.name = "limit:line",
	.about = "one cache line to and fro, no message",
	.waits = BIT(WAIT_SPIN),
	.own_bench = &bare_roundtrip,
	.setup = setup,
};

const struct mech mech_two_lines = {
	.name = "limit:two-lines",
	.about = "two cache lines, one each way, no message",
	.waits = BIT(WAIT_SPIN),
	.own_bench = &bare_roundtrip,
	.setup = setup,
};
