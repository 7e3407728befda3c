// SPDX-License-Identifier: GPL-2.0-only
/*
 * owner.c - notice of the end of an address space
 *
 * A process that exits, is killed or calls exec ends its address space, and the mmu notifier's
 * release is the first thing that happens then: before its pages are freed, so at once even for a
 * large process, and whoever else holds copies of its files. The unmapping of single areas comes
 * later and the files may live on in children for ever.
 */
#include <linux/atomic.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "main.h"
#include "owner.h"

/* Owners that are not freed yet. The last one may be freed by a callback after everything else is gone. */
static atomic_t kipc_owner_nr = ATOMIC_INIT(0);

static struct kipc_owner *kipc_owner_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct kipc_owner, notifier);
}

static struct mmu_notifier *kipc_owner_alloc(struct mm_struct *mm)
{
	struct kipc_owner *owner = kzalloc(sizeof(*owner), GFP_KERNEL_ACCOUNT);

	if (!owner)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&owner->lock);
	INIT_LIST_HEAD(&owner->owned);
	atomic_inc(&kipc_owner_nr);
	return &owner->notifier;
}

static void kipc_owner_free(struct mmu_notifier *notifier)
{
	kfree(kipc_owner_of(notifier));
	if (atomic_dec_and_test(&kipc_owner_nr))
		wake_up_var(&kipc_owner_nr);
}

static struct kipc_owned *kipc_owner_first(struct kipc_owner *owner)
{
	struct kipc_owned *owned;

	spin_lock(&owner->lock);
	owned = list_first_entry_or_null(&owner->owned, struct kipc_owned, entry);
	spin_unlock(&owner->lock);
	return owned;
}

/* The address space has no user left, so nothing is mapped or unmapped in it meanwhile, and its
 * mappings still hold the files of what is owned. Each death takes its thing off the list. There may be
 * as many as a user may have channels.
 */
static void kipc_owner_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct kipc_owner *owner = kipc_owner_of(notifier);
	struct kipc_owned *owned;

	while ((owned = kipc_owner_first(owner))) {
		owned->die(owned);
		cond_resched();
	}
}

static const struct mmu_notifier_ops kipc_owner_ops = {
	.alloc_notifier = kipc_owner_alloc,
	.free_notifier = kipc_owner_free,
	.release = kipc_owner_release,
};

struct kipc_owner *kipc_owner_get(struct mm_struct *mm)
{
	struct mmu_notifier *notifier = mmu_notifier_get_locked(&kipc_owner_ops, mm);

	return IS_ERR(notifier) ? ERR_CAST(notifier) : kipc_owner_of(notifier);
}

void kipc_owner_put(struct kipc_owner *owner)
{
	mmu_notifier_put(&owner->notifier);
}

void kipc_owner_init(struct kipc_owned *owned, void (*die)(struct kipc_owned *owned))
{
	INIT_LIST_HEAD(&owned->entry);
	owned->die = die;
}

void kipc_owner_add(struct kipc_owner *owner, struct kipc_owned *owned)
{
	spin_lock(&owner->lock);
	list_add(&owned->entry, &owner->owned);
	spin_unlock(&owner->lock);
}

void kipc_owner_remove(struct kipc_owner *owner, struct kipc_owned *owned)
{
	spin_lock(&owner->lock);
	list_del_init(&owned->entry);
	spin_unlock(&owner->lock);
}

/* Synchronising waits for whoever reads, and for callbacks that another CPU has still to make it may not
 * wait: hence the count. The other way round, the last callback may still be about to return.
 */
void kipc_owner_exit(void)
{
	wait_var_event(&kipc_owner_nr, !atomic_read(&kipc_owner_nr));
	mmu_notifier_synchronize();
}
