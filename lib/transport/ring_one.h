/* SPDX-License-Identifier: MIT */
/* ring_one.h - one message in, one out: what a round trip is made of. Slots for the transport table. */
#ifndef KIPC_TRANSPORT_RING_ONE_H
#define KIPC_TRANSPORT_RING_ONE_H

#include "../transport.h"

int kipc__ring_one_send(struct kipc_chan *c, const void *data, size_t len, int64_t timeout);
ssize_t kipc__ring_one_recv(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout);

#endif /* KIPC_TRANSPORT_RING_ONE_H */
