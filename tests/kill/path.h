/* SPDX-License-Identifier: MIT */
/*
 * path.h - the instructions of an act: between which of them to kill, and how to get there soon
 *
 * Stepping to the k-th instruction for every k costs the square of their number. So the path is written
 * down once; later victims run to a breakpoint, and only the rest is stepped through.
 */
#ifndef KILL_PATH_H
#define KILL_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct path_step {
	uintptr_t at; /* the next instruction */
	uint32_t nth; /* so many times it was next, this one counted */
	size_t from;  /* the step to which one runs on the way to this one; 0: none */
};

struct path {
	struct path_step *step; /* [k]: after k instructions */
	size_t *point;          /* those k that others can tell from the one before */
	size_t n, points, room;
};

void path_clear(struct path *p);
void path_add(struct path *p, uintptr_t at);

/* That was all: find the points and the ways. */
void path_end(struct path *p);

#endif /* KILL_PATH_H */
