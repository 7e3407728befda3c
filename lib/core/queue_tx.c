// SPDX-License-Identifier: MIT
#include "queue.h"
#include "record.h" /* copying into and out of cache lines */

#define PRIO_MASK 31U

/* ---- claiming free slots ------------------------------------------------------- */

/* From a position that is over to the first that may not be: a slot that is free for lap n, or in use
 * on it, was claimed on lap n - 1.
 */
static uint64_t behind_claimed(const struct kipc__queue *q, uint64_t pos, int32_t ahead)
{
	return pos + 1 + (ahead > 1 ? (uint64_t)(ahead - 1) << q->shift : 0);
}

/* The slot at pos is still read from the lap before. Where a free one follows, the position is given
 * up and the slot goes on with its reader to this lap. false: none follows, the class is full.
 */
static bool pass_over(struct kipc__queue *q, uint32_t prio, uint64_t pos, uint64_t w)
{
	uint64_t i, next;

	for (i = 1; i < q->geom.slots; i++) {
		next = kipc__load_relaxed(kipc__queue_slot(q, prio, pos + i));
		if (kipc__queue_ahead(q, next, pos + i) >= 0) {
			(void)kipc__slot_swap(kipc__queue_slot(q, prio, pos), w,
			                      w + KIPC_SLOT_LAP_ONE);
			return true;
		}
		if (kipc__slot_state(next) != KIPC_SLOT_READING)
			return false;
	}
	return false;
}

/* Is the class full when the slot at pos is so, one lap behind? 1; 0: look again; -EBADMSG. */
static int full_at(struct kipc__queue *q, uint32_t prio, uint64_t pos, uint64_t w, int32_t ahead)
{
	if (ahead < -1 || kipc__slot_state(w) == KIPC_SLOT_FREE)
		return -EBADMSG; /* no hint leads beyond what was claimed */
	return kipc__slot_state(w) != KIPC_SLOT_READING || !pass_over(q, prio, pos, w);
}

/* The slot at pos becomes mine if its word is free, which is one of that position's lap. */
static inline bool seize(struct kipc__queue *q, struct kipc__queue_claim *c, uint64_t pos,
                         uint64_t free)
{
	c->slot = kipc__queue_slot(q, c->prio, pos);
	c->word = kipc__queue_claimed(q, free, KIPC_SLOT_WRITING);
	return kipc__slot_swap(c->slot, free, c->word); /* (a) pairs with (d) */
}

/* Make the next free slot of a class mine: 1; 0: full; -EBADMSG. */
static int claim(struct kipc__queue *q, uint32_t prio, struct kipc__queue_claim *c)
{
	__u64 *hint = &q->area->classes[prio].prod;
	uint64_t from = kipc__load_acquire(hint); /* pairs with kipc__queue_advance() */
	uint64_t steps = kipc__queue_most_steps(q);
	uint64_t pos = from, w;
	int32_t ahead;
	int r;

	c->prio = prio;
	/* What is free reads so. A look first would leave the line to two caches, and then the claim
	 * takes several times as long as where it comes as a whole.
	 */
	if (kipc__likely(seize(q, c, pos, kipc__queue_free_word(q, pos)))) {
		kipc__queue_advance(hint, from, pos + 1);
		return 1;
	}
	for (; steps; steps--) {
		w = kipc__load_acquire(kipc__queue_slot(q, prio, pos)); /* (a) pairs with (d) */
		ahead = kipc__queue_ahead(q, w, pos);
		if (kipc__unlikely(!kipc__queue_word_valid(q, w)))
			return -EBADMSG;
		if (kipc__likely(ahead == 0 && kipc__slot_state(w) == KIPC_SLOT_FREE)) {
			if (seize(q, c, pos, w)) {
				kipc__queue_advance(hint, from, pos + 1);
				return 1;
			}
		} else if (ahead >= 0) {
			pos = behind_claimed(q, pos, ahead);
		} else {
			r = full_at(q, prio, pos, w, ahead);
			if (r != 0)
				return r < 0 ? r : 0;
		}
	}
	return 0;
}

int kipc__queue_room(struct kipc__queue *q, uint32_t prio, unsigned n)
{
	uint64_t pos = kipc__load_acquire(
		&q->area->classes[prio].prod); /* pairs with kipc__queue_advance() */
	uint64_t steps = kipc__queue_most_steps(q);
	unsigned free = 0, held = 0;
	uint64_t w;
	int32_t ahead;

	/* From the first position that was not claimed, one lap at most belongs to this look. */
	for (; steps && free + held < q->geom.slots; steps--) {
		w = kipc__load_acquire(kipc__queue_slot(q, prio, pos)); /* (a) pairs with (d) */
		ahead = kipc__queue_ahead(q, w, pos);
		if (!kipc__queue_word_valid(q, w))
			return -EBADMSG;
		if (ahead == 0 && kipc__slot_state(w) == KIPC_SLOT_FREE) {
			if (++free >= n)
				return 1;
			pos++;
		} else if (ahead >= 0) {
			pos = behind_claimed(q, pos, ahead);
		} else if (ahead < -1 || kipc__slot_state(w) == KIPC_SLOT_FREE) {
			return -EBADMSG;
		} else if (kipc__slot_state(w) == KIPC_SLOT_READING) {
			held++;
			pos++;
		} else {
			return 0;
		}
	}
	return 0;
}

/* ---- what goes into them ------------------------------------------------------- */

