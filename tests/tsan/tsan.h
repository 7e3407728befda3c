/* SPDX-License-Identifier: MIT */
/*
 * tsan.h - both sides of a channel in one process, for ThreadSanitizer to look at
 *
 * Each scene runs in a process of its own, with the ends of a channel in two threads or more. The
 * library is built with -fsanitize=thread; map.c lets all ends have the same addresses. A report of
 * the sanitizer makes the scene's process exit with TSAN_FOUND.
 */
#ifndef TSAN_H
#define TSAN_H

#include <stdbool.h>
#include <stddef.h>
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

#define TSAN_ENDS 4

struct table {
	struct kipc_chan *end[TSAN_ENDS];
	const char *uri;
	unsigned rounds;
	unsigned counted; /* by several threads */
};

struct scene {
	const char *name;
	void *(*side[TSAN_ENDS])(void *table); /* a thread each; NULL: no more */
	unsigned kind; /* 0: the two ends of a pair; else of ends by name: */
	struct {
		unsigned flags; /* 0: no more */
		const char *options;
		bool overtaken; /* it may be */
	} end[TSAN_ENDS];
};

extern const struct scene scenes[], call_scenes[], topic_scenes[], queue_scenes[];
extern const unsigned nr_scenes, nr_call_scenes, nr_topic_scenes, nr_queue_scenes;

/* map.c: who opens an end now may be overtaken while it reads. Only the main thread opens such ends. */
extern bool map_data_apart;

/* letter.c: a message whose length and content follow from its number */
#define LETTER_BODY 600

struct letter {
	uint64_t number;
	uint8_t body[LETTER_BODY];
};

size_t length_of(uint64_t number);
void letter_write(struct letter *l, uint64_t number);
void letter_check(const struct letter *l, size_t len, uint64_t number);

#endif /* TSAN_H */
