/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owner.h - the address space that an endpoint belongs to
 */
#ifndef KIPC_OWNER_H
#define KIPC_OWNER_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>

struct kipc_end;

/* One for each address space that owns an end. Counted by mmu_notifier_get and _put; the notifier
 * holds the mm_struct (not its contents) for as long.
 */
struct kipc_owner {
	struct mmu_notifier notifier;
	spinlock_t lock;       /* protects ends */
	struct list_head ends; /* kipc_end.owned */
};

/* The caller's owner, with a reference. mmap_lock is held for writing. */
struct kipc_owner *kipc_owner_get(struct mm_struct *mm);
void kipc_owner_put(struct kipc_owner *owner);

/* Called under the lock of the end's channel. */
void kipc_owner_add(struct kipc_owner *owner, struct kipc_end *end);
void kipc_owner_remove(struct kipc_owner *owner, struct kipc_end *end);

static inline struct mm_struct *kipc_owner_mm(const struct kipc_owner *owner)
{
	return owner->notifier.mm;
}

#endif /* KIPC_OWNER_H */
