// SPDX-License-Identifier: MIT
#include "queue.h"
#include "record.h" /* copying into and out of cache lines */

/* Of longer messages that are released in place nobody knows whether they were read. */
#define OWN_IN_PLACE 512

/* ---- claiming ready slots ---------------------------------------------------- */

struct look {
	uint64_t from; /* the hint, as it was */
	uint64_t pos;
	uint64_t steps;
	uint64_t *slot;
	uint64_t word;
	uint32_t blocker; /* as that of struct kipc__queue, which belongs to the receiving half */
};

static void look_begin(struct kipc__queue *q, uint32_t prio, struct look *l)
{
	l->from = kipc__load_acquire(
		&q->area->classes[prio].cons); /* pairs with kipc__queue_advance() */
	l->pos = l->from & KIPC_QUEUE_POS_MASK;
}

/* From a position that is over to the first that may not be: a slot of lap n says that every message
 * of lap n - 2 behind it was claimed, for senders went on to lap n - 1.
 */
static uint64_t behind_received(const struct kipc__queue *q, uint64_t pos, int32_t ahead)
{
	return pos + 1 + (ahead > 2 ? (uint64_t)(ahead - 2) << q->shift : 0);
}

/* The first ready message of a class: 1; 0: none; -EBADMSG. */
static int find_ready(struct kipc__queue *q, uint32_t prio, struct look *l)
{
	uint32_t state;
	int32_t ahead;

	for (; l->steps; l->steps--) {
		l->slot = kipc__queue_slot(q, prio, l->pos);
		l->word = kipc__load_acquire(l->slot); /* (c) pairs with (b) */
		state = kipc__slot_state(l->word);
		ahead = kipc__queue_ahead(q, l->word, l->pos);
		if (kipc__unlikely(!kipc__queue_word_valid(q, l->word)))
			return -EBADMSG;
		if (ahead > 0 || (ahead == 0 && state == KIPC_SLOT_READING)) {
			l->pos = behind_received(q, l->pos, ahead);
		} else if (ahead == 0) {
			if (state == KIPC_SLOT_WRITING)
				l->blocker = kipc__slot_owner(l->word);
			return state == KIPC_SLOT_READY;
		} else if (ahead == -1 && state == KIPC_SLOT_READY) {
			/* It became ready again after it had been passed. */
			kipc__queue_rewind(q, prio, l->pos - q->geom.slots);
			look_begin(q, prio, l);
		} else {
			return ahead == -1 && state == KIPC_SLOT_READING ? 0 : -EBADMSG;
		}
	}
	return 0;
}

/* What was found ready becomes mine, if it is still so. */
static inline bool seize(struct kipc__queue *q, uint32_t prio, const struct look *l,
                         struct kipc__queue_claim *c)
{
	c->word = kipc__queue_claimed(q, l->word, KIPC_SLOT_READING);
	if (kipc__unlikely(!kipc__slot_swap(l->slot, l->word, c->word))) /* (c) */
		return false;
	c->slot = l->slot;
	c->prio = prio;
	c->len = kipc__slot_len(l->word);
	kipc__queue_advance(&q->area->classes[prio].cons, l->from,
	                    (l->from & ~KIPC_QUEUE_POS_MASK) |
	                            ((l->pos + 1) & KIPC_QUEUE_POS_MASK));
	return true;
}

static struct look look_at(const struct kipc__queue *q)
{
	return (struct look){ .steps = kipc__queue_most_steps(q), .blocker = KIPC__QUEUE_NOBODY };
}

/* Nothing was found: the next look begins where this one ended. Where nothing is ever received, because
 * all that is reserved is given up, the hint would fall behind by more laps than a slot can tell.
 */
static void move_on(struct kipc__queue *q, uint32_t prio, const struct look *l)
{
	kipc__queue_advance(&q->area->classes[prio].cons, l->from,
	                    (l->from & ~KIPC_QUEUE_POS_MASK) | (l->pos & KIPC_QUEUE_POS_MASK));
}

