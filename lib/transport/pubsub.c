// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "pubsub_chan.h"

/* One publisher and many subscribers of a ring: its geometry, and the life of an end. */

#define SUBSCRIBERS 64

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
	kipc__pubsub_format(kipc__pubsub_ctrl(h), &h->geom[0]);
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
	if (((cfg->given & KIPC__GIVEN_ALIGN) && g->align != cfg->align) ||
	    ((cfg->given & KIPC__GIVEN_PAYLOAD) && g->start != asked.geom[0].start)) {
		kipc__why_set("it exists with align=%u&payload=%d", g->align, g->start != 0);
		return -EEXIST;
	}
	return 0;
}

static struct kipc__pubsub memory_of(const struct kipc__hub *h)
{
	return (struct kipc__pubsub){
		.data = h->data,
		.ctrl = kipc__pubsub_ctrl(h),
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
	struct kipc__pubsub_chan *c = (struct kipc__pubsub_chan *)h;
	struct kipc__pubsub at = memory_of(h);
	int r;

	c->patience = cfg->patience;
	if (kipc__pubsub_publishes(c)) {
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

int kipc__pubsub_chan_shutdown(struct kipc_chan *base, unsigned dirs)
{
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);

	(void)dirs; /* an end has only one */
	if (kipc__pubsub_publishes(c))
		c->h.back->gone(&c->h, KIPC_GONE_SHUT);
	else
		subscriber_gone(&c->h, c->h.end);
	return 0;
}

/* ---- knowing ---------------------------------------------------------------------------- */

/* Its place is live before it takes back what its predecessor's end said. */
static int publisher_state(struct kipc__hub *h, struct kipc_peer *p)
{
	bool was_there = kipc__load_relaxed(&h->status->ends[0].generation) != 0;

	if (kipc__hub_state(h, 0) != KIPC_END_LIVE ||
	    (kipc__load_acquire(kipc__pubsub_gone(h)) & (KIPC_GONE_CLOSED | KIPC_GONE_DEAD)))
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
	struct kipc__pubsub_chan *c = kipc__pubsub_of(base);

	kipc__hub_look(&c->h);
	p->state = kipc__pubsub_publishes(c) ? subscribers_state(&c->h) : publisher_state(&c->h, p);
	return 0;
}

static int pubsub_get(const struct kipc_chan *base, enum kipc_opt opt, uint64_t *value)
{
	const struct kipc_ring_geom *g = ((const struct kipc__pubsub_chan *)base)->h.geom;

	switch (opt) {
	case KIPC_OPT_RING_BYTES:
		*value = g->bytes;
		return 0;
	case KIPC_OPT_MAX_MSG:
		*value = kipc__pubsub_max_len(g->bytes, g->align);
		return 0;
	case KIPC_OPT_NODE:
		*value = kipc__node_told(g->node);
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
	.reserve = kipc__pubsub_chan_reserve,
	.commit = kipc__pubsub_chan_commit,
	.discard = kipc__pubsub_chan_discard,
	.peek = kipc__pubsub_chan_peek,
	.release = kipc__pubsub_chan_release,
	.send = kipc__pubsub_chan_send,
	.recv = kipc__pubsub_chan_recv,
	.turn = kipc__turn_apart,
	.send_one = kipc__send_as_batch,
	.recv_one = kipc__recv_as_batch,
	.write = kipc__no_write,
	.read = kipc__no_read,
	.wait = kipc__pubsub_chan_wait,
	.fd = kipc__hub_fd,
	.shutdown = kipc__pubsub_chan_shutdown,
	.peer = pubsub_peer,
	.get = pubsub_get,
	.latest = kipc__pubsub_chan_latest,
	.lost = kipc__pubsub_chan_lost,
};

const struct kipc__hub_kind kipc__pubsub_kind = {
	.ops = &pubsub_ops,
	.name = "KIPC_PUBSUB",
	.kind = KIPC_KIND_PUBSUB,
	.handle_bytes = sizeof(struct kipc__pubsub_chan),
	.mirrored = true,
	.calls = true,
	.plan = pubsub_plan,
	.format = pubsub_format,
	.check = pubsub_check,
	.join = pubsub_join,
	.leave = pubsub_leave,
	.died = pubsub_died,
	.ready = kipc__pubsub_chan_ready,
};
