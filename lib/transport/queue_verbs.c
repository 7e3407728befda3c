// SPDX-License-Identifier: MIT
#include <string.h>
#include "../os/sys.h"
#include "../os/wake.h"
#include "queue_chan.h"

/* ---- readiness -------------------------------------------------------------------------- */

static int broken(struct kipc__queue_chan *c, int r)
{
	if (r == -EBADMSG)
		c->fault = r;
	return r;
}

/* Room for what last did not fit, or for a message of the lowest priority. */
static int has_room(struct kipc__queue_chan *c)
{
	uint32_t prio;
	int r = 1;

	if (!c->wants)
		return kipc__queue_room(&c->queue, 0, 1);
	for (prio = 0; prio < c->queue.geom.classes && r == 1; prio++)
		if (c->want[prio])
			r = kipc__queue_room(&c->queue, prio, c->want[prio]);
	return r;
}

int kipc__queue_chan_ready(struct kipc__hub *h, unsigned side)
{
	struct kipc__queue_chan *c = (struct kipc__queue_chan *)h;
	int64_t looked_at;
	int r = c->fault;

	if (r == 0)
		r = broken(c, side == KIPC_SIDE_SPACE ? has_room(c) : kipc__queue_ready(&c->queue));
	/* After each look at who lives, look also for what the dead may have left behind. */
	looked_at = kipc__load_relaxed(&h->looked_at);
	if (r == 0 && side == KIPC_SIDE_DATA && c->mended_at != looked_at) {
		c->mended_at = looked_at;
		r = kipc__queue_mend(&c->queue) ? kipc__queue_ready(&c->queue) : 0;
	}
	return r;
}

static inline bool armed(const struct kipc__queue_chan *c, unsigned side)
{
	return kipc__load_relaxed(&kipc__hub_bell(&c->hub, side)->armed) &
	       KIPC_ARMED_FLAGS; /* (G) */
}

static void wake(struct kipc__queue_chan *c, unsigned side)
{
	bool crowd = side == KIPC_SIDE_SPACE &&
	             (c->queue.geom.classes > 1 || kipc__queue_crowd(&c->queue));

	kipc__count(&c->hub.base.stats.wakes);
	kipc__hub_wake(&c->hub, side, crowd);
}

/* Others sleep on my side, and what I took was not all. */
static inline void pass_on(struct kipc__queue_chan *c, unsigned side)
{
	if (__builtin_expect(!armed(c, side), 1))
		return;
	if ((side == KIPC_SIDE_DATA ? kipc__queue_more(&c->queue)
	                            : kipc__queue_room(&c->queue, 0, 1)) > 0)
		wake(c, side);
}

static inline void ring(struct kipc__queue_chan *c, unsigned side)
{
	if (__builtin_expect(armed(c, side), 0))
		wake(c, side);
}

/* Slots were reserved and given up. They stood before messages of others, and are room again. */
static void gave_up(struct kipc__queue_chan *c)
{
	ring(c, KIPC_SIDE_DATA);
	ring(c, KIPC_SIDE_SPACE);
}

/* ---- waiting in the verbs --------------------------------------------------------------- */

/* Others may take what was there when the wait ended, so one verb waits several times: until one
 * deadline, which is 0 before the first time.
 */
static int wait_again(struct kipc__queue_chan *c, unsigned side, int64_t timeout, int64_t *deadline)
{
	int64_t left = timeout;

	if (c->fault)
		return c->fault;
	if (timeout > 0 && *deadline == 0) {
		*deadline = kipc__deadline(timeout);
	} else if (timeout > 0 && *deadline != KIPC__NEVER) {
		left = *deadline - kipc__now();
		if (left <= 0)
			return -ETIMEDOUT;
	}
	return kipc__hub_wait_for(&c->hub, side, left);
}

/* ---- a distance ------------------------------------------------------------------------- */

/* Who works right behind others at the other side fetches each cache line while the next one is written,
 * which is slow for both, and stays there, for it is as fast as they are. So who has caught up keeps
 * away for a while. Small queues have no room for it.
 */
#define AWAY_SLOTS  64
#define LEAD_GOAL   16  /* messages */
#define LEAD_WORTH  4   /* with fewer it was no stream */
#define LEAD_TURNS  32  /* from so many to ... */
#define LEAD_MOST   128 /* ... so many, about a microsecond */
#define LEAD_FAILS  14  /* at last one try in 2^14 */
#define SPARE_TURNS 64  /* from look to look */
#define SPARE_LOOKS 16

static bool may_keep_away(const struct kipc__queue_chan *c, int64_t timeout)
{
	const struct kipc_chan *base = &c->hub.base;

	if (timeout == 0 || base->wait == KIPC_WAIT_BLOCK || c->queue.geom.slots < AWAY_SLOTS)
		return false;
	if (base->wait == KIPC_WAIT_SPIN)
		return true;
	return base->spin_ns == KIPC__SPIN_MEASURED ? kipc__wake_cost() != 0 : base->spin_ns != 0;
}

