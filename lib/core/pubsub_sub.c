// SPDX-License-Identifier: MIT
#include "pubsub.h"

/* An honest publisher has to write a sixteenth of the ring between two tries; more of them in a row
 * than this means that somebody keeps us busy.
 */
#define TRIES 10000

/* Tries of a look at the newest message: the publisher has to write a quarter of the ring within each. */
#define LATEST_TRIES 8

static void copy(void *to, const void *from, uint64_t len)
{
	if (len <= KIPC__RING_WORDWISE)
		kipc__ring_copy_words(to, from, len, from);
	else
		memcpy(to, from, len);
}

/* ---- is it still there? ----------------------------------------------------------------- */

static bool claimed(const struct kipc__sub *s, uint64_t pos)
{
	/* (O), (R) pair with (L) */
	return kipc__load_acquire(&s->at.ctrl->claim) - pos > s->at.bytes;
}

static bool bound(const struct kipc__sub *s)
{
	return s->bound && (kipc__load_relaxed(s->bound_word) & s->bit);
}

/* Was what has been read at pos, up to here, still what was published there? */
static bool whole(const struct kipc__sub *s, uint64_t pos)
{
	kipc__fence_load();                  /* (N) pairs with (M) */
	return bound(s) || !claimed(s, pos); /* (O) */
}

/* The message at or behind *pos, discarded records skipped. 1: with *header and *number; 0: none yet;
 * -EOVERFLOW: overtaken, nothing is known; -EBADMSG.
 */
static int next_message(const struct kipc__sub *s, uint64_t *pos, uint64_t *header,
                        uint64_t *number)
{
	for (;;) {
		*header = kipc__load_acquire(
			kipc__pubsub_word(&s->at, *pos)); /* (B) pairs with (A) */
		if (kipc__likely(kipc__pubsub_valid(&s->at, *header) &&
		                 !(*header & KIPC_REC_DISCARD))) {
			*number = kipc__load_relaxed(kipc__pubsub_word(&s->at, *pos) + 1);
			return 1;
		}
		if (!whole(s, *pos))
			return -EOVERFLOW;
		if (*header == 0)
			return 0;
		if (!kipc__pubsub_valid(&s->at, *header) || *pos - s->cons > s->at.bytes)
			return -EBADMSG;
		*pos += kipc__pubsub_stride(*header, s->at.align);
	}
}

/* ---- beginning, and beginning again ----------------------------------------------------- */

/* A position to start from, and the number of the message that is there or will be. false: it was
 * overwritten meanwhile, or makes no sense.
 */
static bool place(const struct kipc__sub *s, bool oldest, uint64_t *pos, uint64_t *number)
{
	const struct kipc__pubsub *at = &s->at;
	uint64_t first = kipc__load_acquire(&at->ctrl->oldest); /* pairs with (K) */
	uint64_t last = kipc__load_acquire(&at->ctrl->last);
	uint64_t header;

	/* In this order: where there was no message, first is where the first one will be. */
	if (last == KIPC_PUB_NONE) {
		*pos = first;
		*number = 1;
		return first % KIPC_REC_BYTES == 0;
	}
	if (oldest)
		last = first;
	if (last % KIPC_REC_BYTES)
		return false;
	header = kipc__load_acquire(kipc__pubsub_word(at, last));
	*number = kipc__load_relaxed(kipc__pubsub_word(at, last) + 1);
	kipc__fence_load(); /* (N) pairs with (M) */
	if (claimed(s, last) || !kipc__pubsub_valid(at, header) || (header & KIPC_REC_DISCARD))
		return false;
	*pos = last;
	if (!oldest) {
		*pos += kipc__pubsub_stride(header, at->align);
		*number += 1;
	}
	return true;
}

void kipc__sub_unbind(struct kipc__sub *s)
{
	kipc__pubsub_bind(&s->at, s->nr, false);
}

/* (Q): from now on the publisher claims nothing more, and writes over nothing that it has not been
 * granted, until it sees a position.
 */
