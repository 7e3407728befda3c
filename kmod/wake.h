/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wake.h - bells: sleeping until a position is reached, and ending that sleep
 */
#ifndef KIPC_WAKE_H
#define KIPC_WAKE_H

#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "main.h"

struct mm_struct;
struct seq_file;

/* Threads of one end that may sleep on a side: a bound for whoever wakes all of them. */
#define KIPC_WAKE_THREADS 16

/* What an end has done; the numbers that STAT and fdinfo tell. */
struct kipc_wake_counts {
	atomic64_t waits;
	atomic64_t waits_met;
	atomic64_t wakes;
	atomic64_t wakes_idle;
	atomic64_t polls;
};

int kipc_wake_report(const struct kipc_wake_counts *counts, struct kipc_ioc_stat *stat);
void kipc_wake_show(struct seq_file *seq, const struct kipc_wake_counts *counts);

/* An end as bells know it: one that sleeps at some and moves what is watched at others. */
struct kipc_party {
	struct kipc_ring_ctrl *ctrl; /* its control page: hostile, read once and judge */
	spinlock_t *lock;            /* protects mm */
	struct mm_struct *mm;        /* its owner's, NULL without one; for comparison only */
	wait_queue_head_t pollers;   /* who polls its file, whatever for */
	struct fasync_struct *fasync;
	struct kipc_wake_counts counts;
};

/* Where one end sleeps until another end moves. The pointers do not change; the rest is protected
 * by queue.lock.
 */
struct kipc_bell {
	wait_queue_head_t queue;       /* parked threads (kipc_waiter) */
	struct kipc_ring_bell *shared; /* armed, gone: what both sides see */
	struct kipc_party *sleeper;
	struct kipc_party *mover;
	const u64 *position;     /* the mover's word in its control area: hostile */
	struct kipc_bell *other; /* of the same ring: the mover sleeps there */
	__poll_t key;            /* what a poller of this bell asks for */

	unsigned int parked; /* threads in the queue */
	s64 fenced;          /* until when fences of the mover's CPUs are booked, ns */
	bool here;           /* wake on the waker's CPU, for the walk under way */
	bool always;         /* stays armed: somebody wants SIGIO */
};

void kipc_wake_init(struct kipc_bell *bell);

/* Sleeps until the position is reached (0), the other side is gone (-EPIPE), the caller does not
 * own the sleeping end any more (-EPERM), the deadline passes (-ETIMEDOUT) or a signal comes
 * (-ERESTARTSYS); -EBUSY: KIPC_WAKE_THREADS do so already.
 */
int kipc_wake_wait(struct kipc_bell *bell, u64 position, s64 deadline);

/* Wakes whom the position concerns, and every poller. */
void kipc_wake_ring(struct kipc_bell *bell, u32 hint);

/* Lies down at one bell, rings another, and sleeps. */
int kipc_wake_exchange(struct kipc_bell *ring, u32 hint, struct kipc_bell *bell, u64 position,
                       s64 deadline);

/* Whoever sleeps here will never look again: tells the other side. */
void kipc_wake_leave(struct kipc_bell *bell, u32 gone);

/* Ends every sleep of this end without a reason, to have its sleepers look around. */
void kipc_wake_shake(struct kipc_bell *bell);

/* Whoever wants SIGIO wants to hear everything: looks whether there is anybody. */
void kipc_wake_always(struct kipc_bell *bell);

/* Has the mover reached the position? */
bool kipc_wake_due(const struct kipc_bell *bell, u64 position);

/* Will nobody move what this bell waits for, or may nobody wait for it? */
bool kipc_wake_over(const struct kipc_bell *bell);

/* One bell's part of a poll: arms it when the poller asks for it. The caller waits on the end's pollers
 * before, and looks afterwards.
 */
void kipc_wake_poll(struct kipc_bell *bell, const poll_table *table);

/* Sleeps at most until the deadline; says whether that has passed. The caller has set its state. */
bool kipc_wake_schedule(s64 deadline);

/* What default_wake_function() takes for a hint. */
int kipc_wake_flags(u32 hint);

/* Does the kernel do what KIPC_HINT_SAME_CPU and KIPC_FENCE_PEER ask for? */
u64 kipc_wake_features(void);

#endif /* KIPC_WAKE_H */