static void keep_away(unsigned turns)
{
	while (turns--)
		kipc__cpu_relax();
}

/* The receivers have all that had come. Those who get no lead by waiting, as in a ping-pong or where
 * messages are rare, try it less and less often.
 */
static void let_senders_ahead(struct kipc__queue_chan *c, int64_t timeout)
{
	int64_t lead;

	if (!may_keep_away(c, timeout))
		return;
	/* Not even a look: it would make the senders' next step of the hint wait for its line. */
	if (c->lead_skips) {
		c->lead_skips--;
		return;
	}
	lead = kipc__queue_lead(&c->queue, true);
	if (lead >= LEAD_GOAL)
		return;
	if (c->lead_turns < LEAD_TURNS)
		c->lead_turns = LEAD_TURNS;
	keep_away(c->lead_turns);
	lead = kipc__queue_lead(&c->queue, true);
	if (lead < LEAD_WORTH) {
		c->lead_skips = 1U << c->lead_fails;
		c->lead_fails += c->lead_fails < LEAD_FAILS;
		c->lead_turns = LEAD_TURNS;
	} else {
		c->lead_fails = 0;
		if (lead < LEAD_GOAL && c->lead_turns < LEAD_MOST)
			c->lead_turns *= 2;
	}
}

static inline void stay_behind(struct kipc__queue_chan *c, int64_t timeout)
{
	if (c->queue.geom.classes == 1 && kipc__queue_lead(&c->queue, false) <= 0)
		let_senders_ahead(c, timeout);
}

/* The same for senders that have come round to the receivers: there is no hurry. */
static void let_receivers_ahead(const struct kipc__queue_chan *c, uint32_t prio, int64_t timeout)
{
	unsigned i;

	if (!may_keep_away(c, timeout))
		return;
	for (i = 0; i < SPARE_LOOKS && kipc__queue_spare(&c->queue, prio) < c->queue.geom.slots / 4;
	     i++)
		keep_away(SPARE_TURNS);
}

static int wait_for_room(struct kipc__queue_chan *c, const struct kipc_msg *m, unsigned n,
                         int64_t timeout, int64_t *deadline)
{
	unsigned i;

	memset(c->want, 0, sizeof(c->want));
	for (i = 0; i < n; i++)
		c->want[KIPC_PRIO_OF(m[i].flags)]++;
	c->wants = true;
	if (n > 1)
		kipc__queue_crowd_set(&c->queue);
	if (*deadline == 0)
		let_receivers_ahead(c, KIPC_PRIO_OF(m->flags), timeout);
	return wait_again(c, KIPC_SIDE_SPACE, timeout, deadline);
}

/* ---- sending ---------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct kipc_msg *m, int n)
{
	uint64_t bytes = 0;
	int i;

	for (i = 0; i < n; i++)
		bytes += m[i].len;
	return bytes;
}

static inline void sent(struct kipc__queue_chan *c, unsigned n, uint64_t bytes)
{
	c->wants = false;
	c->hub.base.stats.sent_msgs += n;
	c->hub.base.stats.sent_bytes += bytes;
	ring(c, KIPC_SIDE_DATA);
	pass_on(c, KIPC_SIDE_SPACE);
}

int kipc__queue_chan_reserve(struct kipc_chan *base, struct kipc_msg *m, unsigned n,
                             int64_t timeout)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	int64_t deadline = 0;
	int r = 0;

	while (!c->fault && (r = kipc__queue_reserve(&c->queue, m, n)) == 0) {
		if (n > 1)
			gave_up(c); /* a part of it, perhaps */
		r = wait_for_room(c, m, n, timeout, &deadline);
		if (r < 0)
			return r;
	}
	if (c->fault || r < 0)
		return c->fault ? c->fault : broken(c, r);
	/* Not when it is committed: that may take as long as its owner likes. */
	c->wants = false;
	pass_on(c, KIPC_SIDE_SPACE);
	return r;
}

int kipc__queue_chan_commit(struct kipc_chan *base, const struct kipc_msg *m, unsigned n)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	unsigned reserved = c->queue.tx.nr;
	int r = kipc__queue_commit(&c->queue, m, n);

	if (r < 0)
		return broken(c, r);
	sent(c, (unsigned)r, bytes_of(m, r));
	if ((unsigned)r < reserved)
		gave_up(c);
	return r;
}

int kipc__queue_chan_discard(struct kipc_chan *base)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	int r = kipc__queue_discard(&c->queue);

	if (r > 0)
		gave_up(c);
	return r < 0 ? broken(c, r) : 0;
}

