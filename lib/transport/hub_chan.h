/* SPDX-License-Identifier: MIT */
/*
 * hub_chan.h - one end of a named region with more than two ends
 *
 * What every kind with many ends needs: the region and its name, places for ends that come and go, the
 * death of any of them, sleeping in crowds, poll descriptors. A kind fills a struct kipc__hub_kind and
 * embeds struct kipc__hub as the first member of its handle. Under it lies a seam as under the rings:
 * struct kipc__hub_back says where the memory comes from and how others are reached. A kind does not
 * know which one carries it. Above the seam: hub.c (handles), hub_wait.c (waiting).
 *
 * The name lasts until the last end is gone.
 *
 * Sides as over a pair: KIPC_SIDE_DATA: the receivers' (they sleep on bells[0].data), KIPC_SIDE_SPACE:
 * the senders' (bells[0].space). Both sides of the wake protocol execute a plain full fence.
 */
#ifndef KIPC_TRANSPORT_HUB_CHAN_H
#define KIPC_TRANSPORT_HUB_CHAN_H

#include <kipc_dev.h> /* KIPC_SIDE_* */
#include <kipc_ring.h>
#include "../core/atomic.h"
#include "../transport.h"

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
	const struct kipc__transport *ops; /* its verbs; caps: all that a back end can make true */
	const char *name;                  /* for people: "pubsub" */
	uint32_t kind;                     /* KIPC_KIND_* */
	size_t handle_bytes;               /* of the handle that embeds struct kipc__hub */
	bool mirrored;                     /* the data area is mapped twice in a row */
	bool calls; /* end 0 publishes to all the others, who may wake each other for it */

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

	/* Place h->end is mine and live, so my death is seen: begin. hints.joined is 0. */
	int (*join)(struct kipc__hub *h, const struct kipc__config *cfg);

	/* I am leaving, politely, or could not join; still mapped, still the owner of my place. */
	void (*leave)(struct kipc__hub *h);

	/* This end has died: undo what it left undone, tell whom it concerns (kipc__hub_wake()). Once
	 * for each death; again only where the one who did it died meanwhile. Called by whoever finds
	 * out, also by a newcomer before its join(): only the mapping and the copies may be used.
	 */
	void (*died)(struct kipc__hub *h, unsigned end);

	/* Will the verb of this side not block? 1; 0; -EPIPE: never again; another error. */
	int (*ready)(struct kipc__hub *h, unsigned side);
};

struct kipc__hub_back {
	const struct kipc__transport
		*transport; /* whose scheme this is, and what can be promised */
	size_t own_bytes;   /* of what it keeps for a handle: h->own */

	/* Create or join, as cfg says: *out is in use. What is wrong: kipc__why_set(). */
	int (*open)(struct kipc__hub **out, const struct kipc__hub_kind *kind,
	            const struct kipc__hub_plan *plan, const struct kipc__config *cfg);

	/* As the slot of the transport table: frees h. */
	void (*close)(struct kipc__hub *h, bool in_use);

	/* (H) and (I): I am about to sleep on a side. Returns what the bell holds as long as nothing
	 * happens: what sleep() takes.
	 */
	uint32_t (*arm)(struct kipc__hub *h, unsigned side);

	/* Sleep until something happens or the absolute deadline. 0: look again (also for no reason);
	 * -ETIMEDOUT; -EINTR.
	 */
	int (*sleep)(struct kipc__hub *h, unsigned side, uint32_t armed, int64_t deadline);

	/* Count an event; end the sleep of all on a side, or of one and of all pollers. */
	void (*wake)(struct kipc__hub *h, unsigned side, bool all);

	/* The same for all on a side, for end 0 of a kind that calls: what it costs does not grow with those
	 * who sleep.
	 */
	void (*call)(struct kipc__hub *h, unsigned side);

	/* The poll descriptor of a side; and: a call found nothing there and will not wait, so make it
	 * unreadable until something happens. idle() is called often and finds out about deaths, too.
	 */
	int (*fd)(struct kipc__hub *h, unsigned side);
	void (*idle)(struct kipc__hub *h, unsigned side);

	/* Who of those that matter has died, and is nobody's yet to be cleaned up after? now: look at
	 * once, otherwise only if it is time to. Each look sets h->looked_at.
	 */
	void (*look)(struct kipc__hub *h, bool now);

	/* Who has this place: pid, and what is attested beside it. */
	void (*holder)(struct kipc__hub *h, unsigned end, struct kipc_peer *p);

	/* Nothing more comes from end 0, for this reason (KIPC_GONE_*; 0: something will again): say so
	 * in bells[0].data.gone, unless the back end does by itself, and wake its receivers.
	 */
	void (*gone)(struct kipc__hub *h, uint32_t how);

