/* SPDX-License-Identifier: MIT */
/*
 * vigil.h - a futex word that the kernel changes when something has happened
 *
 * Who sleeps on a futex hears of nothing else. To notice that a process has ended he would have to get
 * up again and again, and the timer for that costs a quarter of a short sleep. Instead an io_uring waits
 * for descriptors that become readable, or break, at such a moment, and behind each of them stands a
 * read of zero into the word. The kernel has it carried out by the thread that asked for it: it takes
 * that one out of its sleep, and when the sleep is to be resumed, the word differs. Until then nothing
 * runs and nothing is paid for.
 *
 * In that one moment a blocking system call of that thread that has nothing to do with it may be
 * interrupted, too: one that is not restarted after a signal handler without SA_RESTART, as
 * epoll_wait(2), returns EINTR, and a long write(2) may be short.
 */
#ifndef KIPC_OS_VIGIL_H
#define KIPC_OS_VIGIL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define KIPC__VIGIL_MOST 32 /* descriptors */

struct kipc__vigil;

/* Make *word 0, for the calling thread, when one of n descriptors has one of its events (POLLERR and
 * POLLHUP are always among them). The descriptors may be closed after that, the word stays mapped until
 * the vigil is closed. Takes one descriptor, but none of the last quarter that the process may have; 20 us,
 * the first time 200. -EPERM, -ENOSYS, -EMFILE, -ENOMEM: not possible here and now.
 */
int kipc__vigil_open(struct kipc__vigil **out, const struct pollfd *what, unsigned n,
                     uint32_t *word);

/* Is it this thread's, and has nothing happened yet? A load. Whoever sets the word and then asks this may
 * sleep on it.
 */
bool kipc__vigil_stands(const struct kipc__vigil *v);

/* Sleep on two words at once: on mine, which the vigil changes, while it is expected_mine, and on a shared one
 * while that is expected. Until the absolute deadline (KIPC__NEVER: no end). 0: woken, a word differs, or for
 * no reason; -ETIMEDOUT; -EINTR; -ENOSYS, -EPERM: not here. Costs more than a futex with a timer.
 */
int kipc__vigil_sleep(uint32_t *mine, uint32_t expected_mine, uint32_t *shared, uint32_t expected,
                      int64_t deadline);

/* From here on the word is left alone. Any thread; where something is just happening, waits for the
 * thread that opened it to have changed the word. In a forked child: gives up the copy. NULL is allowed.
 */
void kipc__vigil_close(struct kipc__vigil *v);

#endif /* KIPC_OS_VIGIL_H */
