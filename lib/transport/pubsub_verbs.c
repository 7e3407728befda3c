// SPDX-License-Identifier: MIT
#include <errno.h>
#include "../os/sys.h"
#include "pubsub_chan.h"

/* ---- waiting ---------------------------------------------------------------------------- */

static int broken(struct kipc__pubsub_chan *c, int r)
{
	if (r == -EBADMSG && !c->fault) {
		c->fault = r;
		(void)kipc__pubsub_chan_shutdown(&c->h.base, 0);
	}
	return r;
}

/* What last did not fit, or a short message. */
static uint64_t wanted(const struct kipc__pubsub_chan *c)
{
	return c->want ? c->want : kipc_ring_stride(8, c->pub.at.align);
}

/* Patience is over: the next send cuts off who is in its way, so it does not block. */
static bool impatient(const struct kipc__pubsub_chan *c)
{
	return c->patience == 0 || (c->late && kipc__now() >= c->late_at);
}

/* Is there room for what last did not fit? If not, say from which position on a subscriber that gives
 * some should wake me.
 */
static int room_ready(struct kipc__pubsub_chan *c)
{
	uint64_t want = wanted(c);
	int r = kipc__pub_room(&c->pub, want);

	if (r != 0)
		return r;
	kipc__store_relaxed(&kipc__pubsub_ctrl(&c->h)->hints.space_at,
	                    kipc__pub_needs(&c->pub, want));
	return impatient(c);
}

static int data_ready(struct kipc__pubsub_chan *c)
{
	int r = kipc__sub_ready(&c->sub);

	/* What was committed before it left is delivered: look once more behind "gone". */
	if (r == 0 && kipc__load_acquire(kipc__pubsub_gone(&c->h))) {
		r = kipc__sub_ready(&c->sub);
		return r ? r : -EPIPE;
	}
	return r;
}

int kipc__pubsub_chan_ready(struct kipc__hub *h, unsigned side)
{
	struct kipc__pubsub_chan *c = (struct kipc__pubsub_chan *)h;

	if (c->fault)
		return c->fault;
	return side == KIPC_SIDE_DATA ? data_ready(c) : room_ready(c);
}

/* ---- patience --------------------------------------------------------------------------- */

/* How long the publisher still waits for who is in its way before it cuts that one off; negative: for ever.
 * Patience begins where there is no room and goes on from call to call, however short they wait, until there is
 * room for what did not fit then.
 */
static int64_t patience_left(struct kipc__pubsub_chan *c)
{
	int64_t left;

	if (c->patience < 0)
		return -1;
	if (!c->late || kipc__pub_room(&c->pub, c->late) != 0) {
		c->late = wanted(c);
		c->late_at = kipc__deadline(c->patience);
	}
	left = c->late_at - kipc__now();
	return left > 0 ? left : 0;
}

/* Of the timeout of a verb that waits several times; *deadline is 0 before the first time. */
static int64_t time_left(int64_t timeout, int64_t *deadline)
{
	int64_t left;

	if (timeout <= 0)
		return timeout;
	if (*deadline == 0) {
		*deadline = kipc__deadline(timeout);
		return timeout;
	}
	left = *deadline - kipc__now();
	return left > 0 ? left : 0;
}

/* Wait until n messages fit; patience runs out before the timeout: cut off who is in the way. */
static int make_room(struct kipc__pubsub_chan *c, const struct kipc_msg *m, unsigned n,
                     int64_t timeout, int64_t *deadline)
{
	int64_t left = time_left(timeout, deadline), patience;
	bool cuts;
	int r;

	c->want = kipc__pub_extent(&c->pub, m, n);
	patience = patience_left(c);
	cuts = patience >= 0 && (left < 0 || left >= patience);
	r = kipc__hub_wait_for(&c->h, KIPC_SIDE_SPACE, cuts ? patience : left);
	if (cuts && (r == 0 || r == -ETIMEDOUT || r == -EAGAIN)) {
		if (impatient(c))
			(void)kipc__pub_cut(&c->pub, c->late);
		return 0;
	}
	return r == -EAGAIN && timeout ? -ETIMEDOUT : r;
}

/* Something fitted: KIPC_OUT and patience speak of what may come. */
static void fitted(struct kipc__pubsub_chan *c)
{
	c->want = 0;
	c->late = 0;
}

int kipc__pubsub_chan_wait(struct kipc_chan *base, unsigned events, int64_t timeout)
{
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);
	int64_t left;

	if (kipc__pubsub_publishes(c) && c->patience > 0 && !c->fault && room_ready(c) == 0) {
		left = patience_left(c);
		timeout = timeout < 0 || left < timeout ? left : timeout;
	}
	return kipc__hub_wait(base, events, timeout);
}

