// SPDX-License-Identifier: MIT
#include "ring.h"

int kipc__ring_tx_init(struct kipc__ring_tx *tx, const struct kipc_ring_geom *g, void *data,
                       __u64 *prod_word, const __u64 *cons_word)
{
	*tx = (struct kipc__ring_tx){
		.data = data,
		.prod_word = prod_word,
		.cons_word = cons_word,
		.bytes = g->bytes,
		.align = g->align,
		.prod = kipc__load_relaxed(prod_word),
		.cleared = KIPC__RING_NONE,
		.next_len = KIPC__RING_NONE,
	};
	tx->next_at = kipc__ring_tx_header(tx, tx->prod);
	tx->cons = kipc__load_acquire(cons_word); /* (D) pairs with (C) */
	return tx->prod - tx->cons <= tx->bytes && tx->prod % KIPC_REC_BYTES == 0 ? 0 : -EBADMSG;
}

int kipc__ring_rx_init(struct kipc__ring_rx *rx, const struct kipc_ring_geom *g, const void *data,
                       const __u64 *prod_word, __u64 *cons_word)
{
	*rx = (struct kipc__ring_rx){
		.data = data,
		.prod_word = prod_word,
		.cons_word = cons_word,
		.bytes = g->bytes,
		.align = g->align,
		.cons = kipc__load_relaxed(cons_word),
	};
	kipc__ring_part_set(rx, 0);
	return rx->cons % KIPC_REC_BYTES == 0 ? 0 : -EBADMSG;
}

/* ---- producing -------------------------------------------------------------------------- */

/* What the next record of a batch is guessed to be: like the last one, since messages of a batch are mostly of
 * one length. The guess is right if its key is that of the next record; then nothing has to be worked out.
 * Where a record lies decides about its stride, too, if it may have been moved out of a line that it would
 * begin in and not end; such a one is no guess. A receiver gains most by it: where the next record begins does
 * not depend on what the header of the last one turns out to be, so both can be loaded at once.
 */
struct like {
	uint64_t key; /* tx: the length; rx: the header; no guess: KIPC__RING_NONE; 0 */
	uint64_t stride;
	uint64_t other; /* tx: the header; rx: the length */
};

static inline bool whole_lines(uint64_t stride)
{
	return stride % KIPC_RING_LINE == 0;
}

/* The record of a message at pos: 0; -EMSGSIZE. */
static inline int tx_like(const struct kipc__ring_tx *tx, struct like *l, uint64_t pos,
                          uint64_t len)
{
	if (kipc__likely(len == l->key && len != KIPC__RING_NONE))
		return 0;
	if (len > kipc_ring_max_len(tx->bytes, tx->align))
		return -EMSGSIZE;
	l->stride = kipc__ring_tx_end(tx, pos, len, &l->other) - pos;
	l->key = kipc_ring_stride(len, tx->align) > KIPC_RING_LINE || whole_lines(l->stride)
	                 ? len
	                 : KIPC__RING_NONE;
	return 0;
}

int kipc__ring_reserve(struct kipc__ring_tx *tx, struct kipc_msg *m, unsigned n)
{
	uint8_t *data = (uint8_t *)kipc__ring_tx_header(tx, tx->prod) + KIPC_REC_BYTES;
	const uint64_t most = tx->bytes - KIPC_REC_BYTES;
	struct like like = { .key = KIPC__RING_NONE };
	uint64_t need = 0, end;
	unsigned i;
	int r;

	if (tx->reserved_n)
		return -EBUSY;
	for (i = 0; i < n; i++) {
		r = tx_like(tx, &like, tx->prod + need, m[i].len);
		if (r < 0)
			return r;
		tx->reserved[i].data = data + need;
		tx->reserved[i].header = like.other;
		need += like.stride;
		if (need > most)
			return -EMSGSIZE;
	}
	r = kipc__ring_room(tx, need);
	if (r <= 0)
		return r;
	end = tx->prod + need;
	for (i = 0; i < n; i++)
		m[i].data = tx->reserved[i].data;
	/* Payload may be written over the header that was cleared, whatever is committed in the end. */
	if (end != tx->cleared)
		tx->cleared = KIPC__RING_NONE;
	/* Nothing else goes in until it is committed or discarded. */
	tx->next_len = KIPC__RING_NONE;
	tx->reserved_end = end;
	tx->reserved_n = n;
	return (int)n;
}

/* Publish up to end; len is that of the only record, or none. Long ones have no short way in. */
static void publish_batch(struct kipc__ring_tx *tx, uint64_t end, uint64_t first_header,
                          uint64_t len)
{
	uint64_t extent = end - tx->prod;

	kipc__ring_publish(tx, kipc__ring_tx_header(tx, tx->prod), end, first_header);
	if (len < KIPC__RING_LONG) {
		kipc__ring_prepare(tx, len);
	} else {
		kipc__ring_clear_ahead(tx, end + extent);
		tx->next_at = kipc__ring_tx_header(tx, end);
		tx->next_len = KIPC__RING_NONE;
	}
}

