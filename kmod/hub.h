/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hub.h - a channel with many ends, and its places
 */
#ifndef KIPC_HUB_H
#define KIPC_HUB_H

#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/wait.h>

#include "crowd.h"
#include "main.h"
#include "name.h"
#include "region.h"

struct kipc_seat;

enum {
	KIPC_HUB_AREA_STATUS,
	KIPC_HUB_AREA_CTRL, /* of all ends, in a row */
	KIPC_HUB_AREA_DATA,
	KIPC_HUB_AREAS,
};

/* Where an end can be. Protected by kipc_hub.lock. */
struct kipc_place {
	struct kipc_seat *seat;   /* who has it: no other may have it yet */
	bool reap;                /* claims of the last one are to be undone */
	bool begun;               /* somebody has begun with that */
	struct kipc_seat *undoer; /* and is alive */
	u32 state;                /* KIPC_END_*; STATUS has a copy, with cleaner and version */
	u16 version;
	u32 generation;
	struct pid *pid; /* of the owner, the last one too; NULL: it was taken and not mapped yet */
	kuid_t uid;      /* of the owner; before, of who took it */
	kgid_t gid;
};

struct kipc_hub {
	struct kref refs; /* one for each endpoint file */
	u32 kind;
	u32 nr_ends;
	u64 bytes;              /* all areas together, as booked */
	struct kipc_user *user; /* who pays */
	struct kipc_name name;
	struct kipc_area areas[KIPC_HUB_AREAS];
	struct kipc_ring_status *status; /* the kernel alone writes it */
	struct kipc_crowd crowds[2];     /* by KIPC_SIDE_* */
	wait_queue_head_t vacancy;       /* for a place that is about to be free */

	spinlock_t lock;
	unsigned int present; /* ends that are free or live, not dead */
	bool over;            /* the last one has gone: nobody may come any more */
	struct kipc_place places[];
};

/* A channel without files, with one reference. */
struct kipc_hub *kipc_hub_create(const struct kipc_ioc_create *arg);
void kipc_hub_put(struct kipc_hub *hub);

/* Finds a named one and takes a reference: as kipc_name_claim(), and -EINVAL when it is of another kind,
 * -EEXIST when it is not as asked for.
 */
struct kipc_hub *kipc_hub_find(const struct kipc_ioc_attach *arg);

/* Is this a role of the kind? */
bool kipc_hub_role_ok(u32 kind, u32 role);

/* An end's control page as the kernel sees it. */
static inline void *kipc_hub_ctrl(const struct kipc_hub *hub, unsigned int end)
{
	return page_address(hub->areas[KIPC_HUB_AREA_CTRL].pages[end]);
}

/* The word at an offset of the mapping, in the control or the data area, or NULL. */
const u64 *kipc_hub_word(const struct kipc_hub *hub, u64 offset);

/* Under hub->lock: what STATUS says of a place; the cleaner is an end, or KIPC_END_NONE. */
void kipc_hub_show_place(struct kipc_hub *hub, unsigned int end, u32 state, u32 cleaner);

/* Under hub->lock: sets or clears a bit of a set of ends that others look at; says what it was. */
bool kipc_hub_mark(u64 set[2], unsigned int end, bool on);

/* Something happened to the ends: everybody on that side looks. */
static inline void kipc_hub_tell(struct kipc_hub *hub, unsigned int side)
{
	kipc_crowd_ring(&hub->crowds[side], true, KIPC_HINT_NONE);
}

#endif /* KIPC_HUB_H */
