// SPDX-License-Identifier: MIT
/* plan.c - which cells are taken, how long and how often; see plan.h */
#include "plan.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPIN     BIT(WAIT_SPIN)
#define BLOCK    BIT(WAIT_BLOCK)
#define ADAPTIVE BIT(WAIT_ADAPTIVE)
#define SAME     BIT(CPUS_SAME)
#define TWO      BIT(CPUS_TWO)
#define COPY     BIT(VARIANT_COPY)
#define INPLACE  BIT(VARIANT_INPLACE)

#define K 1024

/* Lists end with 0. */
static const size_t trip_sizes[] = { 8, 40, 64, K, 4 * K, 64 * K, 1024 * K, 0 };
static const size_t stream_sizes[] = { 8, 64, K, 4 * K, 64 * K, 1024 * K, 0 };
static const size_t batch_sizes[] = { 8, 64, K, 4 * K, 0 };
static const size_t few_sizes[] = { 40, 64, 4 * K, 64 * K, 1024 * K, 0 };
static const size_t copy_sizes[] = { K, 4 * K, 64 * K, 1024 * K, 0 };
static const size_t quick_sizes[] = { 40, 64, 4 * K, 0 };
static const size_t quick_stream[] = { 64, 4 * K, 64 * K, 0 };
static const size_t call_sizes[] = { 40, K, 64 * K, 0 };
static const size_t byte_sizes[] = { 64, 4 * K, 64 * K, 0 };
static const size_t just_40[] = { 40, 0 };
static const size_t just_64[] = { 64, 0 };
static const size_t just_8[] = { 8, 0 };

static const unsigned int one[] = { 1, 0 };
static const unsigned int batch_32[] = { 32, 0 };
static const unsigned int flights[] = { 1, 16, 0 }; /* calls at a time */

/* One line: the cells of all combinations. skip: they are listed, with this reason. */
struct sweep {
	const char *mech; /* pattern */
	const struct bench *bench;
	unsigned int waits, cpus, variants;
	const unsigned int *batches;
	const size_t *sizes;
	unsigned int ms, reps;
	const char *skip;
};

static const char busy_same[] =
	"busy-polling for a peer that waits for the same CPU measures the scheduler's time slice";