static void hold(struct kipc__sub *s)
{
	if (s->lossy)
		return;
	s->bound = false;
	kipc__store_release(s->cons_word, KIPC_PUB_NONE);
	kipc__pubsub_bind(&s->at, s->nr, true); /* (Q) pairs with (T) */
	kipc__fence_full();                     /* pairs with (M) */
}

/* (R): true: this is where I am, and nothing from there on will be overwritten. */
static bool stand(struct kipc__sub *s, uint64_t pos)
{
	s->cons = pos;
	if (s->lossy)
		return true;
	if (claimed(s, pos))
		return false;
	s->bound = true;
	kipc__store_release(s->cons_word, pos); /* pairs with (T) */
	return true;
}

static int start(struct kipc__sub *s, bool oldest)
{
	uint64_t pos, number;
	unsigned i;

	hold(s);
	for (i = 0; i < TRIES; i++) {
		if (!place(s, oldest, &pos, &number) || !stand(s, pos))
			continue;
		s->lost += s->next ? number - s->next : 0;
		s->next = number;
		return 0;
	}
	return -EBADMSG;
}

/* Overtaken: go on at the oldest message that is left. 0: no message was missed, look again. */
static int resume(struct kipc__sub *s)
{
	uint64_t before = s->lost;
	int r;

	s->peeked = 0;
	r = start(s, true);
	return r < 0 ? r : s->lost != before ? -EOVERFLOW : 0;
}

int kipc__sub_init(struct kipc__sub *s, const struct kipc__pubsub *at, unsigned end, bool lossy,
                   bool from_oldest)
{
	struct kipc_ring_ctrl *mine = at->mine ? at->mine
	                                       : (void *)(at->ctrls + (size_t)end * at->ctrl_bytes);

	*s = (struct kipc__sub){
		.at = *at,
		.nr = end,
		.cons_word = &mine->cons.pos,
		.bound_word = &at->bound[end / 64],
		.bit = 1ULL << (end % 64),
		.lossy = lossy,
	};
	return start(s, from_oldest);
}

/* ---- reading ---------------------------------------------------------------------------- */

int kipc__sub_ready(struct kipc__sub *s)
{
	uint64_t pos = s->cons, header, number;
	int r = next_message(s, &pos, &header, &number);

	return r == -EOVERFLOW ? 1 : r;
}

/* What was read is given back. One that was cut off and has lost nothing is waited for again. */
static void advance(struct kipc__sub *s, uint64_t cons, uint64_t next)
{
	s->cons = cons;
	s->next = next;
	if (s->lossy)
		return;
	if (kipc__likely(bound(s))) {
		kipc__store_release(s->cons_word, cons); /* (C) pairs with (D) */
		return;
	}
	hold(s);
	if (!stand(s, cons)) /* overtaken: nobody waits for it until it has been told */
		kipc__sub_unbind(s);
}

int kipc__sub_peek(struct kipc__sub *s, struct kipc_msg *m, unsigned n)
{
	uint64_t pos = s->cons, header, number;
	unsigned i;
	int r = 0;

	for (i = 0; i < n; i++) {
		r = next_message(s, &pos, &header, &number);
		if (r > 0 && !whole(s, pos))
			r = -EOVERFLOW;
		if (r <= 0)
			break;
		m[i] = (struct kipc_msg){
			.data = kipc__pubsub_word(&s->at, pos) + 2,
			.len = kipc__ring_header_len(header),
		};
		pos += kipc__pubsub_stride(header, s->at.align);
		s->end[i] = pos;
		s->number[i] = number;
		s->len[i] = (uint32_t)m[i].len;
	}
	s->peeked = i;
	if (i == 0)
		return r == -EOVERFLOW ? resume(s) : r;
	return (int)i;
}

