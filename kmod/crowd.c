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

/* A thread that sleeps; lives on its stack, which it does not leave without the lock. */
struct kipc_crowd_sleeper {
	struct list_head entry; /* empty: it was woken */
	struct task_struct *task;
	const void *who;
};

void kipc_crowd_init(struct kipc_crowd *crowd, struct kipc_ring_bell *shared, __poll_t key)
{
	spin_lock_init(&crowd->lock);
	INIT_LIST_HEAD(&crowd->sleepers);
	init_waitqueue_head(&crowd->pollers);
	crowd->shared = shared;
	crowd->key = key;
}

/* ---- arming ----------------------------------------------------------------------------- */

/* Under lock. */
static u32 kipc_crowd_word(const struct kipc_crowd *crowd)
{
	u32 word = (u32)crowd->events * KIPC_ARMED_EVENT;

	if (crowd->early || !list_empty(&crowd->sleepers))
		word |= KIPC_ARMED_PARKED;
	if (crowd->polled)
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

u32 kipc_crowd_arm(struct kipc_crowd *crowd, struct kipc_crowd_mark *mark)
{
	u32 word;

	spin_lock(&crowd->lock);
	if (mark) {
		crowd->polled = true;
		mark->set = true;
		mark->events = crowd->events;
	} else {
		crowd->early = true;
	}
	kipc_crowd_show(crowd); /* (H) */
	word = crowd->shared->armed;
	spin_unlock(&crowd->lock);
	smp_mb(); /* (I) pairs with (F) */
	return word;
}

/* ---- sleeping --------------------------------------------------------------------------- */

/* Something has happened since `seen`: false. */
static bool kipc_crowd_lie_down(struct kipc_crowd *crowd, struct kipc_crowd_sleeper *sleeper,
                                u32 seen)
{
	bool still;

	spin_lock(&crowd->lock);
	still = !((kipc_crowd_word(crowd) ^ seen) & ~KIPC_ARMED_FLAGS);
	if (still) {
		list_add_tail(&sleeper->entry, &crowd->sleepers);
		kipc_crowd_show(crowd); /* (H) */
	}
	spin_unlock(&crowd->lock);
	smp_mb(); /* (I) pairs with (F) */
	return still;
}

/* Was it woken by somebody? Behind the lock nobody looks at the sleeper any more. */
static bool kipc_crowd_get_up(struct kipc_crowd *crowd, struct kipc_crowd_sleeper *sleeper)
{
	bool woken;

	__set_current_state(TASK_RUNNING);
	spin_lock(&crowd->lock);
	woken = list_empty(&sleeper->entry);
	if (!woken) {
		list_del_init(&sleeper->entry);
		kipc_crowd_show(crowd);
	}
	spin_unlock(&crowd->lock);
	return woken;
}

/* (J) */
static bool kipc_crowd_changed(const struct kipc_crowd_bed *bed)
{
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
	struct kipc_crowd_sleeper sleeper = { .task = current, .who = bed->who };
	int rc = 0;

	INIT_LIST_HEAD(&sleeper.entry);
	*slept = false;
	if (!kipc_crowd_lie_down(crowd, &sleeper, bed->seen))
		return 0;
	if (!kipc_crowd_changed(bed))
		rc = kipc_crowd_doze(&sleeper, bed->deadline, slept);
	return kipc_crowd_get_up(crowd, &sleeper) ? 0 : rc;
}

/* ---- waking ----------------------------------------------------------------------------- */

/* Under lock. Off the list first: a thread that is not asleep yet looks at that before it sleeps. */
static void kipc_crowd_rouse(struct kipc_crowd_sleeper *sleeper, int flags)
{
	struct wait_queue_entry entry = { .private = sleeper->task };

	list_del_init_careful(&sleeper->entry);
	default_wake_function(&entry, TASK_NORMAL, flags, NULL);
}

/* Under lock: how many were woken. At most as many as there are threads of all ends. */
static unsigned int kipc_crowd_walk(struct kipc_crowd *crowd, bool all, const void *who, int flags)
{
	struct kipc_crowd_sleeper *sleeper, *next;
	unsigned int nr = 0;

	list_for_each_entry_safe (sleeper, next, &crowd->sleepers, entry) {
		if (who && sleeper->who != who)
			continue;
		kipc_crowd_rouse(sleeper, flags);
		nr++;
		if (!all)
			break;
	}
	return nr;
}

/* Under lock: how many sleepers were woken; *polled: whether pollers are to be told. */
static unsigned int kipc_crowd_happen(struct kipc_crowd *crowd, bool all, u32 hint, bool *polled)
{
	unsigned int nr;

	crowd->events++;
	nr = kipc_crowd_walk(crowd, all, NULL, kipc_wake_flags(hint));
	if (all || !nr)
		crowd->early = false;
	*polled = crowd->polled;
	crowd->polled = false;
	kipc_crowd_show(crowd);
	return nr;
}

static void kipc_crowd_tell_pollers(struct kipc_crowd *crowd)
{
	wake_up_poll(&crowd->pollers, crowd->key);
}

bool kipc_crowd_ring(struct kipc_crowd *crowd, bool all, u32 hint)
{
	unsigned int nr;
	bool polled;

	spin_lock(&crowd->lock);
	nr = kipc_crowd_happen(crowd, all, hint, &polled);
	spin_unlock(&crowd->lock);
	if (polled)
		kipc_crowd_tell_pollers(crowd);
	return nr || polled;
}

void kipc_crowd_shake(struct kipc_crowd *crowd, const void *who)
{
	spin_lock(&crowd->lock);
	kipc_crowd_walk(crowd, true, who, 0);
	kipc_crowd_show(crowd);
	spin_unlock(&crowd->lock);
	kipc_crowd_tell_pollers(crowd);
}

/* ---- polling ---------------------------------------------------------------------------- */

/* Who rings counts the event before it walks over the pollers, under two locks in turn; who polls is
 * on their list before it looks at the count.
 */
bool kipc_crowd_poll(struct kipc_crowd *crowd, const struct kipc_crowd_mark *mark,
                     struct file *file, poll_table *table)
{
	bool ready;

	poll_wait(file, &crowd->pollers, table);
	spin_lock(&crowd->lock);
	ready = !mark->set || mark->events != crowd->events;
	spin_unlock(&crowd->lock);
	return ready;
}
