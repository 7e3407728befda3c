/* SPDX-License-Identifier: MIT */
/*
 * plot.h - pictures by gnuplot, as SVG inside the page
 */
#ifndef PLOT_H
#define PLOT_H

#include <stdio.h>

#include "rows.h"

#define POINTS_MAX 32

/* One line of a ranking: a dot at value and a bar from low to high. */
struct item {
	const char *label;
	double value, low, high;
};

/* Items from best to worst, one below the other, over a logarithmic axis. */
int plot_ranking(FILE *out, const char *title, const char *axis, const struct item *item, size_t n);

struct curve {
	char label[64];
	double x[POINTS_MAX], y[POINTS_MAX];
	size_t points;
};

struct axes {
	const char *title, *x, *y;
	const char *x_setup; /* gnuplot's words for the x axis */
};

int plot_curves(FILE *out, const struct axes *axes, const struct curve *curve, size_t n);

/* Points (x, y) of a long series over a logarithmic y axis. */
int plot_points(FILE *out, const struct axes *axes, const json_t *pairs);

/* Is gnuplot there? */
bool plot_possible(void);

#endif /* PLOT_H */
