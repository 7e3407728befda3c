/* SPDX-License-Identifier: MIT */
/*
 * dgram_base.h - the verbs of the packet family: life, sending, waiting for both
 */
#ifndef KIPC_TRANSPORT_DGRAM_BASE_H
#define KIPC_TRANSPORT_DGRAM_BASE_H

#include "dgram_chan.h"

void kipc__dgram_base_init(struct kipc__dgram *d, const struct kipc__transport *ops,
                           const struct kipc__dgram_back *back, const struct kipc__config *cfg);

/* Free what the base has; the handle itself is the transport's. */
void kipc__dgram_base_free(struct kipc__dgram *d);

/* Slots for the transport table. */
int kipc__dgram_base_reserve(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);
int kipc__dgram_base_commit(struct kipc_chan *c, const struct kipc_msg *m, unsigned n);
int kipc__dgram_base_discard(struct kipc_chan *c);
int kipc__dgram_base_send(struct kipc_chan *c, const struct kipc_msg *m, unsigned n,
                          int64_t timeout);
int kipc__dgram_base_wait(struct kipc_chan *c, unsigned events, int64_t timeout);
int kipc__dgram_base_get(const struct kipc_chan *c, enum kipc_opt opt, uint64_t *value);

#endif /* KIPC_TRANSPORT_DGRAM_BASE_H */
