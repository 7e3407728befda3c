/* SPDX-License-Identifier: MIT */
/* ring_long.h - long messages, copied out while they are copied in: steps (U) to (X) of kipc_ring.h */
#ifndef KIPC_CORE_RING_LONG_H
#define KIPC_CORE_RING_LONG_H

#include "record.h"

/* The next message will be a long one: say so, as far as anybody wants to know. */
void kipc__ring_announce(struct kipc__ring_tx *tx, uint64_t pos, uint64_t len);

/* Copy the payload of a long record at pos in, telling the consumer how far it is. */
void kipc__ring_copy_long(struct kipc__ring_tx *tx, uint64_t pos, const void *from, size_t len);

/* The record at cons is not there yet. How long is the message that is being copied in there? 0: none
 * is, or not a long one.
 */
uint64_t kipc__ring_growing(const struct kipc__ring_rx *rx);

/* Copy out what is there of it beyond the first have bytes; how many are there. */
uint64_t kipc__ring_follow(const struct kipc__ring_rx *rx, void *buf, uint64_t len, uint64_t have);

/* It is there. Copy the rest: its length. -EAGAIN: it is another message than the one followed. */
int64_t kipc__ring_follow_end(struct kipc__ring_rx *rx, void *buf, uint64_t len, uint64_t have);

#endif /* KIPC_CORE_RING_LONG_H */
