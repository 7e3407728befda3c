/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - the ordering primitives; the only place that names a memory order
 *
 * Words that a peer can write are touched through these alone, each exactly once per decision, so
 * that the compiler can neither repeat nor tear the access. Letters in the callers refer to the
 * ordering table in kipc_ring.h.
 */
#ifndef KIPC_CORE_ATOMIC_H
#define KIPC_CORE_ATOMIC_H

#include <stdint.h>

#define kipc__load_relaxed(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define kipc__load_acquire(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define kipc__store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define kipc__store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* Read-modify-write; each is also a full fence on x86 and ordered both ways elsewhere. */
#define kipc__exchange(p, v)  __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define kipc__fetch_or(p, v)  __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define kipc__fetch_and(p, v) __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define kipc__fetch_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)

/* Count what both halves of an end count: exactly is not worth a locked instruction, a race is worse. */
#define kipc__count(p) kipc__store_relaxed(p, kipc__load_relaxed(p) + 1)

/* (F) and (I). On x86 a locked read-modify-write of the stack is three times cheaper than mfence. */
static inline void kipc__fence_full(void)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	__asm__ __volatile__("lock; orl $0, -4(%%rsp)" ::: "memory", "cc");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* *expected becomes what was there when that was something else: false. */
#define kipc__compare_exchange(p, expected, v) \
	__atomic_compare_exchange_n(p, expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* What was stored before is visible before what is stored after. */
static inline void kipc__fence_store(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/* What is loaded after is loaded after what was loaded before. */
static inline void kipc__fence_load(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/* (F) behind a read-modify-write, which on x86 is one already. */
static inline void kipc__fence_after_rmw(void)
{
#if defined(__x86_64__)
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
#else
	kipc__fence_full();
#endif
}

/* Where (F) is left to the peer: the compiler at least must not reorder. */
static inline void kipc__fence_compiler(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* One turn of a spin loop. */
static inline void kipc__cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield" ::: "memory");
#else
	kipc__fence_compiler();
#endif
}

/* Fetch a line that I am going to write, from whoever has it. Changes nothing that anybody can see. The
 * instruction is named because compilers turn the wish into a fetch for reading where a processor of 2003
 * could lack it; those that do not know it pass over it.
 */
static inline void kipc__prefetch_own(const void *p)
{
#if defined(__x86_64__)
	__asm__ __volatile__("prefetchw %0" ::"m"(*(const char *)p));
#else
	__builtin_prefetch(p, 1);
#endif
}

#endif /* KIPC_CORE_ATOMIC_H */
