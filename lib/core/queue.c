// SPDX-License-Identifier: MIT
#include <string.h>
#include "queue.h"

/* ---- the memory ------------------------------------------------------------------------- */

bool kipc__queue_geom_valid(const struct kipc_queue_geom *g)
{
	return g->slots != 0 && (g->slots & (g->slots - 1)) == 0 &&
	       g->slots <= KIPC_QUEUE_MAX_SLOTS && g->stride != 0 &&
	       g->stride % KIPC_QUEUE_LINE == 0 && g->stride <= KIPC_QUEUE_MAX_STRIDE &&
	       g->classes != 0 && g->classes <= KIPC_QUEUE_CLASSES && g->held <= KIPC_QUEUE_DROP &&
	       g->nr_ends != 0 && g->nr_ends <= KIPC_SLOT_OWNER_MASK + 1 &&
	       kipc__queue_bytes(g) <= KIPC_QUEUE_MAX_BYTES;
}

uint64_t kipc__queue_bytes(const struct kipc_queue_geom *g)
{
	return KIPC_QUEUE_SLOTS_OFF + (uint64_t)g->classes * g->slots * g->stride;
}

/* Zeros are lap 0, free, and positions 0. */
void kipc__queue_format(void *area, const struct kipc_queue_geom *g)
{
	((struct kipc_queue_area *)area)->geom = *g;
}

int kipc__queue_init(struct kipc__queue *q, void *area, uint64_t bytes, uint32_t end)
{
	struct kipc_queue_geom g;

	memcpy(&g, area, sizeof(g)); /* once; only the copy is used */
	kipc__fence_compiler();
	if (!kipc__queue_geom_valid(&g) || kipc__queue_bytes(&g) > bytes || end >= g.nr_ends)
		return -EBADMSG;
	*q = (struct kipc__queue){
		.area = area,
		.slots = (uint8_t *)area + KIPC_QUEUE_SLOTS_OFF,
		.geom = g,
		.shift = (unsigned)__builtin_ctz(g.slots),
		.end = end,
		.max_len = g.stride - (uint32_t)sizeof(uint64_t),
		.blocker = KIPC__QUEUE_NOBODY,
	};
	return 0;
}

/* ---- how far one is from the other ------------------------------------------------------ */

int64_t kipc__queue_lead(struct kipc__queue *q, bool now)
{
	const struct kipc_queue_class *c = &q->area->classes[0];

	if (now)
		q->seen = kipc__load_relaxed(&c->prod);
	return kipc__queue_distance(q->seen, kipc__load_relaxed(&c->cons));
}

int64_t kipc__queue_spare(const struct kipc__queue *q, uint32_t prio)
{
	const struct kipc_queue_class *c = &q->area->classes[prio];

	return q->geom.slots -
	       kipc__queue_distance(kipc__load_relaxed(&c->prod), kipc__load_relaxed(&c->cons));
}

/* ---- words ------------------------------------------------------------------------------ */

bool kipc__queue_word_valid(const struct kipc__queue *q, uint64_t w)
{
	uint64_t rest = w & (KIPC_SLOT_LAP_ONE - 1);
	uint64_t owner = (uint64_t)kipc__slot_owner(w) << KIPC_SLOT_OWNER_SHIFT;

	switch (kipc__slot_state(w)) {
	case KIPC_SLOT_FREE:
		return rest == 0;
	case KIPC_SLOT_WRITING:
		return kipc__slot_owner(w) < q->geom.nr_ends && rest == (owner | KIPC_SLOT_WRITING);
	case KIPC_SLOT_READY:
		return owner == 0 && kipc__slot_len(w) <= q->max_len;
	case KIPC_SLOT_READING:
		return kipc__slot_owner(w) < q->geom.nr_ends && kipc__slot_len(w) <= q->max_len;
	}
	return false;
}

void kipc__queue_announce(struct kipc__queue *q, uint32_t classes)
{
	uint32_t *ready = &q->area->ready.classes;
	uint32_t missing;

	kipc__fence_after_rmw(); /* (F) pairs with (I), and with the clearing of a bit */
	if (q->geom.classes == 1)
		return;
	missing = classes & ~kipc__load_relaxed(ready);
	if (missing)
		kipc__fetch_or(ready, missing);
}
