// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "../core/pubsub.h"
#include "hub_chan.h"

/*
 * One publisher and many subscribers of a ring: core/pubsub.h decides what is
 * whole and who is in the way, the hub who lives and how to sleep, and this file when to wait for whom.
 */

#define SUBSCRIBERS 64

struct pubsub {
	struct kipc__hub h;
	int fault;        /* -EBADMSG once somebody broke the ring */
	int64_t patience; /* ns for a slow subscriber; negative: for ever */
	uint64_t want;    /* bytes of records that last did not fit; 0: none waits */
	union {
		struct kipc__pub pub;
		struct kipc__sub sub;
	};
};

static struct pubsub *of(struct kipc_chan *c)
{
	return (struct pubsub *)c;
}

static bool publishes(const struct pubsub *c)
{
	return c->h.end == 0;
}

static uint32_t *gone_word(const struct kipc__hub *h)
{
	return &kipc__hub_bell(h, KIPC_SIDE_DATA)->gone;
}

static struct kipc_ring_pub *pub_ctrl(const struct kipc__hub *h)
{
	return (struct kipc_ring_pub *)(h->end == 0 && h->mine ? h->mine : kipc__hub_ctrl(h, 0));
}

/* ---- making and joining ----------------------------------------------------------------- */

static int pubsub_plan(const struct kipc__config *cfg, struct kipc__hub_plan *plan)
{
	unsigned dirs = cfg->flags & (KIPC_SEND | KIPC_RECV);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), bytes = cfg->ring_bytes;

	if (dirs != KIPC_SEND && dirs != KIPC_RECV) {
		kipc__why_set("an end of KIPC_PUBSUB has either KIPC_SEND or KIPC_RECV");
		return -EINVAL;
	}
	while (bytes < page || bytes < 16ULL * cfg->align)
		bytes *= 2;
	plan->nr_ends = 1 + SUBSCRIBERS;
	plan->first = dirs == KIPC_SEND ? 0 : 1;
	plan->last = dirs == KIPC_SEND ? 0 : SUBSCRIBERS;
	plan->data_bytes = bytes;
	plan->geom[0] = (struct kipc_ring_geom){
		.bytes = bytes,
		.start = cfg->payload ? cfg->align - KIPC_PUB_BYTES : 0,
		.align = cfg->align,
		.node = cfg->node,
		.page_size = page,
	};
	return 0;
}

static int pubsub_format(struct kipc__hub *h)
{
	kipc__pubsub_format(pub_ctrl(h), &h->geom[0]);
	return 0;
}

static int pubsub_check(struct kipc__hub *h, const struct kipc__config *cfg)
{
	const struct kipc_ring_geom *g = &h->geom[0];
	struct kipc__hub_plan asked = { 0 };

	if (!kipc__pubsub_geom_valid(g) || g->bytes != h->data_bytes || h->ident.nr_ends < 2)
		return -EBADMSG;
	(void)pubsub_plan(cfg, &asked);
	if ((cfg->given & KIPC__GIVEN_SIZE) && g->bytes != asked.data_bytes) {
		kipc__why_set("it exists with size=%llu, not %llu", (unsigned long long)g->bytes,
		              (unsigned long long)asked.data_bytes);
		return -EEXIST;
	}
	if ((cfg->given & KIPC__GIVEN_ALIGN) && g->align != cfg->align) {
		kipc__why_set("it exists with align=%u, not %u", g->align, cfg->align);
		return -EEXIST;
	}
	return 0;
}

static struct kipc__pubsub memory_of(const struct kipc__hub *h)
{
	return (struct kipc__pubsub){
		.data = h->data,
		.ctrl = pub_ctrl(h),
		.mine = h->mine,
		.ctrls = h->ctrl,
		.ctrl_bytes = h->ident.ctrl_bytes,
		.nr_ends = h->ident.nr_ends,
		.bound = h->status->sets.bound,
		.bind = h->back->bind,
		.bind_arg = (void *)(uintptr_t)h,
		.bytes = h->geom[0].bytes,
		.align = h->geom[0].align,
	};
}