/* Where the i-th record that was reserved begins. */
static uint64_t reserved_at(const struct kipc__ring_tx *tx, unsigned i)
{
	return tx->prod + (uint64_t)(tx->reserved[i].data - tx->reserved[0].data);
}

/* Write the headers behind the first one, of messages that are as long as was reserved. Says by how much they
 * are shorter; UINT64_MAX: they are not what was reserved. Then nobody gets to see what was written.
 */
static uint64_t write_reserved(const struct kipc__ring_tx *tx, const struct kipc_msg *m, unsigned n)
{
	uint64_t len, shrunk = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		len = kipc__ring_header_len(tx->reserved[i].header);
		if (m[i].data != tx->reserved[i].data || m[i].len > len)
			return UINT64_MAX;
		shrunk += len - m[i].len;
		if (i)
			kipc__store_relaxed((uint64_t *)tx->reserved[i].data - 1,
			                    tx->reserved[i].header);
	}
	return shrunk;
}

/* The header of a message that ends at or before next, where the next one starts; a gap that is not
 * just the rest of its line becomes a discarded record.
 */
static uint64_t close_gap(struct kipc__ring_tx *tx, uint64_t pos, uint64_t len, uint64_t next)
{
	uint64_t end = pos + kipc_ring_stride(len, tx->align);

	if (end == next)
		return len + 1;
	if (kipc__ring_line_up(end) == next)
		return (len + 1) | KIPC_REC_LINE;
	kipc__store_relaxed(kipc__ring_tx_header(tx, end),
	                    (next - end - KIPC_REC_BYTES + 1) | KIPC_REC_DISCARD);
	return len + 1;
}

/* Write the headers behind the first one, of messages that may have become shorter. Returns where the
 * last one ends.
 */
static uint64_t write_shrunk(struct kipc__ring_tx *tx, const struct kipc_msg *m, unsigned n,
                             uint64_t *first)
{
	uint64_t pos = tx->prod, next, header;
	unsigned i;

	for (i = 0; i < n; i++, pos = next) {
		if (i + 1 < n) {
			next = reserved_at(tx, i + 1);
			header = close_gap(tx, pos, m[i].len, next);
		} else {
			next = kipc__ring_tx_end(tx, pos, m[i].len, &header);
			if (next - tx->prod > tx->reserved_end - tx->prod) {
				next = pos + kipc_ring_stride(m[i].len, tx->align);
				header = m[i].len + 1;
			}
		}
		if (i)
			kipc__store_relaxed(kipc__ring_tx_header(tx, pos), header);
		else
			*first = header;
	}
	return pos;
}

int kipc__ring_commit(struct kipc__ring_tx *tx, const struct kipc_msg *m, unsigned n)
{
	uint64_t shrunk, end, first;

	if (n == 0 || n > tx->reserved_n)
		return -EINVAL;
	shrunk = write_reserved(tx, m, n);
	if (shrunk == UINT64_MAX)
		return -EINVAL;
	first = tx->reserved[0].header;
	if (shrunk)
		end = write_shrunk(tx, m, n, &first);
	else
		end = n < tx->reserved_n ? reserved_at(tx, n) : tx->reserved_end;
	tx->reserved_n = 0;
	publish_batch(tx, end, first, n == 1 ? m->len : KIPC__RING_NONE);
	return (int)n;
}

static inline void fill(struct kipc__ring_tx *tx, uint64_t pos, void *to, const void *from,
                        size_t len)
{
	if (kipc__likely(len <= KIPC_RING_LINE))
		kipc__ring_copy_line_in(to, from, len);
	else if (kipc__likely(len < KIPC__RING_LONG))
		kipc__ring_fill(tx, to, from, len);
	else
		kipc__ring_copy_long(tx, pos, from, len);
}

/* Up to where there is room for records, as far as I know. */
static inline uint64_t limit_of(const struct kipc__ring_tx *tx)
{
	return tx->cons + tx->bytes - KIPC_REC_BYTES;
}

/* Where the record would end. 1: there is room for it; 0; -EMSGSIZE; -EBADMSG. */
static inline int tx_next(struct kipc__ring_tx *tx, struct like *l, uint64_t pos, uint64_t len,
                          uint64_t *next, uint64_t *limit)
{
	int r = tx_like(tx, l, pos, len);

	if (kipc__unlikely(r < 0))
		return r;
	*next = pos + l->stride;
	if (kipc__likely((int64_t)(*limit - *next) >= 0))
		return 1;
	r = kipc__ring_room(tx, *next - tx->prod);
	*limit = limit_of(tx);
	return r;
}

