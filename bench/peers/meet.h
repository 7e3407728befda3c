/* SPDX-License-Identifier: MIT */
/*
 * meet.h - how two processes tell each other their addresses
 *
 * For libraries whose endpoints are made after the fork and reached by an address of bytes.
 */
#ifndef MEET_H
#define MEET_H

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "../bench.h"

#define MEET_MAX 4000

struct card {
	atomic_int there;
	uint32_t len;
	char address[MEET_MAX];
};

static inline int meet_setup(struct pair *p)
{
	p->map_bytes = 2 * sizeof(struct card);
	p->map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p->map == MAP_FAILED ? bench_fail(p, -errno, "mmap: %m") : 0;
}

/* Show this side's address and wait for the other's. */
static inline int meet(struct side *s, const void *address, size_t len, const struct card **peer)
{
	struct card *card = s->pair->map, *mine = &card[s->who], *theirs = &card[!s->who];

	if (len > MEET_MAX)
		return bench_fail(s->pair, -E2BIG, "an address of %zu bytes", len);
	memcpy(mine->address, address, len);
	mine->len = len;
	/* Pairs with the acquire load of the other side. */
	atomic_store_explicit(&mine->there, 1, memory_order_release);
	/* Pairs with the release store above. */
	while (!atomic_load_explicit(&theirs->there, memory_order_acquire)) {
		if (atomic_load(&s->pair->failed))
			return -EPIPE;
		sched_yield();
	}
	*peer = theirs;
	return 0;
}

#endif /* MEET_H */
