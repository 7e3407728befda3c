// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <kipc_ring.h>
#include "../os/sys.h"
#include "byte_stream.h"

/* Bytes that every transport takes as one message at any time: the least ring holds several. */
#define SMALL 504

/* The longest piece. Long enough that a piece costs little beside its copying, and short enough that
 * the reader copies one piece while the writer copies the next; its record ends where a page does.
 */
#define PIECE (32768 - KIPC_REC_BYTES)

/* A ring holds several pieces, so that neither side waits for the other one to be done with all of it. */
static size_t piece_of(const struct kipc_chan *c)
{
	uint64_t longest = 0;
	int r = c->ops->get(c, KIPC_OPT_MAX_MSG, &longest);

	if (r < 0 || longest / 4 < SMALL)
		return SMALL;
	return longest / 4 < PIECE ? longest / 4 : PIECE;
}

ssize_t kipc__byte_stream_write(struct kipc_chan *c, const void *buf, size_t len, int64_t timeout)
{
	const uint8_t *from = buf;
	size_t piece = len <= SMALL ? SMALL : piece_of(c);
	int64_t deadline = len > piece && timeout > 0 ? kipc__deadline(timeout) : KIPC__NEVER;
	size_t done = 0, n;
	int r = 0;

	len = len < SSIZE_MAX ? len : SSIZE_MAX;
	while (done < len) {
		n = len - done < piece ? len - done : piece;
		r = c->ops->send_one(c, from + done, n, timeout);
		if (r < 0)
			break;
		done += n;
		if (deadline != KIPC__NEVER && done < len) {
			timeout = deadline - kipc__now();
			timeout = timeout > 0 ? timeout : 0;
		}
	}
	return done ? (ssize_t)done : r;
}
