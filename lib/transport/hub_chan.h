/* SPDX-License-Identifier: MIT */
/*
 * hub_chan.h - one end of a named region with more than two ends
 *
 * What every kind with many ends needs, over plain shared memory: the region and its name, places
 * for ends that come and go, the death of any of them, sleeping in crowds, poll descriptors. A kind
 * fills a struct kipc__hub_kind, embeds struct kipc__hub as the first member of its handle, and has
 * its own const struct kipc__transport with its verbs. From the bottom: hub_region.c (memory),
 * hub_bell.c (arm, wake), hub_end.c (places, death), hub_poll.c, hub_wait.c, hub_name.c (open).
 *
 * An end lives as long as its process holds byte KIPC__HUB_BYTE(end) of the region's file locked. The
 * name lasts until the last end is gone.
 *
 * Sides as over a pair: KIPC_SIDE_DATA: the receivers' (they sleep on bells[0].data), KIPC_SIDE_SPACE:
 * the senders' (bells[0].space). Both sides of the wake protocol execute a plain full fence.
 */
#ifndef KIPC_TRANSPORT_HUB_CHAN_H
#define KIPC_TRANSPORT_HUB_CHAN_H

#include <kipc_dev.h> /* KIPC_SIDE_* */
#include <kipc_ring.h>
#include "../core/atomic.h"
#include "../os/lock.h"
#include "../os/region.h"
#include "../os/sys.h"
#include "../transport.h"

#define KIPC__HUB_BYTE(end) (64 + (end))

struct kipc__hub;

/* What a config asks for: the region if it is new, and the places that this end may take. */
struct kipc__hub_plan {
	unsigned nr_ends;     /* up to KIPC_RING_ENDS */
	unsigned first, last; /* this end is one of these */
	struct kipc_ring_geom
		geom[2];     /* geom[0].data_off is filled in; the rest is the kind's to use */
	uint64_t data_bytes; /* of the one data area; whole pages */
};

struct kipc__hub_kind {
	const struct kipc__transport *ops;
	const char *name;    /* for people: "pubsub" */
	uint32_t kind;       /* KIPC_KIND_* */
	size_t handle_bytes; /* of the handle that embeds struct kipc__hub */
	bool mirrored;       /* the data area is mapped twice in a row */

	/* Check the config and fill the plan (zeroed before). What is wrong: kipc__why_set(). */
	int (*plan)(const struct kipc__config *cfg, struct kipc__hub_plan *plan);

	/* A new region is mapped, zeroed, its ident and geom written, and has no name yet: write what
	 * must not be zero.
	 */
	int (*format)(struct kipc__hub *h);

	/* A region is mapped and its ident copied and checked: are h->geom and h->data_bytes lawful, and
	 * what is asked for explicitly? -EBADMSG; -EEXIST with the reason said.
	 */
	int (*check)(struct kipc__hub *h, const struct kipc__config *cfg);

	/* I have place h->end, its lock held, and nobody knows yet: begin. The setup lock is held, so
	 * nobody else joins meanwhile.
	 */
	int (*join)(struct kipc__hub *h, const struct kipc__config *cfg);

	/* I am leaving, politely; still mapped and locked. */
	void (*leave)(struct kipc__hub *h);

	/* This end has died: undo what it left undone, tell whom it concerns (kipc__hub_wake()). Once
	 * for each death; again only where the one who did it died meanwhile. Called by whoever finds
	 * out, also by a newcomer before its join(): only the mapping and the copies may be used.
	 */
	void (*died)(struct kipc__hub *h, unsigned end);

	/* Will the verb of this side not block? 1; 0; -EPIPE: never again; another error. */
	int (*ready)(struct kipc__hub *h, unsigned side);
};

struct kipc__hub {
	struct kipc_chan base;
	const struct kipc__hub_kind *kind;
	struct kipc__lockfile *file;
	char name[KIPC__REGION_NAME_MAX];
	unsigned end;                 /* the place I have */
	bool placed;                  /* its lock is mine */
	unsigned watch[2];            /* the first and the last place whose death matters to me */
	int64_t looked_at;            /* coarse time of the last look at them */
	struct kipc_ring_ident ident; /* copies, checked once */
	struct kipc_ring_geom geom[2];
	uint64_t data_bytes;

