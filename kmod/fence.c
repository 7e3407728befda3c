// SPDX-License-Identifier: GPL-2.0-only
/*
 * fence.c - the fences between arming and looking, one's own and the mover's
 */
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

/*
 * Not before armed is set and not under queue.lock, whose holders have interrupts off. Not only when
 * armed was clear before: the sleeper may have lowered hints.data_at since, and the mover must not
 * judge by the old one.
 */
void kipc_fence_run(struct kipc_bell *bell)
{
	smp_mb(); /* (I) pairs with (F) */
	if (READ_ONCE(bell->mover->ctrl->hints.fence) & KIPC_FENCE_PEER)
		kipc_fence_mover(bell);
}
