/* SPDX-License-Identifier: MIT */
/* progress.h - what a person sees while the bench runs: one line on a terminal, few in a log */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "run.h"

/* Before a repetition; left: repetitions still wanted, this one among them. */
void progress_show(const struct run *run, const struct task *t, double line_ns, double at_s,
                   unsigned int left);

void progress_end(const struct run *run);

/* "64 B", "4 KiB", "1 MiB" */
const char *progress_size(size_t size);

#endif /* PROGRESS_H */
