/* SPDX-License-Identifier: MIT */
/*
 * ring_base.h - the verbs of the ring family, written once
 *
 * A transport puts the kipc__ring_base_* slots into its struct kipc__transport; what is its own lies
 * behind the seam in ring_chan.h.
 */
#ifndef KIPC_TRANSPORT_RING_BASE_H
#define KIPC_TRANSPORT_RING_BASE_H

#include "ring_chan.h"

/* After attach has mapped everything: start both rings. */
int kipc__ring_base_begin(struct kipc__ring_chan *c);

void kipc__ring_base_init(struct kipc__ring_chan *c, const struct kipc__transport *ops,
                          const struct kipc__ring_back *back, const struct kipc__config *cfg);

/* Slots for the transport table. */
int kipc__ring_base_use(struct kipc_chan *c);
int kipc__ring_base_reserve(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);
int kipc__ring_base_commit(struct kipc_chan *c, const struct kipc_msg *m, unsigned n);
int kipc__ring_base_discard(struct kipc_chan *c);
int kipc__ring_base_peek(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);
int kipc__ring_base_release(struct kipc_chan *c, unsigned n);
int kipc__ring_base_send(struct kipc_chan *c, const struct kipc_msg *m, unsigned n,
                         int64_t timeout);
int kipc__ring_base_recv(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);
int kipc__ring_base_turn(struct kipc_chan *c, const struct kipc_msg *m, struct kipc_msg *in,
                         int64_t timeout);
ssize_t kipc__ring_base_read(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout);
int kipc__ring_base_wait(struct kipc_chan *c, unsigned events, int64_t timeout);
int kipc__ring_base_fd(struct kipc_chan *c, unsigned dir);
int kipc__ring_base_shutdown(struct kipc_chan *c, unsigned dirs);
int kipc__ring_base_get(const struct kipc_chan *c, enum kipc_opt opt, uint64_t *value);

#endif /* KIPC_TRANSPORT_RING_BASE_H */
