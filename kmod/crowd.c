// SPDX-License-Identifier: GPL-2.0-only
/*
 * crowd.c - bells at which many ends sleep
 *
 * The protocol and its letters stand in uapi/kipc_ring.h, and in uapi/kipc_dev.h under "Sleeping". The
 * kernel knows nothing of what is waited for but one word at most, so it counts: every ring is an event,
 * and whoever says which count it saw before its last look does not sleep when that is over.
 *
 *   (H) enqueue, set armed             kipc_crowd_lie_down, kipc_crowd_arm; under lock
 *   (I) full fence                     behind the lock
 *   (J) load the word                  kipc_crowd_changed, after (I)
 *
 * Why nothing is lost. Who publishes after (H) sees armed and rings, and an event behind `seen` is found
 * under the lock. Who published before is seen by (J), by F-I. A ring for one takes the sleeper off the
 * list, and off the list it returns 0 whatever else came meanwhile, to look and to pass on. Who armed
 * early leaves its flag until a ring finds nobody asleep; that ring is an event, so its SLEEP returns
 * at once.
 */
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "crowd.h"
#include "wake.h"

/* How many sleepers one ring wakes itself, and how many pollers it tells, and while it holds the lock. */
#define KIPC_CROWD_AT_ONCE 8

/* A thread that sleeps; lives on its stack, which it does not leave without the lock. */
struct kipc_crowd_sleeper {
	struct list_head entry; /* empty: it was woken */
	struct task_struct *task;
	struct kipc_crowd_member *member;
};

static struct workqueue_struct *kipc_crowd_callers;

/* Nobody sleeps on because there is no memory for a worker. */
int kipc_crowd_start(void)
{
	unsigned int flags = WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM;

	kipc_crowd_callers = alloc_workqueue("kipc", flags, 0);
	return kipc_crowd_callers ? 0 : -ENOMEM;
}

/* What is still to be called finishes; nobody rings any more. */
void kipc_crowd_stop(void)
{
	destroy_workqueue(kipc_crowd_callers);
}

static void kipc_crowd_call_rest(struct work_struct *work);

void kipc_crowd_init(struct kipc_crowd *crowd)
{
	spin_lock_init(&crowd->lock);
	INIT_LIST_HEAD(&crowd->sleepers);
	INIT_LIST_HEAD(&crowd->called);
	INIT_LIST_HEAD(&crowd->polled);
	INIT_LIST_HEAD(&crowd->told);
	INIT_WORK(&crowd->calling, kipc_crowd_call_rest);
}

void kipc_crowd_enter(struct kipc_crowd_member *member, wait_queue_head_t *pollers)
{
	INIT_LIST_HEAD(&member->entry);
	member->pollers = pollers;
}

/* ---- arming ----------------------------------------------------------------------------- */

/* Under lock. */
static u32 kipc_crowd_word(const struct kipc_crowd *crowd)
{
	u32 word = (u32)crowd->events * KIPC_ARMED_EVENT;

	if (crowd->early || !list_empty(&crowd->sleepers))
		word |= KIPC_ARMED_PARKED;
	if (!list_empty(&crowd->polled))
		word |= KIPC_ARMED_POLLED;
	return word;
}

/* Under lock: all that others see of it. */
static void kipc_crowd_show(struct kipc_crowd *crowd)
{
	u32 word = kipc_crowd_word(crowd);

	if (crowd->shared->armed != word)
		WRITE_ONCE(crowd->shared->armed, word);
}

/* All who poll this file, exclusive ones too; without a key those as well who asked for nothing. */
static void kipc_crowd_tell(const struct kipc_crowd_member *member, __poll_t key)
{
	__wake_up(member->pollers, TASK_NORMAL, 0, poll_to_key(key));
}

/* Under lock: tells the first of those who are to be told, if any, but so many at most. They are to arm again
 * before they are told again. Says how many.
 */
static unsigned int kipc_crowd_tell_first(struct kipc_crowd *crowd, unsigned int most)
{
	struct kipc_crowd_member *member;
	unsigned int nr = 0;

	while (nr < most && !list_empty(&crowd->told)) {
		member = list_first_entry(&crowd->told, struct kipc_crowd_member, entry);
		list_del_init(&member->entry);
		kipc_crowd_tell(member, crowd->key);
		nr++;
	}
	return nr;
}

u32 kipc_crowd_arm(struct kipc_crowd *crowd, struct kipc_crowd_member *poller)
{
	u32 word;

	spin_lock(&crowd->lock);
	if (poller) {
		list_move_tail(&poller->entry, &crowd->polled);
		poller->polls = true;
		poller->events = crowd->events;
	} else {
		crowd->early = true;
	}
	kipc_crowd_show(crowd); /* (H) */
	word = crowd->shared->armed;
	spin_unlock(&crowd->lock);
	smp_mb(); /* (I) pairs with (F) */
	return word;
}

