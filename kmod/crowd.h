/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * crowd.h - bells at which many ends sleep: they count events
 */
#ifndef KIPC_CROWD_H
#define KIPC_CROWD_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "main.h"

/* Where all ends sleep that wait on one side. Protected by lock. */
struct kipc_crowd {
	spinlock_t lock;
	struct kipc_ring_bell *shared; /* armed: what all ends see */
	u64 events;                    /* its lower bits are in armed */
	struct list_head sleepers;     /* struct kipc_crowd_sleeper, the longest asleep first */
	struct list_head called;       /* those whom a ring has still to wake, all of them */
	struct list_head told;         /* members that polled whom a ring has still to tell */
	struct work_struct calling;    /* does both; holds a reference while it is under way */
	struct kref *refs;             /* of whoever contains this crowd */
	void (*release)(struct kref *refs);
	struct list_head polled; /* members that have armed as pollers since the last event */
	bool early;              /* somebody has armed and is about to sleep */
	__poll_t key;            /* what a poller of this side asks for */
};

/* What a crowd knows of an end. Protected by the lock of the crowd. */
struct kipc_crowd_member {
	unsigned int asleep;        /* its threads on the lists */
	bool polls;                 /* it has armed as a poller, */
	u64 events;                 /* when so many had happened */
	struct list_head entry;     /* in kipc_crowd.polled or .told */
	wait_queue_head_t *pollers; /* who polls its file; one for both sides */
};

/* What an end says when it lies down. */
struct kipc_crowd_bed {
	struct kipc_crowd_member *member;
	const u32 *state; /* of the end; once it is not live any more, nobody sleeps for it */
	u32 seen;         /* armed before the last look */
	const u64 *word;  /* hostile; NULL: none */
	u64 value;
	s64 deadline;
};

int kipc_crowd_start(void);
void kipc_crowd_stop(void);

/* shared, key, refs and release are set; the rest is zero. */
void kipc_crowd_init(struct kipc_crowd *crowd);

/* An end that may take part; and one that polls armed no more, or is about to go: what armed holds. */
void kipc_crowd_enter(struct kipc_crowd_member *member, wait_queue_head_t *pollers);
u32 kipc_crowd_forget(struct kipc_crowd *crowd, struct kipc_crowd_member *member);

/* (H) and (I) for who looks again before it sleeps or is polled: what armed holds until something
 * happens. poller is NULL for who will sleep.
 */
u32 kipc_crowd_arm(struct kipc_crowd *crowd, struct kipc_crowd_member *poller);

/* This poller is ready again, although nothing happens: what armed holds. */
u32 kipc_crowd_disarm(struct kipc_crowd *crowd, struct kipc_crowd_member *poller);

/* Sleeps until something happens (0), the deadline (-ETIMEDOUT) or a signal (-ERESTARTSYS); -EBUSY: too
 * many threads of this end do so. Says in *slept whether it did.
 */
int kipc_crowd_sleep(struct kipc_crowd *crowd, const struct kipc_crowd_bed *bed, bool *slept);

/* An event: tells all who have armed as pollers, and wakes all sleepers or the first. Says whether anybody was there. */
bool kipc_crowd_ring(struct kipc_crowd *crowd, bool all, u32 hint);

/* An end is dead: ends the sleep of its threads, and its pollers look. */
void kipc_crowd_shake(struct kipc_crowd *crowd, const struct kipc_crowd_member *member);

/* One crowd's part of a poll: is it ready? Who polls waits on the member's pollers already. */
bool kipc_crowd_poll(struct kipc_crowd *crowd, const struct kipc_crowd_member *member);

#endif /* KIPC_CROWD_H */
