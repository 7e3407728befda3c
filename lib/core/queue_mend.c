// SPDX-License-Identifier: MIT
#include "queue.h"

/* How many slots a look for lost messages covers: it is for sleepers, who look again later. */
#define MEND_SLOTS 256

/* Others move the hint by one lost race each; a hostile end shall not keep us here. */
#define RACES 65536

uint64_t kipc__queue_pending(const struct kipc__queue *q)
{
	uint64_t sum = 0;
	uint32_t prio;
	int64_t n;

	for (prio = 0; prio < q->geom.classes; prio++) {
		const struct kipc_queue_class *c = &q->area->classes[prio];

		n = kipc__queue_distance(kipc__load_relaxed(&c->prod),
		                         kipc__load_relaxed(&c->cons));
		if (n > 0)
			sum += n < q->geom.slots ? (uint64_t)n : q->geom.slots;
	}
	return sum;
}

void kipc__queue_rewind(struct kipc__queue *q, uint32_t prio, uint64_t pos)
{
	__u64 *hint = &q->area->classes[prio].cons;
	uint64_t old, to;
	unsigned i;

	/* The count in the upper bits changes in any case: a receiver that looked at the slot before
	 * it became ready again must not move the hint past it.
	 */
	for (i = 0; i < RACES; i++) {
		old = kipc__load_relaxed(hint);
		to = kipc__queue_distance(pos, old) < 0 ? pos : old;
		to = ((old & ~KIPC_QUEUE_POS_MASK) + KIPC_QUEUE_POS_MASK + 1) |
		     (to & KIPC_QUEUE_POS_MASK);
		if (kipc__slot_swap(hint, old, to)) /* pairs with look_begin() */
			return;
	}
}

/* The position that a word in slot i is of, which is not far from the hint. */
static uint64_t position_of(const struct kipc__queue *q, uint32_t prio, uint64_t i, uint64_t w)
{
	uint64_t near = kipc__load_relaxed(&q->area->classes[prio].cons) & KIPC_QUEUE_POS_MASK;

	near = (near & ~(uint64_t)(q->geom.slots - 1)) + i;
	return near + ((uint64_t)(int64_t)kipc__queue_ahead(q, w, near) << q->shift);
}

/* ---- undoing what the dead held --------------------------------------------------------- */

/* Ready again. tries makes the word a new one: whoever still looks at the old one changes nothing. */
static uint64_t ready_again(uint64_t w)
{
	uint64_t tries = kipc__slot_tries(w) == KIPC_SLOT_TRIES_MASK ? 1 : kipc__slot_tries(w) + 1;

	return kipc__slot_lap(w) | tries << KIPC_SLOT_TRIES_SHIFT |
	       (uint64_t)kipc__slot_len(w) << KIPC_SLOT_LEN_SHIFT | KIPC_SLOT_READY;
}

/* Undo the claim on slot i that w is: true; false: the word is another one meanwhile. */
static bool undo(struct kipc__queue *q, uint32_t prio, uint64_t i, uint64_t w)
{
	uint64_t *slot = kipc__queue_slot(q, prio, i);
	struct kipc_queue_count *count = &q->area->count;
	bool again = kipc__slot_state(w) == KIPC_SLOT_READING &&
	             q->geom.held == KIPC_QUEUE_REDELIVER;

	if (!kipc__slot_swap(slot, w, again ? ready_again(w) : kipc__slot_free_next(w)))
		return false;
	if (again)
		kipc__queue_rewind(q, prio, position_of(q, prio, i, w));
	kipc__fetch_add(kipc__slot_state(w) == KIPC_SLOT_WRITING ? &count->abandoned
	                : again                                  ? &count->redelivered
	                                                         : &count->dropped,
	                1);
	return true;
}

static bool held_by(uint64_t w, uint32_t end)
{
	uint32_t state = kipc__slot_state(w);

	return (state == KIPC_SLOT_WRITING || state == KIPC_SLOT_READING) &&
	       kipc__slot_owner(w) == end;
}

/* Undo what end holds of slot i, if it does. A sender may pass it over meanwhile. */
static int undo_held(struct kipc__queue *q, uint32_t prio, uint64_t i, uint32_t end)
{
	unsigned races;
	uint64_t w;

	for (races = 0; races < RACES; races++) {
		w = kipc__load_acquire(kipc__queue_slot(q, prio, i)); /* pairs with claims */
		if (!held_by(w, end))
			return 0;
		if (undo(q, prio, i, w))
			return 1;
	}
	return 0;
}

int kipc__queue_reap(struct kipc__queue *q, uint32_t end)
{
	uint32_t prio;
	uint64_t i;
	int changed = 0;

	for (prio = 0; prio < q->geom.classes; prio++)
		for (i = 0; i < q->geom.slots; i++)
			changed += undo_held(q, prio, i, end);
	/* In any case: it may have died between a message and its bit. */
	kipc__fence_full();
	kipc__queue_announce(q, UINT32_MAX >> (KIPC_QUEUE_CLASSES - q->geom.classes));
	return changed;
}

int kipc__queue_return(struct kipc__queue *q)
{
	uint32_t touched = 0;
	unsigned n = q->rx.nr;
	unsigned i;

	for (i = 0; i < n; i++) {
		const struct kipc__queue_claim *c = &q->rx.claims[i];
		uint64_t at = (uint64_t)((uint8_t *)c->slot - q->slots) / q->geom.stride;

		(void)undo_held(q, c->prio, at & (q->geom.slots - 1), q->end);
		touched |= 1U << c->prio;
	}
	q->rx.nr = 0;
	if (touched)
		kipc__queue_announce(q, touched);
	return (int)n;
}

/* ---- messages behind their hint --------------------------------------------------------- */

/* Is the message in slot i behind where receivers begin to look? */
static bool left_behind(const struct kipc__queue *q, uint32_t prio, uint64_t i, uint64_t *pos)
{
	const uint64_t *slot = kipc__queue_slot(q, prio, i);
	uint64_t w = kipc__load_acquire(slot); /* before the hint: it is moved after the claim */
	uint64_t cons;

	if (kipc__slot_state(w) != KIPC_SLOT_READY)
		return false;
	*pos = position_of(q, prio, i, w);
	cons = kipc__load_acquire(&q->area->classes[prio].cons);
	return kipc__queue_distance(*pos, cons) < 0 && kipc__load_relaxed(slot) == w;
}

static uint64_t all_slots(const struct kipc__queue *q)
{
	return (uint64_t)q->geom.classes << q->shift;
}

/* Look at n slots, from this one on. */
static int mend(struct kipc__queue *q, uint64_t from, uint64_t n)
{
	uint64_t all = all_slots(q);
	uint32_t found = 0;
	uint32_t prio;
	uint64_t i, pos;

	for (; n; n--, from++) {
		prio = (uint32_t)(from % all >> q->shift);
		i = from & (q->geom.slots - 1);
		if (!left_behind(q, prio, i, &pos))
			continue;
		kipc__queue_rewind(q, prio, pos);
		found |= 1U << prio;
	}
	if (found)
		kipc__queue_announce(q, found);
	return found != 0;
}

int kipc__queue_mend(struct kipc__queue *q)
{
	uint64_t all = all_slots(q), n = all < MEND_SLOTS ? all : MEND_SLOTS;
	int r = mend(q, q->mended, n);

	q->mended += n;
	return r;
}

int kipc__queue_mend_all(struct kipc__queue *q)
{
	return mend(q, 0, all_slots(q));
}