u32 kipc_crowd_forget(struct kipc_crowd *crowd, struct kipc_crowd_member *member)
{
	u32 word;

	spin_lock(&crowd->lock);
	list_del_init(&member->entry);
	member->polls = false;
	kipc_crowd_show(crowd);
	word = crowd->shared->armed;
	spin_unlock(&crowd->lock);
	return word;
}

u32 kipc_crowd_disarm(struct kipc_crowd *crowd, struct kipc_crowd_member *poller)
{
	u32 word = kipc_crowd_forget(crowd, poller);

	kipc_crowd_tell(poller, crowd->key);
	return word;
}

/* ---- sleeping --------------------------------------------------------------------------- */

/* 1: it lies; 0: something has happened since `seen`; -EBUSY. */
static int kipc_crowd_lie_down(struct kipc_crowd *crowd, struct kipc_crowd_sleeper *sleeper,
                               u32 seen)
{
	int rc = 1;

	spin_lock(&crowd->lock);
	if ((kipc_crowd_word(crowd) ^ seen) & ~KIPC_ARMED_FLAGS)
		rc = 0;
	else if (sleeper->member->asleep == KIPC_WAKE_THREADS)
		rc = -EBUSY;
	if (rc > 0) {
		sleeper->member->asleep++;
		list_add_tail(&sleeper->entry, &crowd->sleepers);
		kipc_crowd_show(crowd); /* (H) */
	}
	spin_unlock(&crowd->lock);
	smp_mb(); /* (I) pairs with (F) */
	return rc;
}

/* Under lock. */
static void kipc_crowd_take_off(struct kipc_crowd_sleeper *sleeper)
{
	sleeper->member->asleep--;
	list_del_init_careful(&sleeper->entry);
}

/* Was it woken by somebody? Behind the lock nobody looks at the sleeper any more. */
static bool kipc_crowd_get_up(struct kipc_crowd *crowd, struct kipc_crowd_sleeper *sleeper)
{
	bool woken;

	__set_current_state(TASK_RUNNING);
	spin_lock(&crowd->lock);
	woken = list_empty(&sleeper->entry);
	if (!woken) {
		kipc_crowd_take_off(sleeper);
		kipc_crowd_show(crowd);
	}
	spin_unlock(&crowd->lock);
	return woken;
}

/* (J). Whoever ends the end stores that before it takes the lock to wake those who lie. */
static bool kipc_crowd_changed(const struct kipc_crowd_bed *bed)
{
	if (READ_ONCE(*bed->state) != KIPC_END_LIVE)
		return true;
	return bed->word && READ_ONCE(*bed->word) != bed->value;
}

/* Until it was woken (0) or has another reason. */
static int kipc_crowd_doze(const struct kipc_crowd_sleeper *sleeper, s64 deadline, bool *slept)
{
	bool late = false;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (list_empty_careful(&sleeper->entry))
			return 0;
		if (late)
			return -ETIMEDOUT;
		if (signal_pending(current))
			return -ERESTARTSYS;
		*slept = true;
		late = kipc_wake_schedule(deadline);
	}
}

int kipc_crowd_sleep(struct kipc_crowd *crowd, const struct kipc_crowd_bed *bed, bool *slept)
{
	struct kipc_crowd_sleeper sleeper = { .task = current, .member = bed->member };
	int rc;

	INIT_LIST_HEAD(&sleeper.entry);
	*slept = false;
	rc = kipc_crowd_lie_down(crowd, &sleeper, bed->seen);
	if (rc <= 0)
		return rc;
	rc = 0;
	if (!kipc_crowd_changed(bed))
		rc = kipc_crowd_doze(&sleeper, bed->deadline, slept);
	if (!kipc_crowd_get_up(crowd, &sleeper))
		return rc;
	/* It will not look: somebody else has to. */
	if (fatal_signal_pending(current))
		kipc_crowd_ring(crowd, false, KIPC_HINT_NONE);
	return 0;
}

/* ---- waking ----------------------------------------------------------------------------- */

/* Under lock. Off the list first: a thread that is not asleep yet looks at that before it sleeps. */
static void kipc_crowd_rouse(struct kipc_crowd_sleeper *sleeper, int flags)
{
	struct wait_queue_entry entry = { .private = sleeper->task };

	kipc_crowd_take_off(sleeper);
	default_wake_function(&entry, TASK_NORMAL, flags, NULL);
}

