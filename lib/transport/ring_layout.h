/* SPDX-License-Identifier: MIT */
/* ring_layout.h - STATUS pages: written for a new region, read and checked for one that is joined. */
#ifndef KIPC_TRANSPORT_RING_LAYOUT_H
#define KIPC_TRANSPORT_RING_LAYOUT_H

#include "ring_chan.h"

/* Fill the STATUS page of a new region: areas one behind the other, magic last. */
void kipc__ring_layout_format(struct kipc_ring_status *s, const struct kipc__config *cfg,
                              uint32_t page_bytes);

/* Where positions begin: so that records, or payloads, are aligned. */
uint64_t kipc__ring_layout_start(const struct kipc__config *cfg);

/* How large ring r is to be: the least where this end will never use it. */
uint64_t kipc__ring_layout_ring_bytes(const struct kipc__config *cfg, unsigned ring, uint32_t page);

/* How large such a region is. */
uint64_t kipc__ring_layout_bytes(const struct kipc__config *cfg, uint32_t page_bytes);

/* Copy identity and geometry out of a STATUS page and check that they describe a channel that fits
 * into total bytes (0: not checked). -EBADMSG, -EPROTO: another layout version.
 */
int kipc__ring_layout_learn(struct kipc__ring_chan *c, const struct kipc_ring_status *s,
                            uint64_t total);

/* Does the geometry have what the user asked for explicitly? -EEXIST, with the reason said. */
int kipc__ring_layout_agree(const struct kipc__ring_chan *c, const struct kipc__config *cfg);

#endif /* KIPC_TRANSPORT_RING_LAYOUT_H */
