// SPDX-License-Identifier: GPL-2.0-only
/*
 * wake.c - bells: sleeping until a position is reached, and ending that sleep
 *
 * The protocol and its letters stand in uapi/kipc_ring.h. Here is the sleeping side:
 *
 *   (H) enqueue, set armed             kipc_wake_enqueue, kipc_wake_arm; under queue.lock
 *   (I) full fence                     kipc_fence_run, after the lock
 *   (J) load position and gone         kipc_wake_verdict, once for each look
 *
 * and what the mover's (G) leads to:
 *
 *   WAKE under queue.lock: wake every thread whose position is reached; clear armed as far as
 *   nobody is left behind it. Then tell every poller, if one had armed.
 *
 * Why nothing is lost. A thread leaves the queue only under the lock, together with its part of
 * armed. So while it sleeps, armed is set, and a mover that publishes after (H) sees it and rings;
 * one that published before is seen by (J), by F-I. Ringing judges by the position that the mover
 * has published and wakes all whom it concerns, not one, so a thread that is chosen and leaves by
 * a signal owes nobody a wake-up; whom the position does not concern stays queued and armed. A
 * poller is told and leaves "armed"; it polls again before it sleeps, and that arms again.
 *
 * It is the mover's call that wakes all of them, with interrupts off: hence KIPC_WAKE_THREADS.
 */
#include <linux/hrtimer.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "fence.h"
#include "wake.h"

static bool kipc_same_cpu = true;
module_param_named(same_cpu, kipc_same_cpu, bool, 0644);
MODULE_PARM_DESC(same_cpu, "obey the hint to wake on the waker's CPU");

/* A thread parked behind a bell; lives on its stack. */
struct kipc_waiter {
	wait_queue_entry_t entry;
	struct kipc_bell *bell;
	u64 position;
};

static bool kipc_wake_has_here(void)
{
	return KIPC_COMPAT_WAKE_HERE && READ_ONCE(kipc_same_cpu);
}

int kipc_wake_flags(u32 hint)
{
	if (hint == KIPC_HINT_NONE)
		return 0;
	return KIPC_COMPAT_WAKE_SYNC |
	       (hint == KIPC_HINT_SAME_CPU && kipc_wake_has_here() ? KIPC_COMPAT_WAKE_HERE : 0);
}

u64 kipc_wake_features(void)
{
	u64 features = IS_ENABLED(CONFIG_X86) ? KIPC_FEAT_FENCE : 0;

	return features | (kipc_wake_has_here() ? KIPC_FEAT_SAME_CPU : 0);
}

void kipc_wake_init(struct kipc_bell *bell)
{
	init_waitqueue_head(&bell->queue);
}

/* ---- looking ---------------------------------------------------------------------------- */

bool kipc_wake_due(const struct kipc_bell *bell, u64 position)
{
	return kipc_ring_due(READ_ONCE(*bell->position), position);
}

bool kipc_wake_over(const struct kipc_bell *bell)
{
	return READ_ONCE(bell->other->shared->gone) || READ_ONCE(bell->shared->gone);
}

/* (J) A mover publishes before it leaves, so gone is read first: whoever sees it sees the last
 * position too. Pairs with the release in kipc_wake_leave().
 */
static int kipc_wake_verdict(const struct kipc_bell *bell, u64 position)
{
	bool over = kipc_wake_over(bell);

	smp_rmb();
	if (kipc_wake_due(bell, position))
		return 0;
	if (over)
		return -EPIPE;
	return READ_ONCE(bell->sleeper->mm) == current->mm ? -EAGAIN : -EPERM;
}

/* ---- arming ----------------------------------------------------------------------------- */

/* (H) Under queue.lock. */
static void kipc_wake_set_armed(struct kipc_bell *bell, u32 bit)
{
	u32 armed = bell->shared->armed;

	if (!(armed & bit))
		WRITE_ONCE(bell->shared->armed, armed | bit);
}

/* Under queue.lock: clears what nobody is left for. */
static void kipc_wake_clear_armed(struct kipc_bell *bell, u32 bits)
{
	u32 armed = bell->shared->armed;
	u32 left = armed & ~bits;

	if (bell->parked)
		left |= KIPC_ARMED_PARKED;
	if (bell->always)
		left |= KIPC_ARMED_POLLED;
	if (left != armed)
		WRITE_ONCE(bell->shared->armed, left);
}

static void kipc_wake_arm(struct kipc_bell *bell, u32 bit)
{
	unsigned long flags;

	kipc_fence_pace(bell);
	spin_lock_irqsave(&bell->queue.lock, flags);
	kipc_wake_set_armed(bell, bit);
	spin_unlock_irqrestore(&bell->queue.lock, flags);
	kipc_fence_run(bell);
}

/* ---- sleeping --------------------------------------------------------------------------- */

/*
 * Called under queue.lock by whoever rings. A thread that the position does not concern stays.
 * One that is woken leaves the queue here, so that the mover sees "not armed" at once instead of
 * when the thread has got a CPU.
 */
