/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * seat.h - one stay at a place of a channel with many ends
 */
#ifndef KIPC_SEAT_H
#define KIPC_SEAT_H

#include <linux/types.h>

#include "crowd.h"
#include "hub.h"
#include "owner.h"
#include "wake.h"

struct mm_struct;

/* What an endpoint file stands for. It holds a reference on its hub. */
struct kipc_seat {
	struct kipc_hub *hub;
	unsigned int index;
	struct kipc_wake_counts counts;
	struct kipc_crowd_member members[2]; /* by KIPC_SIDE_* */
	wait_queue_head_t pollers;           /* who polls the file */

	/* Protected by kipc_hub.lock; state and mm are also looked at without. */
	u32 state;                /* FREE: not mapped yet, LIVE, DEAD: for ever */
	bool empty_handed;        /* it holds nothing that were to be undone */
	struct kipc_owner *owner; /* while live */
	struct kipc_owned owned;
	struct mm_struct *mm;  /* the owner's; for comparison only */
	unsigned int mappings; /* of the control page, writable, by the owner */
	unsigned int writable; /* mappings of anything, by anybody */
};

/* Takes a place for that role: -EBUSY, -ENOENT (the channel is over), -ERESTARTSYS, or the error that
 * the hub is. The caller's reference on the hub becomes the seat's, or is given back.
 */
struct kipc_seat *kipc_seat_take(struct kipc_hub *hub, u32 role);

/* Its file is gone, or was never made. */
void kipc_seat_drop(struct kipc_seat *seat);

/* Life; see "Places" in uapi/kipc_dev.h. */
int kipc_seat_map(struct kipc_seat *seat, struct mm_struct *mm);
int kipc_seat_map_data(struct kipc_seat *seat, struct mm_struct *mm);
void kipc_seat_remap(struct kipc_seat *seat, struct mm_struct *mm, bool ctrl);
void kipc_seat_unmap(struct kipc_seat *seat, struct mm_struct *mm, bool ctrl);

/* Is the caller the owner? 0, -EPERM (it is somebody else's or nobody's), -EPIPE (it is dead). */
int kipc_seat_check_owner(const struct kipc_seat *seat);

/* 0, -EBUSY (it is somebody else's), -EPIPE (it is dead). */
int kipc_seat_may_write(const struct kipc_seat *seat);

/* pubsub: the subscriber's bit; the publisher takes the bits of others. */
void kipc_seat_bind(struct kipc_seat *seat, bool bound);
void kipc_seat_cut(struct kipc_seat *seat, const u64 ends[2]);

/* Are these the directions of its kind? Then it is over with them, politely; the place stays its. */
bool kipc_seat_shuts(const struct kipc_seat *seat, u32 dirs);
void kipc_seat_shut(struct kipc_seat *seat);

#endif /* KIPC_SEAT_H */