int kipc__ring_send(struct kipc__ring_tx *tx, const struct kipc_msg *m, unsigned n)
{
	uint8_t *const data = tx->data;
	const uint64_t bytes = tx->bytes;
	uint64_t pos = tx->prod, limit = limit_of(tx), first = 0;
	struct like like = { .key = KIPC__RING_NONE };
	uint64_t next, *at;
	unsigned i;
	int r = 0;

	if (kipc__unlikely(tx->reserved_n))
		return -EBUSY;
	for (i = 0; i < n; i++, pos = next) {
		r = tx_next(tx, &like, pos, m[i].len, &next, &limit);
		if (kipc__unlikely(r <= 0))
			break;
		at = kipc__ring_header(data, bytes, pos);
		fill(tx, pos, at + 1, m[i].data, m[i].len);
		if (i)
			kipc__store_relaxed(at, like.other);
		else
			first = like.other;
	}
	if (i == 0)
		return r;
	publish_batch(tx, pos, first, i == 1 ? m->len : KIPC__RING_NONE);
	return (int)i;
}

/* ---- consuming -------------------------------------------------------------------------- */

int kipc__ring_ready_slow(const struct kipc__ring_rx *rx)
{
	uint64_t after = rx->cons;
	uint64_t pos, header;

	return kipc__ring_next(rx, &pos, &header, &after);
}

/* What of rx stays as it is during a call: the compiler has to fear that each store changes it. */
struct window {
	const uint8_t *data;
	uint64_t mask;
	uint64_t end; /* no record ends behind it */
};

static inline struct window window_of(const struct kipc__ring_rx *rx)
{
	return (struct window){ rx->data, rx->bytes - 1, rx->cons + rx->bytes - KIPC_REC_BYTES };
}

/* As kipc__ring_next(), but where the payload lies instead of the position; l->other is its length. */
static inline int rx_next(const struct kipc__ring_rx *rx, const struct window *w, struct like *l,
                          const uint8_t **payload, uint64_t *after)
{
	const uint8_t *at = w->data + (*after & w->mask);
	/* (B) as in kipc__ring_look() */
	uint64_t pos, header = kipc__load_acquire((const uint64_t *)at);
	int r;

	*payload = at + KIPC_REC_BYTES;
	if (header == 0)
		return 0;
	if (kipc__likely(header == l->key)) {
		*after += l->stride;
		return kipc__likely((int64_t)(w->end - *after) >= 0) ? 1 : -EBADMSG;
	}
	r = kipc__ring_next(rx, &pos, &header, after);
	*payload = kipc__ring_payload(rx, pos);
	l->other = kipc__ring_header_len(header);
	l->stride = *after - pos;
	l->key = !(header & KIPC_REC_LINE) || whole_lines(l->stride) ? header : 0;
	return r;
}

int kipc__ring_peek(struct kipc__ring_rx *rx, struct kipc_msg *m, unsigned n)
{
	uint64_t after = rx->cons, sum = 0;
	struct window w = window_of(rx);
	struct like like = { 0 };
	const uint8_t *payload;
	unsigned i;
	int r;

	for (i = 0; i < n; i++) {
		r = rx_next(rx, &w, &like, &payload, &after);
		if (r < 0 && i == 0)
			return r;
		if (r <= 0)
			break;
		m[i] = (struct kipc_msg){
			.data = (void *)(uintptr_t)payload,
			.len = like.other,
		};
		sum += like.other;
		rx->sum[i] = sum;
		rx->end[i] = after;
	}
	rx->peeked = i;
	return kipc__unlikely(rx->part) ? kipc__ring_peek_rest(rx, m, (int)i) : (int)i;
}

/* Records of up to two lines were read where their message was looked at; of longer ones nobody knows. */
#define OWN_IN_PLACE (2 * KIPC_RING_LINE)

int kipc__ring_release(struct kipc__ring_rx *rx, unsigned n)
{
	unsigned i, left;
	uint64_t sum;

	if (n > rx->peeked)
		return -EINVAL;
	if (n == 0)
		return 0;
	left = rx->peeked - n;
	sum = rx->sum[n - 1];
	if (rx->end[n - 1] - rx->cons <= (uint64_t)n * OWN_IN_PLACE)
		kipc__ring_own(rx, rx->end[n - 1], n);
	kipc__ring_give_back(rx, rx->end[n - 1]);
	if (kipc__unlikely(rx->part))
		kipc__ring_part_set(rx, 0);
	rx->peeked = left;
	for (i = 0; i < left; i++) {
		rx->end[i] = rx->end[i + n];
		rx->sum[i] = rx->sum[i + n] - sum;
	}
	return (int)n;
}

int kipc__ring_recv(struct kipc__ring_rx *rx, struct kipc_msg *m, unsigned n)
{
	struct window w = window_of(rx);
	struct like like = { 0 };
	uint64_t after = rx->cons;
	uint64_t end = after;
	const uint8_t *payload;
	unsigned i;
	int r = 0;

	if (kipc__unlikely(rx->part))
		return kipc__ring_recv_rest(rx, m);
	for (i = 0; i < n; i++) {
		r = rx_next(rx, &w, &like, &payload, &after);
		if (r > 0 && kipc__unlikely(like.other > m[i].len))
			r = -EMSGSIZE;
		if (r <= 0)
			break;
		m[i].len = like.other;
		kipc__ring_fetch(rx, m[i].data, payload, like.other);
		end = after;
	}
	if (i == 0)
		return r;
	kipc__ring_copied(rx, end, i);
	return (int)i;
}
