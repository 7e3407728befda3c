// SPDX-License-Identifier: MIT
#include <errno.h>
#include "../os/wake.h"
#include "ring_wait.h"
#include "shm_chan.h"

/* A sleeper who has no vigil looks whether the peer lives this often; the promise is 100 ms. */
#define NAP_NS (50 * 1000 * 1000)

/* (J) */
static bool moved(struct kipc__ring_chan *c, unsigned side, uint64_t position)
{
	const __u64 *word = side == KIPC_SIDE_DATA ? c->rx.prod_word : c->tx.cons_word;

	if (kipc__shm_is_shut(c, side))
		return true;
	return kipc_ring_due(kipc__load_acquire(word), position) || /* (J) pairs with (E), (C) */
	       kipc__ring_wait_gone(c, side);
}

int kipc__shm_park(struct kipc__ring_chan *c, unsigned side, uint64_t position, int64_t deadline)
{
	struct kipc_ring_bell *bell = kipc__shm_my_bell(c, side);
	struct kipc__shm_chan *s = (struct kipc__shm_chan *)c;
	uint32_t armed;
	bool kept;
	int r = 0;

	kipc__shm_vigil_consider(s, side);
	kept = kipc__shm_vigil_kept(s, side);
	armed = kipc__shm_arm(c, side, position, KIPC_ARMED_PARKED);
	if (!moved(c, side, position) && (!kept || kipc__shm_vigil_stands(s, side)))
		r = kipc__futex_wait(&bell->armed, armed, deadline, kept ? KIPC__NEVER : NAP_NS);
	if (kept && !kipc__shm_vigil_stands(s, side)) {
		kipc__shm_vigil_end(s, side);
		kipc__shm_look(c);
	} else if (r == -ETIMEDOUT && !kept) {
		kipc__shm_vigil_worth(s, side);
		kipc__shm_look(c);
	}
	if (r == -ETIMEDOUT)
		r = deadline != KIPC__NEVER && kipc__now() >= deadline ? -ETIMEDOUT : 0;
	if (kipc__load_relaxed(&bell->armed) & KIPC_ARMED_PARKED)
		kipc__fetch_and(&bell->armed, ~KIPC_ARMED_PARKED); /* nobody sleeps here any more */
	return r == 0 && kipc__shm_is_shut(c, side) ? -EPIPE : r;
}
