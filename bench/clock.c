// SPDX-License-Identifier: MIT
/* clock.c - finding and calibrating the clock; see clock.h */
#include "clock.h"

#include <stdio.h>
#include <string.h>

#define COST_READINGS 100000

bool clock_has_counter;
double clock_ns_per_tick = 1;
uint64_t clock_cost;

#if defined(__x86_64__)
static const bool has_counter = true;
#else
static const bool has_counter = false;
#endif

/* The counter is of use only if its rate is constant and it goes on while the CPU sleeps. */
static bool counter_is_constant(void)
{
	char line[8192];
	bool found = false;
	FILE *f = fopen("/proc/cpuinfo", "re");

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, " constant_tsc") && strstr(line, " nonstop_tsc");
	fclose(f);
	return found;
}

/* The mean of many: one reading may be too coarse to show it. */
static uint64_t cost(void)
{
	uint64_t start = clock_ticks(), now = start;

	for (int i = 0; i < COST_READINGS; i++)
		now = clock_ticks();
	return (now - start) / COST_READINGS;
}

void clock_calibrate(void)
{
	uint64_t ns, ticks;

	clock_has_counter = has_counter && counter_is_constant();
	clock_cost = cost();
	if (!clock_has_counter)
		return;
	ns = clock_ns(CLOCK_MONOTONIC);
	ticks = clock_ticks();
	while (clock_ns(CLOCK_MONOTONIC) - ns < 30 * 1000 * 1000)
		;
	ticks = clock_ticks() - ticks;
	ns = clock_ns(CLOCK_MONOTONIC) - ns;
	clock_ns_per_tick = (double)ns / ticks;
}
