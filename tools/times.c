// SPDX-License-Identifier: MIT
/* Durations in buckets whose width is a 64th of the power of two below them. */
#include "times.h"

#include <math.h>

static unsigned bucket_of(uint64_t ns)
{
	unsigned shift = ns >> TIMES_SUB_BITS ? 63u - TIMES_SUB_BITS - (unsigned)__builtin_clzll(ns)
	                                      : 0;

	return (shift << TIMES_SUB_BITS) + (unsigned)(ns >> shift);
}

static uint64_t bucket_top(unsigned i)
{
	unsigned shift = i >> (TIMES_SUB_BITS + 1) ? (i >> TIMES_SUB_BITS) - 1 : 0;

	return ((uint64_t)(i - (shift << TIMES_SUB_BITS)) << shift) + ((1ull << shift) - 1);
}

void times_add(struct times *t, uint64_t ns)
{
	if (!t->count || ns < t->min)
		t->min = ns;
	if (ns > t->max)
		t->max = ns;
	t->count++;
	t->buckets[bucket_of(ns)]++;
}

uint64_t times_percentile(const struct times *t, double p)
{
	uint64_t rank = (uint64_t)ceil((double)t->count * p), seen = 0, ns = t->max;

	for (unsigned i = 0; i < TIMES_NR_BUCKETS; i++) {
		seen += t->buckets[i];
		if (seen >= rank && t->buckets[i]) {
			ns = bucket_top(i);
			break;
		}
	}
	return ns > t->max ? t->max : ns;
}