/* ---- publishing ------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct kipc_msg *m, int n)
{
	uint64_t bytes = 0;
	int i;

	for (i = 0; i < n; i++)
		bytes += m[i].len;
	return bytes;
}

static int sent(struct kipc__pubsub_chan *c, const struct kipc_msg *m, int n)
{
	fitted(c);
	kipc__hub_published(&c->h, KIPC_SIDE_DATA, true);
	c->h.base.stats.sent_msgs += (unsigned)n;
	c->h.base.stats.sent_bytes += bytes_of(m, n);
	return n;
}

int kipc__pubsub_chan_reserve(struct kipc_chan *base, struct kipc_msg *m, unsigned n,
                              int64_t timeout)
{
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);
	int64_t deadline = 0;
	int r;

	if (c->fault)
		return c->fault;
	while ((r = kipc__pub_reserve(&c->pub, m, n)) == 0) {
		r = make_room(c, m, n, timeout, &deadline);
		if (r < 0)
			return broken(c, r);
	}
	if (r > 0)
		fitted(c);
	return broken(c, r);
}

int kipc__pubsub_chan_commit(struct kipc_chan *base, const struct kipc_msg *m, unsigned n)
{
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);
	int r = kipc__pub_commit(&c->pub, m, n);

	return r < 0 ? r : sent(c, m, r);
}

int kipc__pubsub_chan_discard(struct kipc_chan *base)
{
	kipc__pubsub_of(base)->pub.reserved_n = 0;
	return 0;
}

int kipc__pubsub_chan_send(struct kipc_chan *base, const struct kipc_msg *m, unsigned n,
                           int64_t timeout)
{
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);
	int64_t deadline = 0;
	int r;

	if (c->fault)
		return c->fault;
	while ((r = kipc__pub_send(&c->pub, m, n)) == 0) {
		r = make_room(c, m, 1, timeout, &deadline);
		if (r < 0)
			return broken(c, r);
	}
	return r < 0 ? broken(c, r) : sent(c, m, r);
}

/* ---- subscribing ------------------------------------------------------------------------ */

/* Room was given: does the publisher wait for it, and is it enough? Who is not waited for any more gave all. */
static void gave_back(struct kipc__pubsub_chan *c)
{
	const struct kipc_ring_hints *hints = &kipc__pubsub_ctrl(&c->h)->hints;

	if (c->sub.lossy)
		return;
	kipc__fence_full(); /* (F), mirrored */
	if (kipc__load_relaxed(&kipc__hub_bell(&c->h, KIPC_SIDE_SPACE)->armed) &
	            KIPC_ARMED_FLAGS && /* (G) */
	    (!c->sub.bound || kipc_ring_due(c->sub.cons, kipc__load_relaxed(&hints->space_at))))
		kipc__hub_wake(&c->h, KIPC_SIDE_SPACE, true);
}

/* Nothing was received from there. Who had to look for its place again, although it missed nothing, may have
 * met a publisher meanwhile, which sleeps since.
 */
static void moved_on(struct kipc__pubsub_chan *c, uint64_t *from)
{
	if (c->sub.cons == *from)
		return;
	*from = c->sub.cons;
	gave_back(c);
}

/* Not even one message: an error, or nothing more to come. */
static int missed(struct kipc__pubsub_chan *c, int r)
{
	if (r == -EOVERFLOW)
		gave_back(c);
	return broken(c, r);
}

static int received(struct kipc__pubsub_chan *c, int n, uint64_t bytes)
{
	gave_back(c);
	c->h.base.stats.recv_msgs += (unsigned)n;
	c->h.base.stats.recv_bytes += bytes;
	return n;
}

int kipc__pubsub_chan_peek(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);
	uint64_t from = c->sub.cons;
	int r;

	if (c->fault)
		return c->fault;
	while ((r = kipc__sub_peek(&c->sub, m, n)) == 0) {
		moved_on(c, &from);
		r = kipc__hub_wait_for(&c->h, KIPC_SIDE_DATA, timeout);
		if (r < 0)
			return broken(c, r);
	}
	return r < 0 ? missed(c, r) : r;
}

int kipc__pubsub_chan_release(struct kipc_chan *base, unsigned n)
{
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);
	uint64_t bytes = 0;
	unsigned i;
	int r;

	for (i = 0; i < n && i < c->sub.peeked; i++)
		bytes += c->sub.len[i];
	r = kipc__sub_release(&c->sub, n);
	return r <= 0 ? missed(c, r) : received(c, r, bytes);
}

int kipc__pubsub_chan_recv(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);
	uint64_t from = c->sub.cons;
	int r;

	if (c->fault)
		return c->fault;
	while ((r = kipc__sub_recv(&c->sub, m, n)) == 0) {
		moved_on(c, &from);
		r = kipc__hub_wait_for(&c->h, KIPC_SIDE_DATA, timeout);
		if (r < 0)
			return broken(c, r);
	}
	return r < 0 ? missed(c, r) : received(c, r, bytes_of(m, r));
}

ssize_t kipc__pubsub_chan_latest(struct kipc_chan *base, void *buf, size_t cap, uint64_t *number)
{
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);
	struct kipc_msg m = { .data = buf, .len = cap };
	int r = c->fault ? c->fault : kipc__sub_latest(&c->sub, &m, number);

	return r == 0 ? -EAGAIN : r < 0 ? broken(c, r) : (ssize_t)m.len;
}

int kipc__pubsub_chan_lost(const struct kipc_chan *base, uint64_t *n)
{
	*n = ((const struct kipc__pubsub_chan *)base)->sub.lost;
	return 0;
}