/* May this message be sent? 0; -EINVAL: no such priority; -EMSGSIZE. */
static int sendable(const struct kipc__queue *q, const struct kipc_msg *m)
{
	if ((m->flags & ~(PRIO_MASK | KIPC_MSG_AGAIN)) || (m->flags & PRIO_MASK) >= q->geom.classes)
		return -EINVAL;
	return m->len > q->max_len ? -EMSGSIZE : 0;
}

static bool publish(const struct kipc__queue_claim *c, uint64_t len)
{
	uint64_t ready = kipc__slot_lap(c->word) | KIPC_SLOT_READY | len << KIPC_SLOT_LEN_SHIFT;

	return kipc__slot_swap(c->slot, c->word, ready); /* (b) pairs with (c) */
}

static bool give_up(const struct kipc__queue_claim *c)
{
	return kipc__slot_swap(c->slot, c->word, kipc__slot_free_next(c->word)); /* (d) */
}

int kipc__queue_send(struct kipc__queue *q, const struct kipc_msg *m, unsigned n)
{
	struct kipc__queue_claim c;
	uint32_t touched = 0;
	unsigned i;
	int r = 0;

	if (kipc__unlikely(q->tx.nr))
		return -EBUSY;
	for (i = 0; i < n; i++) {
		r = sendable(q, &m[i]);
		if (r == 0)
			r = claim(q, m[i].flags & PRIO_MASK, &c);
		if (r <= 0)
			break;
		kipc__ring_copy_in(c.slot + 1, m[i].data, m[i].len);
		touched |= 1U << c.prio;
		if (kipc__unlikely(!publish(&c, m[i].len))) {
			r = -EBADMSG;
			break;
		}
	}
	if (touched)
		kipc__queue_announce(q, touched);
	return i ? (int)i : r;
}

int kipc__queue_put(struct kipc__queue *q, const void *data, uint64_t len)
{
	__u64 *hint = &q->area->classes[0].prod;
	uint64_t pos = kipc__load_acquire(hint); /* pairs with kipc__queue_advance() */
	struct kipc__queue_claim c = { .prio = 0 };

	if (kipc__unlikely(q->tx.nr || len > q->max_len ||
	                   !seize(q, &c, pos, kipc__queue_free_word(q, pos))))
		return 0;
	kipc__queue_advance(hint, pos, pos + 1);
	kipc__ring_copy_in(c.slot + 1, data, len);
	if (kipc__unlikely(!publish(&c, len)))
		return -EBADMSG;
	kipc__queue_announce(q, 1);
	return 1;
}

/* Can the whole reservation be had, as far as one can see? 1, 0, or why not. */
static int reservable(struct kipc__queue *q, const struct kipc_msg *m, unsigned n)
{
	unsigned in[KIPC_QUEUE_CLASSES] = { 0 };
	unsigned i;
	int r;

	for (i = 0; i < n; i++) {
		r = sendable(q, &m[i]);
		if (r < 0)
			return r;
		if (++in[m[i].flags & PRIO_MASK] > q->geom.slots)
			return -EMSGSIZE;
	}
	/* A single one is claimed or not. Of several a part would have to be given up again. */
	for (i = 0, r = 1; i < q->geom.classes && r == 1 && n > 1; i++)
		if (in[i])
			r = kipc__queue_room(q, i, in[i]);
	return r;
}

int kipc__queue_reserve(struct kipc__queue *q, struct kipc_msg *m, unsigned n)
{
	struct kipc__queue_claim *c = q->tx.claims;
	unsigned i;
	int r;

	if (q->tx.nr)
		return -EBUSY;
	r = reservable(q, m, n);
	for (i = 0; i < n && r == 1; i++) {
		r = claim(q, m[i].flags & PRIO_MASK, &c[i]);
		if (r != 1)
			break;
		c[i].len = (uint32_t)m[i].len;
		m[i].data = c[i].slot + 1;
		q->tx.nr = i + 1;
	}
	if (r != 1)
		(void)kipc__queue_discard(q); /* others were faster */
	return r == 1 ? (int)n : r;
}

/* The first n of the reservation are committed with the lengths of m, the others given up. */
static int settle(struct kipc__queue *q, const struct kipc_msg *m, unsigned n)
{
	const struct kipc__queue_claim *c = q->tx.claims;
	uint32_t touched = 0, given_up = 0;
	bool good = true;
	unsigned i;

	for (i = 0; i < q->tx.nr; i++) {
		touched |= 1U << c[i].prio;
		given_up |= i < n ? 0 : 1U << c[i].prio;
		good &= i < n ? publish(&c[i], m[i].len) : give_up(&c[i]);
	}
	q->tx.nr = 0;
	if (touched) /* also of what is given up: it stood before others */
		kipc__queue_announce(q, touched);
	for (; given_up; given_up &= given_up - 1)
		kipc__queue_skip(q, (uint32_t)__builtin_ctz(given_up));
	return good ? 0 : -EBADMSG;
}

int kipc__queue_commit(struct kipc__queue *q, const struct kipc_msg *m, unsigned n)
{
	const struct kipc__queue_claim *c = q->tx.claims;
	unsigned i;
	int r;

	if (n == 0 || n > q->tx.nr)
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (m[i].data != c[i].slot + 1 || m[i].len > c[i].len)
			return -EINVAL;
	r = settle(q, m, n);
	return r < 0 ? r : (int)n;
}

int kipc__queue_discard(struct kipc__queue *q)
{
	unsigned n = q->tx.nr;
	int r = settle(q, NULL, 0);

	return r < 0 ? r : (int)n;
}
