// SPDX-License-Identifier: MIT
/* table.c - rows turned into tables; see table.h */
#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16
#define LINES_MAX   128

const struct measure measure_p50 = { "p50", "µs", offsetof(struct row, p50), 1e-3 };
const struct measure measure_p99 = { "p99", "µs", offsetof(struct row, p99), 1e-3 };
const struct measure measure_p999 = { "p99.9", "µs", offsetof(struct row, p999), 1e-3 };
const struct measure measure_max = { "max", "µs", offsetof(struct row, max), 1e-3 };
const struct measure measure_msgs = { "messages", "M/s", offsetof(struct row, msgs), 1e-6 };
const struct measure measure_bytes = { "payload", "GB/s", offsetof(struct row, bytes), 1e-9 };
const struct measure measure_cpu = { "CPU", "ns/message", offsetof(struct row, cpu), 1 };
const struct measure measure_idle = { "CPU while idle", "%", offsetof(struct row, idle), 1 };
const struct measure measure_memory = { "beyond the rings", "KiB", offsetof(struct row, memory),
	                                1.0 / 1024 };

/* Cells are found by what the lines and the columns stand for. */
struct grid {
	size_t size[COLUMNS_MAX];
	unsigned int columns;
	const struct row *line[LINES_MAX]; /* any row of that line */
	unsigned int lines;
};

static bool same_line(const struct row *a, const struct row *b)
{
	return a->batch == b->batch && strcmp(a->transport, b->transport) == 0 &&
	       strcmp(a->variant, b->variant) == 0;
}

static void add_column(struct grid *g, size_t size)
{
	unsigned int i = 0;

	while (i < g->columns && g->size[i] < size)
		i++;
	if ((i < g->columns && g->size[i] == size) || g->columns == COLUMNS_MAX)
		return;
	memmove(&g->size[i + 1], &g->size[i], (g->columns - i) * sizeof(*g->size));
	g->size[i] = size;
	g->columns++;
}

static void add_line(struct grid *g, const struct row *r)
{
	for (unsigned int i = 0; i < g->lines; i++) {
		if (same_line(g->line[i], r))
			return;
	}
	if (g->lines < LINES_MAX)
		g->line[g->lines++] = r;
}

/* Families in this order; within one as in the file, which is by name. */
static int rank(const struct row *r)
{
	static const char *const families[] = { "limit:",  "kipc:",  "call:", "bytes:",
		                                "pubsub:", "queue:", "peer:", "stock:" };
	const int n = sizeof(families) / sizeof(*families);

	for (int i = 0; i < n; i++) {
		if (strncmp(r->transport, families[i], strlen(families[i])) == 0)
			return i;
	}
	return n;
}

static int compare(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
	int r = rank(x) - rank(y);

	if (!r)
		r = strcmp(x->transport, y->transport);
	if (!r)
		r = strcmp(x->variant, y->variant);
	return r ? r : x->batch - y->batch;
}

/* Limits are measured by spinning; they bound what blocks as well, but only a table of spinning rows
 * shows them. Rows without a figure are listed apart.
 */
static void build(struct grid *g, const struct results *all, const struct table *t)
{
	*g = (struct grid){ 0 };
	for (size_t i = 0; i < all->rows; i++) {
		const struct row *r = &all->row[i];

		if (*r->skipped || !row_matches(r, &t->where) ||
		    isnan(*(const double *)((const char *)r + t->measure->offset)))
			continue;
		add_column(g, r->size);
		add_line(g, r);
	}
	qsort(g->line, g->lines, sizeof(*g->line), compare);
}

static const struct row *cell(const struct results *all, const struct table *t,
                              const struct row *line, size_t size)
{
	struct selector want = t->where;

	want.transport = line->transport;
	want.variant = line->variant;
	want.batch = line->batch;
	want.size = size;
	return rows_find(all, &want);
}

static double value(const struct row *r, const struct measure *m)
{
	return r ? *(const double *)((const char *)r + m->offset) * m->scale : NAN;
}

