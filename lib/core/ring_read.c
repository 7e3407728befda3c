// SPDX-License-Identifier: MIT
/* A ring as a stream of bytes: reading across the borders of messages, and the message read in part. */
#include "ring_read.h"

/* The oldest message that is not over. part bytes of it were read, and then it lies at cons. 1: *left
 * is what is left of it; 0; -EBADMSG, also where it became another one since.
 */
static int oldest(const struct kipc__ring_rx *rx, uint64_t part, uint64_t *pos, uint64_t *left,
                  uint64_t *after)
{
	uint64_t header, len;
	int r = kipc__ring_next(rx, pos, &header, after);

	if (r <= 0)
		return r;
	len = kipc__ring_header_len(header);
	if (kipc__unlikely(part && (*pos != rx->cons || len <= part)))
		return -EBADMSG;
	*left = len - part;
	return 1;
}

static const uint8_t *payload(const struct kipc__ring_rx *rx, uint64_t pos, uint64_t part)
{
	return rx->data + (pos & (rx->bytes - 1)) + KIPC_REC_BYTES + part;
}

int64_t kipc__ring_read(struct kipc__ring_rx *rx, void *buf, uint64_t cap, uint64_t enough,
                        uint64_t *ended)
{
	uint64_t after = rx->cons, cons = after, part = rx->part, got = 0;
	uint64_t pos, left, n;
	int r = 0;

	while (got < cap && got < enough) {
		r = oldest(rx, part, &pos, &left, &after);
		if (r <= 0)
			break;
		n = left < cap - got ? left : cap - got;
		kipc__ring_copy_out((uint8_t *)buf + got, payload(rx, pos, part), n);
		got += n;
		part = n < left ? part + n : 0;
		cons = part ? pos : after;
		*ended += part == 0;
	}
	if (got == 0 && cons == rx->cons)
		return r;
	kipc__ring_part_set(rx, part);
	kipc__ring_copied(rx, cons, 1);
	return (int64_t)got;
}

int kipc__ring_peek_rest(struct kipc__ring_rx *rx, struct kipc_msg *m, int n)
{
	uint64_t part = rx->part;
	int i;

	if (n <= 0)
		return n;
	if (m->data != payload(rx, rx->cons, 0) || m->len <= part) {
		rx->peeked = 0;
		return -EBADMSG;
	}
	m->data = (uint8_t *)m->data + part;
	m->len -= part;
	for (i = 0; i < n; i++)
		rx->sum[i] -= part;
	return n;
}

int kipc__ring_recv_rest(struct kipc__ring_rx *rx, struct kipc_msg *m)
{
	uint64_t after = rx->cons, pos, left;
	int r = oldest(rx, rx->part, &pos, &left, &after);

	if (r <= 0)
		return r;
	if (left > m->len)
		return -EMSGSIZE;
	kipc__ring_fetch(rx, m->data, payload(rx, pos, rx->part), left);
	m->len = left;
	kipc__ring_part_set(rx, 0);
	kipc__ring_copied(rx, after, 1);
	return 1;
}
