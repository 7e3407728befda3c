/* SPDX-License-Identifier: MIT */
/*
 * bars.h - what a run says about libkipc: ratios of rows that were taken alike
 *
 * A bar compares a figure of libkipc with that of another row, or with a constant. It is judged once
 * for each placement of the CPUs that the run saw, and always says something: ok, missed, or that there
 * is no figure and why.
 */
#ifndef BARS_H
#define BARS_H

#include <stdio.h>

#include "rows.h"

/* What is compared: a figure of a row, as tables show it. */
struct figure {
	const char *unit;
	double scale;
	size_t offset;    /* of a double in struct row */
	size_t low, high; /* its least and its most over the repetitions; 0: not known */
	bool more;        /* is better */
};

enum pick {
	PICK_BEST,  /* the best row that ours matches against the best that theirs matches */
	PICK_WORST, /* the worst of ours against the best of theirs */
	PICK_ALIKE, /* of all pairs that differ in nothing but the transport, the worst */
};

struct bar {
	const char *what;
	const struct figure *figure;
	enum pick pick;
	const char *where; /* pattern of the placements it is meant for; NULL: all */
	struct selector ours;
	struct selector theirs; /* no transport: against the constant */
	double ratio;           /* ours at most (more is better: at least) this much of theirs */
	double constant;        /* in place of theirs, in the unit above */
};

/* All bars; ends with no what. */
extern const struct bar bars[];

enum verdict { BAR_OK, BAR_MISSED, BAR_NO_FIGURE };

struct result {
	enum verdict verdict;
	bool spread; /* the repetitions lie on both sides of the bar */
	bool noisy;  /* one of the two rows had no quiet repetition */
	const struct row *ours, *theirs;
	double have, want, ratio; /* have and want in the figure's unit */
	char reason[200];         /* of BAR_NO_FIGURE */
};

/* Only rows of one placement are compared ("": those on one CPU). */
struct result bar_judge(const struct results *all, const struct bar *b, const char *placement);

/* Why no placement of this run gives the bar a figure. */
void bar_explain(const struct results *all, const struct bar *b, struct result *x);

/* One line a bar and placement. */
void bars_text(FILE *out, const struct results *all);
void bars_html(FILE *out, const struct results *all);

/* The same as an array; a new reference. */
json_t *bars_json(const struct results *all);

#endif /* BARS_H */
