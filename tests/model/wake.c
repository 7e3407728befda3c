// SPDX-License-Identifier: MIT
/*
 * wake.c - model of sleeping and waking: (E) to (J), for data and, mirrored, for space
 *
 * Sender and receiver sleep whenever they have to, and nothing but a wake-up ends that: one that is
 * lost is a deadlock. Who waits changes its mind between the two ways to fence: for itself only, and
 * for its peer too, who then leaves its own fence out; so every step of that negotiation, its taking
 * back included, meets every step of publishing and of arming.
 */
#include "pair.h"

#define MESSAGES 4

const unsigned kipc__model_threads = 2;

void kipc__model_setup(void)
{
	kipc__model_pair_setup(kipc__model_rand(2) ? KIPC_WAIT_BLOCK : KIPC_WAIT_ADAPTIVE);
}

void kipc__model_thread(unsigned i)
{
	struct kipc__ring_chan *c = &kipc__model_end[i].ring;
	unsigned number;

	for (number = 0; number < MESSAGES; number++) {
		c->base.wait = kipc__model_rand(2) ? KIPC_WAIT_BLOCK : KIPC_WAIT_ADAPTIVE;
		kipc__model_assert((i == 0 ? kipc__model_send(number)
		                           : kipc__model_recv(number, -1)) == 0,
		                   "a message fails");
	}
}

void kipc__model_after(void)
{
}
