// SPDX-License-Identifier: MIT
#include "../os/wake.h"
#include "shm_chan.h"

/* Where I sleep. The futex is the bell word itself, not the position: whatever happens (a message,
 * a shutdown, a death) clears it, so nothing can fall between the last look and the sleep.
 */
struct kipc_ring_bell *kipc__shm_my_bell(struct kipc__ring_chan *c, unsigned side)
{
	return side == KIPC_SIDE_DATA ? &c->status->bells[KIPC__RING_IN(c)].data
	                              : &c->status->bells[KIPC__RING_OUT(c)].space;
}

/* Where the peer sleeps for what I do. */
static struct kipc_ring_bell *peer_bell(struct kipc__ring_chan *c, unsigned side)
{
	return side == KIPC_SIDE_DATA ? &c->status->bells[KIPC__RING_OUT(c)].data
	                              : &c->status->bells[KIPC__RING_IN(c)].space;
}

/* (H) and (I). Returns what the bell word holds as long as nobody rings it. */
uint32_t kipc__shm_arm(struct kipc__ring_chan *c, unsigned side, uint64_t position, uint32_t how)
{
	struct kipc_ring_hints *mine = &c->ctrl[c->end]->hints;
	const struct kipc_ring_hints *peer = &c->ctrl[KIPC__RING_PEER(c)]->hints;
	uint32_t left_out = side == KIPC_SIDE_DATA ? KIPC_FENCE_PROD : KIPC_FENCE_CONS;
	uint32_t before;

	kipc__store_relaxed(side == KIPC_SIDE_DATA ? &mine->data_at : &mine->space_at, position);
	before = kipc__fetch_or(&kipc__shm_my_bell(c, side)->armed, how); /* (H) pairs with (G) */
	kipc__fence_full();                                               /* (I) pairs with (F) */
	/* Pairs with fence_negotiate(): where the peer has just taken its leave back, what it published
	 * without a fence before that must be seen by (J).
	 */
	if (kipc__load_acquire(&peer->fence) & left_out)
		kipc__fence_others(); /* the peer leaves (F) to me */
	return before | how;
}

/* Who sleeps for me wants to hear of my end; not where it is coming now. */
static void leash(struct kipc__ring_chan *c)
{
	struct kipc__shm_chan *s = (struct kipc__shm_chan *)c;

	if (*s->name && kipc__load_relaxed(&s->leash) < 0 &&
	    kipc__load_relaxed(&c->status->ends[c->end].state) == KIPC_END_LIVE)
		kipc__shm_leash_make(s);
}

void kipc__shm_wake(struct kipc__ring_chan *c, unsigned side)
{
	struct kipc_ring_bell *bell = peer_bell(c, side);
	uint32_t armed = kipc__exchange(&bell->armed, 0); /* pairs with (H) */

	if (armed & KIPC_ARMED_PARKED) {
		kipc__futex_wake(&bell->armed);
		leash(c);
	}
	if (armed & KIPC_ARMED_POLLED)
		kipc__shm_bell_ring((struct kipc__shm_chan *)c, side);
}

/* My other half may sleep or poll in another thread: it must hear too of a death, and of what was shut or
 * found broken here. Whatever the word says: the peer can write it.
 */
void kipc__shm_wake_self(struct kipc__ring_chan *c, unsigned side)
{
	struct kipc_ring_bell *bell = kipc__shm_my_bell(c, side);

	(void)kipc__exchange(&bell->armed, 0); /* pairs with (H) */
	kipc__futex_wake(&bell->armed);
	if (kipc__load_acquire(&c->polled[side])) /* pairs with kipc__shm_fd() */
		kipc__shm_bell_self((struct kipc__shm_chan *)c, side);
}

/* Was it shut here? */
bool kipc__shm_is_shut(struct kipc__ring_chan *c, unsigned side)
{
	return kipc__load_relaxed(&kipc__shm_my_bell(c, side)->gone);
}

/* ---- life ------------------------------------------------------------------------------- */

/* An end will neither write nor read any more: say so where its peer looks. The state first: whoever has
 * been told looks for nothing else, so nothing may be missing then, even if this process is killed here.
 */
void kipc__shm_gone(struct kipc__ring_chan *c, unsigned end, uint32_t how)
{
	struct kipc_ring_bells *bells = c->status->bells;

	kipc__store_release(&c->status->ends[end].state, KIPC_END_DEAD); /* pairs with shm_peer() */
	kipc__fetch_or(&bells[end].space.gone, how);
	kipc__fetch_or(&bells[1 - end].data.gone, how);
}

int kipc__shm_shut(struct kipc__ring_chan *c, unsigned dirs)
{
	if (dirs & KIPC_OUT) {
		kipc__fetch_or(&c->status->bells[KIPC__RING_OUT(c)].space.gone, KIPC_GONE_SHUT);
		kipc__shm_wake(c, KIPC_SIDE_DATA);
		kipc__shm_wake_self(c, KIPC_SIDE_SPACE);
	}
	if (dirs & KIPC_IN) {
		kipc__fetch_or(&c->status->bells[KIPC__RING_IN(c)].data.gone, KIPC_GONE_SHUT);
		kipc__shm_wake(c, KIPC_SIDE_SPACE);
		kipc__shm_wake_self(c, KIPC_SIDE_DATA);
	}
	return 0;
}
