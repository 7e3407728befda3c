/* SPDX-License-Identifier: MIT */
/*
 * lines.h - the bare cache-line ping-pong, for the probe and for the limits
 *
 * Over one line, both sides store to the word that both watch; over two, each side has its own line to
 * store to. Every store is the number of the round trip, so that nothing can be mistaken.
 */
#ifndef LINES_H
#define LINES_H

#include "bench.h"

#define LINES_END (~0ull)

struct lines {
	_Alignas(128) _Atomic uint64_t there;
	_Alignas(128) _Atomic uint64_t back;
};

/* Wait until the word is want; false when it says that the other side has ended. */
static inline bool line_await(_Atomic uint64_t *word, uint64_t want)
{
	uint64_t seen;

	/* Pairs with the release stores of line_pass() and line_answer(). */
	while ((seen = atomic_load_explicit(word, memory_order_acquire)) != want) {
		if (seen == LINES_END)
			return false;
		cpu_relax();
	}
	return true;
}

/* One round trip of the number n (1, 2, ...) over one line or two. */
static inline void line_pass(struct lines *l, bool two, uint64_t n)
{
	/* Pairs with the acquire load in line_answer()'s line_await(). */
	atomic_store_explicit(&l->there, two ? n : 2 * n - 1, memory_order_release);
	line_await(two ? &l->back : &l->there, two ? n : 2 * n);
}

/* The other side of it; false when it is over. */
static inline bool line_answer(struct lines *l, bool two, uint64_t n)
{
	if (!line_await(&l->there, two ? n : 2 * n - 1))
		return false;
	/* Pairs with the acquire load in line_pass()'s line_await(). */
	atomic_store_explicit(two ? &l->back : &l->there, two ? n : 2 * n, memory_order_release);
	return true;
}

static inline void line_end(struct lines *l)
{
	atomic_store_explicit(&l->there, LINES_END, memory_order_release);
}

#endif /* LINES_H */
