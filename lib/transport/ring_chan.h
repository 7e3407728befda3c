/* SPDX-License-Identifier: MIT */
/*
 * ring_chan.h - a channel over two rings, and the seam under it
 *
 * What differs between the module and plain shared memory is a second, smaller table: where the memory
 * comes from and how a sleeping peer is reached. A transport of the ring family fills struct
 * kipc__ring_back and embeds struct kipc__ring_chan as its first member.
 */
#ifndef KIPC_TRANSPORT_RING_CHAN_H
#define KIPC_TRANSPORT_RING_CHAN_H

#include <kipc_dev.h> /* KIPC_SIDE_* */
#include "../core/ring.h"
#include "../transport.h"

struct kipc__ring_chan;

struct kipc__ring_back {
	/* Fresh to live: map everything, become the owner, fill status, ctrl[] and data[] of c, and
	 * then call kipc__ring_base_begin(). -EBUSY: the end has an owner.
	 */
	int (*attach)(struct kipc__ring_chan *c);

	/* Live to nothing: say that this end is gone (KIPC_GONE_CLOSED), wake the peer, unmap.
	 * handover: say nothing, the end becomes fresh again.
	 */
	void (*detach)(struct kipc__ring_chan *c, bool handover);

	/* Sleep on a side until the peer's position has reached position, the peer is gone, or the
	 * absolute deadline. 0: look again (also for no reason); -ETIMEDOUT; -EINTR; -EPIPE: the side is
	 * over, also where it was shut here.
	 */
	int (*park)(struct kipc__ring_chan *c, unsigned side, uint64_t position, int64_t deadline);

	/* End the peer's sleep: it sleeps for my data (DATA) or for the space that I gave (SPACE). */
	void (*wake)(struct kipc__ring_chan *c, unsigned side);

	/* Both for data: end the peer's sleep for mine and sleep for its own, as wake and park do. A
	 * back end that can spares a system call.
	 */
	int (*xchg)(struct kipc__ring_chan *c, uint64_t position, int64_t deadline);

	/* A call found nothing (DATA) or no room (SPACE) and will not wait: make the poll descriptor
	 * of that side, if somebody has one, unreadable until the peer moves. Also the place to find
	 * out whether the peer lives where nobody else tells. Called often; must be cheap.
	 */
	void (*idle)(struct kipc__ring_chan *c, unsigned side);

	/* Find out now whether the peer lives, where nobody else tells. A signal handler may come here. */
	void (*look)(struct kipc__ring_chan *c);

	/* The poll descriptor of a side. */
	int (*fd)(struct kipc__ring_chan *c, unsigned side);

	/* Tell the peer that these directions are over, and who sleeps or polls for them here. */
	int (*shut)(struct kipc__ring_chan *c, unsigned dirs);

	/* The in ring's data is mapped writable, too. */
	bool writes_in;

	/* wake() ends a sleep although no position was reached. */
	bool early;

	/* Between looks on the sending path: at most this many commits; 0: never look. */
	unsigned look_every;
};

struct kipc__ring_chan {
	struct kipc_chan base;
	const struct kipc__ring_back *back;

	/* Hot: what every message touches. */
	struct kipc__ring_tx tx;
	struct kipc__ring_rx rx;
	uint64_t *tx_bell;  /* I look here after publishing: consumer asleep, consumer gone */
	uint64_t *rx_bell;  /* and here after releasing: producer asleep, producer gone */
	bool tx_fence;      /* I execute (F) after publishing */
	bool rx_fence;      /* I execute its mirror image after releasing */
	bool fetches;       /* I fetch the line of an answer when I have got what it answers */
	bool polled[2];     /* by side: somebody has the poll descriptor */
	int rfo;            /* take lines that I have read; negative: where this CPU gains by it */
	uint64_t long_at;   /* my position when I last received a long message */
	uint64_t own_most;  /* rx.own_most in a stream */
	bool follows;       /* a wait for data ends when a long message begins to come */
	int fault;          /* -EBADMSG once the peer broke the ring; either half finds out */
	uint64_t want;      /* bytes of records that last did not fit; 0: none waits */
	unsigned brisk;     /* waits for data that may start without preparation */
	unsigned streak;    /* calls in a row that found data at once; see stay_behind() */
	uint64_t sent_at;   /* my prod when a wait for data last ended */
	unsigned credit;    /* commits until the next look at the peer */
	unsigned stretch;   /* how many I gave myself last time */
	int64_t looked_at;  /* coarse time of that */
	unsigned lead;      /* what the sender is given in a stream, in turns */
	uint64_t lead_from; /* messages received when it was given last, or when the stream began */
	unsigned ahead_missed, ahead_rest; /* see kipc__ring_watch_ahead() */

	/* Cold. */
	unsigned end;                 /* which end I am */
	bool may_fence;               /* the back end can have my CPUs fenced by the peer */
	struct kipc_ring_ident ident; /* copies, checked once at attach */
	struct kipc_ring_geom geom[2];
	size_t status_bytes;
	struct kipc_ring_status *status; /* mapped */
	struct kipc_ring_ctrl *ctrl[2];  /* mine may be written */
	void *data[2];                   /* mapped twice; mine may be written */
};

#define KIPC__BRISK_WAITS 1024 /* then the hints to the peer are looked after again */
#define KIPC__BRISK_LOOKS 20   /* half a microsecond */
#define KIPC__BRISK_NEAR  8    /* of them, as often as it goes: near cores have answered by then */

/* From so many calls in a row on it is a stream; the sender then gets a lead of so many turns; a message
 * that comes within so many turns was on its way already.
 */
#define KIPC__STREAM_CALLS 16
#define KIPC__STREAM_NEAR  4
#define KIPC__LEAD_LEAST   32 /* half a microsecond */
#define KIPC__LEAD_MOST    256

/* A sender that found the ring full looks so often whether a quarter is free; where it is not, it does not
 * look the next 1, 3, 7 times, and so on up to this many.
 */
#define KIPC__AHEAD_LOOKS 32
#define KIPC__AHEAD_REST  1023

#define KIPC__RING_IN(c)   (1 - (c)->end) /* the ring that I consume */
#define KIPC__RING_OUT(c)  ((c)->end)
#define KIPC__RING_PEER(c) (1 - (c)->end)

#endif /* KIPC_TRANSPORT_RING_CHAN_H */
