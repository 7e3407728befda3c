/* SPDX-License-Identifier: MIT */
/* ring_watch.h - how close the two sides of a stream run behind each other; no system call, no clock */
#ifndef KIPC_TRANSPORT_RING_WATCH_H
#define KIPC_TRANSPORT_RING_WATCH_H

#include "ring_chan.h"

/* The last waits for data ended while spinning: watch for the length of a cache line's way and back before
 * any preparation for a longer wait, which takes as long. true: something has come.
 */
bool kipc__ring_watch_briefly(struct kipc__ring_chan *c, int64_t timeout);

/* A wait for room is over: give the receiver time to make more of it. */
void kipc__ring_watch_ahead(struct kipc__ring_chan *c);

#endif /* KIPC_TRANSPORT_RING_WATCH_H */
