// SPDX-License-Identifier: MIT
#include <poll.h>
#include <sched.h>
#include "../os/sys.h"
#include "../os/wake.h"
#include "ring_wait.h"

/* A look at the peer's life is due this often; the promise is 100 ms. */
#define LOOK_NS (25 * 1000 * 1000)

/* Spins between two looks at the clock. */
#define TURNS 64

/* How long a sender waits for more room than it needs. */
#define MORE_NS (10 * 1000 * 1000)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a bell is loaded as {armed, gone}");

static unsigned bell_gone(uint64_t bell)
{
	return (unsigned)(bell >> 32);
}

/* ---- looking at the peer ---------------------------------------------------------------- */

unsigned kipc__ring_wait_gone(const struct kipc__ring_chan *c, unsigned side)
{
	return bell_gone(kipc__load_acquire(side == KIPC_SIDE_DATA ? c->rx_bell : c->tx_bell));
}

/* The room that a waiting sender needs: what last did not fit, at least an empty message. */
static uint64_t wanted(const struct kipc__ring_chan *c)
{
	return c->want ? c->want : kipc_ring_stride(0, c->tx.align);
}

/* The consumer's position once so much is free. */
static uint64_t room_at(const struct kipc__ring_chan *c, uint64_t room)
{
	return c->tx.prod + room + KIPC_REC_BYTES - c->tx.bytes;
}

int kipc__ring_wait_ready(struct kipc__ring_chan *c, unsigned side)
{
	int r;

	if (side == KIPC_SIDE_SPACE)
		return kipc__ring_room(&c->tx, wanted(c));
	r = kipc__ring_ready(&c->rx);
	return r == 0 && c->follows ? kipc__ring_growing(&c->rx) != 0 : r;
}

uint64_t kipc__ring_wait_target(const struct kipc__ring_chan *c, unsigned side)
{
	return side == KIPC_SIDE_DATA ? c->rx.cons + 1 : room_at(c, wanted(c));
}

/* While the peer promises to fence my CPUs when it arms, leave the fence per message out. Each half of
 * the end has its own flag and its own bit, for it may be another thread.
 */
static void fence_negotiate(struct kipc__ring_chan *c, unsigned side)
{
	uint32_t *mine = &c->ctrl[c->end]->hints.fence;
	uint32_t peer = kipc__load_relaxed(&c->ctrl[KIPC__RING_PEER(c)]->hints.fence);
	bool *fence = side == KIPC_SIDE_DATA ? &c->rx_fence : &c->tx_fence;
	uint32_t bit = side == KIPC_SIDE_DATA ? KIPC_FENCE_CONS : KIPC_FENCE_PROD;
	bool leave_out = c->may_fence && (peer & KIPC_FENCE_CAN);

	if (*fence == !leave_out)
		return;
	*fence = true;
	if (leave_out) {
		kipc__fetch_or(mine, bit);
		/* Whoever armed before it could see this is seen by my next (G). */
		kipc__fence_full();
		*fence = false;
	} else {
		kipc__fetch_and(mine, ~bit);
	}
}

/* Offer the peer to fence it when I arm, unless I shall sleep often: then its fence is cheaper. */
static void fence_offer(struct kipc__ring_chan *c, bool sleeper)
{
	uint32_t *mine = &c->ctrl[c->end]->hints.fence;
	bool offered = kipc__load_relaxed(mine) & KIPC_FENCE_CAN;

	if (offered && sleeper)
		kipc__fetch_and(mine, ~KIPC_FENCE_CAN);
	else if (!offered && !sleeper && c->may_fence)
		kipc__fetch_or(mine, KIPC_FENCE_CAN);
}

static void cpu_publish(struct kipc__ring_chan *c)
{
	uint32_t *word = &c->ctrl[c->end]->hints.cpu;
	uint32_t cpu = kipc__cpu();

	if (kipc__load_relaxed(word) != cpu)
		kipc__store_relaxed(word, cpu);
}

bool kipc__ring_wait_sharing(const struct kipc__ring_chan *c)
{
	uint32_t peer = kipc__load_relaxed(&c->ctrl[KIPC__RING_PEER(c)]->hints.cpu);

	return peer != 0 && peer == kipc__cpu();
}

/* Sending neither waits nor finds the ring empty, so it looks at the peer's life by itself: at once
 * where messages are rare, and less and less often while they follow each other closely.
 */