/* Make the first ready message of a class mine: 1; 0: none; -EMSGSIZE: it has more than cap bytes;
 * -EBADMSG. Without c: is there one?
 */
static int take_from(struct kipc__queue *q, uint32_t prio, struct kipc__queue_claim *c, size_t cap)
{
	struct look l = look_at(q);
	int r;

	look_begin(q, prio, &l);
	while ((r = find_ready(q, prio, &l)) == 1) {
		if (!c)
			return 1;
		if (kipc__unlikely(kipc__slot_len(l.word) > cap))
			return -EMSGSIZE;
		if (kipc__likely(seize(q, prio, &l, c)))
			return 1;
		l.steps--;
		if (kipc__unlikely(l.steps == 0))
			return 0;
	}
	if (l.blocker != KIPC__QUEUE_NOBODY)
		q->blocker = l.blocker;
	if (r == 0)
		move_on(q, prio, &l);
	return r;
}

void kipc__queue_skip(struct kipc__queue *q, uint32_t prio)
{
	struct look l = look_at(q);

	look_begin(q, prio, &l);
	if (find_ready(q, prio, &l) >= 0)
		move_on(q, prio, &l);
}

/* A class gave nothing: clear its bit and look once more. A sender that stored its word before that is
 * found, one that comes after it finds the bit cleared.
 */
static int take_last(struct kipc__queue *q, uint32_t prio, struct kipc__queue_claim *c, size_t cap)
{
	uint32_t *ready = &q->area->ready.classes;
	int r;

	kipc__fetch_and(ready, ~(1U << prio));
	kipc__fence_after_rmw(); /* pairs with (F) of the sender */
	r = take_from(q, prio, c, cap);
	if (r != 0)
		kipc__fetch_or(ready, 1U << prio);
	return r;
}

/* The same for the highest class that has something. */
static int take(struct kipc__queue *q, struct kipc__queue_claim *c, size_t cap)
{
	uint32_t ready, prio;
	int r;

	q->blocker = KIPC__QUEUE_NOBODY;
	if (q->geom.classes == 1)
		return take_from(q, 0, c, cap);
	ready = kipc__load_acquire(&q->area->ready.classes); /* pairs with announce() */
	ready &= UINT32_MAX >> (KIPC_QUEUE_CLASSES - q->geom.classes);
	for (; ready; ready &= ~(1U << prio)) {
		prio = 31U - (uint32_t)__builtin_clz(ready);
		r = take_from(q, prio, c, cap);
		if (r == 0)
			r = take_last(q, prio, c, cap);
		if (r != 0)
			return r;
	}
	return 0;
}

int kipc__queue_more(struct kipc__queue *q)
{
	return take(q, NULL, 0);
}

int kipc__queue_ready(struct kipc__queue *q)
{
	return q->rx.nr ? 1 : take(q, NULL, 0);
}

/* ---- what is done with them -------------------------------------------------- */

/* A sender may have passed the slot over meanwhile, which advances its lap and nothing else. */
static int let_go(const struct kipc__queue *q, const struct kipc__queue_claim *c)
{
	uint64_t rest = KIPC_SLOT_LAP_ONE - 1;
	uint64_t steps = kipc__queue_most_steps(q);
	uint64_t w = c->word;

	for (; steps && ((w ^ c->word) & rest) == 0; steps--) {
		if (kipc__slot_swap(c->slot, w, kipc__slot_free_next(w))) /* (d) pairs with (a) */
			return 1;
		w = kipc__load_relaxed(c->slot);
	}
	return -EBADMSG;
}

/* Take the cache lines of the payload that were only read, as kipc__ring_own() does: a store into each,
 * of what is there, for until it is released the message may come again. The first line has the word.
 */
static inline void own(const struct kipc__queue *q, const struct kipc__queue_claim *c)
{
	uint32_t at;

	if (!q->rfo)
		return;
	for (at = KIPC_QUEUE_LINE; at < sizeof(uint64_t) + c->len; at += KIPC_QUEUE_LINE)
		kipc__store_relaxed(c->slot + at / 8, kipc__load_relaxed(c->slot + at / 8));
}

