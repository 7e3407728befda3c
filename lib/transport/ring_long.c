// SPDX-License-Identifier: MIT
#include "../os/sys.h"
#include "ring_long.h"
#include "ring_wait.h"

/* Looks at a copy that does not go on, before its sender is taken to be asleep: as long as a few
 * pieces take.
 */
#define IDLE_TURNS 1024

/* Whoever sends it may stop at any time, or bring one byte at a time. */
static int64_t follow(struct kipc__ring_chan *c, void *buf, uint64_t len, int64_t deadline)
{
	uint64_t have = 0, now;
	unsigned idle = 0;

	while (kipc__ring_look(&c->rx, c->rx.cons) == 0) {
		now = kipc__ring_follow(&c->rx, buf, len, have);
		idle = now == have ? idle + 1 : 0;
		have = now;
		if (idle == IDLE_TURNS ||
		    (idle == 0 && deadline != KIPC__NEVER && kipc__now() >= deadline))
			return -EAGAIN;
		kipc__cpu_relax();
	}
	return kipc__ring_follow_end(&c->rx, buf, len, have);
}

/* The time that is left; at least 1, so that a wait without more of it ends as one that had a timeout. */
static int64_t left_of(int64_t timeout, int64_t deadline)
{
	int64_t left;

	if (timeout < 0 || deadline == KIPC__NEVER)
		return timeout;
	left = deadline - kipc__now();
	return left > 0 ? left : 1;
}

/* Who only receives has the next message copied in while he copies this one out, and following it closely
 * makes both slower, unless it is so long that it would have left the caches meanwhile. Not so where
 * receivers sleep: those would wake up late.
 */
static bool not_worth_following(struct kipc__ring_chan *c, size_t cap)
{
	uint64_t sent = kipc__load_relaxed(c->tx.prod_word);
	bool streams = sent == c->long_at;

	c->long_at = sent;
	return streams && cap < KIPC__RING_LONGER && c->base.wait != KIPC_WAIT_BLOCK;
}

ssize_t kipc__ring_long_recv(struct kipc__ring_chan *c, void *buf, size_t cap, int64_t *timeout)
{
	int64_t deadline, got = -EAGAIN;
	uint64_t *follows = (uint64_t *)&c->ctrl[c->end]->growth.follows;
	uint64_t len;
	int r;

	if (not_worth_following(c, cap) || kipc__ring_wait_sharing(c) ||
	    kipc__ring_look(&c->rx, c->rx.cons) != 0)
		return -EAGAIN;
	deadline = kipc__deadline(*timeout);
	c->follows = true;
	kipc__store_relaxed(follows, c->back->early ? KIPC_FOLLOWS_WAKE : KIPC_FOLLOWS_WATCH);
	r = kipc__ring_wait_for(c, KIPC_SIDE_DATA, *timeout);
	c->follows = false;
	kipc__store_relaxed(follows, 0);
	if (r < 0)
		return r;
	len = kipc__ring_look(&c->rx, c->rx.cons) == 0 ? kipc__ring_growing(&c->rx) : 0;
	if (len && len <= cap)
		got = follow(c, buf, len, deadline);
	*timeout = left_of(*timeout, deadline);
	return got < 0 ? -EAGAIN : got;
}