const char *number(double v)
{
	static char text[4][32];
	static unsigned int turn;
	char *t = text[turn++ % 4];
	double a = fabs(v);

	if (isnan(v))
		return "-";
	snprintf(t, sizeof(text[0]),
	         a >= 99.95    ? "%.0f"
	         : a >= 9.995  ? "%.1f"
	         : a >= 0.9995 ? "%.2f"
	                       : "%.3f",
	         v);
	return t;
}

/* "Round trip, ..., near (line 53 ns): p50, µs" */
static void print_title(FILE *out, const struct results *all, const struct table *t)
{
	double line = rows_line(all, t->where.placement);

	fputs(t->title, out);
	if (!isnan(line))
		fprintf(out, ", CPUs %s (line %.0f ns)", t->where.placement, line);
	fprintf(out, ": %s, %s", t->measure->what, t->measure->unit);
}

/* What is measured of a whole channel concerns no size. */
static const char *column(const struct table *t, size_t size)
{
	bool whole = strcmp(t->where.bench, "open") == 0 || strcmp(t->where.bench, "memory") == 0;

	return whole ? "a pair" : size_name(size);
}

void table_text(FILE *out, const struct results *all, const struct table *any,
                const char *placement)
{
	struct table one = *any;
	const struct table *t = &one;
	struct grid g;

	one.where.placement = placement;
	build(&g, all, t);
	if (!g.lines)
		return;
	fputc('\n', out);
	print_title(out, all, t);
	fprintf(out, "\n%-26s", "");
	for (unsigned int c = 0; c < g.columns; c++)
		fprintf(out, "%10s", column(t, g.size[c]));
	for (unsigned int l = 0; l < g.lines; l++) {
		fprintf(out, "\n%-26s", row_label(g.line[l]));
		for (unsigned int c = 0; c < g.columns; c++) {
			const struct row *r = cell(all, t, g.line[l], g.size[c]);
			bool noisy = r && r->noisy;

			fprintf(out, "%9s%c", number(value(r, t->measure)), noisy ? '~' : ' ');
		}
	}
	fputc('\n', out);
}

static void cell_html(FILE *out, const struct row *r, const struct measure *m)
{
	if (!r) {
		fputs("<td>-</td>", out);
		return;
	}
	fprintf(out, "<td title=\"%d run%s", r->runs, r->runs == 1 ? "" : "s");
	if (!isnan(r->line))
		fprintf(out, ", line %.0f ns", r->line);
	if (!isnan(r->p50))
		fprintf(out, ", p50 %s to %s µs", number(r->p50_min / 1e3),
		        number(r->p50_max / 1e3));
	else if (!isnan(r->msgs))
		fprintf(out, ", %s to %s M/s", number(r->msgs_min / 1e6),
		        number(r->msgs_max / 1e6));
	fprintf(out, "\">%s%s</td>", number(value(r, m)), r->noisy ? "~" : "");
}

void table_html(FILE *out, const struct results *all, const struct table *any,
                const char *placement)
{
	struct table one = *any;
	const struct table *t = &one;
	struct grid g;

	one.where.placement = placement;
	build(&g, all, t);
	if (!g.lines)
		return;
	fputs("<details><summary>", out);
	print_title(out, all, t);
	fputs("</summary><table><tr><th></th>", out);
	for (unsigned int c = 0; c < g.columns; c++)
		fprintf(out, "<th>%s</th>", column(t, g.size[c]));
	fputs("</tr>\n", out);
	for (unsigned int l = 0; l < g.lines; l++) {
		fprintf(out, "<tr class=\"f%d\"><th>%s</th>", rank(g.line[l]),
		        row_label(g.line[l]));
		for (unsigned int c = 0; c < g.columns; c++)
			cell_html(out, cell(all, t, g.line[l], g.size[c]), t->measure);
		fputs("</tr>\n", out);
	}
	fputs("</table></details>\n", out);
}
