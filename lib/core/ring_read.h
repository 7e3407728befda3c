/* SPDX-License-Identifier: MIT */
/* ring_read.h - a ring as a stream of bytes */
#ifndef KIPC_CORE_RING_READ_H
#define KIPC_CORE_RING_READ_H

#include "record.h"

/* Copy up to cap bytes out, across the borders of messages, but no further message once enough bytes are
 * there; how many. What is left of the last one comes first with whatever is called next; empty
 * messages are skipped. *ended is raised by the messages that are over.
 */
int64_t kipc__ring_read(struct kipc__ring_rx *rx, void *buf, uint64_t cap, uint64_t enough,
                        uint64_t *ended);

/* The other verbs where the oldest message was read in part: what is left of it is a message. */
int kipc__ring_peek_rest(struct kipc__ring_rx *rx, struct kipc_msg *m, int n);
int kipc__ring_recv_rest(struct kipc__ring_rx *rx, struct kipc_msg *m);

#endif /* KIPC_CORE_RING_READ_H */