/* Under lock: wakes the first of a list, if any, but so many at most. Says how many. */
static unsigned int kipc_crowd_rouse_first(struct list_head *list, unsigned int most, int flags)
{
	unsigned int nr = 0;

	while (nr < most && !list_empty(list)) {
		kipc_crowd_rouse(list_first_entry(list, struct kipc_crowd_sleeper, entry), flags);
		nr++;
	}
	return nr;
}

/* Under lock: is there anybody who has still to hear of an event? */
static bool kipc_crowd_has_rest(const struct kipc_crowd *crowd)
{
	return !list_empty(&crowd->called) || !list_empty(&crowd->told);
}

static void kipc_crowd_call_rest(struct work_struct *work)
{
	struct kipc_crowd *crowd = container_of(work, struct kipc_crowd, calling);
	bool more;

	do {
		spin_lock(&crowd->lock);
		kipc_crowd_rouse_first(&crowd->called, KIPC_CROWD_AT_ONCE, 0);
		kipc_crowd_tell_first(crowd, KIPC_CROWD_AT_ONCE);
		more = kipc_crowd_has_rest(crowd);
		spin_unlock(&crowd->lock);
		cond_resched();
	} while (more);
	kref_put(crowd->refs, crowd->release);
}

/* Under lock. One reference for each time that the work is queued; the caller has one of its own. */
static void kipc_crowd_leave_rest(struct kipc_crowd *crowd)
{
	if (!kipc_crowd_has_rest(crowd))
		return;
	kref_get(crowd->refs);
	if (!queue_work(kipc_crowd_callers, &crowd->calling))
		kref_put(crowd->refs, crowd->release);
}

/* Under lock. Only the first one can be asked to run on this CPU; more would lie there in a row behind the
 * waker.
 */
static unsigned int kipc_crowd_call_all(struct kipc_crowd *crowd, int flags)
{
	unsigned int nr;

	list_splice_tail_init(&crowd->sleepers, &crowd->called);
	nr = kipc_crowd_rouse_first(&crowd->called, 1, flags);
	nr += kipc_crowd_rouse_first(&crowd->called, KIPC_CROWD_AT_ONCE - 1,
	                             flags & ~KIPC_COMPAT_WAKE_HERE);
	return nr;
}

/* Under lock: how many sleepers were woken. */
static unsigned int kipc_crowd_happen(struct kipc_crowd *crowd, bool all, u32 hint)
{
	int flags = kipc_wake_flags(hint);
	unsigned int nr;

	crowd->events++;
	nr = all ? kipc_crowd_call_all(crowd, flags)
	         : kipc_crowd_rouse_first(&crowd->sleepers, 1, flags);
	if (all || !nr)
		crowd->early = false;
	return nr;
}

/* A message to a crowd shall not cost its sender more for each who sleeps or polls: some hear of it here, the
 * others from a worker. A poller that arms again meanwhile looks behind that, so it need not be told any more.
 */
bool kipc_crowd_ring(struct kipc_crowd *crowd, bool all, u32 hint)
{
	unsigned int nr;

	spin_lock(&crowd->lock);
	nr = kipc_crowd_happen(crowd, all, hint);
	list_splice_tail_init(&crowd->polled, &crowd->told);
	nr += kipc_crowd_tell_first(crowd, KIPC_CROWD_AT_ONCE);
	kipc_crowd_leave_rest(crowd);
	kipc_crowd_show(crowd);
	spin_unlock(&crowd->lock);
	return nr;
}

/* Under lock. */
static void kipc_crowd_rouse_member(struct list_head *list, const struct kipc_crowd_member *member)
{
	struct kipc_crowd_sleeper *sleeper, *next;

	list_for_each_entry_safe (sleeper, next, list, entry)
		if (sleeper->member == member)
			kipc_crowd_rouse(sleeper, 0);
}

void kipc_crowd_shake(struct kipc_crowd *crowd, const struct kipc_crowd_member *member)
{
	spin_lock(&crowd->lock);
	kipc_crowd_rouse_member(&crowd->sleepers, member);
	kipc_crowd_rouse_member(&crowd->called, member);
	kipc_crowd_show(crowd);
	spin_unlock(&crowd->lock);
	kipc_crowd_tell(member, 0);
}

/* ---- polling ---------------------------------------------------------------------------- */

/* Who rings counts the event under the lock, and tells; who polls is on the list of those who are told
 * before it looks at the count.
 */
bool kipc_crowd_poll(struct kipc_crowd *crowd, const struct kipc_crowd_member *member)
{
	bool ready;

	spin_lock(&crowd->lock);
	ready = !member->polls || member->events != crowd->events;
	spin_unlock(&crowd->lock);
	return ready;
}
