/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * chan.h - a channel and its ends
 */
#ifndef KIPC_CHAN_H
#define KIPC_CHAN_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/pid.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>

#include "main.h"
#include "name.h"
#include "owner.h"
#include "region.h"
#include "wake.h"

#define KIPC_CHAN_ENDS  2
#define KIPC_CHAN_RINGS 2

/* One side of a channel: what an endpoint file stands for. */
struct kipc_end {
	struct kipc_chan *chan;
	unsigned int index;
	struct kipc_bell *data;  /* where it waits for messages: of its in ring */
	struct kipc_bell *space; /* where it waits for space: of its out ring */
	struct kipc_party party; /* what bells know of it; mm is written under chan.lock */

	/* Protected by kipc_chan.lock. */
	u32 state; /* KIPC_END_*; STATUS has a copy */
	u32 generation;
	struct kipc_owner *owner; /* while live */
	struct kipc_owned owned;
	unsigned int mappings; /* of the control area, writable, by the owner */
	struct mm_struct
		*writer; /* an address space that has writable mappings; for comparison only */
	unsigned int writable; /* so many, of any area */
	unsigned int strays;   /* and so many are others', who inherited them */
	bool handover;         /* the last unmapping is polite */
	struct pid *pid;       /* of the last owner, NULL when there was none */
	kuid_t uid;            /* of the last owner; before, of who attached, or of the creator */
	kgid_t gid;
};

enum {
	KIPC_CHAN_AREA_STATUS,
	KIPC_CHAN_AREA_CTRL,
	KIPC_CHAN_AREA_DATA = KIPC_CHAN_AREA_CTRL + KIPC_CHAN_ENDS,
	KIPC_CHAN_AREAS = KIPC_CHAN_AREA_DATA + KIPC_CHAN_RINGS,
};

struct kipc_chan {
	struct kref refs; /* one for each endpoint file */
	u32 kind;
	u64 bytes;              /* all areas together, as booked */
	struct kipc_user *user; /* who pays */
	struct kipc_name name;
	struct kipc_area areas[KIPC_CHAN_AREAS];
	struct kipc_ring_status *status;            /* the kernel alone writes it */
	struct kipc_bell bells[KIPC_CHAN_RINGS][2]; /* by ring and KIPC_SIDE_* */
	spinlock_t lock;
	struct kipc_end ends[KIPC_CHAN_ENDS];
};

/* A channel without files, with one reference for each end that will get one. */
struct kipc_chan *kipc_chan_create(const struct kipc_ioc_create *arg);
void kipc_chan_put(struct kipc_chan *chan);

/* Finds a named channel, claims its second end and takes a reference: as kipc_name_claim(), and -EINVAL
 * when it is of another kind, -EEXIST when its rings are not as asked for.
 */
struct kipc_chan *kipc_chan_claim(const struct kipc_ioc_attach *arg);

static inline struct kipc_end *kipc_chan_peer(const struct kipc_end *end)
{
	return &end->chan->ends[1 - end->index];
}

/* Notes the caller as the one who attached. */
void kipc_chan_meet(struct kipc_end *end);

/* Life; see the picture in uapi/kipc_dev.h. Mapping writable, the control area or the data area: -EBUSY (it
 * is somebody else's), -EPIPE (it is dead). owns: it is the control area.
 */
int kipc_chan_map(struct kipc_end *end, struct mm_struct *mm);
int kipc_chan_map_data(struct kipc_end *end, struct mm_struct *mm);
void kipc_chan_remap(struct kipc_end *end, struct mm_struct *mm, bool owns);
void kipc_chan_unmap(struct kipc_end *end, struct mm_struct *mm, bool owns);
void kipc_chan_die(struct kipc_end *end, u32 gone);
int kipc_chan_handover(struct kipc_end *end);

/* Is the caller the owner? 0, -EPERM (it is somebody else's or nobody's), -EPIPE (it is dead). */
int kipc_chan_check_owner(const struct kipc_end *end);

#endif /* KIPC_CHAN_H */