/* clang-format off */
static const struct sweep full_plan[] = {
	{ "limit:*line*",     &bench_roundtrip, SPIN, TWO, COPY, one, just_8, 60, 5, NULL },
	{ "limit:syscall",    &bench_roundtrip, SPIN, SAME, COPY, one, just_8, 40, 3, NULL },
	{ "kipc:*",           &bench_roundtrip, SPIN, TWO, COPY | INPLACE, one, trip_sizes, 60, 5, NULL },
	{ "kipc:*",           &bench_roundtrip, BLOCK | ADAPTIVE, TWO, COPY, one, trip_sizes, 50, 4, NULL },
	{ "kipc:*",           &bench_roundtrip, BLOCK, SAME, COPY, one, trip_sizes, 50, 4, NULL },
	{ "kipc:*",           &bench_roundtrip, ADAPTIVE, SAME, COPY, one, few_sizes, 50, 3, NULL },
	{ "kipc:*",           &bench_roundtrip, BLOCK | ADAPTIVE, TWO, INPLACE, one, few_sizes, 50, 3, NULL },
	{ "kipc:*",           &bench_roundtrip, BLOCK, SAME, INPLACE, one, few_sizes, 50, 3, NULL },
	{ "kipc:*",           &bench_roundtrip, SPIN, SAME, COPY, one, just_64, 60, 3, busy_same },
	{ "stock:*",          &bench_roundtrip, SPIN | BLOCK, TWO, COPY, one, trip_sizes, 40, 3, NULL },
	{ "stock:*",          &bench_roundtrip, BLOCK, SAME, COPY, one, trip_sizes, 40, 4, NULL },
	{ "stock:*",          &bench_roundtrip, SPIN, SAME, COPY, one, just_64, 40, 3, busy_same },
	{ "peer:*",           &bench_roundtrip, SPIN, TWO, COPY, one, trip_sizes, 60, 5, NULL },
	{ "peer:*",           &bench_roundtrip, BLOCK, TWO | SAME, COPY, one, few_sizes, 40, 3, NULL },
	{ "peer:iceoryx",     &bench_roundtrip, SPIN, TWO, INPLACE, one, few_sizes, 60, 3, NULL },
	{ "limit:slot-stream", &bench_stream,   SPIN, TWO, COPY, one, just_64, 60, 5, NULL },
	{ "limit:copy",       &bench_stream,    SPIN, TWO, COPY, one, copy_sizes, 60, 5, NULL },
	{ "limit:memcpy",     &bench_stream,    SPIN, SAME, COPY, one, stream_sizes, 40, 3, NULL },
	{ "kipc:*",           &bench_stream,    SPIN, TWO, COPY | INPLACE, one, stream_sizes, 60, 5, NULL },
	{ "kipc:*",           &bench_stream,    SPIN, TWO, COPY | INPLACE, batch_32, batch_sizes, 60, 5, NULL },
	{ "kipc:*",           &bench_stream,    BLOCK | ADAPTIVE, TWO, COPY, one, stream_sizes, 50, 3, NULL },
	{ "kipc:*",           &bench_stream,    BLOCK | ADAPTIVE, TWO, COPY, batch_32, batch_sizes, 50, 3, NULL },
	{ "kipc:*",           &bench_stream,    BLOCK, SAME, COPY, one, stream_sizes, 50, 3, NULL },
	{ "kipc:*",           &bench_stream,    BLOCK, SAME, COPY, batch_32, batch_sizes, 50, 3, NULL },
	{ "kipc:*",           &bench_stream,    SPIN, SAME, COPY, one, just_64, 60, 3, busy_same },
	{ "stock:*",          &bench_stream,    SPIN | BLOCK, TWO, COPY, one, stream_sizes, 40, 3, NULL },
	{ "stock:*",          &bench_stream,    BLOCK, SAME, COPY, one, stream_sizes, 40, 3, NULL },
	{ "stock:*",          &bench_stream,    SPIN, SAME, COPY, one, just_64, 40, 3, busy_same },
	{ "peer:*",           &bench_stream,    SPIN, TWO, COPY, one, stream_sizes, 60, 5, NULL },
	{ "peer:rte_ring*",   &bench_stream,    SPIN, TWO, COPY, batch_32, batch_sizes, 60, 5, NULL },
	{ "peer:*",           &bench_stream,    BLOCK, TWO | SAME, COPY, one, stream_sizes, 40, 3, NULL },
	{ "peer:iceoryx",     &bench_stream,    SPIN, TWO, INPLACE, one, stream_sizes, 60, 3, NULL },
	{ "pubsub:*",         &bench_stream,    SPIN, TWO, COPY, one, just_64, 60, 5, NULL },
	{ "queue:1-*",        &bench_stream,    SPIN, TWO, COPY, one, just_64, 60, 5, NULL },
	{ "queue:4-*",        &bench_stream,    ADAPTIVE, TWO, COPY, one, just_64, 60, 5, NULL },
	{ "call:*",           &bench_call,      SPIN | BLOCK, TWO, COPY, flights, call_sizes, 50, 3, NULL },
	{ "call:*",           &bench_call,      BLOCK, SAME, COPY, flights, call_sizes, 50, 3, NULL },
	{ "bytes:*",          &bench_stream,    SPIN | BLOCK, TWO, COPY, one, byte_sizes, 50, 3, NULL },
	{ "bytes:*",          &bench_stream,    BLOCK, SAME, COPY, one, byte_sizes, 50, 3, NULL },
	{ "kipc:[!u]*",       &bench_send_alone, SPIN, SAME, COPY | INPLACE, batch_32, just_64, 20, 3, NULL },
	{ "kipc:[!u]*",       &bench_recv_alone, SPIN, SAME, COPY | INPLACE, batch_32, just_64, 20, 3, NULL },
	{ "kipc:*",           &bench_idle,      BLOCK | ADAPTIVE, TWO, COPY, one, just_64, 1000, 2, NULL },
	{ "peer:*",           &bench_idle,      BLOCK, TWO, COPY, one, just_64, 1000, 1, NULL },
	{ "stock:*",          &bench_idle,      BLOCK, TWO, COPY, one, just_64, 1000, 1, NULL },
	{ "kipc:*",           &bench_open,      ADAPTIVE, SAME, COPY, one, just_8, 40, 5, NULL },
	{ "kipc:*",           &bench_memory,    ADAPTIVE, SAME, COPY, one, just_8, 0, 2, NULL },
	{ NULL, NULL, 0, 0, 0, NULL, NULL, 0, 0, NULL },
};