	size_t status_bytes;
	struct kipc_ring_status *status; /* mapped, all of it may be written */
	uint8_t *ctrl;
	uint8_t *data;

	/* Polling, by side: epoll contains my doorbell and the ticker. */
	bool polled[2];
	int epoll[2];
	int bell[2];
	int ticker;
	struct kipc__hub_ringer *ringers; /* doorbells of others: [2 * end + side] */
};

/* hub_region.c */
uint64_t kipc__hub_bytes(const struct kipc__hub_plan *plan);
int kipc__hub_create_file(int *fd, const struct kipc__hub_kind *kind,
                          const struct kipc__hub_plan *plan, const struct kipc__config *cfg);
int kipc__hub_map(struct kipc__hub *h); /* -EPROTO: another version; -EEXIST: another kind */
void kipc__hub_unmap(struct kipc__hub *h);

static inline struct kipc_ring_ctrl *kipc__hub_ctrl(const struct kipc__hub *h, unsigned end)
{
	return (struct kipc_ring_ctrl *)(h->ctrl + (size_t)end * h->ident.ctrl_bytes);
}

/* hub_bell.c */
struct kipc_ring_bell *kipc__hub_bell(const struct kipc__hub *h, unsigned side);

/* (H) and (I): I am about to sleep (PARKED) or to be polled (POLLED) on a side. Returns what the bell
 * holds as long as nothing happens.
 */
uint32_t kipc__hub_arm(struct kipc__hub *h, unsigned side, uint32_t how);

/* End the sleep of all on a side, or of one and of all pollers. */
void kipc__hub_wake(struct kipc__hub *h, unsigned side, bool all);

/* After publishing: (F), (G) and, if anybody sleeps there, the wake-up. */
static inline void kipc__hub_published(struct kipc__hub *h, unsigned side, bool all)
{
	kipc__fence_full(); /* (F) pairs with (I) */
	if (__builtin_expect(kipc__load_relaxed(&kipc__hub_bell(h, side)->armed) & KIPC_ARMED_FLAGS,
	                     0)) /* (G) */
		kipc__hub_wake(h, side, all);
}

void kipc__hub_bell_self(struct kipc__hub *h, unsigned side);
void kipc__hub_bell_drain(struct kipc__hub *h, unsigned side);
int kipc__hub_bell_open(struct kipc__hub *h, unsigned side);
void kipc__hub_bells_close(struct kipc__hub *h, bool leaving);

/* hub_end.c */
int kipc__hub_take(struct kipc__hub *h, unsigned first, unsigned last); /* -EBUSY: none is free */
void kipc__hub_settle(struct kipc__hub *h);                             /* joined: live */
void kipc__hub_drop(struct kipc__hub *h);                               /* free my place */
uint32_t kipc__hub_state(const struct kipc__hub *h, unsigned end);      /* KIPC_END_* */
void kipc__hub_look(struct kipc__hub *h); /* who of those that matter has died? */
void kipc__hub_look_sometimes(struct kipc__hub *h);

/* The same for a sleeper whose nap is over: where all watch all, one look in a while does for the whole
 * crowd, or its cost would grow with the square of the sleepers.
 */
void kipc__hub_look_in_turn(struct kipc__hub *h);

/* hub_poll.c, hub_wait.c: the verbs' helpers and three slots of the transport table. */
void kipc__hub_idle(struct kipc__hub *h, unsigned side);
int kipc__hub_fd(struct kipc_chan *c, unsigned dir);
int kipc__hub_wait_for(struct kipc__hub *h, unsigned side, int64_t timeout);
int kipc__hub_wait(struct kipc_chan *c, unsigned events, int64_t timeout);

/* hub_name.c: the slots open, use and close. */
int kipc__hub_open(struct kipc_chan **out, const struct kipc__config *cfg,
                   const struct kipc__hub_kind *kind);
int kipc__hub_use(struct kipc_chan *c);
void kipc__hub_close(struct kipc_chan *c, bool in_use);

/* The kinds. */
extern const struct kipc__hub_kind kipc__queue_kind;  /* queue.c */
extern const struct kipc__hub_kind kipc__pubsub_kind; /* pubsub.c */

#endif /* KIPC_TRANSPORT_HUB_CHAN_H */
