/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the bench's clock
 *
 * Where the CPU has a time stamp counter of constant rate it is read directly (8 ns on the machine
 * this was written on, against 22 ns for clock_gettime); elsewhere a tick is a nanosecond.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

extern bool clock_has_counter;
extern double clock_ns_per_tick;
extern uint64_t clock_cost; /* ticks that pass between two readings with nothing in between */

/* Once, before the first use of the others. Takes 30 ms. */
void clock_calibrate(void);

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static inline uint64_t clock_ticks(void)
{
#if defined(__x86_64__)
	if (clock_has_counter)
		return __builtin_ia32_rdtsc();
#endif
	return clock_ns(CLOCK_MONOTONIC);
}

static inline uint64_t clock_ticks_of_ms(double ms)
{
	return ms * 1e6 / clock_ns_per_tick;
}

#endif /* CLOCK_H */