static uint32_t flags_of(const struct kipc__queue_claim *c)
{
	return c->prio | (kipc__slot_tries(c->word) ? KIPC_MSG_AGAIN : 0);
}

int kipc__queue_peek(struct kipc__queue *q, struct kipc_msg *m, unsigned n)
{
	struct kipc__queue_claim *c = q->rx.claims;
	unsigned i;
	int r = 0;

	for (; q->rx.nr < n; q->rx.nr++) {
		r = take(q, &c[q->rx.nr], SIZE_MAX);
		if (r <= 0)
			break;
	}
	for (i = 0; i < n && i < q->rx.nr; i++)
		m[i] = (struct kipc_msg){ .data = c[i].slot + 1,
			                  .len = c[i].len,
			                  .flags = flags_of(&c[i]) };
	return i ? (int)i : r;
}

int kipc__queue_release(struct kipc__queue *q, unsigned n)
{
	struct kipc__queue_claim *c = q->rx.claims;
	int r = 1;
	unsigned i;

	if (n > q->rx.nr)
		return -EINVAL;
	if (n == 0)
		return 0;
	for (i = 0; i < n; i++) {
		if (c[i].len <= OWN_IN_PLACE)
			own(q, &c[i]);
		if (let_go(q, &c[i]) < 0)
			r = -EBADMSG;
	}
	q->rx.nr -= n;
	memmove(c, c + n, q->rx.nr * sizeof(*c));
	kipc__fence_after_rmw(); /* (F), mirrored */
	return r < 0 ? r : (int)n;
}

/* The next message of at most cap bytes, one that is held first: 1, 0, or why not. */
static int next(struct kipc__queue *q, struct kipc__queue_claim *c, size_t cap)
{
	if (kipc__likely(!q->rx.nr))
		return take(q, c, cap);
	*c = q->rx.claims[0];
	if (c->len > cap)
		return -EMSGSIZE;
	q->rx.nr--;
	memmove(q->rx.claims, q->rx.claims + 1, q->rx.nr * sizeof(*c));
	return 1;
}

int kipc__queue_recv(struct kipc__queue *q, struct kipc_msg *m, unsigned n)
{
	struct kipc__queue_claim c;
	unsigned i;
	int r = 0;

	for (i = 0; i < n; i++) {
		r = next(q, &c, m[i].len);
		if (r <= 0)
			break;
		m[i].len = c.len;
		m[i].flags = flags_of(&c);
		kipc__ring_copy_out(m[i].data, c.slot + 1, c.len);
		own(q, &c);
		r = let_go(q, &c);
		if (r < 0)
			break;
	}
	if (i)
		kipc__fence_after_rmw(); /* (F), mirrored */
	return i ? (int)i : r;
}

/* A message that came for the first time, of this lap, however long: what else the word could say is
 * a matter for a second look.
 */
static inline bool plainly_ready(const struct kipc__queue *q, const struct look *l)
{
	uint64_t length = (uint64_t)KIPC_SLOT_LEN_MASK << KIPC_SLOT_LEN_SHIFT;

	return (l->word & ~length) == (kipc__queue_free_word(q, l->pos) | KIPC_SLOT_READY) &&
	       kipc__slot_len(l->word) <= q->max_len;
}

int64_t kipc__queue_get(struct kipc__queue *q, void *buf, uint64_t cap)
{
	struct kipc__queue_claim c;
	struct look l;

	look_begin(q, 0, &l);
	l.slot = kipc__queue_slot(q, 0, l.pos);
	l.word = kipc__load_acquire(l.slot); /* (c) pairs with (b) */
	if (kipc__unlikely(q->rx.nr || q->geom.classes != 1 || !plainly_ready(q, &l) ||
	                   kipc__slot_len(l.word) > cap || !seize(q, 0, &l, &c)))
		return -EAGAIN;
	kipc__ring_copy_out(buf, c.slot + 1, c.len);
	own(q, &c);
	if (kipc__unlikely(let_go(q, &c) < 0))
		return -EBADMSG;
	kipc__fence_after_rmw(); /* (F), mirrored */
	return c.len;
}
