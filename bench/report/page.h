/* SPDX-License-Identifier: MIT */
/* page.h - the report as one HTML file that needs nothing else */
#ifndef PAGE_H
#define PAGE_H

#include <stdio.h>

#include "rows.h"

/* Write the page to path, whole or not at all. 0 or a negative errno. */
int page_write(const char *path, const struct results *all);

/* All pictures, one after the other. */
void pictures_html(FILE *out, const struct results *all);

#endif /* PAGE_H */
