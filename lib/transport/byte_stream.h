/* SPDX-License-Identifier: MIT */
/* byte_stream.h - writing any amount of bytes over whatever carries messages */
#ifndef KIPC_TRANSPORT_BYTE_STREAM_H
#define KIPC_TRANSPORT_BYTE_STREAM_H

#include "../transport.h"

/* Slot for the transport table: in pieces of the channel's own send_one. */
ssize_t kipc__byte_stream_write(struct kipc_chan *c, const void *buf, size_t len, int64_t timeout);

#endif /* KIPC_TRANSPORT_BYTE_STREAM_H */