void kipc__ring_wait_look(struct kipc__ring_chan *c)
{
	int64_t now = kipc__now_coarse();

	if (!c->back->look_every) {
		c->credit = UINT32_MAX;
		return;
	}
	if (now - c->looked_at >= LOOK_NS) {
		c->looked_at = now;
		c->stretch = 1;
		c->back->look(c);
		cpu_publish(c);
	} else if (c->stretch < c->back->look_every) {
		c->stretch *= 2;
	}
	fence_negotiate(c, KIPC_SIDE_SPACE); /* the peer may have come only now */
	c->credit = c->stretch;
}

/* ---- bells ------------------------------------------------------------------------------ */

static void wake_peer(struct kipc__ring_chan *c, unsigned side)
{
	kipc__count(&c->base.stats.wakes);
	c->back->wake(c, side);
}

/* 1: the consumer sleeps and is to be woken; 0: not; -EPIPE: it is gone. */
static int tx_bell_due(const struct kipc__ring_chan *c, uint64_t bell)
{
	const struct kipc_ring_hints *peer = &c->ctrl[KIPC__RING_PEER(c)]->hints;

	/* One that took everything before it left has got this too. */
	if (bell_gone(bell))
		return kipc__load_acquire(c->tx.cons_word) == c->tx.prod ? 0 : -EPIPE;
	return kipc_ring_due(c->tx.prod, kipc__load_relaxed(&peer->data_at));
}

int kipc__ring_wait_tx_bell(struct kipc__ring_chan *c, uint64_t bell)
{
	int r = tx_bell_due(c, bell);

	if (r > 0)
		wake_peer(c, KIPC_SIDE_DATA);
	return r < 0 ? r : 0;
}

/* Without a fence: who is overlooked here is woken when the message is there. */
void kipc__ring_wait_announce(struct kipc__ring_chan *c, uint64_t len)
{
	const struct kipc_ring_bell *bell = (const struct kipc_ring_bell *)c->tx_bell;

	if (!kipc__load_relaxed(&bell->armed) ||
	    kipc__load_relaxed(&c->ctrl[KIPC__RING_PEER(c)]->growth.follows) != KIPC_FOLLOWS_WAKE)
		return;
	kipc__ring_announce(&c->tx, c->tx.prod, len);
	wake_peer(c, KIPC_SIDE_DATA);
}

ssize_t kipc__ring_wait_rx_bell(struct kipc__ring_chan *c, ssize_t r)
{
	const struct kipc_ring_hints *peer = &c->ctrl[KIPC__RING_PEER(c)]->hints;
	const struct kipc_ring_bell *bell = (const struct kipc_ring_bell *)c->rx_bell;

	if (kipc__load_relaxed(&bell->armed) &&
	    kipc_ring_due(c->rx.cons, kipc__load_relaxed(&peer->space_at)))
		wake_peer(c, KIPC_SIDE_SPACE);
	return r;
}

/* ---- waiting ---------------------------------------------------------------------------- */

/* The peer broke the ring: nothing it says is believed any more. */
int kipc__ring_wait_broken(struct kipc__ring_chan *c, int r)
{
	if (r == -EBADMSG && !kipc__load_relaxed(&c->fault)) {
		kipc__store_relaxed(&c->fault, r);
		(void)c->back->shut(c, KIPC_IN | KIPC_OUT);
	}
	return r;
}

/* Is the side over by what was found out or said here, perhaps by the thread of the other half? 0; -EBADMSG,
 * -EPIPE.
 */
static int over_here(const struct kipc__ring_chan *c, unsigned side)
{
	unsigned dir = side == KIPC_SIDE_DATA ? KIPC_IN : KIPC_OUT;

	if (kipc__load_relaxed(&c->fault))
		return kipc__load_relaxed(&c->fault);
	return kipc__load_relaxed(&c->base.open) & dir ? 0 : -EPIPE;
}

/* 1: ready; 0: not yet; -EPIPE: never; -EBADMSG. */
static int check(struct kipc__ring_chan *c, unsigned side)
{
	int r = over_here(c, side);

	if (r < 0)
		return r;
	r = kipc__ring_wait_ready(c, side);
	if (r == 0 && kipc__ring_wait_gone(c, side)) {
		/* What was committed before it left is delivered: look once more behind "gone". */
		r = side == KIPC_SIDE_DATA ? kipc__ring_wait_ready(c, side) : 0;
		if (r == 0)
			r = -EPIPE;
	}
	return r < 0 ? kipc__ring_wait_broken(c, r) : r;
}

/* How long an adaptive wait may spin: not at all where the peer needs this very CPU. */
static int64_t spin_bound(const struct kipc__ring_chan *c)
{
	if (c->base.wait == KIPC_WAIT_BLOCK || kipc__ring_wait_sharing(c))
		return 0;
	if (c->base.spin_ns != KIPC__SPIN_MEASURED)
		return (int64_t)c->base.spin_ns;
	return (int64_t)kipc__wake_cost();
}

