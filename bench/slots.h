/* SPDX-License-Identifier: MIT */
/*
 * slots.h - messages through slots in shared memory, for mechanisms that only wake
 *
 * Semaphores, eventfd, futexes and signals carry no payload. Their user puts messages into shared
 * memory and counts: *items* in a direction, posted by its sender, and free *slots*, posted by its
 * receiver. A mechanism brings a way to post and to await one of these four counters.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include "bench.h"

enum token { TOKEN_ITEM, TOKEN_SPACE };

#define TOKENS 4

/* The counter's number among the four; from: the side that sends in that direction. */
static inline unsigned int token_index(int from, enum token what)
{
	return 2 * from + what;
}

struct token_ops {
	int (*post)(struct side *s, unsigned int index);
	int (*wait)(struct side *s, unsigned int index);
};

/* A page for the mechanism's counters lies before the slots. */
#define SLOTS_COUNTERS 4096

/* How many slots a direction has, which is what its space counter starts with. */
unsigned int slots_depth(size_t size);

/* What token index starts with. */
static inline unsigned int slots_initial(size_t size, unsigned int index)
{
	return index % 2 == TOKEN_SPACE ? slots_depth(size) : 0;
}

size_t slots_bytes(size_t size);

/* Map anonymous shared memory for counters and slots. */
int slots_map(struct pair *p);

int slots_send(struct side *s, const void *buf);
int slots_recv(struct side *s, void *buf);

/* Counters in the counters' page, slept on with a futex; also for other mechanisms. */
extern const struct token_ops futex_tokens;
void futex_tokens_init(struct pair *p);

#endif /* SLOTS_H */
