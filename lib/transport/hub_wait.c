// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include "../os/sys.h"
#include "../os/wake.h"
#include "hub_chan.h"

/* Spins between two looks at the clock. */
#define TURNS 64

/* Watch without sleeping. 1: ready; 0: the time for spinning is over; -ETIMEDOUT; other errors. */
static int spin(struct kipc__hub *h, unsigned side, int64_t deadline)
{
	bool for_ever = h->base.wait == KIPC_WAIT_SPIN;
	int64_t bound = 0, now = kipc__now(), until = deadline;
	int r, i;

	if (!for_ever) {
		if (h->base.wait == KIPC_WAIT_ADAPTIVE)
			bound = h->base.spin_ns == KIPC__SPIN_MEASURED ? (int64_t)kipc__wake_cost()
			                                               : (int64_t)h->base.spin_ns;
		if (bound == 0)
			return 0;
		until = deadline - now < bound ? deadline : now + bound;
	}
	for (;;) {
		for (i = 0; i < TURNS; i++) {
			r = h->kind->ready(h, side);
			if (r != 0) {
				kipc__count(&h->base.stats.spins);
				return r;
			}
			kipc__cpu_relax();
		}
		h->back->look(h, false);
		now = kipc__now();
		if (now >= until)
			return until == deadline ? -ETIMEDOUT : 0;
	}
}

/* One sleep: 0: look again; -ETIMEDOUT, -EINTR. */
static int park(struct kipc__hub *h, unsigned side, int64_t deadline)
{
	uint32_t armed = h->back->arm(h, side);

	if (h->kind->ready(h, side) != 0) /* (J) */
		return 0;
	kipc__count(&h->base.stats.sleeps);
	return h->back->sleep(h, side, armed, deadline);
}

/* Who was woken alone and leaves without taking anything finds that out here: something is ready. */
static int sleep_until(struct kipc__hub *h, unsigned side, int64_t deadline)
{
	int r, parked;

	do {
		parked = park(h, side, deadline);
		r = h->kind->ready(h, side);
	} while (r == 0 && parked == 0);
	return r != 0 ? r : parked;
}

int kipc__hub_wait_for(struct kipc__hub *h, unsigned side, int64_t timeout)
{
	int r = h->kind->ready(h, side);
	int64_t deadline;

	if (r != 0)
		return r < 0 ? r : 0;
	if (timeout == 0) {
		h->back->idle(h, side);
		r = h->kind->ready(h, side);
		return r == 0 ? -EAGAIN : r < 0 ? r : 0;
	}
	deadline = kipc__deadline(timeout);
	r = spin(h, side, deadline);
	if (r == 0)
		r = sleep_until(h, side, deadline);
	if (r == -ETIMEDOUT) { /* who polls next must not find it readable */
		h->back->idle(h, side);
		r = h->kind->ready(h, side);
		r = r == 0 ? -ETIMEDOUT : r;
	}
	return r < 0 ? r : 0;
}

/* ---- events ----------------------------------------------------------------------------- */

/* What is true now of events; an error of the verb makes it "will not block", too. */
static unsigned events_now(struct kipc__hub *h, unsigned events)
{
	unsigned now = 0;
	int r;

	if (events & KIPC_IN) {
		r = h->kind->ready(h, KIPC_SIDE_DATA);
		now |= (r != 0 ? KIPC_IN : 0) | (r == -EPIPE ? KIPC_HUP : 0);
	}
	if (events & KIPC_OUT) {
		r = h->kind->ready(h, KIPC_SIDE_SPACE);
		now |= (r != 0 ? KIPC_OUT : 0) | (r == -EPIPE ? KIPC_HUP : 0);
	}
	return now;
}

/* Both directions at once: through their poll descriptors. */
static int await_both(struct kipc__hub *h, int64_t timeout)
{
	int64_t deadline = kipc__deadline(timeout), left;
	struct pollfd p[2] = { { .fd = h->back->fd(h, KIPC_SIDE_DATA), .events = POLLIN },
		               { .fd = h->back->fd(h, KIPC_SIDE_SPACE), .events = POLLIN } };
	struct timespec ts;
	unsigned now;

	if (p[0].fd < 0 || p[1].fd < 0)
		return p[0].fd < 0 ? p[0].fd : p[1].fd;
	for (;;) {
		h->back->idle(h, KIPC_SIDE_DATA);
		h->back->idle(h, KIPC_SIDE_SPACE);
		now = events_now(h, KIPC_IN | KIPC_OUT);
		if (now)
			return (int)now;
		if (timeout == 0)
			return -EAGAIN;
		left = deadline == KIPC__NEVER ? 0 : deadline - kipc__now();
		if (left < 0)
			return -ETIMEDOUT;
		ts = kipc__timespec(left);
		if (ppoll(p, 2, deadline == KIPC__NEVER ? NULL : &ts, NULL) < 0)
			return -errno;
	}
}

int kipc__hub_wait(struct kipc_chan *c, unsigned events, int64_t timeout)
{
	struct kipc__hub *h = (struct kipc__hub *)c;
	unsigned now = events_now(h, events);
	int r;

	if (now)
		return (int)now;
	if (events == (KIPC_IN | KIPC_OUT))
		return await_both(h, timeout);
	r = kipc__hub_wait_for(h, events == KIPC_IN ? KIPC_SIDE_DATA : KIPC_SIDE_SPACE, timeout);
	now = events_now(h, events);
	return now ? (int)now : r < 0 ? r : -EAGAIN;
}
