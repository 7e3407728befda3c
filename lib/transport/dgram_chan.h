/* SPDX-License-Identifier: MIT */
/*
 * dgram_chan.h - a channel over something that carries packets, and the seam under it
 *
 * The verbs are written once, in dgram_base and dgram_in, for everything in the kernel that takes and
 * gives whole packets: sockets and message queues. What differs is a second, smaller table: how
 * packets go and come and how one waits for them. A transport of this family fills struct
 * kipc__dgram_back, embeds struct kipc__dgram as its first member and puts the verbs into its struct
 * kipc__transport.
 *
 * A packet is the 8-byte header of a ring record (kipc_ring.h) and the payload, so that an empty
 * message differs from the end of file and what a stranger sends is recognised: a packet whose
 * length and header disagree ends the channel with -EBADMSG.
 *
 * Sending copies straight from the user's memory. Reserve gives out a staging buffer, which grows on
 * demand and is kept. Receiving copies straight into the user's memory; what does not fit there
 * spills into an area of the channel, so that a message too long for its buffer is not lost: it is
 * held until somebody takes it. Peek copies into slots and leaves the packet where it is, if the back
 * end can do that ("look"); release drops it.
 *
 * The sending half (out) and the receiving half (in) may be used by two threads at a time.
 */
#ifndef KIPC_TRANSPORT_DGRAM_CHAN_H
#define KIPC_TRANSPORT_DGRAM_CHAN_H

#include <sys/uio.h>
#include "../transport.h"

struct kipc__dgram;

/* One packet as a system call wants it: header, payload, and room for what does not fit. */
struct kipc__packet {
	struct iovec iov[3];
	unsigned parts;
	uint64_t header;
	size_t len; /* received: of the whole packet, also where it was cut off */
};

/* How to receive. TAKE removes the packets, LOOK leaves them and goes on behind what was looked at. */
enum kipc__dgram_how { KIPC__DGRAM_TAKE, KIPC__DGRAM_LOOK };

struct kipc__dgram_back {
	/* Send 1 .. KIPC_BATCH_MAX packets in order; how many went. -EAGAIN: none now; -EPIPE. */
	int (*send)(struct kipc__dgram *d, struct kipc__packet *p, unsigned n);

	/* Receive 1 .. KIPC_BATCH_MAX packets in order; how many came, len of each set. -EAGAIN: none
	 * now; -EPIPE: the end, after the last packet; -EBADMSG.
	 */
	int (*recv)(struct kipc__dgram *d, struct kipc__packet *p, unsigned n,
	            enum kipc__dgram_how how);

	/* Remove the n oldest packets that were looked at. 0; -EBADMSG: they are not there. */
	int (*drop)(struct kipc__dgram *d, unsigned n);

	/* The next look starts behind the first bytes of packets. */
	void (*rewind)(struct kipc__dgram *d, size_t bytes);

	/* Would n packets with these payloads all go now? 1, 0; -EMSGSIZE: never; -EPIPE. */
	int (*room)(struct kipc__dgram *d, const struct kipc_msg *m, unsigned n);

	/* What of events is true now, KIPC_HUP unasked. */
	int (*events)(struct kipc__dgram *d, unsigned events);

	/* Sleep until one of events may have become true, for a bounded time or until the absolute
	 * deadline. 0: look again; -ETIMEDOUT; -EINTR: a signal handler ran, with SA_RESTART or
	 * without; being stopped and continued is not seen.
	 */
	int (*await)(struct kipc__dgram *d, unsigned events, int64_t deadline);

	/* Messages are held (or no longer) that the kernel does not know of: the descriptor for
	 * KIPC_IN must be readable.
	 */
	void (*latch)(struct kipc__dgram *d, bool on);

	/* The peer broke the protocol: let it know that this is over. */
	void (*end)(struct kipc__dgram *d);

	size_t bound; /* no honest peer sends a longer payload */
};

/* A copy of a message that was looked at, or one that is held. */
struct kipc__dgram_slot {
	void *buf;
	size_t cap;
	size_t len;
	size_t off; /* bytes of it that were read; only of the oldest */
	bool held;  /* the back end does not have it any more */
};

struct kipc__dgram_in {
	struct kipc__dgram_slot slot[KIPC_BATCH_MAX]; /* a ring of them */
	unsigned first, n;
	unsigned held;   /* of these n; they are the oldest */
	unsigned peeked; /* of these n; what release may give back */
	size_t hint;     /* how long messages are these days */
	bool cut;        /* the last look stopped at a message longer than that */
	uint8_t *spill;  /* where payloads go on behind the user's buffers */
};

struct kipc__dgram_out {
	uint8_t *buf;
	size_t cap;
	size_t align; /* of payloads in it */
	unsigned n;   /* messages reserved */
	size_t len[KIPC_BATCH_MAX];
	void *data[KIPC_BATCH_MAX];
};

struct kipc__dgram {
	struct kipc_chan base;
	const struct kipc__dgram_back *back;
	size_t max_msg;
	int fault; /* -EBADMSG once the peer broke the protocol, -ENOMEM once a message was lost */
	struct kipc__dgram_in in;
	struct kipc__dgram_out out;
};

#endif /* KIPC_TRANSPORT_DGRAM_CHAN_H */