	/* NULL: sets.bound may be written. Otherwise: as core/pubsub.h has it. */
	void (*bind)(void *hub, unsigned end, bool on);
};

struct kipc__hub {
	struct kipc_chan base;
	struct kipc__transport ops; /* the kind's, as this back end carries it */
	const struct kipc__hub_kind *kind;
	const struct kipc__hub_back *back;
	void *own;                    /* the back end's, behind the handle */
	unsigned end;                 /* the place I have */
	unsigned watch[2];            /* the first and the last place whose death matters to me */
	int64_t looked_at;            /* coarse time of the last look at them, by either half */
	struct kipc_ring_ident ident; /* copies, checked once */
	struct kipc_ring_geom geom[2];
	uint64_t data_bytes;

	size_t status_bytes;
	struct kipc_ring_status *status; /* mapped, as the back end allows */
	uint8_t *ctrl;                   /* CTRL[0], one of the next every ident.ctrl_bytes */
	struct kipc_ring_ctrl *mine;     /* CTRL[end], which I may write */
	uint8_t *data;
};

/* hub.c: handles, and the slots of the transport table that all kinds share. */
int kipc__hub_open(struct kipc_chan **out, const struct kipc__config *cfg,
                   const struct kipc__hub_kind *kind, const struct kipc__hub_back *back);
int kipc__hub_use(struct kipc_chan *c);
void kipc__hub_close(struct kipc_chan *c, bool in_use);
int kipc__hub_fd(struct kipc_chan *c, unsigned dir);

/* A handle without a region; the caller of kipc__hub_free() has unmapped what was mapped. */
struct kipc__hub *kipc__hub_new(const struct kipc__hub_kind *kind,
                                const struct kipc__hub_back *back, const struct kipc__config *cfg);
void kipc__hub_free(struct kipc__hub *h);

/* STATUS is mapped: copy and check what it says; nothing of it is read again. -EBADMSG; -EPROTO: another
 * version; -EEXIST: another kind.
 */
int kipc__hub_learn(struct kipc__hub *h, uint64_t file_bytes);

/* Why an open was refused, for people; returns r. */
int kipc__hub_explain(const struct kipc__hub_kind *kind, int r);

static inline struct kipc_ring_ctrl *kipc__hub_ctrl(const struct kipc__hub *h, unsigned end)
{
	return (struct kipc_ring_ctrl *)(h->ctrl + (size_t)end * h->ident.ctrl_bytes);
}

static inline struct kipc_ring_bell *kipc__hub_bell(const struct kipc__hub *h, unsigned side)
{
	return side == KIPC_SIDE_DATA ? &h->status->bells[0].data : &h->status->bells[0].space;
}

/* KIPC_END_*, without what else its word holds. */
#define KIPC__HUB_STATE 0xffU

static inline uint32_t kipc__hub_state(const struct kipc__hub *h, unsigned end)
{
	/* pairs with the releases of those who come and go */
	return kipc__load_acquire(&h->status->ends[end].state) & KIPC__HUB_STATE;
}

static inline void kipc__hub_wake(struct kipc__hub *h, unsigned side, bool all)
{
	h->back->wake(h, side, all);
}

/* After publishing: (F), (G) and, if anybody sleeps there, the wake-up. */
static inline void kipc__hub_published(struct kipc__hub *h, unsigned side, bool all)
{
	kipc__fence_full(); /* (F) pairs with (I) */
	if (__builtin_expect(kipc__load_relaxed(&kipc__hub_bell(h, side)->armed) & KIPC_ARMED_FLAGS,
	                     0)) { /* (G) */
		if (all)
			h->back->call(h, side);
		else
			kipc__hub_wake(h, side, false);
	}
}

static inline void kipc__hub_look(struct kipc__hub *h)
{
	h->back->look(h, true);
}

/* hub_wait.c: waiting, for the verbs, and as a slot of the transport table. */
int kipc__hub_wait_for(struct kipc__hub *h, unsigned side, int64_t timeout);
int kipc__hub_wait(struct kipc_chan *c, unsigned events, int64_t timeout);

/* The kinds. */
extern const struct kipc__hub_kind kipc__queue_kind;  /* queue.c */
extern const struct kipc__hub_kind kipc__pubsub_kind; /* pubsub.c */

/* The back ends. */
extern const struct kipc__hub_back kipc__hub_shm;  /* hub_shm_name.c */
extern const struct kipc__hub_back kipc__hub_kmod; /* hub_kmod.c */

#endif /* KIPC_TRANSPORT_HUB_CHAN_H */
