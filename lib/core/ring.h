/* SPDX-License-Identifier: MIT */
/*
 * ring.h - one ring, seen from its producer (tx) and from its consumer (rx): the verbs
 *
 * Pure: works on pointers that it is given; no system call, no allocation, no waiting, no global.
 * What they are made of is in record.h. Reading bytes across the borders of messages is ring_read.h,
 * copying a long message by pieces ring_long.h.
 *
 * Results: a positive count, 0 where the ring is full or empty, -EMSGSIZE, -EBUSY, -EINVAL as in
 * kipc.h, -EBADMSG: the other side broke the ring.
 */
#ifndef KIPC_CORE_RING_H
#define KIPC_CORE_RING_H

#include "record.h"
#include "ring_long.h"
#include "ring_read.h"

/* Start a side at the position that its word holds: geom.start, or where a former owner of this end
 * left it. 0, or -EBADMSG when the positions make no ring.
 */
int kipc__ring_tx_init(struct kipc__ring_tx *tx, const struct kipc_ring_geom *g, void *data,
                       __u64 *prod_word, const __u64 *cons_word);
int kipc__ring_rx_init(struct kipc__ring_rx *rx, const struct kipc_ring_geom *g, const void *data,
                       const __u64 *prod_word, __u64 *cons_word);

/* Reserve n messages of m[i].len, all or none; sets m[i].data. */
int kipc__ring_reserve(struct kipc__ring_tx *tx, struct kipc_msg *m, unsigned n);

/* Publish the first n of the reservation. m[i].len may have shrunk; the gap behind a message that is
 * not the last becomes a discarded record.
 */
int kipc__ring_commit(struct kipc__ring_tx *tx, const struct kipc_msg *m, unsigned n);

/* Look at up to n messages from the oldest that was not released. */
int kipc__ring_peek(struct kipc__ring_rx *rx, struct kipc_msg *m, unsigned n);

/* Give back the first n peeked. */
int kipc__ring_release(struct kipc__ring_rx *rx, unsigned n);

/* Copy as many of n messages in as fit; copy up to n out. */
int kipc__ring_send(struct kipc__ring_tx *tx, const struct kipc_msg *m, unsigned n);
int kipc__ring_recv(struct kipc__ring_rx *rx, struct kipc_msg *m, unsigned n);

/* Is a message there, discarded records skipped? 1, 0 or -EBADMSG. */
int kipc__ring_ready_slow(const struct kipc__ring_rx *rx);

static inline int kipc__ring_ready(const struct kipc__ring_rx *rx)
{
	return kipc__likely(kipc__ring_look(rx, rx->cons) == 0) ? 0 : kipc__ring_ready_slow(rx);
}

#endif /* KIPC_CORE_RING_H */
