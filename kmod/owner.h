/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owner.h - address spaces, and what is over when they are
 */
#ifndef KIPC_OWNER_H
#define KIPC_OWNER_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>

/* What an address space can own. die() is called when that ends, from the mmu notifier, and takes it
 * off the list.
 */
struct kipc_owned {
	struct list_head entry; /* in kipc_owner.owned */
	void (*die)(struct kipc_owned *owned);
};

/* One for each address space that owns something. Counted by mmu_notifier_get and _put; the notifier
 * holds the mm_struct (not its contents) for as long.
 */
struct kipc_owner {
	struct mmu_notifier notifier;
	spinlock_t lock; /* protects owned */
	struct list_head owned;
};

/* The caller's owner, with a reference. mmap_lock is held for writing. */
struct kipc_owner *kipc_owner_get(struct mm_struct *mm);
void kipc_owner_put(struct kipc_owner *owner);

/* Each owned thing has a lock of its own, and these are called under it. */
void kipc_owner_init(struct kipc_owned *owned, void (*die)(struct kipc_owned *owned));
void kipc_owner_add(struct kipc_owner *owner, struct kipc_owned *owned);
void kipc_owner_remove(struct kipc_owner *owner, struct kipc_owned *owned);

static inline struct mm_struct *kipc_owner_mm(const struct kipc_owner *owner)
{
	return owner->notifier.mm;
}

#endif /* KIPC_OWNER_H */
