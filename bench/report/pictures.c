// SPDX-License-Identifier: MIT
/* pictures.c - which pictures the page shows, and of which rows */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "plot.h"
#include "table.h"

#define ITEMS_MAX  64
#define CURVES_MAX 24
#define FEW        3 /* a picture of fewer says nothing */

/* What a ranking shows: one size in one way of running. */
struct ranking {
	const char *title, *axis;
	struct selector where;
	size_t value, low, high;
	double scale;
	bool more_is_better;
};

#define LATENCY offsetof(struct row, p50), offsetof(struct row, p50_min), offsetof(struct row, p999)
#define RATE \
	offsetof(struct row, msgs), offsetof(struct row, msgs_min), offsetof(struct row, msgs_max)
#define CPU offsetof(struct row, cpu), offsetof(struct row, cpu), offsetof(struct row, cpu)

/* clang-format off */
static const struct ranking rankings[] = {
	{ "Round trip of 64 B, two CPUs, spin", "µs (dot: p50, bar: to p99.9)",
	  { "roundtrip", NULL, "spin", "two", NULL, NULL, 0, 64 }, LATENCY, 1e-3, false },
	{ "Round trip of 64 B, two CPUs, block", "µs (dot: p50, bar: to p99.9)",
	  { "roundtrip", NULL, "block", "two", NULL, NULL, 0, 64 }, LATENCY, 1e-3, false },
	{ "Round trip of 64 B, same CPU, block", "µs (dot: p50, bar: to p99.9)",
	  { "roundtrip", NULL, "block", "same", NULL, NULL, 0, 64 }, LATENCY, 1e-3, false },
	{ "Stream of 64 B, two CPUs, spin", "million messages a second",
	  { "stream", NULL, "spin", "two", NULL, NULL, 0, 64 }, RATE, 1e-6, true },
	{ "Stream of 64 B, two CPUs, block", "million messages a second",
	  { "stream", NULL, "block", "two", NULL, NULL, 0, 64 }, RATE, 1e-6, true },
	{ "CPU time of both sides, stream of 64 B, two CPUs, block", "ns a message",
	  { "stream", NULL, "block", "two", NULL, NULL, 0, 64 }, CPU, 1, false },
};
/* clang-format on */

static double get(const struct row *r, size_t offset)
{
	return *(const double *)((const char *)r + offset);
}

static int lowest_first(const void *a, const void *b)
{
	double x = ((const struct item *)a)->value, y = ((const struct item *)b)->value;

	return x < y ? -1 : x > y;
}

static int highest_first(const void *a, const void *b)
{
	return lowest_first(b, a);
}

static char labels[ITEMS_MAX][64];

/* A limit has no message; it belongs to every size. */
static bool belongs(const struct row *r, const struct selector *want)
{
	struct selector any = *want;

	if (strncmp(r->transport, "limit:", 6) == 0)
		any.size = 0;
	return row_matches(r, strcmp(r->bench, "roundtrip") ? want : &any);
}

static size_t collect_items(const struct results *all, const struct ranking *k,
                            const char *placement, struct item *item)
{
	struct selector want = k->where;
	size_t n = 0;

	want.placement = placement;
	for (size_t i = 0; i < all->rows && n < ITEMS_MAX; i++) {
		const struct row *r = &all->row[i];

		if (*r->skipped || !belongs(r, &want) || !(get(r, k->value) > 0))
			continue;
		snprintf(labels[n], sizeof(labels[n]), "%s", row_label(r));
		item[n] = (struct item){ labels[n], get(r, k->value) * k->scale,
			                 get(r, k->low) * k->scale, get(r, k->high) * k->scale };
		n++;
	}
	return n;
}

static void draw_ranking(FILE *out, const struct results *all, const void *what,
                         const char *placement)
{
	const struct ranking *k = what;
	struct item item[ITEMS_MAX];
	size_t n = collect_items(all, k, placement, item);
	char title[160];

	if (n < FEW)
		return;
	qsort(item, n, sizeof(*item), k->more_is_better ? highest_first : lowest_first);
	snprintf(title, sizeof(title), "%s%s%s", k->title, *placement ? ", CPUs " : "", placement);
	plot_ranking(out, title, k->axis, item, n);
}

/* Few enough to be told apart, the ones that people choose between. */
static const char *const shown[] = {
	"kipc:kmod",
	"kipc:shm",
	"call:shm",
	"bytes:shm",
	"kipc:unix",
	"limit:copy",
	"limit:line",
	"stock:pipe",
	"stock:tcp",
	"stock:posix-mq",
	"stock:unix-stream",
	"stock:unix-seqpacket",
	"stock:posix-shm-sem",
	"stock:futex",
	"stock:io_uring-unix",
	"peer:slot-queue",
	"peer:ck_ring",
	"peer:rte_ring",
	"peer:boost-mq",
	"peer:iceoryx",
	"peer:zeromq",
	"peer:ucx",
};

/* What a family of curves shows over the sizes. */
struct over_sizes {
	const char *title, *axis;
	struct selector where;
	size_t value;
	double scale;
};

/* clang-format off */
static const struct over_sizes by_size[] = {
	{ "Round trip p50, two CPUs, spin", "µs",
	  { "roundtrip", NULL, "spin", "two", "copy", NULL, 1, 0 }, offsetof(struct row, p50), 1e-3 },
	{ "Round trip p50, two CPUs, block", "µs",
	  { "roundtrip", NULL, "block", "two", "copy", NULL, 1, 0 }, offsetof(struct row, p50), 1e-3 },
	{ "Round trip p50, same CPU, block", "µs",
	  { "roundtrip", NULL, "block", "same", "copy", NULL, 1, 0 }, offsetof(struct row, p50), 1e-3 },
	{ "Stream, two CPUs, spin", "GB/s",
	  { "stream", NULL, "spin", "two", "copy", NULL, 1, 0 }, offsetof(struct row, bytes), 1e-9 },
	{ "Stream, two CPUs, block", "GB/s",
	  { "stream", NULL, "block", "two", "copy", NULL, 1, 0 }, offsetof(struct row, bytes), 1e-9 },
	{ "Stream, same CPU, block", "GB/s",
	  { "stream", NULL, "block", "same", "copy", NULL, 1, 0 }, offsetof(struct row, bytes), 1e-9 },
};
/* clang-format on */

