/* SPDX-License-Identifier: MIT */
/* wake.h - futexes on shared words, fencing other CPUs, and what sleeping costs here. */
#ifndef KIPC_OS_WAKE_H
#define KIPC_OS_WAKE_H

#include <stdbool.h>
#include <stdint.h>

/* Sleep while *word is expected, until the absolute deadline (KIPC__NEVER: no end), and in any case
 * no longer than nap ns (KIPC__NEVER: as long as it takes). 0: woken, the word differs, or for no reason; -ETIMEDOUT: one of the two
 * times passed; -EINTR: a signal handler ran; without either time, and with SA_RESTART, it sleeps on. (A time
 * far away would end that, too, and costs each sleep a timer.)
 */
int kipc__futex_wait(uint32_t *word, uint32_t expected, int64_t deadline, int64_t nap);

/* Wake everybody who sleeps on word. */
void kipc__futex_wake(uint32_t *word);

/* Wake up to n of them. How many were woken: fewer than n, and nobody is left. */
unsigned kipc__futex_wake_some(uint32_t *word, unsigned n);

/* Let other processes fence this one (membarrier GLOBAL_EXPEDITED): true when they can from now on. */
bool kipc__fence_register(void);

/* Execute a full fence on every running CPU of the processes that registered, and here. */
void kipc__fence_others(void);

/* The CPU that this thread runs on + 1, read from the rseq area without a system call; 0: unknown. */
uint32_t kipc__cpu(void);

/* What a sleep and a wake-up across CPUs cost on this machine, in ns: measured once per process, in
 * about a millisecond, at the first call. 0 where this process can use a single CPU.
 */
uint64_t kipc__wake_cost(void);

#endif /* KIPC_OS_WAKE_H */
