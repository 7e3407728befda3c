// SPDX-License-Identifier: MIT
/* json.c - the results as a file; see json.h. README.md lists the fields. */
#include "json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "machine.h"
#include "whole.h"

static const size_t rep_p50 = offsetof(struct rep, p50);
static const size_t rep_rate = offsetof(struct rep, msgs_per_s);

/* Fields of a row that are medians over the repetitions, and to which benchmark they belong. */
static const struct {
	const char *name;
	size_t offset;
	bool latency;
} medians[] = {
	{ "p50_ns", offsetof(struct rep, p50), true },
	{ "p90_ns", offsetof(struct rep, p90), true },
	{ "p99_ns", offsetof(struct rep, p99), true },
	{ "p999_ns", offsetof(struct rep, p999), true },
	{ "p9999_ns", offsetof(struct rep, p9999), true },
	{ "mean_ns", offsetof(struct rep, mean), true },
	{ "msgs_per_s", offsetof(struct rep, msgs_per_s), false },
	{ "cpu_ns_per_msg", offsetof(struct rep, cpu_ns_per_msg), false },
};

/* The repetitions that a row is made of. */
struct chosen {
	const struct rep *rep[REPS_MAX];
	unsigned int n;
	bool noisy;
};

static struct chosen choose(const struct task *t, enum placement p)
{
	struct chosen c = { .noisy = !run_quiet(t, p) };