static void add_point(struct curve *c, double x, double y)
{
	size_t i = c->points;

	if (c->points == POINTS_MAX || !(y > 0))
		return;
	for (; i > 0 && c->x[i - 1] > x; i--) {
		c->x[i] = c->x[i - 1];
		c->y[i] = c->y[i - 1];
	}
	c->x[i] = x;
	c->y[i] = y;
	c->points++;
}

static void draw_sizes(FILE *out, const struct results *all, const void *what,
                       const char *placement)
{
	const struct over_sizes *k = what;
	static struct curve curve[CURVES_MAX];
	struct selector want = k->where;
	char title[160];
	struct axes axes = { title, "message size", k->axis,
		             "set logscale x 2\nset format x '%.0b %BB'\n" };
	size_t n = 0;

	want.placement = placement;
	for (size_t s = 0; s < sizeof(shown) / sizeof(*shown) && n < CURVES_MAX; s++) {
		want.transport = shown[s];
		curve[n].points = 0;
		snprintf(curve[n].label, sizeof(curve[n].label), "%s", shown[s]);
		for (size_t i = 0; i < all->rows; i++) {
			const struct row *r = &all->row[i];

			if (!*r->skipped && row_matches(r, &want))
				add_point(&curve[n], r->size, get(r, k->value) * k->scale);
		}
		n += curve[n].points > 1;
	}
	snprintf(title, sizeof(title), "%s%s%s", k->title, *placement ? ", CPUs " : "", placement);
	if (n >= FEW)
		plot_curves(out, &axes, curve, n);
}

/* The axis has one step for each nine. */
static const struct {
	double nines;
	size_t offset;
} quantiles[] = {
	{ 0.30103, offsetof(struct row, p50) }, { 1, offsetof(struct row, p90) },
	{ 2, offsetof(struct row, p99) },       { 3, offsetof(struct row, p999) },
	{ 4, offsetof(struct row, p9999) },     { 5, offsetof(struct row, max) },
};

static const struct selector by_percentile[] = {
	{ "roundtrip", NULL, "spin", "two", "copy", NULL, 1, 64 },
	{ "roundtrip", NULL, "block", "two", "copy", NULL, 1, 64 },
	{ "roundtrip", NULL, "block", "same", "copy", NULL, 1, 64 },
};

static void draw_percentiles(FILE *out, const struct results *all, const void *what,
                             const char *placement)
{
	static struct curve curve[CURVES_MAX];
	struct selector want = *(const struct selector *)what;
	char title[160];
	struct axes axes = {
		title, "share of round trips at or below", "µs",
		"set xrange [0.2:5.1]\nset xtics ('50 %%' 0.30103, '90 %%' 1, '99 %%' 2, "
		"'99.9 %%' 3, '99.99 %%' 4, 'max' 5)\n"
	};
	size_t n = 0;

	want.placement = placement;
	for (size_t s = 0; s < sizeof(shown) / sizeof(*shown) && n < CURVES_MAX; s++) {
		const struct row *r;

		want.transport = shown[s];
		r = rows_find(all, &want);
		if (!r)
			continue;
		curve[n].points = 0;
		snprintf(curve[n].label, sizeof(curve[n].label), "%s", shown[s]);
		for (size_t q = 0; q < sizeof(quantiles) / sizeof(*quantiles); q++)
			add_point(&curve[n], quantiles[q].nines,
			          get(r, quantiles[q].offset) * 1e-3);
		n++;
	}
	snprintf(title, sizeof(title), "Round trip of 64 B by percentile, %s, %s%s%s",
	         strcmp(want.cpus, "two") ? "same CPU" : "two CPUs", want.wait,
	         *placement ? ", CPUs " : "", placement);
	if (n >= FEW)
		plot_curves(out, &axes, curve, n);
}

static void draw_probes(FILE *out, const struct results *all)
{
	const struct axes axes = { "Round trip of a cache line during the run (the probe)",
		                   "seconds since the start", "ns", "" };

	plot_points(out, &axes, json_object_get(all->json, "probes"));
}

/* One picture a placement that more than a few rows saw, or one where the CPUs are the same. */
typedef void (*draw_fn)(FILE *out, const struct results *all, const void *what,
                        const char *placement);

static void draw_each(FILE *out, const struct results *all, draw_fn draw, const void *what,
                      const char *cpus)
{
	if (strcmp(cpus, "same") == 0)
		draw(out, all, what, "");
	for (const char *const *p = placements; *p && strcmp(cpus, "two") == 0; p++)
		draw(out, all, what, *p);
}

void pictures_html(FILE *out, const struct results *all)
{
	for (size_t i = 0; i < sizeof(rankings) / sizeof(*rankings); i++)
		draw_each(out, all, draw_ranking, &rankings[i], rankings[i].where.cpus);
	for (size_t i = 0; i < sizeof(by_size) / sizeof(*by_size); i++)
		draw_each(out, all, draw_sizes, &by_size[i], by_size[i].where.cpus);
	for (size_t i = 0; i < sizeof(by_percentile) / sizeof(*by_percentile); i++)
		draw_each(out, all, draw_percentiles, &by_percentile[i], by_percentile[i].cpus);
	draw_probes(out, all);
}
