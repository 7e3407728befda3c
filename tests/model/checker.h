/* SPDX-License-Identifier: MIT */
/*
 * checker.h - the seam between the library's own code and the model checker
 *
 * A model is C: the real sources of lib/core and lib/transport, compiled with this header in front
 * (-include), which takes the place of lib/core/atomic.h. Every access to a shared word then goes to
 * checker.cc, where relacy keeps, for each word, the values that the C++11 orders allow a thread to
 * see, and runs the threads of the model in thousands of interleavings. What is copied into or out
 * of a ring goes the same way and is checked for data races.
 *
 * A model defines kipc__model_threads, _setup, _thread and _after. Only words that it declares in
 * _setup are shared; an access to any other one through the seam is an error of the model.
 */
#ifndef KIPC_MODEL_CHECKER_H
#define KIPC_MODEL_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kipc__model_order { KIPC__RELAXED, KIPC__ACQUIRE, KIPC__RELEASE, KIPC__SEQ_CST };
enum kipc__model_rmw { KIPC__EXCHANGE, KIPC__OR, KIPC__AND, KIPC__ADD };

/* ---- the model's part ------------------------------------------------------------------- */

extern const unsigned kipc__model_threads; /* 2 to 4 */
void kipc__model_setup(void); /* before each execution: declare, reset what is static */
void kipc__model_thread(unsigned i);
void kipc__model_after(void); /* when all threads have ended */

/* ---- declaring, in _setup ---------------------------------------------------------------- */

/* A shared word of 4 or 8 bytes that holds value. */
void kipc__model_word(const void *at, size_t size, uint64_t value);

/* A ring's data area, mapped twice: words of 8 bytes that are headers or payload by turns. In a racy
 * one copies are checked by the reader afterwards, so that they may overlap with a writer.
 */
void kipc__model_area(const void *base, size_t bytes, bool racy);

/* ---- in threads -------------------------------------------------------------------------- */

unsigned kipc__model_rand(unsigned limit);
void kipc__model_assert(bool right, const char *what);
void kipc__model_yield(void);

/* From now on this thread is kept from running, before one access in 16, for about that many steps of
 * others: so that they overtake it by a whole round.
 */
void kipc__model_sluggish(unsigned steps);

/* Run body, but let it be killed before any of its first accesses. true: it was. */
bool kipc__model_mortal(void (*body)(void), unsigned accesses);

/* As futex(2): sleeps if the word still holds expected. timed: may also end for no reason, and says so. How
 * many were woken.
 */
bool kipc__model_futex_wait(uint32_t *word, uint32_t expected, bool timed);
unsigned kipc__model_futex_wake(uint32_t *word, unsigned n);

/* As membarrier(2): every thread executes a full fence between two of its accesses. */
void kipc__model_fence_others(void);

/* ---- what atomic.h becomes ---------------------------------------------------------------- */

uint64_t kipc__model_load(const void *p, size_t size, enum kipc__model_order order);
void kipc__model_store(void *p, size_t size, uint64_t v, enum kipc__model_order order);
uint64_t kipc__model_change(void *p, size_t size, enum kipc__model_rmw how, uint64_t v);
bool kipc__model_cas(void *p, size_t size, void *expected, uint64_t v);
void kipc__model_fence(enum kipc__model_order order);
void *kipc__model_copy(void *to, const void *from, size_t n);

#ifdef __cplusplus
}
#else

#define KIPC_CORE_ATOMIC_H /* the real one is shut out */

#define KIPC__MODEL_LOAD(p, order)     ((__typeof__(*(p)))kipc__model_load(p, sizeof(*(p)), order))
#define KIPC__MODEL_STORE(p, v, order) kipc__model_store(p, sizeof(*(p)), (uint64_t)(v), order)
#define KIPC__MODEL_CHANGE(p, how, v) \
	((__typeof__(*(p)))kipc__model_change(p, sizeof(*(p)), how, (uint64_t)(v)))

#define kipc__load_relaxed(p)     KIPC__MODEL_LOAD(p, KIPC__RELAXED)
#define kipc__load_acquire(p)     KIPC__MODEL_LOAD(p, KIPC__ACQUIRE)
#define kipc__store_relaxed(p, v) KIPC__MODEL_STORE(p, v, KIPC__RELAXED)
#define kipc__store_release(p, v) KIPC__MODEL_STORE(p, v, KIPC__RELEASE)
#define kipc__exchange(p, v)      KIPC__MODEL_CHANGE(p, KIPC__EXCHANGE, v)
#define kipc__fetch_or(p, v)      KIPC__MODEL_CHANGE(p, KIPC__OR, v)
#define kipc__fetch_and(p, v)     KIPC__MODEL_CHANGE(p, KIPC__AND, v)
#define kipc__fetch_add(p, v)     KIPC__MODEL_CHANGE(p, KIPC__ADD, v)
#define kipc__count(p)            ((void)++*(p)) /* a number for people */
#define kipc__fence_full()        kipc__model_fence(KIPC__SEQ_CST)
#define kipc__fence_after_rmw()   kipc__model_fence(KIPC__SEQ_CST) /* as on all but x86 */
#define kipc__fence_store()       kipc__model_fence(KIPC__RELEASE)
#define kipc__fence_load()        kipc__model_fence(KIPC__ACQUIRE)
#define kipc__compare_exchange(p, expected, v) \
	kipc__model_cas(p, sizeof(*(p)), expected, (uint64_t)(v))
#define kipc__fence_compiler() ((void)0) /* orders nothing between threads */
#define kipc__cpu_relax()      kipc__model_yield()
#define kipc__prefetch_own(p)  ((void)(p)) /* changes nothing that a thread can see */

#undef memcpy
#define memcpy(to, from, n) kipc__model_copy(to, from, n)

#endif
#endif /* KIPC_MODEL_CHECKER_H */
