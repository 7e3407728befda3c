/* SPDX-License-Identifier: MIT */
/*
 * hist.h - a log-linear histogram of clock ticks
 *
 * Each power of two is cut into 64 buckets, so that a value is known to 1.6 %. Adding a value is a
 * few instructions and one store.
 */
#ifndef HIST_H
#define HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_SUB      (1u << HIST_SUB_BITS)
#define HIST_OCTAVES  36 /* up to 2^41 ticks: minutes */
#define HIST_BUCKETS  (HIST_SUB * (HIST_OCTAVES + 1))

struct hist {
	uint64_t total;
	uint64_t sum;
	uint64_t max;
	uint32_t count[HIST_BUCKETS];
};

static inline unsigned int hist_bucket(uint64_t v)
{
	unsigned int shift;

	if (v < HIST_SUB)
		return v;
	shift = 63 - __builtin_clzll(v) - HIST_SUB_BITS;
	if (shift >= HIST_OCTAVES)
		return HIST_BUCKETS - 1;
	return HIST_SUB * (shift + 1) + ((v >> shift) & (HIST_SUB - 1));
}

/* Add the value v that was seen n times. */
static inline void hist_add_n(struct hist *h, uint64_t v, uint32_t n)
{
	h->count[hist_bucket(v)] += n;
	h->total += n;
	h->sum += v * n;
	if (v > h->max)
		h->max = v;
}

static inline void hist_add(struct hist *h, uint64_t v)
{
	hist_add_n(h, v, 1);
}

/* The value below or at which a share q (0 .. 1) of all values lies; 0 when empty. */
double hist_quantile(const struct hist *h, double q);

double hist_mean(const struct hist *h);

#endif /* HIST_H */
