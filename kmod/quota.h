/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quota.h - what one user may hold
 */
#ifndef KIPC_QUOTA_H
#define KIPC_QUOTA_H

#include <linux/types.h>

struct kipc_ioc_info;
struct kipc_user;

/* Is a ring of this size allowed at all? -ENOSPC when not. */
int kipc_quota_check_ring(u64 bytes);

/* Books a channel of that many bytes on the caller's real user: -ENOSPC, -ENOMEM. What was booked
 * is given back by whoever frees the channel, which may be anybody.
 */
struct kipc_user *kipc_quota_charge(u64 bytes);
void kipc_quota_uncharge(struct kipc_user *user, u64 bytes);

/* Fills in the limits and what the caller's user holds. */
void kipc_quota_report(struct kipc_ioc_info *info);

#endif /* KIPC_QUOTA_H */
