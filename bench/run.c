// SPDX-License-Identifier: MIT
/* run.c - taking all figures of a plan; see run.h */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "clock.h"
#include "cpu.h"
#include "progress.h"

#define EXTRA_TRIES 3 /* for repetitions that were noisy or between placements */
#define HANGS_MAX   2 /* of one mechanism, then the rest of it is left out */

static double elapsed(const struct run *run)
{
	return (clock_ns(CLOCK_MONOTONIC) - run->started_ns) / 1e9;
}

unsigned int run_quiet(const struct task *t, enum placement p)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->taken; i++)
		n += t->rep[i].placement == p && t->rep[i].lost <= NOISE_MAX;
	return n;
}

enum placement run_usual_placement(const struct task *t)
{
	enum placement best = PLACE_NONE;

	for (enum placement p = PLACE_NONE; p < PLACEMENTS; p++) {
		if (run_quiet(t, p) > run_quiet(t, best))
			best = p;
	}
	return best;
}

static bool needs_more(const struct task *t)
{
	return !t->skipped[0] && t->taken < REPS_MAX && t->tries < t->reps + EXTRA_TRIES &&
	       run_quiet(t, run_usual_placement(t)) < t->reps;
}

static double probe(struct run *run)
{
	struct probe_point *all;
	double ns = probe_line(run->cpu);

	all = realloc(run->probe, (run->probes + 1) * sizeof(*all));
	if (all) {
		run->probe = all;
		all[run->probes++] = (struct probe_point){ elapsed(run), ns };
	}
	return ns;
}

static double share(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static double positive(double v)
{
	return v > 0 ? v : 0;
}

/*
 * How much of the time others had. A process that spins uses its whole CPU, and two that share one use
 * all of it between them, so that what is missing went elsewhere; one that sleeps tells only how long
 * it was kept from running.
 */
static double lost_share(const struct cell *c, const struct sample *s)
{
	const struct meter *a = &s->meter[0], *b = &s->meter[1];
	double lost = 0;

	if (c->cpus == CPUS_SAME)
		return c->bench == &bench_idle || c->bench == &bench_memory
		               ? 0
		               : positive(1 -
		                          share((double)a->cpu_ns + b->cpu_ns,
		                                a->wall_ns > b->wall_ns ? a->wall_ns : b->wall_ns));
	for (int i = 0; i < 2; i++) {
		const struct meter *m = &s->meter[i];
		double delayed = share(m->delay_ns, m->wall_ns);
		double away = c->wait == WAIT_SPIN ? positive(1 - share(m->cpu_ns, m->wall_ns)) : 0;

		if (m->wall_ns && delayed > lost)
			lost = delayed;
		if (m->wall_ns && away > lost)
			lost = away;
	}
	return lost;
}

static struct rep evaluate(const struct cell *c, const struct sample *s, double line_ns)
{
	const double unit = clock_ns_per_tick;
	double seconds = s->ticks * unit / 1e9;

	return (struct rep){
		.placement = c->cpus == CPUS_TWO ? probe_placement(line_ns) : PLACE_NONE,
		.line_ns = c->cpus == CPUS_TWO ? line_ns : 0,
		.lost = lost_share(c, s),
		.p50 = hist_quantile(&s->hist, 0.5) * unit,
		.p90 = hist_quantile(&s->hist, 0.9) * unit,
		.p99 = hist_quantile(&s->hist, 0.99) * unit,
		.p999 = hist_quantile(&s->hist, 0.999) * unit,
		.p9999 = hist_quantile(&s->hist, 0.9999) * unit,
		.max = s->hist.max * unit,
		.mean = hist_mean(&s->hist) * unit,
		.msgs_per_s = s->msgs / seconds,
		.cpu_ns_per_msg = share((double)s->meter[0].cpu_ns + s->meter[1].cpu_ns, s->msgs),
		.cpu_share = share(s->meter[1].cpu_ns, s->meter[1].wall_ns),
		.bytes = s->bytes,
	};
}

/* A mechanism that hangs costs seconds each time; after a few the rest of it is not tried. */
static void give_up(struct plan *plan, const struct mech *m)
{
	unsigned int hangs = 0;

	for (unsigned int i = 0; i < plan->tasks; i++)
		hangs += plan->task[i].cell.mech == m && strstr(plan->task[i].skipped, "hung:");
	for (unsigned int i = 0; hangs >= HANGS_MAX && i < plan->tasks; i++) {
		struct task *t = &plan->task[i];

		if (t->cell.mech == m && !t->skipped[0] && !t->taken)
			snprintf(t->skipped, sizeof(t->skipped), "not tried: %s hung %u times",
			         m->name, hangs);
	}
}

/* A failure takes the figures of earlier repetitions away too: they are not to be trusted. */
static void fail(struct run *run, struct task *t, const struct pair *p, bool hung)
{
	int at = 0;

	if (t->taken)
		at = snprintf(t->skipped, sizeof(t->skipped), "repetition %u: ", t->taken + 1);
	snprintf(t->skipped + at, sizeof(t->skipped) - at, "%s", p->why[0] ? p->why : "failed");
	if (hung)
		give_up(run->plan, t->cell.mech);
}

/* One repetition between two probes. The probe after it is the next one's before. */
static void take(struct run *run, struct task *t, double *line_ns)
{
	bool paired = t->cell.cpus == CPUS_TWO, hung;
	double before = *line_ns, after = 0;
	const struct pair *p;

	if (paired && before <= 0)
		before = probe(run);
	p = attempt_run(&t->cell, run->cpu, &hung);
	run->attempts++;
	t->tries++;
	if (p->failed) {
		fail(run, t, p, hung);
		*line_ns = 0;
		return;
	}
	if (paired)
		after = probe(run);
	*line_ns = after;
	if (paired && !probes_agree(before, after))
		t->discarded++;
	else
		t->rep[t->taken++] = evaluate(&t->cell, &p->sample, (before + after) / 2);
}

static unsigned int count_needy(const struct plan *plan)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < plan->tasks; i++)
		n += needs_more(&plan->task[i]);
	return n;
}

