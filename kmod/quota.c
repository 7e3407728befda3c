// SPDX-License-Identifier: GPL-2.0-only
/*
 * quota.c - limits for each user, apart from those of memory cgroups
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>

#include "main.h"
#include "quota.h"

/* Somebody who holds at least one channel. Everything is protected by kipc_quota_lock. */
struct kipc_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int chans;
	u64 bytes;
};

static ulong kipc_max_ring_bytes = 256UL << 20;
module_param_named(max_ring_bytes, kipc_max_ring_bytes, ulong, 0644);
MODULE_PARM_DESC(max_ring_bytes, "largest ring, bytes");

static ulong kipc_max_user_bytes = 1UL << 30;
module_param_named(max_user_bytes, kipc_max_user_bytes, ulong, 0644);
MODULE_PARM_DESC(max_user_bytes, "memory of one user's channels together, bytes");

static uint kipc_max_user_chans = 16384;
module_param_named(max_user_chans, kipc_max_user_chans, uint, 0644);
MODULE_PARM_DESC(max_user_chans, "channels of one user");

static DEFINE_SPINLOCK(kipc_quota_lock);
static DEFINE_HASHTABLE(kipc_quota_users, 6);

static struct kipc_user *kipc_quota_find(kuid_t uid)
{
	struct kipc_user *user;

	hash_for_each_possible (kipc_quota_users, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

int kipc_quota_check_ring(u64 bytes)
{
	return bytes > READ_ONCE(kipc_max_ring_bytes) ? -ENOSPC : 0;
}

static bool kipc_quota_fits(const struct kipc_user *user, u64 bytes)
{
	u64 max_bytes = READ_ONCE(kipc_max_user_bytes);

	return user->chans < READ_ONCE(kipc_max_user_chans) && bytes <= max_bytes &&
	       user->bytes <= max_bytes - bytes;
}

struct kipc_user *kipc_quota_charge(u64 bytes)
{
	struct kipc_user *fresh, *user;
	kuid_t uid = current_uid();

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->uid = uid;

	spin_lock(&kipc_quota_lock);
	user = kipc_quota_find(uid) ?: fresh;
	if (!kipc_quota_fits(user, bytes)) {
		user = ERR_PTR(-ENOSPC);
	} else {
		if (user == fresh)
			hash_add(kipc_quota_users, &user->node, __kuid_val(uid));
		user->chans++;
		user->bytes += bytes;
	}
	spin_unlock(&kipc_quota_lock);

	if (user != fresh)
		kfree(fresh);
	return user;
}

void kipc_quota_uncharge(struct kipc_user *user, u64 bytes)
{
	bool last;

	spin_lock(&kipc_quota_lock);
	user->bytes -= bytes;
	last = !--user->chans;
	if (last)
		hash_del(&user->node);
	spin_unlock(&kipc_quota_lock);
	if (last)
		kfree(user);
}

void kipc_quota_report(struct kipc_ioc_info *info)
{
	const struct kipc_user *user;

	info->max_ring_bytes = min_t(u64, READ_ONCE(kipc_max_ring_bytes), KIPC_RING_MAX_BYTES);
	info->max_user_bytes = READ_ONCE(kipc_max_user_bytes);
	info->max_user_chans = READ_ONCE(kipc_max_user_chans);
	spin_lock(&kipc_quota_lock);
	user = kipc_quota_find(current_uid());
	info->user_bytes = user ? user->bytes : 0;
	info->user_chans = user ? user->chans : 0;
	spin_unlock(&kipc_quota_lock);
}