static int kipc_wake_callback(struct wait_queue_entry *entry, unsigned int mode, int flags,
                              void *key)
{
	struct kipc_waiter *waiter = container_of(entry, struct kipc_waiter, entry);
	struct kipc_bell *bell = waiter->bell;

	/* Without a key, whoever is parked. */
	if (key && !kipc_wake_due(bell, waiter->position) && !kipc_wake_over(bell))
		return 0;
	if (bell->here)
		flags |= KIPC_COMPAT_WAKE_HERE;
	if (!default_wake_function(entry, mode, flags, key))
		return 0;
	/* Once it is off the list its thread may return, and the waiter is gone. */
	bell->parked--;
	list_del_init_careful(&entry->entry);
	return 1;
}

/* (H) and (I), when the bell has room for one more. */
static bool kipc_wake_enqueue(struct kipc_waiter *waiter)
{
	struct kipc_bell *bell = waiter->bell;
	unsigned long flags;
	bool room;

	kipc_fence_pace(bell);
	spin_lock_irqsave(&bell->queue.lock, flags);
	room = bell->parked < KIPC_WAKE_THREADS;
	if (room) {
		__add_wait_queue(&bell->queue, &waiter->entry);
		bell->parked++;
		kipc_wake_set_armed(bell, KIPC_ARMED_PARKED);
	}
	spin_unlock_irqrestore(&bell->queue.lock, flags);
	if (room)
		kipc_fence_run(bell);
	return room;
}

static void kipc_wake_dequeue(struct kipc_waiter *waiter)
{
	struct kipc_bell *bell = waiter->bell;
	unsigned long flags;

	__set_current_state(TASK_RUNNING);
	/* Pairs with list_del_init_careful() in the callback: empty means that it has finished. */
	if (list_empty_careful(&waiter->entry.entry))
		return;
	spin_lock_irqsave(&bell->queue.lock, flags);
	if (!list_empty(&waiter->entry.entry)) {
		list_del_init(&waiter->entry.entry);
		bell->parked--;
		kipc_wake_clear_armed(bell, KIPC_ARMED_PARKED);
	}
	spin_unlock_irqrestore(&bell->queue.lock, flags);
}

static bool kipc_wake_lie_down(struct kipc_waiter *waiter, struct kipc_bell *bell, u64 position)
{
	init_waitqueue_func_entry(&waiter->entry, kipc_wake_callback);
	INIT_LIST_HEAD(&waiter->entry.entry);
	waiter->entry.private = current;
	waiter->bell = bell;
	waiter->position = position;
	return kipc_wake_enqueue(waiter);
}

bool kipc_wake_schedule(s64 deadline)
{
	ktime_t expires = ns_to_ktime(deadline);

	return !schedule_hrtimeout_range(deadline == KIPC_FOREVER ? NULL : &expires,
	                                 current->timer_slack_ns, HRTIMER_MODE_ABS);
}

/*
 * A woken thread is off the queue; where its wake-up turns out too early it lies down again. Who rings
 * wakes first and takes it off the queue afterwards, and a hostile mover can have taken its position
 * back meanwhile. So the lock is waited for: a callback under way has finished then, and one that
 * comes later finds a thread that it can wake. Without it the thread would sleep on, off the queue,
 * and even the end of the mover would not reach it.
 */
static bool kipc_wake_is_off(struct kipc_waiter *waiter)
{
	unsigned long flags;
	bool off;

	spin_lock_irqsave(&waiter->bell->queue.lock, flags);
	off = list_empty(&waiter->entry.entry);
	spin_unlock_irqrestore(&waiter->bell->queue.lock, flags);
	return off;
}

static int kipc_wake_sleep(struct kipc_waiter *waiter, s64 deadline)
{
	struct kipc_wake_counts *counts = &waiter->bell->sleeper->counts;
	bool slept = false, late = false;
	int rc;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		rc = kipc_wake_verdict(waiter->bell, waiter->position);
		if (rc != -EAGAIN)
			break;
		if (late || signal_pending(current)) {
			rc = late ? -ETIMEDOUT : -ERESTARTSYS;
			break;
		}
		/* Before the first sleep there is no hurry: who was woken returns at once from it. */
		if (slept && kipc_wake_is_off(waiter)) {
			__set_current_state(TASK_RUNNING);
			if (kipc_wake_enqueue(waiter))
				continue;
			rc = -EBUSY;
			break;
		}
		slept = true;
		late = kipc_wake_schedule(deadline);
	}
	kipc_wake_dequeue(waiter);
	atomic64_inc(slept ? &counts->waits : &counts->waits_met);
	return rc;
}

int kipc_wake_wait(struct kipc_bell *bell, u64 position, s64 deadline)
{
	struct kipc_waiter waiter;
	int rc = kipc_wake_verdict(bell, position);

	if (rc != -EAGAIN) {
		atomic64_inc(&bell->sleeper->counts.waits_met);
		return rc;
	}
	if (!kipc_wake_lie_down(&waiter, bell, position))
		return -EBUSY;
	return kipc_wake_sleep(&waiter, deadline);
}

