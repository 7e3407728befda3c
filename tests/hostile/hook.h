/* SPDX-License-Identifier: MIT */
/*
 * hook.h - the seam: put in front (-include) of lib/core's sources and of the subjects
 *
 * Each access of the code under test to a shared word, and each piece of a copy, first tells hostile.h's
 * driver, which may change any word of the shared memory just then.
 */
#ifndef HOSTILE_HOOK_H
#define HOSTILE_HOOK_H

#include <string.h>
#include "core/atomic.h"

void hostile_step(const volatile void *at);
void *hostile_copy(void *to, const void *from, size_t n);

#define STEP(p, access) (hostile_step(p), (access))

#undef kipc__load_relaxed
#undef kipc__load_acquire
#undef kipc__store_relaxed
#undef kipc__store_release
#undef kipc__exchange
#undef kipc__fetch_or
#undef kipc__fetch_and
#undef kipc__fetch_add
#undef kipc__compare_exchange
#define kipc__load_relaxed(p)     STEP(p, __atomic_load_n(p, __ATOMIC_RELAXED))
#define kipc__load_acquire(p)     STEP(p, __atomic_load_n(p, __ATOMIC_ACQUIRE))
#define kipc__store_relaxed(p, v) STEP(p, __atomic_store_n(p, v, __ATOMIC_RELAXED))
#define kipc__store_release(p, v) STEP(p, __atomic_store_n(p, v, __ATOMIC_RELEASE))
#define kipc__exchange(p, v)      STEP(p, __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST))
#define kipc__fetch_or(p, v)      STEP(p, __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))
#define kipc__fetch_and(p, v)     STEP(p, __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST))
#define kipc__fetch_add(p, v)     STEP(p, __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST))
#define kipc__compare_exchange(p, expected, v) \
	STEP(p, __atomic_compare_exchange_n(p, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))

#undef memcpy
#define memcpy(to, from, n) hostile_copy(to, from, n)

#endif /* HOSTILE_HOOK_H */
