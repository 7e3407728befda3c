/* SPDX-License-Identifier: MIT */
/*
 * plan.h - which cells are taken, how long and how often
 */
#ifndef PLAN_H
#define PLAN_H

#include "bench.h"
#include "probe.h"

#define REPS_MAX      12
#define PLAN_ONLY_MAX 120 /* length of the patterns of plan_options.only together */

/* One accepted or rejected repetition, in figures. */
struct rep {
	enum placement placement;
	double line_ns;
	double lost; /* share of the time that others had of these CPUs */
	double p50, p90, p99, p999, p9999, max, mean; /* ns; 0: not a figure of this benchmark */
	double msgs_per_s;
	double cpu_ns_per_msg;
	double cpu_share; /* of one CPU, of the second process */
	double bytes;     /* of memory */
};

struct task {
	struct cell cell;
	unsigned int reps; /* wanted */
	unsigned int taken;
	unsigned int discarded; /* because the probes disagreed */
	unsigned int tries;
	struct rep rep[REPS_MAX];
	char skipped[BENCH_WHY_MAX]; /* not empty: why there is no figure */
};

struct plan {
	struct task *task;
	unsigned int tasks;
};

struct plan_options {
	bool quick;
	const char *only;    /* pattern of names, or NULL */
	const size_t *sizes; /* or NULL */
	unsigned int n_sizes;
	unsigned int reps; /* 0: as planned */
	unsigned int ms;   /* 0: as planned */
	bool two_cpus;     /* there are two */
};

/* All tasks in the order in which one pass takes them: what is compared stands side by side. */
int plan_make(struct plan *plan, const struct plan_options *o);

#endif /* PLAN_H */
