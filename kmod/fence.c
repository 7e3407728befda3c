// SPDX-License-Identifier: GPL-2.0-only
/*
 * fence.c - the fences between arming and looking, one's own and the mover's
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/smp.h>

#include "fence.h"
#include "wake.h"

#ifdef CONFIG_X86
static void kipc_fence_barrier(void *unused)
{
	smp_mb();
}

/* The owner's address space with a reference to its mm_struct, or NULL. */
static struct mm_struct *kipc_fence_grab_mm(struct kipc_party *party)
{
	struct mm_struct *mm;

	spin_lock(party->lock);
	mm = party->mm;
	if (mm)
		mmgrab(mm);
	spin_unlock(party->lock);
	return mm;
}

/*
 * Executes the mover's (F) for it. A CPU that runs user code of an address space has set its bit
 * in mm_cpumask before, with a full barrier between the bit and the first instruction, and the
 * bit stays while the address space is loaded there, lazily too; invalidating TLBs on x86 stands
 * on the same promise. So of every CPU there is one of:
 *
 *   its bit is set         it executes a full barrier on our behalf, between (H) and (J): the
 *                          mover's prod is visible to (J), or its (G) is still to come
 *   it has left before     leaving is a full barrier: (J) sees what was published there
 *   it comes later         entering is a full barrier, after our own: its (G) sees armed
 */
static void kipc_fence_mover(struct kipc_bell *bell)
{
	struct mm_struct *mm = kipc_fence_grab_mm(bell->mover);

	/* Nobody publishes; who comes next takes the channel's lock after us. */
	if (!mm)
		return;
	on_each_cpu_mask(mm_cpumask(mm), kipc_fence_barrier, NULL, true);
	mmdrop(mm);
}
#else
static void kipc_fence_mover(struct kipc_bell *bell)
{
}
#endif

/* Does the mover want to be fenced, and by the caller? Nobody is promised a wake-up for an end that is not
 * his. A kernel thread polls for somebody who may.
 */
static bool kipc_fence_is_due(const struct kipc_bell *bell)
{
	if (!(READ_ONCE(bell->mover->ctrl->hints.fence) & KIPC_FENCE_PEER))
		return false;
	return !current->mm || READ_ONCE(bell->sleeper->mm) == current->mm;
}

/*
 * Not before armed is set and not under queue.lock, whose holders have interrupts off. Not only when
 * armed was clear before: the sleeper may have lowered hints.data_at since, and the mover must not
 * judge by the old one.
 */
void kipc_fence_run(struct kipc_bell *bell)
{
	smp_mb(); /* (I) pairs with (F) */
	if (kipc_fence_is_due(bell))
		kipc_fence_mover(bell);
}

/* ---- not too often ---------------------------------------------------------------------- */

/* Each fence interrupts the CPUs that run the mover, who has agreed to it because the sleeper rarely
 * sleeps. One that arms in a loop could keep them busy. So fences of a bell take their turn: so many
 * at once, and one more in each of these times.
 */
#define KIPC_FENCE_BURST  64
#define KIPC_FENCE_GAP_NS (50 * NSEC_PER_USEC)

/* Books a fence. How long is it until its turn? */
static s64 kipc_fence_book(struct kipc_bell *bell)
{
	s64 now = ktime_get_ns();
	unsigned long flags;
	s64 paid;

	spin_lock_irqsave(&bell->queue.lock, flags);
	paid = max_t(s64, bell->fenced, now) + KIPC_FENCE_GAP_NS;
	bell->fenced = paid;
	spin_unlock_irqrestore(&bell->queue.lock, flags);
	return paid - now - KIPC_FENCE_BURST * KIPC_FENCE_GAP_NS;
}

void kipc_fence_pace(struct kipc_bell *bell)
{
	ktime_t wait;

	if (!kipc_fence_is_due(bell))
		return;
	wait = ns_to_ktime(kipc_fence_book(bell));
	if (wait <= 0)
		return;
	/* Who is killed goes on at once, for the last time. */
	__set_current_state(TASK_KILLABLE);
	schedule_hrtimeout(&wait, HRTIMER_MODE_REL);
}
