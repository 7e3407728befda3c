/* SPDX-License-Identifier: MIT */
/*
 * bars.h - what a run says about libkipc: ratios of rows that were taken alike
 */
#ifndef BARS_H
#define BARS_H

#include <stdio.h>

#include "rows.h"

/* One line a bar: both figures, their ratio, and whether it is met. */
void bars_text(FILE *out, const struct results *all);
void bars_html(FILE *out, const struct results *all);

#endif /* BARS_H */
