/* SPDX-License-Identifier: MIT */
/* side.h - the life of the two processes of a repetition */
#ifndef SIDE_H
#define SIDE_H

#include "bench.h"

/* The first process: sets up, forks the second, and does not return. */
_Noreturn void side_first(struct pair *p);

#endif /* SIDE_H */