static int pubsub_join(struct kipc__hub *h, const struct kipc__config *cfg)
{
	struct pubsub *c = (struct pubsub *)h;
	struct kipc__pubsub at = memory_of(h);
	int r;

	c->patience = cfg->patience;
	if (publishes(c)) {
		h->watch[0] = 1;
		h->watch[1] = h->ident.nr_ends - 1;
		r = kipc__pub_init(&c->pub, &at);
		if (r == 0)
			h->back->gone(h, 0);
	} else {
		if (cfg->lossy)
			h->ops.caps &= ~KIPC_CAP_RELIABLE;
		r = kipc__sub_init(&c->sub, &at, h->end, cfg->lossy, cfg->from_oldest);
		kipc__store_release(&h->mine->hints.joined, 1); /* its place is live before */
		/* A publisher that met it while it looked for its place may sleep. */
		kipc__hub_wake(h, KIPC_SIDE_SPACE, true);
	}
	if (r < 0)
		kipc__why_set("what its publisher left is damaged");
	return r;
}

/* ---- going ------------------------------------------------------------------------------ */

/* Without a publisher subscribers get -EPIPE behind the last message, until somebody publishes again. */
static void subscriber_gone(struct kipc__hub *h, unsigned end)
{
	struct kipc__pubsub at = memory_of(h);

	kipc__pubsub_bind(&at, end, false);
	kipc__hub_wake(h, KIPC_SIDE_SPACE, true);
}

static void pubsub_died(struct kipc__hub *h, unsigned end)
{
	if (end == 0)
		h->back->gone(h, KIPC_GONE_DEAD);
	else
		subscriber_gone(h, end);
}

static void pubsub_leave(struct kipc__hub *h)
{
	if (h->end == 0)
		h->back->gone(h, KIPC_GONE_CLOSED);
	else
		subscriber_gone(h, h->end);
}

static int pubsub_shutdown(struct kipc_chan *base, unsigned dirs)
{
	struct pubsub *c = of(base);

	(void)dirs; /* an end has only one */
	if (publishes(c))
		c->h.back->gone(&c->h, KIPC_GONE_SHUT);
	else
		subscriber_gone(&c->h, c->h.end);
	return 0;
}

/* ---- waiting ---------------------------------------------------------------------------- */

static int broken(struct pubsub *c, int r)
{
	if (r == -EBADMSG && !c->fault) {
		c->fault = r;
		(void)pubsub_shutdown(&c->h.base, 0);
	}
	return r;
}

/* Is there room for what last did not fit? If not, say from which position on a subscriber that gives
 * some should wake me.
 */
static int room_ready(struct pubsub *c)
{
	uint64_t want = c->want ? c->want : kipc_ring_stride(8, c->pub.at.align);
	int r = kipc__pub_room(&c->pub, want);

	if (r == 0)
		kipc__store_relaxed(&pub_ctrl(&c->h)->hints.space_at,
		                    kipc__pub_needs(&c->pub, want));
	return r;
}

static int data_ready(struct pubsub *c)
{
	int r = kipc__sub_ready(&c->sub);

	/* What was committed before it left is delivered: look once more behind "gone". */
	if (r == 0 && kipc__load_acquire(gone_word(&c->h))) {
		r = kipc__sub_ready(&c->sub);
		return r ? r : -EPIPE;
	}
	return r;
}

static int pubsub_ready(struct kipc__hub *h, unsigned side)
{
	struct pubsub *c = (struct pubsub *)h;

	if (c->fault)
		return c->fault;
	return side == KIPC_SIDE_DATA ? data_ready(c) : room_ready(c);
}

