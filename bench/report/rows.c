// SPDX-License-Identifier: MIT
/* rows.c - the results as the report reads them; see rows.h */
#include "rows.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const placements[] = { "core", "near", "far", NULL };

static const struct {
	const char *name;
	size_t offset;
} words[] = {
	{ "bench", offsetof(struct row, bench) },
	{ "transport", offsetof(struct row, transport) },
	{ "wait", offsetof(struct row, wait) },
	{ "cpus", offsetof(struct row, cpus) },
	{ "variant", offsetof(struct row, variant) },
	{ "placement", offsetof(struct row, placement) },
	{ "skipped", offsetof(struct row, skipped) },
};

static const struct {
	const char *name;
	size_t offset;
} figures[] = {
	{ "p50_ns", offsetof(struct row, p50) },
	{ "p50_min_ns", offsetof(struct row, p50_min) },
	{ "p50_max_ns", offsetof(struct row, p50_max) },
	{ "p90_ns", offsetof(struct row, p90) },
	{ "p99_ns", offsetof(struct row, p99) },
	{ "p999_ns", offsetof(struct row, p999) },
	{ "p9999_ns", offsetof(struct row, p9999) },
	{ "max_ns", offsetof(struct row, max) },
	{ "mean_ns", offsetof(struct row, mean) },
	{ "msgs_per_s", offsetof(struct row, msgs) },
	{ "msgs_per_s_min", offsetof(struct row, msgs_min) },
	{ "msgs_per_s_max", offsetof(struct row, msgs_max) },
	{ "bytes_per_s", offsetof(struct row, bytes) },
	{ "cpu_ns_per_msg", offsetof(struct row, cpu) },
	{ "line_rtt_ns", offsetof(struct row, line) },
	{ "idle_cpu_percent", offsetof(struct row, idle) },
	{ "memory_bytes", offsetof(struct row, memory) },
};

static void read_row(struct row *r, json_t *from)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		const char *text = json_string_value(json_object_get(from, words[i].name));

		*(const char **)((char *)r + words[i].offset) = text ? text : "";
	}
	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
		json_t *v = json_object_get(from, figures[i].name);

		*(double *)((char *)r + figures[i].offset) =
			json_is_number(v) ? json_number_value(v) : NAN;
	}
	r->batch = json_integer_value(json_object_get(from, "batch"));
	r->size = json_integer_value(json_object_get(from, "size"));
	r->runs = json_integer_value(json_object_get(from, "runs"));
	r->noisy = json_is_true(json_object_get(from, "noisy"));
}

int rows_load(struct results *all, const char *path)
{
	json_error_t error;
	json_t *list, *one;
	size_t i;

	*all = (struct results){ .json = json_load_file(path, 0, &error) };
	if (!all->json) {
		if (error.line > 0)
			fprintf(stderr, "kipc: bench: %s: line %d: %s\n", path, error.line,
			        error.text);
		else
			fprintf(stderr, "kipc: bench: %s\n", error.text);
		return -1;
	}
	list = json_object_get(all->json, "rows");
	if (!json_is_array(list)) {
		fprintf(stderr, "kipc: bench: %s: no rows in it\n", path);
		return -1;
	}
	all->row = calloc(json_array_size(list) + 1, sizeof(*all->row));
	if (!all->row) {
		fprintf(stderr, "kipc: bench: no memory\n");
		return -1;
	}
	json_array_foreach(list, i, one) read_row(&all->row[all->rows++], one);
	return 0;
}

void rows_free(struct results *all)
{
	free(all->row);
	json_decref(all->json);
}

static bool same(const char *want, const char *have)
{
	return !want || strcmp(want, have) == 0;
}

bool row_matches(const struct row *r, const struct selector *want)
{
	return same(want->bench, r->bench) && same(want->wait, r->wait) &&
	       same(want->cpus, r->cpus) && same(want->variant, r->variant) &&
	       same(want->placement, r->placement) && (!want->batch || want->batch == r->batch) &&
	       (!want->size || want->size == r->size) &&
	       (!want->transport || fnmatch(want->transport, r->transport, FNM_EXTMATCH) == 0);
}

const struct row *rows_find(const struct results *all, const struct selector *want)
{
	for (size_t i = 0; i < all->rows; i++) {
		const struct row *r = &all->row[i];

		if (!*r->skipped && row_matches(r, want))
			return r;
	}
	return NULL;
}

const char *row_label(const struct row *r)
{
	static char text[4][64];
	static unsigned int turn;
	char *t = text[turn++ % 4];
	int n = snprintf(t, sizeof(text[0]), "%s%s", r->transport,
	                 strcmp(r->variant, "inplace") ? "" : " in place");

	if (r->batch > 1)
		snprintf(t + n, sizeof(text[0]) - n, " x%d", r->batch);
	return t;
}

const char *size_name(size_t size)
{
	static char text[4][24];
	static unsigned int turn;
	char *t = text[turn++ % 4];

	if (size >= 1 << 20 && size % (1 << 20) == 0)
		snprintf(t, sizeof(text[0]), "%zu MiB", size >> 20);
	else if (size >= 1 << 10 && size % (1 << 10) == 0)
		snprintf(t, sizeof(text[0]), "%zu KiB", size >> 10);
	else
		snprintf(t, sizeof(text[0]), "%zu B", size);
	return t;
}

size_t rows_placed(const struct results *all, const char *placement)
{
	size_t n = 0;

	for (size_t i = 0; i < all->rows; i++)
		n += !*all->row[i].skipped && strcmp(all->row[i].placement, placement) == 0;
	return n;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double rows_line(const struct results *all, const char *placement)
{
	size_t n = rows_placed(all, placement), k = 0;
	double *v = calloc(n + 1, sizeof(*v)), median = NAN;

	for (size_t i = 0; v && i < all->rows; i++) {
		const struct row *r = &all->row[i];

		if (!*r->skipped && strcmp(r->placement, placement) == 0 && !isnan(r->line))
			v[k++] = r->line;
	}
	if (k) {
		qsort(v, k, sizeof(*v), compare);
		median = v[k / 2];
	}
	free(v);
	return median;
}
