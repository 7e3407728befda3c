/* SPDX-License-Identifier: MIT */
/* times.h - a histogram of durations: minimum and maximum exact, percentiles within 2 % */
#ifndef KIPC_TIMES_H
#define KIPC_TIMES_H

#include <stdint.h>

/* 64 buckets to a power of two */
#define TIMES_SUB_BITS   6
#define TIMES_NR_BUCKETS ((64 - TIMES_SUB_BITS + 1) << TIMES_SUB_BITS)

struct times {
	uint64_t count, min, max;
	uint64_t buckets[TIMES_NR_BUCKETS];
};

void times_add(struct times *t, uint64_t ns);

/* The time that a share p (0 .. 1) of them did not exceed. */
uint64_t times_percentile(const struct times *t, double p);

#endif /* KIPC_TIMES_H */
