/* SPDX-License-Identifier: MIT */
/*
 * hostile.h - every shared word, changed between any two steps of everybody who looks at it
 *
 * A subject is one verb of one core (lib/core: ring, pubsub, queue) in a given state, or of one end of a channel
 * with many ends, as shared memory or the module carries it (hub.c). The driver runs it
 * once to count its accesses to the shared memory, and then once for each of those, each shared word
 * and each strange value, which is stored there just before that access: for good, or until the next one,
 * as whoever wants a check and a use to see different things would do. Right is: an error, or a correct
 * result; no access outside (guard pages); an end within a bounded number of steps.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <kipc.h>

/* The shared memory: one piece for words, and a data area that may be mapped twice in a row. */
#define CTRL_BYTES 32768

extern uint8_t *hostile_ctrl;
extern uint8_t *hostile_data;

struct word {
	const char *name;
	void *at;    /* 8 bytes */
	bool forges; /* whoever writes it can make messages of his own: what they hold is not judged */
};

/* A piece of memory that is as it was made when a case begins. */
struct area {
	void *at;
	size_t bytes;
};

struct subject {
	const char *name;
	void (*make)(void);              /* from zeroed memory; what is not shared lies in *own */
	unsigned (*list)(struct word *); /* the shared words; up to HOSTILE_WORDS */
	void (*act)(bool forged);        /* the verb, and what must be right then */
	void (*after)(void);             /* more of them, which need only be lawful */
};

#define HOSTILE_WORDS 200
#define HOSTILE_AREAS 16

/* A core: its subjects share private memory and the form of the data. */
struct core {
	const struct subject *subjects;
	unsigned nr;
	void *own;
	size_t own_bytes;
	size_t data_bytes;
	bool mirrored;

	/* Where all that lies in a real channel instead, and each access is a step; has anything changed
	 * that is in none of them?
	 */
	unsigned (*areas)(struct area *);
	bool (*spoiled)(void);
	void (*unmake)(void);
	unsigned dear;    /* its cases take long: one in so many; 0: all of them */
	const char *only; /* over this transport, or NULL */
};

extern const struct core ring_core, long_core, topic_core, queue_core;
extern const struct core hub_topic_core, hub_topic_slow_core, hub_queue_core, hub_queue_slow_core,
	hub_queue_dead_core;

/* Which transport carries the real channels. */
extern const char *hostile_scheme;

#define must(cond)                                               \
	do {                                                     \
		if (!(cond))                                     \
			hostile_fail(__FILE__, __LINE__, #cond); \
	} while (0)

_Noreturn void hostile_fail(const char *file, int line, const char *what);

/* An error that may be the answer to nonsense, or none. */
int64_t lawful(int64_t r);

/* Message number i of some stream: its content, and whether this is it. */
void fill_letter(void *data, size_t len, uint64_t i);
bool is_letter(const void *data, size_t len, uint64_t i);

/* A buffer that notices whoever writes beyond cap bytes of it. */
struct tray {
	size_t cap;
	uint8_t bytes[4096 + 16];
};

void tray_set(struct tray *t, size_t cap);
void tray_check(const struct tray *t);

/* In place: inside the data area behind the first skip bytes, and read to the last byte. */
void check_inside(const struct kipc_msg *m, int n, size_t skip, size_t mapped, size_t longest);

#endif /* HOSTILE_H */
