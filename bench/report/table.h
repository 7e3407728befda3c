/* SPDX-License-Identifier: MIT */
/*
 * table.h - rows turned into tables: a line a transport, a column a size
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdio.h>

#include "rows.h"

/* What the cells of a table show. */
struct measure {
	const char *what; /* "p50" */
	const char *unit; /* "µs" */
	size_t offset;    /* of a double in struct row */
	double scale;
};

extern const struct measure measure_p50, measure_p99, measure_p999, measure_max, measure_msgs,
	measure_bytes, measure_cpu, measure_idle, measure_memory;

/* A table to be printed as text or as HTML, once for each placement. */
struct table {
	const char *title;
	struct selector where; /* bench, cpus and wait */
	const struct measure *measure;
};

/* All tables that a run may have; ends with a title of NULL. */
extern const struct table tables[];

/* Print it with the rows of one placement ("": those on one CPU) unless there are none. */
void table_text(FILE *out, const struct results *all, const struct table *t, const char *placement);
void table_html(FILE *out, const struct results *all, const struct table *t, const char *placement);

/* Three significant digits, without an exponent. */
const char *number(double v);

/* Which rows have no figure, and why: one line a reason. */
void skipped_text(FILE *out, const struct results *all);
void skipped_html(FILE *out, const struct results *all);

/* Reasons may hold what a system said; nothing in them may be taken for markup. */
void html_escape(FILE *out, const char *text);

#endif /* TABLE_H */
