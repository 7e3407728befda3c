/* SPDX-License-Identifier: MIT */
/*
 * dgram_in.h - the receiving half of the packet family
 */
#ifndef KIPC_TRANSPORT_DGRAM_IN_H
#define KIPC_TRANSPORT_DGRAM_IN_H

#include "dgram_chan.h"

/* Is there a message? 1, or a negative errno. */
int kipc__dgram_ready(struct kipc__dgram *d);

/* Is there something that only this end has: a held message, or what is left of one read in part? */
bool kipc__dgram_keeps(const struct kipc__dgram *d);

/* Free what the receiving half has. */
void kipc__dgram_in_free(struct kipc__dgram *d);

/* Slots for the transport table. */
int kipc__dgram_in_peek(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);
int kipc__dgram_in_release(struct kipc_chan *c, unsigned n);
int kipc__dgram_in_recv(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);
ssize_t kipc__dgram_in_read(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout);

#endif /* KIPC_TRANSPORT_DGRAM_IN_H */