/* Watch without sleeping. 1: ready; 0: the time for spinning is over; -EPIPE; -ETIMEDOUT. */
static int spin(struct kipc__ring_chan *c, unsigned side, int64_t deadline)
{
	bool for_ever = c->base.wait == KIPC_WAIT_SPIN;
	int64_t bound = for_ever ? 0 : spin_bound(c);
	bool sharing = kipc__ring_wait_sharing(c);
	int64_t now, looked, until;
	int r, i;

	if (!for_ever && bound == 0)
		return 0;
	now = looked = kipc__now();
	until = for_ever || deadline - now < bound ? deadline : now + bound;
	for (;;) {
		for (i = 0; i < (sharing ? 1 : TURNS); i++) {
			r = kipc__ring_wait_ready(c, side);
			if (r != 0) {
				kipc__count(&c->base.stats.spins);
				if (side == KIPC_SIDE_DATA)
					c->brisk = sharing ? 0 : KIPC__BRISK_WAITS;
				return r;
			}
			kipc__cpu_relax();
		}
		sharing = for_ever && kipc__ring_wait_sharing(c);
		if (sharing)
			sched_yield();
		now = kipc__now();
		if (now - looked >= LOOK_NS) {
			looked = now;
			c->back->look(c);
		}
		r = check(c, side);
		if (r != 0)
			return r;
		if (now >= until)
			return for_ever || until == deadline ? -ETIMEDOUT : 0;
	}
}

/* Does the producer say that it has published, and there is nothing? The header is stored before the
 * position, so who sees the one sees the other; whoever believed it would look for ever.
 */
static bool false_alarm(const struct kipc__ring_chan *c, unsigned side)
{
	return side == KIPC_SIDE_DATA &&
	       kipc_ring_due(kipc__load_acquire(c->rx.prod_word), /* pairs with (E) */
	                     kipc__ring_wait_target(c, side)) &&
	       kipc__ring_ready(&c->rx) == 0;
}

/* Who wakes a sender on its own CPU is interrupted by it. Woken for the room of one message, the two would
 * change over for each of them, so the sender sleeps until most of the ring is free, as that of a socket does
 * (unix_writable() in net/unix/af_unix.c). Not for long: the receiver may take no more before it hears of the
 * sender in some other way. 0: it has not come to that.
 */
static int sleep_for_more(struct kipc__ring_chan *c, int64_t deadline)
{
	uint64_t most = c->tx.bytes / 4 * 3;
	int64_t until = kipc__now() + MORE_NS;
	int r, parked;

	if (wanted(c) >= most)
		return 0;
	until = until < deadline ? until : deadline;
	kipc__count(&c->base.stats.sleeps);
	parked = c->back->park(c, KIPC_SIDE_SPACE, room_at(c, most), until);
	r = check(c, KIPC_SIDE_SPACE);
	return r != 0 || (parked == -ETIMEDOUT && until != deadline) ? r : parked;
}

static int sleep_until(struct kipc__ring_chan *c, unsigned side, int64_t deadline)
{
	int r, parked;

	if (side == KIPC_SIDE_SPACE && kipc__ring_wait_sharing(c)) {
		r = sleep_for_more(c, deadline);
		if (r != 0)
			return r;
	}
	do {
		kipc__count(&c->base.stats.sleeps);
		parked = c->back->park(c, side, kipc__ring_wait_target(c, side), deadline);
		r = check(c, side);
		if (r == 0 && false_alarm(c, side))
			r = -EBADMSG;
	} while (r == 0 && parked == 0);
	return r != 0 ? r : parked;
}

/* What the peer may want to know of somebody who is going to wait. */
static void prepare(struct kipc__ring_chan *c, unsigned side)
{
	cpu_publish(c);
	fence_offer(c, c->base.wait == KIPC_WAIT_BLOCK || kipc__ring_wait_sharing(c));
	fence_negotiate(c, side);
}

/* Wait until the side is ready. 0: it is; -EAGAIN, -ETIMEDOUT, -EINTR, -EPIPE, -EBADMSG. */
int kipc__ring_wait_for(struct kipc__ring_chan *c, unsigned side, int64_t timeout)
{
	int64_t deadline;
	int r = check(c, side);

	if (r != 0)
		return r < 0 ? r : 0;
	prepare(c, side);
	if (side == KIPC_SIDE_SPACE)
		kipc__store_relaxed(&c->ctrl[c->end]->hints.space_at,
		                    kipc__ring_wait_target(c, side));
	if (timeout == 0) {
		c->back->idle(c, side);
		r = check(c, side);
		return r == 0 ? -EAGAIN : r < 0 ? r : 0;
	}
	deadline = kipc__deadline(timeout);
	r = spin(c, side, deadline);
	if (r == 0)
		r = sleep_until(c, side, deadline);
	if (r == -ETIMEDOUT && c->polled[side]) { /* who polls next must not find it readable */
		c->back->idle(c, side);
		r = check(c, side);
		r = r == 0 ? -ETIMEDOUT : r;
	}
	return r < 0 ? kipc__ring_wait_broken(c, r) : 0;
}

