/* SPDX-License-Identifier: MIT */
/*
 * courier.h - a letter that a worker of the kernel writes
 *
 * Who writes to a FIFO wakes all who watch it, one after the other, before the write returns. Here an io_uring
 * hands the write to its workers (IOSQE_ASYNC), so it costs the caller one wake-up, the worker's, however
 * many watch; those hear of it a wake-up later.
 *
 * The workers are kernel threads of this process ("iou-wrk" in ps), and may run where the thread may that they
 * work for. Of a thread that is bound to one CPU they would take just that, so there they are bound to
 * others (IORING_REGISTER_IOWQ_AFF: of all io_urings of that thread).
 */
#ifndef KIPC_OS_COURIER_H
#define KIPC_OS_COURIER_H

struct kipc__courier;

/* One that has not begun; NULL: -ENOMEM. Any thread. */
struct kipc__courier *kipc__courier_new(void);

/* Write a byte to fd, a FIFO that does not block, always the same; negative: there is none yet. 0: it is under way,
 * and comes unless this thread ends before; -EAGAIN: write it yourself, this time. Refused like that are a
 * thread's first letters, for to set up takes as long as many of them, letters in a forked child, and those
 * for a FIFO that is full. Any thread, async-signal-safe; one at a time, and who comes second is refused.
 */
int kipc__courier_send(struct kipc__courier *c, int fd);

/* In a forked child: give up the copy of the descriptor. */
void kipc__courier_forget(struct kipc__courier *c);

/* Waits for the letters that are under way. NULL is allowed. */
void kipc__courier_free(struct kipc__courier *c);

#endif /* KIPC_OS_COURIER_H */
