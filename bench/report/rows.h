/* SPDX-License-Identifier: MIT */
/*
 * rows.h - the results as the report reads them
 */
#ifndef ROWS_H
#define ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One row of results.json. A figure that is not there is NAN, a word that is not there is "". */
struct row {
	const char *bench, *transport, *wait, *cpus, *variant, *placement, *skipped;
	int batch;
	size_t size;
	int runs;
	bool noisy;
	double p50, p50_min, p50_max, p90, p99, p999, p9999, max, mean;
	double msgs, msgs_min, msgs_max, bytes, cpu, line, idle, memory;
};

struct results {
	json_t *json; /* owns all words */
	struct row *row;
	size_t rows;
};

/* 0, or -1 after one line on stderr. */
int rows_load(struct results *all, const char *path);
void rows_free(struct results *all);

/* What a row has to match; what is NULL or 0 matches every row. */
struct selector {
	const char *bench, *transport, *wait, *cpus, *variant, *placement;
	int batch;
	size_t size;
};

/* transport is a pattern as in fnmatch(3). Skipped rows match too. */
bool row_matches(const struct row *r, const struct selector *want);

/* The first row that matches and has figures, or NULL. */
const struct row *rows_find(const struct results *all, const struct selector *want);

/* "kipc:shm", "kipc:shm in place", "kipc:shm x32"; static storage, four at a time. */
const char *row_label(const struct row *r);

/* "64 B", "4 KiB"; static storage, four at a time. */
const char *size_name(size_t size);

/* The kinds of placement that the probes tell; ends with NULL. Rows on one CPU have none: "". */
extern const char *const placements[];

/* How many rows with figures were taken in that placement. */
size_t rows_placed(const struct results *all, const char *placement);

/* Median of the line probes of these rows, NAN without any. */
double rows_line(const struct results *all, const char *placement);

#endif /* ROWS_H */