/* Where nothing is there yet, and where I would not spin, the wake-up and the sleep are one call. An
 * answer may be there all the same by then: the back end lies down before it rings.
 */
int kipc__ring_wait_turn(struct kipc__ring_chan *c, uint64_t bell, int64_t timeout)
{
	int64_t deadline;
	int parked, r = tx_bell_due(c, bell);

	if (r <= 0)
		return r;
	if (timeout == 0 || c->base.wait == KIPC_WAIT_SPIN || spin_bound(c) != 0 ||
	    check(c, KIPC_SIDE_DATA) != 0) {
		wake_peer(c, KIPC_SIDE_DATA);
		return 0;
	}
	prepare(c, KIPC_SIDE_DATA);
	deadline = kipc__deadline(timeout);
	kipc__count(&c->base.stats.wakes);
	kipc__count(&c->base.stats.sleeps);
	parked = c->back->xchg(c, kipc__ring_wait_target(c, KIPC_SIDE_DATA), deadline);
	r = check(c, KIPC_SIDE_DATA);
	if (r == 0)
		r = parked < 0 ? parked : sleep_until(c, KIPC_SIDE_DATA, deadline);
	return r < 0 ? kipc__ring_wait_broken(c, r) : 1;
}

/* ---- events ----------------------------------------------------------------------------- */

/* Room is of no use once nobody takes what is sent. Messages are, and of a peer that only says no more the end
 * is told behind the last of them.
 */
static bool hung_up(const struct kipc__ring_chan *c, unsigned side)
{
	unsigned gone = kipc__ring_wait_gone(c, side);

	return side == KIPC_SIDE_SPACE ? gone : gone & (KIPC_GONE_CLOSED | KIPC_GONE_DEAD);
}

/* What is true now of events; a peer that is gone makes both directions "will not block". */
static int events_now(struct kipc__ring_chan *c, unsigned events)
{
	unsigned now = 0;
	unsigned side;

	for (side = KIPC_SIDE_DATA; side <= KIPC_SIDE_SPACE; side++) {
		unsigned event = side == KIPC_SIDE_DATA ? KIPC_IN : KIPC_OUT;
		int r = events & event ? check(c, side) : 0;

		if (r == -EBADMSG)
			return r;
		if (r != 0)
			now |= event;
		if (r == -EPIPE || (r != 0 && hung_up(c, side)))
			now |= KIPC_HUP;
	}
	return (int)now;
}

/* Both directions at once: through their poll descriptors. */
static int await_both(struct kipc__ring_chan *c, int64_t timeout)
{
	int64_t deadline = timeout ? kipc__deadline(timeout) : 0;
	struct pollfd p[2] = { { .fd = c->back->fd(c, KIPC_SIDE_DATA), .events = POLLIN },
		               { .fd = c->back->fd(c, KIPC_SIDE_SPACE), .events = POLLIN } };
	struct timespec left;
	int r;

	for (;;) {
		if (p[0].fd < 0 || p[1].fd < 0)
			return p[0].fd < 0 ? p[0].fd : p[1].fd;
		c->back->idle(c, KIPC_SIDE_DATA);
		c->back->idle(c, KIPC_SIDE_SPACE);
		r = events_now(c, KIPC_IN | KIPC_OUT);
		if (r != 0)
			return r;
		left = kipc__timespec(deadline == KIPC__NEVER ? 0 : deadline - kipc__now());
		if (timeout == 0)
			return -EAGAIN;
		if (deadline != KIPC__NEVER && (left.tv_sec < 0 || left.tv_nsec < 0))
			return -ETIMEDOUT;
		if (ppoll(p, 2, deadline == KIPC__NEVER ? NULL : &left, NULL) < 0)
			return -errno;
	}
}

int kipc__ring_wait_events(struct kipc__ring_chan *c, unsigned events, int64_t timeout)
{
	int r = events_now(c, events);

	if (r != 0)
		return r;
	if (events == (KIPC_IN | KIPC_OUT))
		return await_both(c, timeout);
	r = kipc__ring_wait_for(c, events == KIPC_IN ? KIPC_SIDE_DATA : KIPC_SIDE_SPACE, timeout);
	return r < 0 && r != -EPIPE ? r : events_now(c, events);
}
