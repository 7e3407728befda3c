// SPDX-License-Identifier: MIT
/* hist.c - reading a histogram; see hist.h */
#include "hist.h"

/* Half open: [bucket_low(b), bucket_low(b + 1)). */
static double bucket_low(unsigned int b)
{
	unsigned int shift = b / HIST_SUB;

	if (!shift)
		return b;
	return (double)((uint64_t)(HIST_SUB + b % HIST_SUB) << (shift - 1));
}

/* Within a bucket the values are taken to be spread evenly. */
double hist_quantile(const struct hist *h, double q)
{
	double want = q * h->total, seen = 0;

	for (unsigned int b = 0; b < HIST_BUCKETS && h->total; b++) {
		if (!h->count[b])
			continue;
		if (seen + h->count[b] >= want) {
			double low = bucket_low(b), high = bucket_low(b + 1);
			double v = low + (high - low) * (want - seen) / h->count[b];

			return v < h->max ? v : h->max;
		}
		seen += h->count[b];
	}
	return h->max;
}

double hist_mean(const struct hist *h)
{
	return h->total ? (double)h->sum / h->total : 0;
}
