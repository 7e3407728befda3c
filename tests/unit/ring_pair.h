/* SPDX-License-Identifier: MIT */
/* ring_pair.h - a ring in private memory, mapped twice in a row, with both of its sides */
#ifndef UNIT_RING_PAIR_H
#define UNIT_RING_PAIR_H

#include "core/ring.h"
#include "../harness.h"

struct ring_pair {
	struct kipc_ring_geom geom;
	uint8_t *data;
	struct kipc_ring_pos prod;
	struct kipc_ring_pos cons;
	struct kipc__ring_tx tx;
	struct kipc__ring_rx rx;
};

void ring_pair_make(struct ring_pair *r, uint64_t bytes, uint32_t align, uint64_t start);
void ring_pair_free(struct ring_pair *r);

/* Send message i of stream 1 with this length; the result of kipc__ring_send(). */
int ring_pair_put(struct ring_pair *r, size_t len, uint64_t i);

/* Receive it in place, check it, release it. */
void ring_pair_take(struct ring_pair *r, size_t len, uint64_t i);

#endif /* UNIT_RING_PAIR_H */
