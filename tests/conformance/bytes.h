/* SPDX-License-Identifier: MIT */
/* bytes.h - a stream in which byte i follows from i alone, so that each read is checked where it starts */
#ifndef CONFORMANCE_BYTES_H
#define CONFORMANCE_BYTES_H

#include "form.h"

#define BYTES_MOST (256 * 1024) /* of one call */

struct flow {
	struct duo duo;
	unsigned wait;
	uint64_t bytes;
	uint64_t seed;
	size_t most; /* of one call */
	bool mixed;  /* messages and bytes, on both sides */
};

/* Room for BYTES_MOST, the same each time. */
uint8_t *bytes_buffer(void);

/* These len bytes must be those at this place of the stream. */
void bytes_follow(const uint8_t *buf, size_t len, uint64_t at);

/* kipc_write() of the bytes at this place, kipc_read() of what must be those. */
ssize_t bytes_write(struct kipc_chan *c, size_t len, uint64_t at, int64_t timeout);
ssize_t bytes_read(struct kipc_chan *c, size_t cap, uint64_t at, int64_t timeout);

/* Write until a call gives want; how many went. */
size_t bytes_write_until(struct kipc_chan *c, uint64_t at, int64_t timeout, int want);

#endif /* CONFORMANCE_BYTES_H */
