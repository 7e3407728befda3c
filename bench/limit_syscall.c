// SPDX-License-Identifier: MIT
/* limit_syscall.c - what the kernel allows: a bare system call, into the kernel and back */
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"

#define GROUP 16

static int setup(struct pair *p)
{
	(void)p;
	return 0;
}

static int run(struct side *s)
{
	struct sample *out = &s->pair->sample;
	uint64_t start, now, end;

	meter_start(&out->meter[0]);
	start = now = clock_ticks();
	end = start + clock_ticks_of_ms(s->cell->ms);
	while (now < end) {
		uint64_t before = now;

		for (int i = 0; i < GROUP; i++)
			syscall(SYS_getpid);
		now = clock_ticks();
		hist_add_n(&out->hist, (now - before + GROUP / 2) / GROUP, GROUP);
	}
	meter_stop(&out->meter[0]);
	out->ticks = now - start;
	out->msgs = out->hist.total;
	return 0;
}

static const struct bench call_roundtrip = { "roundtrip", { run, NULL } };

const struct mech mech_syscall = {
	.name = "limit:syscall",
	.about = "getpid",
	.waits = BIT(WAIT_SPIN),
	.own_bench = &call_roundtrip,
	.setup = setup,
};