int kipc__sub_release(struct kipc__sub *s, unsigned n)
{
	unsigned i, left;
	int r;

	if (n > s->peeked)
		return -EINVAL;
	if (n == 0)
		return 0;
	if (!whole(s, s->cons)) {
		r = resume(s);
		return r < 0 ? r : -EOVERFLOW;
	}
	left = s->peeked - n;
	advance(s, s->end[n - 1], s->number[n - 1] + 1);
	for (i = 0; i < left; i++) {
		s->end[i] = s->end[i + n];
		s->number[i] = s->number[i + n];
		s->len[i] = s->len[i + n];
	}
	s->peeked = left;
	return (int)n;
}

/* One message into m, if it is whole behind its copy. As next_message(); -EMSGSIZE. */
static int copy_out(const struct kipc__sub *s, uint64_t *pos, struct kipc_msg *m, uint64_t *number)
{
	uint64_t header;
	int r = next_message(s, pos, &header, number);

	if (r <= 0)
		return r;
	if (kipc__ring_header_len(header) > m->len)
		return whole(s, *pos) ? -EMSGSIZE : -EOVERFLOW;
	copy(m->data, kipc__pubsub_word(&s->at, *pos) + 2, kipc__ring_header_len(header));
	if (!whole(s, *pos))
		return -EOVERFLOW;
	m->len = kipc__ring_header_len(header);
	*pos += kipc__pubsub_stride(header, s->at.align);
	return 1;
}

int kipc__sub_recv(struct kipc__sub *s, struct kipc_msg *m, unsigned n)
{
	uint64_t pos = s->cons, end = pos, next = s->next, number;
	unsigned i;
	int r = 0;

	for (i = 0; i < n; i++) {
		r = copy_out(s, &pos, &m[i], &number);
		if (r <= 0)
			break;
		end = pos;
		next = number + 1;
	}
	s->peeked = 0;
	if (i == 0)
		return r == -EOVERFLOW ? resume(s) : r;
	advance(s, end, next);
	return (int)i;
}

/* The header of the newest message, from the one at *pos on. The publisher tells the position behind the
 * header, so what this subscriber has received by now may be newer, by one batch at most, whose records
 * may each be followed by a discarded one.
 */
static uint64_t newest(const struct kipc__sub *s, uint64_t *pos, uint64_t *number)
{
	uint64_t header, next = *pos;
	unsigned i;

	for (i = 0; i <= 2 * KIPC_BATCH_MAX; i++) {
		*pos = next;
		header = kipc__load_acquire(kipc__pubsub_word(&s->at, next)); /* (B) */
		*number = kipc__load_relaxed(kipc__pubsub_word(&s->at, next) + 1);
		if (!kipc__pubsub_valid(&s->at, header) ||
		    (!(header & KIPC_REC_DISCARD) && (int64_t)(*number + 1 - s->next) >= 0))
			break;
		next += kipc__pubsub_stride(header, s->at.align);
	}
	return header;
}

int kipc__sub_latest(struct kipc__sub *s, struct kipc_msg *m, uint64_t *number)
{
	const struct kipc__pubsub *at = &s->at;
	uint64_t last, pos, header, len;
	bool none;
	unsigned i;

	for (i = 0; i < LATEST_TRIES; i++) {
		last = kipc__load_acquire(&at->ctrl->last);
		none = last == KIPC_PUB_NONE;
		if (none) /* then the first one is here, or will be */
			last = kipc__load_acquire(&at->ctrl->oldest);
		if (last % KIPC_REC_BYTES)
			return -EBADMSG;
		pos = last;
		header = newest(s, &pos, number);
		len = kipc__ring_header_len(header);
		if (kipc__pubsub_valid(at, header) && len <= m->len)
			copy(m->data, kipc__pubsub_word(at, pos) + 2, len);
		kipc__fence_load(); /* (N) pairs with (M) */
		if (claimed(s, last))
			continue;
		if (none && header == 0)
			return 0;
		if (!kipc__pubsub_valid(at, header) || (header & KIPC_REC_DISCARD))
			return -EBADMSG;
		if (len > m->len)
			return -EMSGSIZE;
		m->len = len;
		return 1;
	}
	return 0;
}
