// SPDX-License-Identifier: MIT
/* Long messages: both sides' copies at the same time. */
#include "ring_long.h"

/* The consumer is told this often. Longer pieces overlap less, which matters where they are few; shorter
 * ones exchange the line of the progress more often.
 */
#define PIECE  32768
#define PIECES 16

static size_t piece_of(size_t len)
{
	size_t piece = len / PIECES;

	return piece < PIECE ? PIECE : piece < 4 * PIECE ? piece : 4 * PIECE;
}

static void copy_in(struct kipc__ring_tx *tx, void *to, const void *from, size_t len)
{
	if (len >= KIPC__COPY_LONG)
		kipc__copy_in(&tx->copy, to, from, len);
	else
		memcpy(to, from, len);
}

static void copy_out(const struct kipc__ring_rx *rx, void *to, const void *from, size_t len)
{
	if (rx->wide)
		rx->wide(to, from, len);
	else
		memcpy(to, from, len);
}

void kipc__ring_announce(struct kipc__ring_tx *tx, uint64_t pos, uint64_t len)
{
	struct kipc_ring_growth *g = tx->growth;

	if (!g)
		return;
	kipc__store_relaxed(&g->done, 0);
	kipc__store_relaxed(&g->len, len);
	kipc__store_release(&g->at, pos); /* (U) pairs with (V) */
}

/* Telling costs a line's way for each piece. */
static bool is_followed(const struct kipc__ring_tx *tx, size_t len)
{
	return tx->growth &&
	       (len >= KIPC__RING_LONGER || !tx->follows || kipc__load_relaxed(tx->follows) != 0);
}

void kipc__ring_copy_long(struct kipc__ring_tx *tx, uint64_t pos, const void *from, size_t len)
{
	struct kipc_ring_growth *g = tx->growth;
	uint8_t *to = (uint8_t *)(kipc__ring_tx_header(tx, pos) + 1);
	size_t piece = piece_of(len), done = 0, n;

	if (!is_followed(tx, len)) {
		copy_in(tx, to, from, len);
		return;
	}
	kipc__ring_announce(tx, pos, len);
	while (done < len) {
		n = len - done < piece ? len - done : piece;
		copy_in(tx, to + done, (const uint8_t *)from + done, n);
		done += n;
		kipc__store_release(&g->done, done); /* (W) pairs with (X) */
	}
}

uint64_t kipc__ring_growing(const struct kipc__ring_rx *rx)
{
	uint64_t len;

	/* (V) pairs with (U): the length and the progress are of this record, or of a later one */
	if (!rx->growth || kipc__load_acquire(&rx->growth->at) != rx->cons)
		return 0;
	len = kipc__load_relaxed(&rx->growth->len);
	return len >= KIPC__RING_LONG && len <= kipc_ring_max_len(rx->bytes, rx->align) ? len : 0;
}

static const uint8_t *payload(const struct kipc__ring_rx *rx)
{
	return rx->data + (rx->cons & (rx->bytes - 1)) + KIPC_REC_BYTES;
}

uint64_t kipc__ring_follow(const struct kipc__ring_rx *rx, void *buf, uint64_t len, uint64_t have)
{
	uint64_t done = kipc__load_acquire(&rx->growth->done); /* (X) pairs with (W) */

	if (done > len)
		done = len;
	/* Progress of a later record says nothing of this one, which is there by then. */
	if (done <= have || kipc__ring_look(rx, rx->cons) != 0)
		return have;
	copy_out(rx, (uint8_t *)buf + have, payload(rx) + have, done - have);
	return done;
}

int64_t kipc__ring_follow_end(struct kipc__ring_rx *rx, void *buf, uint64_t len, uint64_t have)
{
	uint64_t after = rx->cons, pos, header;
	int r = kipc__ring_next(rx, &pos, &header, &after);

	if (r < 0)
		return r;
	if (r == 0 || pos != rx->cons || kipc__ring_header_len(header) != len)
		return -EAGAIN;
	copy_out(rx, (uint8_t *)buf + have, payload(rx) + have, len - have);
	kipc__ring_copied(rx, after, 1);
	return (int64_t)len;
}
