/* SPDX-License-Identifier: MIT */
/*
 * record.h - both sides of a ring, and the steps over one record that all verbs are made of
 *
 * The layout, the positions and the letters (A) to (E) are those of kipc_ring.h. A tx and an rx are
 * private memory of their side; nothing that the other side writes is kept except through a check.
 *
 * The publication in band follows Aeron's record log and BPF's ringbuf (kernel/bpf/ringbuf.c), with
 * the header that follows cleared instead of a cleared term; cached positions of the other side
 * follow Lamport's queue as in FastForward and rigtorp's SPSCQueue.
 */
#ifndef KIPC_CORE_RECORD_H
#define KIPC_CORE_RECORD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <kipc.h>
#include <kipc_ring.h>
#include "atomic.h"
#include "compiler.h"
#include "copy.h"
#include "words.h"

#define KIPC__RING_NONE UINT64_MAX /* no position of a record, no length of one */

struct kipc__ring_tx {
	uint8_t *data;                   /* 2 * bytes: the area, mapped twice */
	__u64 *prod_word;                /* mine, publish-only */
	const __u64 *cons_word;          /* the consumer's */
	struct kipc_ring_growth *growth; /* mine; NULL: nobody is told how far a copy is */
	const __u64 *follows;            /* the consumer's wish to be told; NULL: it always is */
	uint64_t bytes;
	uint64_t align;
	uint64_t prod;         /* the truth about my position */
	uint64_t cons;         /* what I last saw of the consumer's */
	uint64_t cleared;      /* a header ahead of prod that reads 0 already, or KIPC__RING_NONE */
	uint64_t next_len;     /* a record of this length is prepared, or KIPC__RING_NONE */
	uint64_t *next_at;     /* its header, at prod */
	uint64_t next_end;     /* where it would end; there is room for it */
	uint64_t next_header;  /* what its header would be */
	uint64_t reserved_end; /* of the pending reservation */
	unsigned reserved_n;   /* 0: none pending */
	struct kipc__copy copy;
	struct {
		uint8_t *data;   /* of the message */
		uint64_t header; /* of the record, if the message stays that long */
	} reserved[KIPC_BATCH_MAX];
};

struct kipc__ring_rx {
	const uint8_t *data;                   /* 2 * bytes; writable where own_most is not 0 */
	const __u64 *prod_word;                /* the producer's */
	__u64 *cons_word;                      /* mine, publish-only */
	const struct kipc_ring_growth *growth; /* the producer's, or NULL */
	kipc__copy_fn wide;                    /* for long messages; NULL: memcpy() */
	uint64_t bytes;
	uint64_t align;
	uint64_t own_most; /* take the lines of messages of up to so many bytes; 0: none */
	uint64_t easy;     /* a record of up to this length fits wherever it starts */
	uint64_t part;     /* bytes of the oldest message that were read already */
	uint64_t cons;     /* the truth about my position */
	unsigned peeked;   /* messages looked at and not released */
	uint64_t end[KIPC_BATCH_MAX]; /* where each of them ends */
	uint64_t sum[KIPC_BATCH_MAX]; /* payload bytes up to and with each, as they were checked */
};

/* From this length on a message is copied in by pieces, and copied out while that goes on. */
#define KIPC__RING_LONG 65536

/* From this length on in any case: it would have left the caches before it is complete. */
#define KIPC__RING_LONGER (4 * KIPC__RING_LONG)

