/* SPDX-License-Identifier: MIT */
/*
 * fork.h - which process is this?
 *
 * getpid() is a system call. Instead one word lives in a page that the kernel wipes in a forked
 * child (MADV_WIPEONFORK): a handle remembers the generation it was taken into use in, and one load
 * tells whether this is still that process.
 */
#ifndef KIPC_OS_FORK_H
#define KIPC_OS_FORK_H

#include <stdbool.h>
#include <stdint.h>
#include "../core/atomic.h"

/* The word: this process's generation, 0 before its first use here. Never NULL. */
extern const uint64_t *kipc__fork_word;

/* This process's generation, never 0. -ENOMEM or -EOPNOTSUPP comes out negative. */
int64_t kipc__fork_generation(void);

/* An owner word holds the generation of the process that uses something; 0: nobody yet. */
static inline bool kipc__fork_owns(const uint64_t *owner)
{
	uint64_t seen = kipc__load_acquire(owner); /* pairs with kipc__fork_settle() */

	const uint64_t *word = kipc__load_relaxed(&kipc__fork_word);

	return seen != 0 && seen == kipc__load_relaxed(word);
}

/* Does it name another process? Not of one that nobody uses yet, nor while this one is about to. */
bool kipc__fork_foreign(const uint64_t *owner);

/*
 * Take an owner word for this process. 1: the caller makes the thing its own and calls
 * kipc__fork_settle() in any case; 0: it is this process's already; -ESTALE: another one's. Two
 * threads may try at the same time: one gets 1, the other waits until that one has settled.
 */
int kipc__fork_claim(uint64_t *owner);
void kipc__fork_settle(uint64_t *owner, bool taken);

#endif /* KIPC_OS_FORK_H */
