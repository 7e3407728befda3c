/* SPDX-License-Identifier: MIT */
/*
 * ring_bell.h - what follows each message: is anybody asleep, is anybody there at all?
 *
 * What rarely happens stands in functions that are called last, so that the verbs need no frame.
 */
#ifndef KIPC_TRANSPORT_RING_BELL_H
#define KIPC_TRANSPORT_RING_BELL_H

#include "ring_wait.h"

static inline void kipc__ring_bell_fence(bool fence)
{
	if (fence)
		kipc__fence_full(); /* (F) pairs with (I) */
	else
		kipc__fence_compiler(); /* the peer executes (F) here when it arms */
}

static inline uint64_t kipc__ring_tx_bell(struct kipc__ring_chan *c)
{
	kipc__ring_bell_fence(c->tx_fence);
	return kipc__load_relaxed(c->tx_bell); /* (G) */
}

static inline int kipc__ring_tx_ring(struct kipc__ring_chan *c)
{
	uint64_t bell = kipc__ring_tx_bell(c);

	return kipc__likely(bell == 0) ? 0 : kipc__ring_wait_tx_bell(c, bell);
}

static kipc__noinline int kipc__ring_tx_look_and_ring(struct kipc__ring_chan *c)
{
	kipc__ring_wait_look(c);
	return kipc__ring_tx_ring(c);
}

/* After publishing. 0 or -EPIPE. */
static inline int kipc__ring_tx_done(struct kipc__ring_chan *c)
{
	return kipc__unlikely(--c->credit == 0) ? kipc__ring_tx_look_and_ring(c)
	                                        : kipc__ring_tx_ring(c);
}

/* After releasing. Returns r. */
static inline ssize_t kipc__ring_rx_done(struct kipc__ring_chan *c, ssize_t r)
{
	kipc__ring_bell_fence(c->rx_fence);
	if (kipc__unlikely(kipc__load_relaxed(c->rx_bell) != 0)) /* (G), mirrored */
		return kipc__ring_wait_rx_bell(c, r);
	return r;
}

#endif /* KIPC_TRANSPORT_RING_BELL_H */