	for (unsigned int i = 0; i < t->taken; i++) {
		if (t->rep[i].placement == p && (c.noisy || t->rep[i].lost <= NOISE_MAX))
			c.rep[c.n++] = &t->rep[i];
	}
	return c;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* All values of one figure in order; the median lies in the middle. */
static void collect(const struct chosen *c, size_t offset, double *v)
{
	for (unsigned int i = 0; i < c->n; i++)
		v[i] = *(const double *)((const char *)c->rep[i] + offset);
	qsort(v, c->n, sizeof(*v), compare);
}

static double median(const struct chosen *c, size_t offset)
{
	double v[REPS_MAX];

	collect(c, offset, v);
	return (v[(c->n - 1) / 2] + v[c->n / 2]) / 2;
}

static void set_range(json_t *row, const char *low, const char *high, const struct chosen *c,
                      size_t offset)
{
	double v[REPS_MAX];

	collect(c, offset, v);
	json_object_set_new(row, low, json_real(v[0]));
	json_object_set_new(row, high, json_real(v[c->n - 1]));
}

static void set_null(json_t *row, const char *name)
{
	json_object_set_new(row, name, json_null());
}

static json_t *describe(const struct cell *c)
{
	return json_pack("{s:s s:s s:s s:s s:s s:i s:I}", "bench", c->bench->name, "transport",
	                 c->mech->name, "wait", wait_names[c->wait], "cpus", cpus_names[c->cpus],
	                 "variant", variant_names[c->variant], "batch", (int)c->batch, "size",
	                 (json_int_t)c->size);
}

static void set_latency(json_t *row, const struct chosen *c)
{
	double v[REPS_MAX];

	collect(c, offsetof(struct rep, max), v);
	json_object_set_new(row, "max_ns", json_real(v[c->n - 1]));
	set_range(row, "p50_min_ns", "p50_max_ns", c, rep_p50);
}

static const char *const latency_only[] = { "max_ns", "p50_min_ns", "p50_max_ns" };

static void set_figures(json_t *row, const struct cell *cell, const struct chosen *c)
{
	bool latency = median(c, offsetof(struct rep, max)) > 0, idle = cell->bench == &bench_idle;
	bool memory = cell->bench == &bench_memory;
	bool rate = !idle && !memory && cell->bench != &bench_open;

	for (size_t i = 0; i < sizeof(medians) / sizeof(*medians); i++) {
		bool has = medians[i].latency ? latency : rate;

		json_object_set_new(row, medians[i].name,
		                    has ? json_real(median(c, medians[i].offset)) : json_null());
	}
	if (latency)
		set_latency(row, c);
	else
		for (size_t i = 0; i < 3; i++)
			set_null(row, latency_only[i]);
	json_object_set_new(row, "bytes_per_s",
	                    rate ? json_real(median(c, rep_rate) * cell->size) : json_null());
	if (rate)
		set_range(row, "msgs_per_s_min", "msgs_per_s_max", c, rep_rate);
	json_object_set_new(row, "idle_cpu_percent",
	                    idle ? json_real(100 * median(c, offsetof(struct rep, cpu_share)))
	                         : json_null());
	json_object_set_new(row, "memory_bytes",
	                    memory ? json_real(median(c, offsetof(struct rep, bytes)))
	                           : json_null());
}

static json_t *figure_row(const struct task *t, enum placement p, const struct chosen *c)
{
	json_t *row = describe(&t->cell);
	double line = median(c, offsetof(struct rep, line_ns));

	set_figures(row, &t->cell, c);
	json_object_set_new(row, "runs", json_integer(c->n));
	json_object_set_new(row, "line_rtt_ns", p == PLACE_NONE ? json_null() : json_real(line));
	json_object_set_new(row, "placement",
	                    p == PLACE_NONE ? json_null() : json_string(placement_names[p]));
	json_object_set_new(row, "noisy", json_boolean(c->noisy));
	json_object_set_new(row, "discarded", json_integer(t->discarded));
	set_null(row, "skipped");
	return row;
}

static json_t *skipped_row(const struct task *t)
{
	static const char *const absent[] = { "max_ns",        "bytes_per_s",      "line_rtt_ns",
		                              "placement",     "p50_min_ns",       "p50_max_ns",
		                              "memory_bytes",  "idle_cpu_percent", "msgs_per_s_min",
		                              "msgs_per_s_max" };
	json_t *row = describe(&t->cell);

	for (size_t i = 0; i < sizeof(medians) / sizeof(*medians); i++)
		set_null(row, medians[i].name);
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		set_null(row, absent[i]);
	json_object_set_new(row, "runs", json_integer(0));
	json_object_set_new(row, "noisy", json_false());
	json_object_set_new(row, "discarded", json_integer(t->discarded));
	json_object_set_new(row, "skipped", json_string(t->skipped));
	return row;
}

/* A row a placement that the task was seen in. */
static void add_rows(json_t *rows, const struct task *t)
{
	if (t->skipped[0] || !t->taken) {
		json_array_append_new(rows, skipped_row(t));
		return;
	}
	for (enum placement p = PLACE_NONE; p < PLACEMENTS; p++) {
		struct chosen c = choose(t, p);

		if (c.n)
			json_array_append_new(rows, figure_row(t, p, &c));
	}
}

static json_t *describe_run(const struct run *run, const struct json_extra *extra)
{
	return json_pack("{s:s s:s s:b s:[ii] s:f s:i s:i s:b s:f s:s}", "command", extra->command,
	                 "commit", extra->commit, "quick", extra->quick, "cpus", run->cpu[0],
	                 run->two_cpus ? run->cpu[1] : run->cpu[0], "took_s", run->took_s, "passes",
	                 run->passes, "repetitions", run->attempts, "out_of_time", run->out_of_time,
	                 "ns_per_tick", clock_ns_per_tick, "clock",
	                 clock_has_counter ? "tsc" : "clock_gettime");
}

static json_t *list_mechs(void)
{
	json_t *list = json_array();

	for (const struct mech *const *m = mechs; *m; m++)
		json_array_append_new(list, json_pack("{s:s s:s}", "transport", (*m)->name, "about",
		                                      (*m)->about));
	return list;
}

static json_t *list_probes(const struct run *run)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < run->probes; i++)
		json_array_append_new(list,
		                      json_pack("[ff]", run->probe[i].at_s, run->probe[i].line_ns));
	return list;
}

int json_try(const char *path)
{
	struct whole w;
	int r = whole_begin(&w, path);

	if (r == 0)
		(void)whole_end(&w, -ECANCELED); /* of a try nothing stays */
	return r;
}

int json_write(const char *path, const struct run *run, const struct json_extra *extra)
{
	json_t *all = json_object(), *rows = json_array();
	struct whole w;
	int r = whole_begin(&w, path);

	for (unsigned int i = 0; i < run->plan->tasks; i++)
		add_rows(rows, &run->plan->task[i]);
	json_object_set_new(all, "format", json_integer(1));
	json_object_set_new(all, "machine", machine_describe());
	json_object_set_new(all, "run", describe_run(run, extra));
	json_object_set_new(all, "transports", list_mechs());
	json_object_set_new(all, "rows", rows);
	json_object_set_new(all, "probes", list_probes(run));
	if (r == 0 && json_dump_file(all, w.part, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) < 0)
		r = whole_end(&w, -EIO);
	else if (r == 0)
		r = whole_end(&w, 0);
	json_decref(all);
	return r;
}
