/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - one repetition of one cell in two fresh processes
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "bench.h"

/* Once: memory for the one pair that exists at a time, and reaping of whatever is left over. */
int attempt_init(void);

/*
 * Take the cell's figure once. Returns the pair, whose sample is valid until the next call when
 * failed == 0, else why tells the reason. However the two processes behave, this ends within the
 * measuring time and 3 s, and leaves neither of them behind. *hung: they had to be killed.
 */
const struct pair *attempt_run(const struct cell *cell, const int cpu[2], bool *hung);

#endif /* ATTEMPT_H */