static const struct sweep quick_plan[] = {
	{ "limit:*line*",     &bench_roundtrip, SPIN, TWO, COPY, one, just_8, 20, 3, NULL },
	{ "limit:syscall",    &bench_roundtrip, SPIN, SAME, COPY, one, just_8, 10, 2, NULL },
	{ "kipc:*",           &bench_roundtrip, SPIN, TWO, COPY | INPLACE, one, quick_sizes, 20, 3, NULL },
	{ "kipc:*",           &bench_roundtrip, BLOCK | ADAPTIVE, TWO, COPY, one, quick_sizes, 20, 2, NULL },
	{ "kipc:*",           &bench_roundtrip, BLOCK, SAME, COPY, one, quick_sizes, 20, 3, NULL },
	{ "stock:*",          &bench_roundtrip, SPIN | BLOCK, TWO, COPY, one, quick_sizes, 20, 2, NULL },
	{ "stock:*",          &bench_roundtrip, BLOCK, SAME, COPY, one, quick_sizes, 20, 2, NULL },
	{ "peer:*",           &bench_roundtrip, SPIN, TWO, COPY, one, quick_sizes, 20, 3, NULL },
	{ "peer:*",           &bench_roundtrip, BLOCK, TWO | SAME, COPY, one, just_64, 20, 2, NULL },
	{ "limit:slot-stream", &bench_stream,   SPIN, TWO, COPY, one, just_64, 20, 3, NULL },
	{ "limit:copy",       &bench_stream,    SPIN, TWO, COPY, one, copy_sizes, 20, 2, NULL },
	{ "limit:memcpy",     &bench_stream,    SPIN, SAME, COPY, one, quick_stream, 10, 2, NULL },
	{ "kipc:*",           &bench_stream,    SPIN, TWO, COPY | INPLACE, one, quick_stream, 20, 3, NULL },
	{ "kipc:*",           &bench_stream,    SPIN, TWO, COPY | INPLACE, batch_32, just_64, 20, 3, NULL },
	{ "kipc:*",           &bench_stream,    BLOCK | ADAPTIVE, TWO, COPY, one, quick_stream, 20, 2, NULL },
	{ "stock:*",          &bench_stream,    SPIN | BLOCK, TWO, COPY, one, quick_stream, 20, 2, NULL },
	{ "kipc:*",           &bench_stream,    BLOCK, SAME, COPY, one, just_64, 20, 2, NULL },
	{ "stock:*",          &bench_stream,    BLOCK, SAME, COPY, one, just_64, 20, 2, NULL },
	{ "peer:*",           &bench_stream,    SPIN, TWO, COPY, one, quick_stream, 20, 3, NULL },
	{ "peer:rte_ring*",   &bench_stream,    SPIN, TWO, COPY, batch_32, just_64, 20, 3, NULL },
	{ "pubsub:*",         &bench_stream,    SPIN, TWO, COPY, one, just_64, 20, 3, NULL },
	{ "queue:1-*",        &bench_stream,    SPIN, TWO, COPY, one, just_64, 20, 3, NULL },
	{ "queue:4-*",        &bench_stream,    ADAPTIVE, TWO, COPY, one, just_64, 20, 3, NULL },
	{ "call:*",           &bench_call,      SPIN, TWO, COPY, flights, just_40, 20, 2, NULL },
	{ "call:*",           &bench_call,      BLOCK, TWO | SAME, COPY, one, just_40, 20, 2, NULL },
	{ "bytes:*",          &bench_stream,    SPIN | BLOCK, TWO, COPY, one, byte_sizes, 20, 2, NULL },
	{ "kipc:*",           &bench_idle,      BLOCK | ADAPTIVE, TWO, COPY, one, just_64, 800, 1, NULL },
	{ "kipc:*",           &bench_open,      ADAPTIVE, SAME, COPY, one, just_8, 10, 3, NULL },
	{ "kipc:*",           &bench_memory,    ADAPTIVE, SAME, COPY, one, just_8, 0, 1, NULL },
	{ NULL, NULL, 0, 0, 0, NULL, NULL, 0, 0, NULL },
};
/* clang-format on */

static bool wanted(const char *name, const struct sweep *w, const struct plan_options *o)
{
	char pattern[PLAN_ONLY_MAX + 3];

	if (fnmatch(w->mech, name, 0) != 0)
		return false;
	if (!o->only)
		return true;
	snprintf(pattern, sizeof(pattern), "*%s*", o->only);
	return fnmatch(pattern, name, 0) == 0;
}

/* A list of several patterns is separated by commas. */
static bool selected(const char *name, const struct sweep *w, const struct plan_options *o)
{
	struct plan_options part = *o;
	char list[PLAN_ONLY_MAX + 1], *rest = list, *item;

	if (!o->only)
		return wanted(name, w, o);
	snprintf(list, sizeof(list), "%s", o->only);
	while ((item = strsep(&rest, ","))) {
		part.only = item;
		if (*item && wanted(name, w, &part))
			return true;
	}
	return false;
}