/* Rings in any case: what was published must not lie there because too many sleep elsewhere. */
int kipc_wake_exchange(struct kipc_bell *ring, u32 hint, struct kipc_bell *bell, u64 position,
                       s64 deadline)
{
	struct kipc_waiter waiter;
	bool lies = kipc_wake_lie_down(&waiter, bell, position);
	int rc;

	kipc_wake_ring(ring, hint);
	if (lies)
		return kipc_wake_sleep(&waiter, deadline);
	rc = kipc_wake_verdict(bell, position);
	return rc == -EAGAIN ? -EBUSY : rc;
}

/* ---- waking ----------------------------------------------------------------------------- */

/* What SIGIO says where it says more (F_SETSIG). */
static int kipc_wake_band(const struct kipc_bell *bell)
{
	if (READ_ONCE(bell->other->shared->gone) & (KIPC_GONE_CLOSED | KIPC_GONE_DEAD))
		return POLL_HUP;
	return bell->key & EPOLLIN ? POLL_IN : POLL_OUT;
}

/* Wakes whom it concerns; without a key everybody. Who polls has queued before it armed, and looks
 * afterwards, so it is told behind the lock, and only where somebody has armed. All of them are, exclusive
 * ones too: the one that were chosen may never poll again, and nobody would ring for the others. Says
 * whether anybody was there to hear it.
 */
static bool kipc_wake_walk(struct kipc_bell *bell, u32 hint, __poll_t key)
{
	void *poll_key = poll_to_key(key);
	unsigned long flags;
	unsigned int parked;
	bool heard, polled;

	spin_lock_irqsave(&bell->queue.lock, flags);
	parked = bell->parked;
	polled = bell->shared->armed & KIPC_ARMED_POLLED;
	bell->here = hint == KIPC_HINT_SAME_CPU && kipc_wake_has_here();
	if (hint == KIPC_HINT_NONE)
		__wake_up_locked_key(&bell->queue, TASK_NORMAL, poll_key);
	else
		__wake_up_locked_sync_key(&bell->queue, TASK_NORMAL, poll_key);
	heard = polled || bell->parked != parked;
	kipc_wake_clear_armed(bell, KIPC_ARMED_PARKED | KIPC_ARMED_POLLED);
	spin_unlock_irqrestore(&bell->queue.lock, flags);

	if (polled || !key)
		__wake_up(&bell->sleeper->pollers, TASK_NORMAL, 0, poll_key);
	kill_fasync(&bell->sleeper->fasync, SIGIO, kipc_wake_band(bell));
	return heard;
}

void kipc_wake_ring(struct kipc_bell *bell, u32 hint)
{
	struct kipc_wake_counts *counts = &bell->mover->counts;

	atomic64_inc(&counts->wakes);
	if (!kipc_wake_walk(bell, hint, bell->key))
		atomic64_inc(&counts->wakes_idle);
}

void kipc_wake_leave(struct kipc_bell *bell, u32 gone)
{
	struct kipc_ring_bell *shared = bell->shared;
	unsigned long flags;

	spin_lock_irqsave(&bell->queue.lock, flags);
	/* After everything that was published: pairs with smp_rmb() in kipc_wake_verdict() here,
	 * and with the load of gone in (J) elsewhere.
	 */
	smp_store_release(&shared->gone, shared->gone | gone);
	spin_unlock_irqrestore(&bell->queue.lock, flags);

	kipc_wake_shake(bell->other);
	kipc_wake_shake(bell);
}

void kipc_wake_shake(struct kipc_bell *bell)
{
	kipc_wake_walk(bell, KIPC_HINT_NONE, 0);
}

/* Two threads may switch it on and off at the same time. Each comes here after its change of the list, so
 * who comes last has seen both.
 */
void kipc_wake_always(struct kipc_bell *bell)
{
	unsigned long flags;
	bool always;

	spin_lock_irqsave(&bell->queue.lock, flags);
	always = READ_ONCE(bell->sleeper->fasync);
	bell->always = always;
	spin_unlock_irqrestore(&bell->queue.lock, flags);
	if (always)
		kipc_wake_arm(bell, KIPC_ARMED_POLLED);
}

/* ---- polling ---------------------------------------------------------------------------- */

/*
 * Arms whatever it finds: who polls by edges is not asked again before the next ring, and a poll
 * that is repeated at delivery (epoll, io_uring) arms for the next time. poll_wait() is no barrier
 * then; the fence in kipc_wake_arm() is ours.
 */
void kipc_wake_poll(struct kipc_bell *bell, const poll_table *table)
{
	if (!(poll_requested_events(table) & bell->key))
		return;
	atomic64_inc(&bell->sleeper->counts.polls);
	kipc_wake_arm(bell, KIPC_ARMED_POLLED);
}
