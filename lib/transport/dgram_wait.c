// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sched.h>
#include "../core/atomic.h"
#include "../os/sys.h"
#include "dgram_wait.h"

/* Between two offers of the CPU to others while spinning. */
#define TURNS 16

static int spin(int64_t deadline)
{
	static _Thread_local unsigned turn;

	if (++turn % TURNS == 0)
		sched_yield();
	return kipc__now() >= deadline ? -ETIMEDOUT : 0;
}

/* Where packets go through the kernel, watching without sleeping saves no system call: only
 * KIPC_WAIT_SPIN spins.
 */
int kipc__dgram_pause(struct kipc__dgram *d, unsigned events, struct kipc__dgram_pause *w)
{
	bool spins = d->base.wait == KIPC_WAIT_SPIN;

	if (w->timeout == 0)
		return -EAGAIN;
	if (!w->begun) {
		w->begun = true;
		w->deadline = kipc__deadline(w->timeout);
		/* The two halves share these two. */
		kipc__fetch_add(spins ? &d->base.stats.spins : &d->base.stats.sleeps, 1);
	}
	if (spins)
		return spin(w->deadline);
	return d->back->await(d, events, w->deadline);
}