/* How many repetitions are still wanted if none is thrown away. */
static unsigned int count_wanted(const struct plan *plan)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < plan->tasks; i++) {
		const struct task *t = &plan->task[i];

		if (needs_more(t))
			n += t->reps - run_quiet(t, run_usual_placement(t));
	}
	return n;
}

static void run_pass(struct run *run)
{
	struct plan *plan = run->plan;
	double line_ns = 0;

	for (unsigned int i = 0; i < plan->tasks && !run->out_of_time; i++) {
		struct task *t = &plan->task[i];

		if (!needs_more(t))
			continue;
		progress_show(run, t, line_ns, elapsed(run), count_wanted(plan));
		take(run, t, &line_ns);
		/* Should the time be over before the next pass, the row has at least one figure. */
		if (!t->taken && t->discarded == 1 && !t->skipped[0])
			take(run, t, &line_ns);
		run->out_of_time = elapsed(run) > run->budget_s;
	}
}

static void explain_missing(struct run *run)
{
	for (unsigned int i = 0; i < run->plan->tasks; i++) {
		struct task *t = &run->plan->task[i];

		if (t->taken || t->skipped[0])
			continue;
		if (t->discarded)
			snprintf(
				t->skipped, sizeof(t->skipped),
				"the CPUs moved, or others used them, during each of %u repetitions",
				t->discarded);
		else
			snprintf(t->skipped, sizeof(t->skipped), "the time of %u s was over",
			         run->budget_s);
	}
}

int run_plan(struct run *run)
{
	int r = attempt_init();

	if (r == 0)
		r = probe_init();
	if (r == 0)
		r = cpu_pin(run->cpu[0]);
	if (r < 0)
		return r;
	run->started_ns = clock_ns(CLOCK_MONOTONIC);
	while (!run->out_of_time && count_needy(run->plan)) {
		run->passes++;
		run_pass(run);
	}
	run->took_s = elapsed(run);
	progress_end(run);
	explain_missing(run);
	return 0;
}
