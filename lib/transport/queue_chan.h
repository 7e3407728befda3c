/* SPDX-License-Identifier: MIT */
/*
 * queue_chan.h - one end of a queue
 *
 * WHO IS WOKEN. A message wakes one receiver, a free slot one sender. That one may find that more is
 * there than what it took: then it wakes the next (pass_on). So what waits is found by all who sleep,
 * one after the other, and one message does not wake a crowd. Senders that wait for slots of different
 * classes, or for several, are no crowd of equals: then all of them are woken and look for themselves.
 * Who dies between is found within a nap, or by a vigil, and its death wakes everybody.
 *
 * ORDER OF FENCES. The core executes (F) behind what it published, so only (G) is left to do here.
 */
#ifndef KIPC_TRANSPORT_QUEUE_CHAN_H
#define KIPC_TRANSPORT_QUEUE_CHAN_H

#include "../core/queue.h"
#include "hub_chan.h"

struct kipc__queue_chan {
	struct kipc__hub hub;
	int fault;                        /* -EBADMSG once the memory was found broken */
	int64_t mended_at;                /* hub.looked_at, as it was at the last mending */
	bool wants;                       /* something did not fit: */
	uint8_t want[KIPC_QUEUE_CLASSES]; /* that many slots of each class */
	unsigned lead_turns;              /* for so long senders are let ahead; see stay_behind() */
	unsigned lead_skips;              /* so often they are not, because it did not help */
	unsigned lead_fails;              /* log2 of the next lead_skips */
	struct kipc__queue queue;
};

static inline struct kipc__queue_chan *kipc__queue_of(struct kipc_chan *c)
{
	return (struct kipc__queue_chan *)c;
}

/* queue_verbs.c: the slots of the transport table, and ready() of the kind. */
int kipc__queue_chan_ready(struct kipc__hub *h, unsigned side);
int kipc__queue_chan_reserve(struct kipc_chan *base, struct kipc_msg *m, unsigned n,
                             int64_t timeout);
int kipc__queue_chan_commit(struct kipc_chan *base, const struct kipc_msg *m, unsigned n);
int kipc__queue_chan_discard(struct kipc_chan *base);
int kipc__queue_chan_send(struct kipc_chan *base, const struct kipc_msg *m, unsigned n,
                          int64_t timeout);
int kipc__queue_chan_peek(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout);
int kipc__queue_chan_release(struct kipc_chan *base, unsigned n);
int kipc__queue_chan_recv(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout);
int kipc__queue_chan_send_one(struct kipc_chan *base, const void *data, size_t len,
                              int64_t timeout);
ssize_t kipc__queue_chan_recv_one(struct kipc_chan *base, void *buf, size_t cap, int64_t timeout);
int kipc__queue_chan_wait(struct kipc_chan *base, unsigned events, int64_t timeout);

#endif /* KIPC_TRANSPORT_QUEUE_CHAN_H */
