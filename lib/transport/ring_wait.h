/* SPDX-License-Identifier: MIT */
/*
 * ring_wait.h - the slow half of ring_base: waiting, waking, looking whether the peer lives
 *
 * Nothing here runs while both sides are awake and the ring is neither empty nor full.
 */
#ifndef KIPC_TRANSPORT_RING_WAIT_H
#define KIPC_TRANSPORT_RING_WAIT_H

#include "ring_chan.h"

/* Has the peer of this side gone? KIPC_GONE_*. */
unsigned kipc__ring_wait_gone(const struct kipc__ring_chan *c, unsigned side);

/* Is the side ready: 1: a message, or room for space_at; 0; -EBADMSG. */
int kipc__ring_wait_ready(struct kipc__ring_chan *c, unsigned side);

/* The position that somebody who sleeps on this side waits for; set by a call that found no room. */
uint64_t kipc__ring_wait_target(const struct kipc__ring_chan *c, unsigned side);

/* Did the peer last run on the CPU that I am on? */
bool kipc__ring_wait_sharing(const struct kipc__ring_chan *c);

/* Wait until the side is ready. 0: it is; -EAGAIN, -ETIMEDOUT, -EINTR, -EPIPE, -EBADMSG. */
int kipc__ring_wait_for(struct kipc__ring_chan *c, unsigned side, int64_t timeout);

/* Wait for any of KIPC_IN, KIPC_OUT; what is true, as kipc_wait(). */
int kipc__ring_wait_events(struct kipc__ring_chan *c, unsigned events, int64_t timeout);

/* The bell was not zero after publishing: wake a sleeping consumer; -EPIPE: it is gone. */
int kipc__ring_wait_tx_bell(struct kipc__ring_chan *c, uint64_t bell);

/* The same where a wait for data follows. 1: it has been waited for, and there is some; 0: wait; -EPIPE,
 * -ETIMEDOUT, -EINTR, -EBADMSG.
 */
int kipc__ring_wait_turn(struct kipc__ring_chan *c, uint64_t bell, int64_t timeout);

/* A long message is about to be copied in: wake a consumer that wants to copy it out meanwhile. */
void kipc__ring_wait_announce(struct kipc__ring_chan *c, uint64_t len);

/* The bell was not zero after releasing: wake a sleeping producer. Returns r. */
ssize_t kipc__ring_wait_rx_bell(struct kipc__ring_chan *c, ssize_t r);

/* The sender's credit is used up: look whether the peer lives, if that is due. */
void kipc__ring_wait_look(struct kipc__ring_chan *c);

/* Pass r on; -EBADMSG ends the channel. */
int kipc__ring_wait_broken(struct kipc__ring_chan *c, int r);

#endif /* KIPC_TRANSPORT_RING_WAIT_H */
