/* SPDX-License-Identifier: MIT */
/*
 * pubsub.h - one ring, seen from its publisher (pub) and from one of its subscribers (sub)
 *
 * Pure, as ring.h is: pointers that it is given, no system call, no waiting, no global. The layout and
 * the letters (K) to (T) are those of kipc_ring.h. Publication is in band, as in a pair. Reading what
 * may be overwritten meanwhile is a sequence lock whose sequence is a position (Aeron's broadcast
 * buffer has the same in its tail intent counter).
 *
 * A message takes at most a quarter of the ring and a batch half of it: so the newest message is whole
 * at any time, also while the next one is being written.
 *
 * Results as in ring.h; a subscriber's -EOVERFLOW: it was overtaken and has been put to the oldest
 * message that is left; sub->lost says exactly how many it missed.
 */
#ifndef KIPC_CORE_PUBSUB_H
#define KIPC_CORE_PUBSUB_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <kipc.h>
#include <kipc_ring.h>
#include "atomic.h"
#include "record.h"

/* The shared memory of both. */
struct kipc__pubsub {
	uint8_t *data;               /* 2 * bytes: mapped twice */
	struct kipc_ring_pub *ctrl;  /* the publisher's page */
	struct kipc_ring_ctrl *mine; /* of the subscriber that I am; NULL: the one in ctrls */
	uint8_t *ctrls;              /* CTRL[0], one of the next every ctrl_bytes */
	uint32_t ctrl_bytes;
	unsigned nr_ends;
	__u64 *bound; /* [2], in STATUS */

	/* Sets or clears the bit of an end in bound, behind a full fence when it returns, where these
	 * words may not be written; NULL: they may.
	 */
	void (*bind)(void *bind_arg, unsigned end, bool on);
	void *bind_arg;
	uint64_t bytes;
	uint64_t align;
};

struct kipc__pub {
	struct kipc__pubsub at;
	uint64_t prod;    /* the truth about my position */
	uint64_t granted; /* nobody needs what lies before granted - bytes any more */
	uint64_t claim;   /* as stored */
	uint64_t oldest;  /* as stored */
	uint64_t number;  /* of the next message */
	uint64_t cut;     /* subscribers cut off because their positions were none */
	uint64_t reserved_end;
	unsigned reserved_n; /* 0: none pending */
	struct {
		uint32_t off; /* of the record behind prod */
		uint32_t len; /* of the message, at most */
	} reserved[KIPC_BATCH_MAX];
};

struct kipc__sub {
	struct kipc__pubsub at;
	unsigned nr;      /* of my end */
	__u64 *cons_word; /* mine, publish-only */
	__u64 *bound_word;
	uint64_t bit;
	bool lossy;
	bool bound; /* the publisher was seen to wait for me; my bit says whether it still does */
	uint64_t cons;   /* the truth about my position */
	uint64_t next;   /* number of the next message if none is missed */
	uint64_t lost;   /* messages missed since the beginning */
	unsigned peeked; /* messages looked at and not released */
	uint64_t end[KIPC_BATCH_MAX];
	uint64_t number[KIPC_BATCH_MAX];
	uint32_t len[KIPC_BATCH_MAX];
};

/* Is the geometry one that the functions here can work on, and how long may a message be? */
int kipc__pubsub_geom_valid(const struct kipc_ring_geom *g);
uint64_t kipc__pubsub_max_len(uint64_t bytes, uint64_t align);

/* A new region, zeroed: its first positions. */
void kipc__pubsub_format(struct kipc_ring_pub *ctrl, const struct kipc_ring_geom *g);

/* ---- publishing ------------------------------------------------------------------------- */

/* Begin, or go on behind what a former publisher, however it ended, has left whole. -EBADMSG: what it
 * left is no ring.
 */
int kipc__pub_init(struct kipc__pub *p, const struct kipc__pubsub *at);

/* Is there room for need bytes of records? 1; 0: bound subscribers are in the way; -EBADMSG. */
int kipc__pub_room(struct kipc__pub *p, uint64_t need);

/* What the records of n messages take. */
uint64_t kipc__pub_extent(const struct kipc__pub *p, const struct kipc_msg *m, unsigned n);

/* The position that a bound subscriber must have reached to be out of the way of need bytes. */
uint64_t kipc__pub_needs(const struct kipc__pub *p, uint64_t need);

/* Take the bit of every subscriber that is in the way of need bytes; how many were. */
unsigned kipc__pub_cut(struct kipc__pub *p, uint64_t need);

int kipc__pub_reserve(struct kipc__pub *p, struct kipc_msg *m, unsigned n);
int kipc__pub_commit(struct kipc__pub *p, const struct kipc_msg *m, unsigned n);
int kipc__pub_send(struct kipc__pub *p, const struct kipc_msg *m, unsigned n);

/* ---- subscribing ------------------------------------------------------------------------ */

/* Begin behind the newest message or at the oldest, as end number end; bound unless lossy. */
int kipc__sub_init(struct kipc__sub *s, const struct kipc__pubsub *at, unsigned end, bool lossy,
                   bool from_oldest);

/* Nobody waits for me any more. */
void kipc__sub_unbind(struct kipc__sub *s);

/* Will the next call not block? 1 (also when it would tell of a loss), 0, -EBADMSG. */
int kipc__sub_ready(struct kipc__sub *s);

int kipc__sub_peek(struct kipc__sub *s, struct kipc_msg *m, unsigned n);
int kipc__sub_release(struct kipc__sub *s, unsigned n);
int kipc__sub_recv(struct kipc__sub *s, struct kipc_msg *m, unsigned n);

/* Copy the newest message out and leave it there; never an older one than was received. 1: m->len and
 * *number are its; 0: there is none, or the publisher went round the ring in each of a few attempts, of
 * which who is bound needs three; -EMSGSIZE; -EBADMSG.
 */
int kipc__sub_latest(struct kipc__sub *s, struct kipc_msg *m, uint64_t *number);

/* ---- records ---------------------------------------------------------------------------- */

static inline uint64_t *kipc__pubsub_word(const struct kipc__pubsub *at, uint64_t pos)
{
	return kipc__ring_header(at->data, at->bytes, pos);
}

/* The publisher waits for this end from now on, or does not any more. */
static inline void kipc__pubsub_bind(const struct kipc__pubsub *at, unsigned end, bool on)
{
	uint64_t bit = 1ULL << (end % 64);

	if (at->bind)
		at->bind(at->bind_arg, end, on);
	else if (on)
		kipc__fetch_or(&at->bound[end / 64], bit); /* (Q) pairs with (T) */
	else
		kipc__fetch_and(&at->bound[end / 64], ~bit);
}

/* Bytes of the record with this header. */
static inline uint64_t kipc__pubsub_stride(uint64_t header, uint64_t align)
{
	uint64_t len = kipc__ring_header_len(header);

	return kipc_ring_stride(header & KIPC_REC_DISCARD ? len : len + 8, align);
}

/* Is this header one that an honest publisher writes? Then its record is not longer than the ring. */
static inline bool kipc__pubsub_valid(const struct kipc__pubsub *at, uint64_t header)
{
	return (header & KIPC_REC_LEN_MASK) != 0 &&
	       (header & ~(KIPC_REC_LEN_MASK | KIPC_REC_DISCARD)) == 0 &&
	       kipc__ring_header_len(header) <=
	               (header & KIPC_REC_DISCARD ? at->bytes / 2
	                                          : kipc__pubsub_max_len(at->bytes, at->align));
}

#endif /* KIPC_CORE_PUBSUB_H */
