/* SPDX-License-Identifier: MIT */
/*
 * run.h - taking all figures of a plan
 *
 * One pass takes each cell once, so that the repetitions of compared cells alternate instead of
 * standing in blocks: whatever changes on the machine meanwhile hits all of them. Passes follow until
 * each cell has the quiet repetitions it wants, or has had its tries, or the time is over.
 */
#ifndef RUN_H
#define RUN_H

#include "plan.h"

/* One line probe and when it was. */
struct probe_point {
	double at_s;
	double line_ns;
};

struct run {
	struct plan *plan;
	int cpu[2];
	bool two_cpus;
	unsigned int budget_s;

	/* Filled in. */
	uint64_t started_ns;
	double took_s;
	unsigned int passes;
	unsigned int attempts;
	struct probe_point *probe;
	unsigned int probes;
	bool out_of_time;
};

/* More than this share of a CPU's time for others makes a repetition noisy. */
#define NOISE_MAX 0.06

int run_plan(struct run *run);

/* The placement that most of the task's repetitions had. */
enum placement run_usual_placement(const struct task *t);

/* Quiet repetitions in that placement. */
unsigned int run_quiet(const struct task *t, enum placement p);

#endif /* RUN_H */
