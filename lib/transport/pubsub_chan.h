/* SPDX-License-Identifier: MIT */
/*
 * pubsub_chan.h - one end of a pubsub: its publisher, or one of its subscribers
 *
 * core/pubsub.h decides what is whole and who is in the way, the hub who lives and how to sleep, and these
 * files when to wait for whom: pubsub.c: the region and the life of an end; pubsub_verbs.c: the verbs.
 */
#ifndef KIPC_TRANSPORT_PUBSUB_CHAN_H
#define KIPC_TRANSPORT_PUBSUB_CHAN_H

#include "../core/pubsub.h"
#include "hub_chan.h"

struct kipc__pubsub_chan {
	struct kipc__hub h;
	int fault;        /* -EBADMSG once somebody broke the ring */
	int64_t patience; /* ns for a slow subscriber; negative: for ever */
	uint64_t want;    /* bytes of records that last did not fit; 0: none waits */
	uint64_t late;    /* as many did not fit when patience began; 0: it has not */
	int64_t late_at;  /* then it ends */
	union {
		struct kipc__pub pub;
		struct kipc__sub sub;
	};
};

static inline struct kipc__pubsub_chan *kipc__pubsub_of(struct kipc_chan *c)
{
	return (struct kipc__pubsub_chan *)c;
}

static inline bool kipc__pubsub_publishes(const struct kipc__pubsub_chan *c)
{
	return c->h.end == 0;
}

static inline uint32_t *kipc__pubsub_gone(const struct kipc__hub *h)
{
	return &kipc__hub_bell(h, KIPC_SIDE_DATA)->gone;
}

static inline struct kipc_ring_pub *kipc__pubsub_ctrl(const struct kipc__hub *h)
{
	return (struct kipc_ring_pub *)(h->end == 0 && h->mine ? h->mine : kipc__hub_ctrl(h, 0));
}

/* pubsub.c: as the slot of the transport table. */
int kipc__pubsub_chan_shutdown(struct kipc_chan *base, unsigned dirs);

/* pubsub_verbs.c: the slots of the transport table, and ready() of the kind. */
int kipc__pubsub_chan_ready(struct kipc__hub *h, unsigned side);
int kipc__pubsub_chan_reserve(struct kipc_chan *base, struct kipc_msg *m, unsigned n,
                              int64_t timeout);
int kipc__pubsub_chan_commit(struct kipc_chan *base, const struct kipc_msg *m, unsigned n);
int kipc__pubsub_chan_discard(struct kipc_chan *base);
int kipc__pubsub_chan_send(struct kipc_chan *base, const struct kipc_msg *m, unsigned n,
                           int64_t timeout);
int kipc__pubsub_chan_peek(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout);
int kipc__pubsub_chan_release(struct kipc_chan *base, unsigned n);
int kipc__pubsub_chan_recv(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout);
int kipc__pubsub_chan_wait(struct kipc_chan *base, unsigned events, int64_t timeout);
ssize_t kipc__pubsub_chan_latest(struct kipc_chan *base, void *buf, size_t cap, uint64_t *number);
int kipc__pubsub_chan_lost(const struct kipc_chan *base, uint64_t *n);

#endif /* KIPC_TRANSPORT_PUBSUB_CHAN_H */
