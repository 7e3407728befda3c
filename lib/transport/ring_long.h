/* SPDX-License-Identifier: MIT */
/* ring_long.h - receiving a long message while it is being sent */
#ifndef KIPC_TRANSPORT_RING_LONG_H
#define KIPC_TRANSPORT_RING_LONG_H

#include "ring_chan.h"

/* Nothing is there: wait for a message, and if it is a long one, copy it out while it comes. Its length,
 * given back in the ring but counted nowhere;
 * -EAGAIN: receive in the usual way, with the *timeout that is left; or an error of the wait.
 */
ssize_t kipc__ring_long_recv(struct kipc__ring_chan *c, void *buf, size_t cap, int64_t *timeout);

#endif /* KIPC_TRANSPORT_RING_LONG_H */