static void find_obstacle(struct task *t, const struct sweep *w, const struct plan_options *o)
{
	const struct mech *m = t->cell.mech;
	const char *why = m->absent ? m->absent : w->skip;

	if (!why && !(m->waits & BIT(t->cell.wait)))
		why = t->cell.wait == WAIT_SPIN
		              ? "it only wakes: with nobody asleep it is plain shared memory"
		              : "it cannot block";
	if (!why && t->cell.cpus == CPUS_TWO && !o->two_cpus)
		why = "this process may run on one CPU only";
	if (!why && m->max_size && t->cell.size > m->max_size)
		why = m->max_why;
	if (why)
		snprintf(t->skipped, sizeof(t->skipped), "%s", why);
}

static int add(struct plan *plan, const struct cell *cell, const struct sweep *w,
               const struct plan_options *o)
{
	struct task *t = realloc(plan->task, (plan->tasks + 1) * sizeof(*t));

	if (!t)
		return -ENOMEM;
	plan->task = t;
	t += plan->tasks++;
	memset(t, 0, sizeof(*t));
	t->cell = *cell;
	t->cell.ms = o->ms ? o->ms : w->ms;
	t->reps = o->reps ? o->reps : w->reps;
	if (t->reps > REPS_MAX)
		t->reps = REPS_MAX;
	if (cell->mech->own_bench)
		t->cell.bench = cell->mech->own_bench;
	find_obstacle(t, w, o);
	return 0;
}

/* How a peer waits is its own business: only the modes that it has are asked for. */
static bool concerns(const struct cell *cell, const struct sweep *w)
{
	bool peer = strncmp(cell->mech->name, "peer:", 5) == 0;

	return (w->waits & BIT(cell->wait)) && (w->cpus & BIT(cell->cpus)) &&
	       (!peer || (cell->mech->waits & BIT(cell->wait)));
}

/* Every wait mode and CPU mode of the sweep for one mechanism, size, variant and batch. */
static int add_modes(struct plan *plan, struct cell *cell, const struct sweep *w,
                     const struct plan_options *o)
{
	for (cell->wait = 0; cell->wait < WAIT_MODES; cell->wait++) {
		for (cell->cpus = 0; cell->cpus < CPUS_MODES; cell->cpus++) {
			if (concerns(cell, w) && add(plan, cell, w, o) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int add_sizes(struct plan *plan, struct cell *cell, const struct sweep *w,
                     const struct plan_options *o)
{
	bool given = o->sizes && w->sizes != just_8;

	for (unsigned int i = 0; given ? i < o->n_sizes : w->sizes[i] != 0; i++) {
		cell->size = given ? o->sizes[i] : w->sizes[i];
		if (add_modes(plan, cell, w, o) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_sweep(struct plan *plan, const struct sweep *w, const struct plan_options *o)
{
	struct cell cell = { .bench = w->bench };

	for (const struct mech *const *m = mechs; *m; m++) {
		if (!selected((*m)->name, w, o))
			continue;
		cell.mech = *m;
		for (cell.variant = 0; cell.variant < VARIANT_MODES; cell.variant++) {
			if (!(w->variants & BIT(cell.variant)))
				continue;
			for (const unsigned int *b = w->batches; *b; b++) {
				cell.batch = *b;
				if (add_sizes(plan, &cell, w, o) < 0)
					return -ENOMEM;
			}
		}
	}
	return 0;
}

/* What must not be missed if the time is over comes first: one size everywhere, and the limits. */
static int urgency(const struct cell *c)
{
	if (c->bench == &bench_idle)
		return 2;
	return c->size != 64 && c->bench != &bench_open && c->bench != &bench_memory &&
	       !c->mech->own_bench;
}

/* What is compared with each other is taken one after the other: benchmark, CPUs, size, wait. */
static int compare(const void *a, const void *b)
{
	const struct cell *x = &((const struct task *)a)->cell,
			  *y = &((const struct task *)b)->cell;
	int r = urgency(x) - urgency(y);

	if (!r)
		r = strcmp(x->bench->name, y->bench->name);
	if (!r)
		r = (int)y->cpus - (int)x->cpus;
	if (!r)
		r = (x->size > y->size) - (x->size < y->size);
	if (!r)
		r = (int)x->wait - (int)y->wait;
	if (!r && x->mech != y->mech)
		r = strcmp(x->mech->name, y->mech->name);
	if (!r)
		r = (int)x->variant - (int)y->variant;
	return r ? r : (int)x->batch - (int)y->batch;
}

int plan_make(struct plan *plan, const struct plan_options *o)
{
	const struct sweep *w = o->quick ? quick_plan : full_plan;

	*plan = (struct plan){ 0 };
	for (; w->mech; w++) {
		if (add_sweep(plan, w, o) < 0)
			return -ENOMEM;
	}
	if (plan->tasks)
		qsort(plan->task, plan->tasks, sizeof(*plan->task), compare);
	return 0;
}