int kipc__queue_chan_send(struct kipc_chan *base, const struct kipc_msg *m, unsigned n,
                          int64_t timeout)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	int64_t deadline = 0;
	int r = 0;

	while (!c->fault && (r = kipc__queue_send(&c->queue, m, n)) == 0) {
		r = wait_for_room(c, m, 1, timeout, &deadline);
		if (r < 0)
			return r;
	}
	if (c->fault || r < 0)
		return c->fault ? c->fault : broken(c, r);
	sent(c, (unsigned)r, bytes_of(m, r));
	return r;
}

int kipc__queue_chan_send_one(struct kipc_chan *base, const void *data, size_t len, int64_t timeout)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	int r = __builtin_expect(c->fault, 0) ? c->fault : kipc__queue_put(&c->queue, data, len);

	if (__builtin_expect(r < 0, 0))
		return broken(c, r);
	if (__builtin_expect(r == 0, 0))
		return kipc__send_as_batch(base, data, len, timeout);
	sent(c, 1, len);
	return 0;
}

/* ---- receiving -------------------------------------------------------------------------- */

/* Who waits looks who lives, and undoes what the dead left. Where there is always something to take nobody
 * waits: so a receiver looks also when a reservation stands before messages of a higher priority than what it
 * got, and after so many messages for what dead receivers held.
 */
#define LOOK_AFTER 64

static inline void look_if_held_up(struct kipc__queue_chan *c)
{
	if (__builtin_expect(c->queue.blocker != KIPC__QUEUE_NOBODY, 0))
		c->hub.back->look(&c->hub, false);
}

int kipc__queue_chan_peek(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	int64_t deadline = 0;
	int r = 0;

	stay_behind(c, timeout);
	while (!c->fault && (r = kipc__queue_peek(&c->queue, m, n)) == 0) {
		r = wait_again(c, KIPC_SIDE_DATA, timeout, &deadline);
		if (r < 0)
			return r;
	}
	if (c->fault || r < 0)
		return c->fault ? c->fault : broken(c, r);
	pass_on(c, KIPC_SIDE_DATA);
	look_if_held_up(c);
	return r;
}

static inline void received(struct kipc__queue_chan *c, unsigned n, uint64_t bytes)
{
	uint64_t before = c->hub.base.stats.recv_msgs, after = before + n;

	c->hub.base.stats.recv_msgs = after;
	c->hub.base.stats.recv_bytes += bytes;
	ring(c, KIPC_SIDE_SPACE);
	if (__builtin_expect(before / LOOK_AFTER != after / LOOK_AFTER, 0))
		c->hub.back->look(&c->hub, false);
}

int kipc__queue_chan_release(struct kipc_chan *base, unsigned n)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	uint64_t bytes = 0;
	unsigned i;
	int r;

	for (i = 0; i < n && i < c->queue.rx.nr; i++)
		bytes += c->queue.rx.claims[i].len;
	r = kipc__queue_release(&c->queue, n);
	if (r <= 0)
		return broken(c, r);
	received(c, n, bytes);
	return r;
}

int kipc__queue_chan_recv(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	int64_t deadline = 0;
	int r = 0;

	stay_behind(c, timeout);
	while (!c->fault && (r = kipc__queue_recv(&c->queue, m, n)) == 0) {
		r = wait_again(c, KIPC_SIDE_DATA, timeout, &deadline);
		if (r < 0)
			return r;
	}
	if (r == -EMSGSIZE) /* it stays, for somebody with a larger buffer */
		pass_on(c, KIPC_SIDE_DATA);
	if (c->fault || r < 0)
		return c->fault ? c->fault : broken(c, r);
	received(c, (unsigned)r, bytes_of(m, r));
	pass_on(c, KIPC_SIDE_DATA);
	look_if_held_up(c);
	return r;
}

ssize_t kipc__queue_chan_recv_one(struct kipc_chan *base, void *buf, size_t cap, int64_t timeout)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	int64_t len;

	if (__builtin_expect(c->fault, 0))
		return c->fault;
	len = kipc__queue_get(&c->queue, buf, cap);
	if (__builtin_expect(len < 0, 0))
		return len == -EAGAIN ? kipc__recv_as_batch(base, buf, cap, timeout)
		                      : broken(c, (int)len);
	received(c, 1, (uint64_t)len);
	pass_on(c, KIPC_SIDE_DATA);
	return len;
}

/* Whoever is told that something is there need not take it: the next one is told, too. */
int kipc__queue_chan_wait(struct kipc_chan *base, unsigned events, int64_t timeout)
{
	struct kipc__queue_chan *c = kipc__queue_of(base);
	int r = kipc__hub_wait(base, events, timeout);

	if (c->fault)
		return c->fault;
	if (r > 0 && (r & KIPC_IN))
		pass_on(c, KIPC_SIDE_DATA);
	if (r > 0 && (r & KIPC_OUT))
		pass_on(c, KIPC_SIDE_SPACE);
	return r;
}