/* Wait until n messages fit; patience runs out before the timeout: cut off who is in the way. */
static int make_room(struct pubsub *c, const struct kipc_msg *m, unsigned n, int64_t timeout)
{
	bool cuts = c->patience >= 0 && (timeout < 0 || timeout >= c->patience);
	int r;

	c->want = kipc__pub_extent(&c->pub, m, n);
	r = kipc__hub_wait_for(&c->h, KIPC_SIDE_SPACE, cuts ? c->patience : timeout);
	if (cuts && (r == -ETIMEDOUT || r == -EAGAIN)) {
		(void)kipc__pub_cut(&c->pub, c->want);
		r = 0;
	}
	if (r == 0)
		c->want = 0;
	return r;
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

static int sent(struct pubsub *c, const struct kipc_msg *m, int n)
{
	kipc__hub_published(&c->h, KIPC_SIDE_DATA, true);
	c->h.base.stats.sent_msgs += (unsigned)n;
	c->h.base.stats.sent_bytes += bytes_of(m, n);
	return n;
}

static int pubsub_reserve(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct pubsub *c = of(base);
	int r;

	if (c->fault)
		return c->fault;
	while ((r = kipc__pub_reserve(&c->pub, m, n)) == 0) {
		r = make_room(c, m, n, timeout);
		if (r < 0)
			return broken(c, r);
	}
	return broken(c, r);
}

static int pubsub_commit(struct kipc_chan *base, const struct kipc_msg *m, unsigned n)
{
	struct pubsub *c = of(base);
	int r = kipc__pub_commit(&c->pub, m, n);

	return r < 0 ? r : sent(c, m, r);
}

static int pubsub_discard(struct kipc_chan *base)
{
	of(base)->pub.reserved_n = 0;
	return 0;
}

static int pubsub_send(struct kipc_chan *base, const struct kipc_msg *m, unsigned n,
                       int64_t timeout)
{
	struct pubsub *c = of(base);
	int r;

	if (c->fault)
		return c->fault;
	while ((r = kipc__pub_send(&c->pub, m, n)) == 0) {
		r = make_room(c, m, 1, timeout);
		if (r < 0)
			return broken(c, r);
	}
	return r < 0 ? broken(c, r) : sent(c, m, r);
}

/* ---- subscribing ------------------------------------------------------------------------ */

/* Room was given: does the publisher wait for it, and is it enough? */
static void gave_back(struct pubsub *c)
{
	const struct kipc_ring_hints *hints = &pub_ctrl(&c->h)->hints;

	if (c->sub.lossy)
		return;
	kipc__fence_full(); /* (F), mirrored */
	if (kipc__load_relaxed(&kipc__hub_bell(&c->h, KIPC_SIDE_SPACE)->armed) &
	            KIPC_ARMED_FLAGS && /* (G) */
	    kipc_ring_due(c->sub.cons, kipc__load_relaxed(&hints->space_at)))
		kipc__hub_wake(&c->h, KIPC_SIDE_SPACE, true);
}

/* Not even one message: an error, or nothing more to come. */
static int missed(struct pubsub *c, int r)
{
	if (r == -EOVERFLOW)
		gave_back(c);
	return broken(c, r);
}

static int received(struct pubsub *c, int n, uint64_t bytes)
{
	gave_back(c);
	c->h.base.stats.recv_msgs += (unsigned)n;
	c->h.base.stats.recv_bytes += bytes;
	return n;
}

static int pubsub_peek(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct pubsub *c = of(base);
	int r;

	if (c->fault)
		return c->fault;
	while ((r = kipc__sub_peek(&c->sub, m, n)) == 0) {
		r = kipc__hub_wait_for(&c->h, KIPC_SIDE_DATA, timeout);
		if (r < 0)
			return broken(c, r);
	}
	return r < 0 ? missed(c, r) : r;
}

static int pubsub_release(struct kipc_chan *base, unsigned n)
{
	struct pubsub *c = of(base);
	uint64_t bytes = 0;
	unsigned i;
	int r;

	for (i = 0; i < n && i < c->sub.peeked; i++)
		bytes += c->sub.len[i];
	r = kipc__sub_release(&c->sub, n);
	return r <= 0 ? missed(c, r) : received(c, r, bytes);
}

static int pubsub_recv(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct pubsub *c = of(base);
	int r;

	if (c->fault)
		return c->fault;
	while ((r = kipc__sub_recv(&c->sub, m, n)) == 0) {
		r = kipc__hub_wait_for(&c->h, KIPC_SIDE_DATA, timeout);
		if (r < 0)
			return broken(c, r);
	}
	return r < 0 ? missed(c, r) : received(c, r, bytes_of(m, r));
}

static ssize_t pubsub_latest(struct kipc_chan *base, void *buf, size_t cap, uint64_t *number)
{
	struct pubsub *c = of(base);
	struct kipc_msg m = { .data = buf, .len = cap };
	int r = c->fault ? c->fault : kipc__sub_latest(&c->sub, &m, number);

	return r == 0 ? -EAGAIN : r < 0 ? broken(c, r) : (ssize_t)m.len;
}

static int pubsub_lost(const struct kipc_chan *base, uint64_t *n)
{
	*n = ((const struct pubsub *)base)->sub.lost;
	return 0;
}

/* ---- knowing ---------------------------------------------------------------------------- */

/* Its place is live before it takes back what its predecessor's end said. */
static int publisher_state(struct kipc__hub *h, struct kipc_peer *p)
{
	bool was_there = kipc__load_relaxed(&h->status->ends[0].generation) != 0;

	if (kipc__hub_state(h, 0) != KIPC_END_LIVE ||
	    (kipc__load_acquire(gone_word(h)) & (KIPC_GONE_CLOSED | KIPC_GONE_DEAD)))
		return was_there ? KIPC_PEER_GONE : KIPC_PEER_ABSENT;
	h->back->holder(h, 0, p);
	return KIPC_PEER_ALIVE;
}

static int subscribers_state(const struct kipc__hub *h)
{
	unsigned end;

	for (end = 1; end < h->ident.nr_ends; end++)
		if (kipc__hub_state(h, end) == KIPC_END_LIVE &&
		    kipc__load_acquire(&kipc__hub_ctrl(h, end)->hints.joined))
			return KIPC_PEER_ALIVE;
	return KIPC_PEER_ABSENT;
}

static int pubsub_peer(struct kipc_chan *base, struct kipc_peer *p)
{
	struct pubsub *c = of(base);

	kipc__hub_look(&c->h);
	p->state = publishes(c) ? subscribers_state(&c->h) : publisher_state(&c->h, p);
	return 0;
}

static int pubsub_get(const struct kipc_chan *base, enum kipc_opt opt, uint64_t *value)
{
	const struct kipc_ring_geom *g = ((const struct pubsub *)base)->h.geom;

	switch (opt) {
	case KIPC_OPT_RING_BYTES:
		*value = g->bytes;
		return 0;
	case KIPC_OPT_MAX_MSG:
		*value = kipc__pubsub_max_len(g->bytes, g->align);
		return 0;
	case KIPC_OPT_NODE:
		*value = (uint64_t)(g->node + 1);
		return 0;
	case KIPC_OPT_PAGE_BYTES:
		*value = g->page_size;
		return 0;
	default:
		return -EINVAL;
	}
}

static const struct kipc__transport pubsub_ops = {
	.caps = KIPC_CAP_ZEROCOPY | KIPC_CAP_MSG_BORDERS | KIPC_CAP_ORDERED | KIPC_CAP_RELIABLE |
	        KIPC_CAP_POLL_FD | KIPC_CAP_DEATH_NOTICE | KIPC_CAP_HOSTILE_SAFE |
	        KIPC_CAP_PEER_CRED | KIPC_CAP_NAMED | KIPC_CAP_NUMA,
	.kinds = KIPC_PUBSUB,
	.open = kipc__no_open,
	.pair = kipc__no_pair,
	.from_fd = kipc__no_from_fd,
	.use = kipc__hub_use,
	.handover = kipc__no_handover,
	.close = kipc__hub_close,
	.reserve = pubsub_reserve,
	.commit = pubsub_commit,
	.discard = pubsub_discard,
	.peek = pubsub_peek,
	.release = pubsub_release,
	.send = pubsub_send,
	.recv = pubsub_recv,
	.turn = kipc__turn_apart,
	.send_one = kipc__send_as_batch,
	.recv_one = kipc__recv_as_batch,
	.write = kipc__no_write,
	.read = kipc__no_read,
	.wait = kipc__hub_wait,
	.fd = kipc__hub_fd,
	.shutdown = pubsub_shutdown,
	.peer = pubsub_peer,
	.get = pubsub_get,
	.latest = pubsub_latest,
	.lost = pubsub_lost,
};

const struct kipc__hub_kind kipc__pubsub_kind = {
	.ops = &pubsub_ops,
	.name = "KIPC_PUBSUB",
	.kind = KIPC_KIND_PUBSUB,
	.handle_bytes = sizeof(struct pubsub),
	.mirrored = true,
	.plan = pubsub_plan,
	.format = pubsub_format,
	.check = pubsub_check,
	.join = pubsub_join,
	.leave = pubsub_leave,
	.died = pubsub_died,
	.ready = pubsub_ready,
};