static inline bool kipc__power_of_two(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* Is the geometry one that the functions here can work on? */
static inline bool kipc__ring_geom_valid(const struct kipc_ring_geom *g)
{
	return kipc__power_of_two(g->bytes) && g->bytes >= KIPC_RING_MIN_BYTES &&
	       g->bytes <= KIPC_RING_MAX_BYTES && kipc__power_of_two(g->align) &&
	       g->align >= KIPC_REC_BYTES && g->align <= KIPC_RING_MAX_ALIGN &&
	       2ULL * g->align <= g->bytes && g->start % KIPC_REC_BYTES == 0;
}

/* ---- the questions ---------------------------------------------------------------------- */

static inline uint64_t *kipc__ring_header(uint8_t *data, uint64_t bytes, uint64_t pos)
{
	return (uint64_t *)(data + (pos & (bytes - 1)));
}

/* Is there room for need bytes of records and the cleared header behind them? 1, 0 or -EBADMSG. */
static inline int kipc__ring_room(struct kipc__ring_tx *tx, uint64_t need)
{
	uint64_t cons;

	if (kipc__likely(tx->prod + need + KIPC_REC_BYTES - tx->cons <= tx->bytes))
		return 1;
	cons = kipc__load_acquire(
		tx->cons_word); /* (D) pairs with (C): what it released I may overwrite */
	if (kipc__unlikely(tx->prod - cons > tx->bytes))
		return -EBADMSG; /* ahead of me, or behind what it had released */
	tx->cons = cons;
	return tx->prod + need + KIPC_REC_BYTES - cons <= tx->bytes;
}

/* The header at pos, once. */
static inline uint64_t kipc__ring_look(const struct kipc__ring_rx *rx, uint64_t pos)
{
	/* (B) pairs with (A): a header that is there has its payload behind it */
	return kipc__load_acquire((const uint64_t *)(rx->data + (pos & (rx->bytes - 1))));
}

static inline uint64_t kipc__ring_line_up(uint64_t pos)
{
	return (pos + KIPC_RING_LINE - 1) & ~(uint64_t)(KIPC_RING_LINE - 1);
}

/* Where the record with this header, found at pos, ends. */
static inline uint64_t kipc__ring_after(uint64_t pos, uint64_t header, uint64_t align)
{
	uint64_t end = pos + kipc_ring_stride((header & KIPC_REC_LEN_MASK) - 1, align);

	return header & KIPC_REC_LINE ? kipc__ring_line_up(end) : end;
}

/* Is this header one that an honest producer writes, if its record ends at after? */
static inline bool kipc__ring_header_valid(const struct kipc__ring_rx *rx, uint64_t header,
                                           uint64_t after)
{
	return (header & KIPC_REC_LEN_MASK) != 0 &&
	       (header & ~(KIPC_REC_LEN_MASK | KIPC_REC_KNOWN)) == 0 &&
	       after + KIPC_REC_BYTES - rx->cons <= rx->bytes;
}

/* ---- the steps -------------------------------------------------------------------------- */

static inline uint64_t *kipc__ring_tx_header(const struct kipc__ring_tx *tx, uint64_t pos)
{
	return kipc__ring_header(tx->data, tx->bytes, pos);
}

/* A payload that is not copied by pieces. */
static inline void kipc__ring_fill(struct kipc__ring_tx *tx, void *to, const void *from, size_t len)
{
	if (kipc__likely(len <= KIPC_RING_LINE))
		kipc__ring_copy_line(to, from, len);
	else if (len >= KIPC__COPY_LONG && tx->copy.ways.past)
		kipc__copy_in(&tx->copy, to, from, len);
	else
		kipc__ring_copy_in(to, from, len);
}

static inline void kipc__ring_fetch(const struct kipc__ring_rx *rx, void *to, const void *from,
                                    size_t len)
{
	if (kipc__likely(len <= KIPC_RING_LINE))
		kipc__ring_copy_line_out(to, from, len);
	else if (len >= KIPC__RING_LONG && rx->wide)
		rx->wide(to, from, len);
	else
		memcpy(to, from, len);
}

/* Where to end a record of len bytes at pos: behind its stride, or, where it fits a cache line and a
 * second one of its size would straddle, at the end of its line. A wish: *header says what became of
 * it.
 */
static inline uint64_t kipc__ring_tx_end(const struct kipc__ring_tx *tx, uint64_t pos, uint64_t len,
                                         uint64_t *header)
{
	uint64_t stride = kipc_ring_stride(len, tx->align);
	uint64_t end = pos + stride;
	uint64_t up = kipc__ring_line_up(end);

	*header = len + 1;
	if (stride > KIPC_RING_LINE || up - end >= stride || tx->align >= KIPC_RING_LINE ||
	    (pos & (tx->align - 1)))
		return end; /* the last: payloads are aligned, not records */
	*header |= up != end ? KIPC_REC_LINE : 0;
	return up;
}

/* Clear the header at ahead, where the next record will probably end, while nobody waits for it: a
 * store to a line that the consumer holds delays the header that is stored after it by the time that
 * the line takes to come. Not on the line of the next header: there the consumer watches already, and
 * the clearing costs nothing together with that header.
 */
static inline void kipc__ring_clear_ahead(struct kipc__ring_tx *tx, uint64_t ahead)
{
	tx->cleared = KIPC__RING_NONE;
	if (((ahead ^ tx->prod) & ~(uint64_t)(KIPC_RING_LINE - 1)) == 0 ||
	    kipc__unlikely(ahead + KIPC_REC_BYTES - tx->cons > tx->bytes))
		return;
	kipc__store_relaxed(kipc__ring_tx_header(tx, ahead), 0);
	tx->cleared = ahead;
}

/* The records from prod to end are written, all but the first header. Make them visible at once. */
static inline void kipc__ring_publish(struct kipc__ring_tx *tx, uint64_t *first, uint64_t end,
                                      uint64_t header)
{
	/* The header that will follow must read "not yet" before anybody gets that far. */
	if (end != tx->cleared)
		kipc__store_relaxed(kipc__ring_tx_header(tx, end), 0);
	/* (A) pairs with (B): payloads, later headers and the cleared one are visible before it */
	kipc__store_release(first, header);
	tx->prod = end;
	kipc__store_release(tx->prod_word, end); /* (E) pairs with (J) */
}

/* While nobody waits for it, work out the record that would follow if it were as long as the last. */
static inline void kipc__ring_prepare(struct kipc__ring_tx *tx, uint64_t len)
{
	uint64_t header, end = kipc__ring_tx_end(tx, tx->prod, len, &header);

	tx->next_at = kipc__ring_tx_header(tx, tx->prod);
	tx->next_end = end;
	tx->next_header = header;
	tx->next_len = end + KIPC_REC_BYTES - tx->cons <= tx->bytes ? len : KIPC__RING_NONE;
	kipc__ring_clear_ahead(tx, end);
}

/* Somebody who has just got a message of this length often sends one like it. Fetch what that will be written
 * to, the header and its end, from the consumer, who watches it. Whoever receives may be another thread than
 * who sends: so this looks at nothing of tx that changes. A length that is none is as good as any.
 */
static inline void kipc__ring_tx_fetch(const struct kipc__ring_tx *tx, uint64_t len)
{
	uint64_t prod = kipc__load_relaxed(tx->prod_word);

	kipc__prefetch_own(kipc__ring_tx_header(tx, prod));
	kipc__prefetch_own(kipc__ring_tx_header(tx, prod + KIPC_REC_BYTES - 1 + len));
}

/* The next message at or behind *after, discarded records skipped. 1: *pos is its position, *header its
 * header and *after where it ends; 0: none yet; -EBADMSG. Never goes beyond one ring from cons, whatever
 * is written there.
 */
static inline int kipc__ring_next(const struct kipc__ring_rx *rx, uint64_t *pos, uint64_t *header,
                                  uint64_t *after)
{
	do {
		*pos = *after;
		*header = kipc__ring_look(rx, *pos);
		if (*header == 0)
			return 0;
		*after = kipc__ring_after(*pos, *header, rx->align);
		if (kipc__unlikely(!kipc__ring_header_valid(rx, *header, *after)))
			return -EBADMSG;
	} while (kipc__unlikely(*header & KIPC_REC_DISCARD));
	return 1;
}

/* A record of up to this length fits wherever it starts; none while one is read in part, so that the
 * short way out needs no question of its own.
 */
static inline void kipc__ring_part_set(struct kipc__ring_rx *rx, uint64_t part)
{
	rx->part = part;
	rx->easy = part ? 0 : kipc_ring_max_len(rx->bytes, rx->align) - KIPC_RING_LINE;
}

static inline uint64_t kipc__ring_header_len(uint64_t header)
{
	return (header & KIPC_REC_LEN_MASK) - 1;
}

/* Take the cache lines that end between cons and here from the producer: a store into each, into bytes
 * that are mine until cons is published. The producer then gets them back in one step when it comes
 * round, and many at a time; a line that two caches share costs it several times as much.
 */
static inline void kipc__ring_own(struct kipc__ring_rx *rx, uint64_t cons, unsigned n)
{
	uint8_t *data = (uint8_t *)(uintptr_t)rx->data;
	uint64_t mask = rx->bytes - 1;
	/* The last word of a line: the first may be before cons, and given back already. */
	uint64_t at = rx->cons | (KIPC_RING_LINE - 8);

	if (cons - rx->cons > n * rx->own_most)
		return;
	for (; (int64_t)(cons - at) > 0; at += KIPC_RING_LINE)
		kipc__store_relaxed((uint64_t *)(data + (at & mask)), 0);
}

static inline void kipc__ring_give_back(struct kipc__ring_rx *rx, uint64_t cons)
{
	rx->cons = cons;
	rx->peeked = 0;
	kipc__store_release(rx->cons_word, cons); /* (C) pairs with (D) */
}

/* Everything before cons was copied out, n messages. */
static inline void kipc__ring_copied(struct kipc__ring_rx *rx, uint64_t cons, unsigned n)
{
	kipc__ring_own(rx, cons, n);
	kipc__ring_give_back(rx, cons);
}

/* The payload of a message of the length that is prepared is in: publish it. */
static inline void kipc__ring_put_done(struct kipc__ring_tx *tx, uint64_t len)
{
	kipc__ring_publish(tx, tx->next_at, tx->next_end, tx->next_header);
	kipc__ring_prepare(tx, len);
}

/* One message in, if it is one of the length that is prepared: true. It is after one of its length went
 * in, unless the ring is nearly full or something is reserved.
 */
static inline bool kipc__ring_put(struct kipc__ring_tx *tx, const void *data, uint64_t len)
{
	if (kipc__unlikely(len != tx->next_len || len == KIPC__RING_NONE))
		return false;
	kipc__ring_fill(tx, tx->next_at + 1, data, len);
	kipc__ring_put_done(tx, len);
	return true;
}

/* The length of the message with this header at cons, if that takes no second look and it is no longer
 * than cap. -EAGAIN: it does.
 */
static inline int64_t kipc__ring_easy(const struct kipc__ring_rx *rx, uint64_t header, uint64_t cap)
{
	uint64_t len = kipc__ring_header_len(header);

	/* The length of nothing wraps and is too long for any buffer. */
	if (kipc__unlikely((header & ~(KIPC_REC_LEN_MASK | KIPC_REC_LINE)) || len > cap ||
	                   len > rx->easy))
		return -EAGAIN;
	return (int64_t)len;
}

static inline const uint8_t *kipc__ring_payload(const struct kipc__ring_rx *rx, uint64_t pos)
{
	return rx->data + (pos & (rx->bytes - 1)) + KIPC_REC_BYTES;
}

/* One message out of cap bytes at most, if that takes no second look: its length, or -EAGAIN. */
static inline int64_t kipc__ring_take(struct kipc__ring_rx *rx, void *buf, uint64_t cap)
{
	uint64_t header = kipc__ring_look(rx, rx->cons);
	int64_t len = kipc__ring_easy(rx, header, cap);

	if (kipc__unlikely(len < 0))
		return len;
	kipc__ring_fetch(rx, buf, kipc__ring_payload(rx, rx->cons), (uint64_t)len);
	kipc__ring_copied(rx, kipc__ring_after(rx->cons, header, rx->align), 1);
	return len;
}

#endif /* KIPC_CORE_RECORD_H */
