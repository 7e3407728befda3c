/* SPDX-License-Identifier: MIT */
/*
 * tsan.h - both sides of a channel in one process, for ThreadSanitizer to look at
 *
 * Each scene runs in a process of its own, with the two ends of a channel in two threads or more. The
 * library is built with -fsanitize=thread; map.c lets both ends have the same addresses. A report of
 * the sanitizer makes the scene's process exit with TSAN_FOUND.
 */
#ifndef TSAN_H
#define TSAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <kipc.h>

#define TSAN_FOUND 66

#define must(cond)                                                                            \
	do {                                                                                  \
		if (!(cond)) {                                                                \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #cond); \
			_Exit(1);                                                             \
		}                                                                             \
	} while (0)

struct table {
	struct kipc_chan *end[2];
	const char *uri;
	unsigned rounds;
};

struct scene {
	const char *name;
	void *(*side[4])(void *table); /* a thread each; NULL: no more */
};

extern const struct scene scenes[];
extern const unsigned nr_scenes;

#endif /* TSAN_H */
