// SPDX-License-Identifier: MIT
#include <unistd.h>
#include "../os/cache.h"
#include "queue_chan.h"

/*
 * KIPC_QUEUE: the slots of core/queue.h in the data area of a hub. Here: its geometry, and the life of an end; the verbs are in queue_verbs.c.
 */

#define DEFAULT_SLOTS 256
#define DEFAULT_SLOT  248
#define ENDS          64

/* ---- geometry --------------------------------------------------------------------------- */

static uint32_t slots_of(const struct kipc__config *cfg)
{
	uint32_t n = 1;

	while (n < (cfg->given & KIPC__GIVEN_SLOTS ? cfg->slots : DEFAULT_SLOTS))
		n *= 2;
	return n;
}

static uint32_t stride_of(const struct kipc__config *cfg)
{
	uint32_t slot = cfg->given & KIPC__GIVEN_SLOT ? cfg->slot_bytes : DEFAULT_SLOT;

	return (slot + (uint32_t)sizeof(uint64_t) + KIPC_QUEUE_LINE - 1) & ~(KIPC_QUEUE_LINE - 1);
}

static struct kipc_queue_geom geom_of(const struct kipc__config *cfg)
{
	return (struct kipc_queue_geom){
		.slots = slots_of(cfg),
		.stride = stride_of(cfg),
		.classes = cfg->given & KIPC__GIVEN_PRIO ? cfg->classes : 1,
		.held = cfg->drop_held ? KIPC_QUEUE_DROP : KIPC_QUEUE_REDELIVER,
		.nr_ends = ENDS,
	};
}

/* How the geometry gets from the plan to format(): geom[1] of a region with one data area is free. */
static struct kipc_ring_geom pack(const struct kipc_queue_geom *g)
{
	return (struct kipc_ring_geom){ .reserved = { (uint64_t)g->slots << 32 | g->stride,
		                                      (uint64_t)g->classes << 32 | g->held } };
}

static struct kipc_queue_geom unpack(const struct kipc_ring_geom *p, uint32_t nr_ends)
{
	return (struct kipc_queue_geom){ .slots = (uint32_t)(p->reserved[0] >> 32),
		                         .stride = (uint32_t)p->reserved[0],
		                         .classes = (uint32_t)(p->reserved[1] >> 32),
		                         .held = (uint32_t)p->reserved[1],
		                         .nr_ends = nr_ends };
}

static int queue_plan(const struct kipc__config *cfg, struct kipc__hub_plan *plan)
{
	struct kipc_queue_geom g = geom_of(cfg);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (cfg->given & (KIPC__GIVEN_SIZE | KIPC__GIVEN_ALIGN)) {
		kipc__why_set("a queue has slots= and slot= instead of a ring's size and align");
		return -EINVAL;
	}
	if (!kipc__queue_geom_valid(&g)) {
		kipc__why_set("%u slots of %u bytes in %u classes are more than %llu bytes",
		              g.slots, g.stride, g.classes,
		              (unsigned long long)KIPC_QUEUE_MAX_BYTES);
		return -EINVAL;
	}
	plan->nr_ends = ENDS;
	plan->last = ENDS - 1;
	plan->geom[0] = (struct kipc_ring_geom){ .node = cfg->node, .page_size = page };
	plan->geom[1] = pack(&g);
	plan->data_bytes = (kipc__queue_bytes(&g) + page - 1) & ~(page - 1);
	return 0;
}

/* From here on whoever has the region mapped can clean up after the dead: died(). */
static int look_at_area(struct kipc__hub *h)
{
	return kipc__queue_init(&((struct kipc__queue_chan *)h)->queue, h->data, h->data_bytes, 0);
}

static int queue_format(struct kipc__hub *h)
{
	struct kipc_queue_geom g = unpack(&h->geom[1], h->ident.nr_ends);

	kipc__queue_format(h->data, &g);
	return look_at_area(h);
}

static int differs(const char *what, unsigned long has, unsigned long asked)
{
	kipc__why_set("the queue has %s %lu, not %lu", what, has, asked);
	return -EEXIST;
}

static int queue_check(struct kipc__hub *h, const struct kipc__config *cfg)
{
	const struct kipc_queue_geom *g = &((struct kipc__queue_chan *)h)->queue.geom;
	int r = look_at_area(h);

	if (r < 0 || g->nr_ends != h->ident.nr_ends)
		return -EBADMSG;
	if ((cfg->given & KIPC__GIVEN_SLOTS) && slots_of(cfg) != g->slots)
		return differs("slots", g->slots, slots_of(cfg));
	if ((cfg->given & KIPC__GIVEN_SLOT) && stride_of(cfg) != g->stride)
		return differs("slots of a size of", g->stride - 8, stride_of(cfg) - 8);
	if ((cfg->given & KIPC__GIVEN_PRIO) && cfg->classes != g->classes)
		return differs("priorities", g->classes, cfg->classes);
	if ((cfg->given & KIPC__GIVEN_HELD) && cfg->drop_held != (g->held == KIPC_QUEUE_DROP)) {
		kipc__why_set("the queue was made with held=%s",
		              cfg->drop_held ? "redeliver" : "drop");
		return -EEXIST;
	}
	return 0;
}

/* ---- life ------------------------------------------------------------------------------- */

/* A former owner of this place is cleaned up after before anybody gets it. */
static int queue_join(struct kipc__hub *h, const struct kipc__config *cfg)
{
	struct kipc__queue_chan *c = (struct kipc__queue_chan *)h;

	c->queue.end = h->end;
	c->queue.rfo = cfg->rfo < 0 ? kipc__cache_rfo_most(kipc__queue_bytes(&c->queue.geom)) > 0
	                            : cfg->rfo > 0;
	h->watch[1] = ENDS - 1;
	return 0;
}

static void wake_everybody(struct kipc__hub *h)
{
	kipc__hub_wake(h, KIPC_SIDE_DATA, true);
	kipc__hub_wake(h, KIPC_SIDE_SPACE, true);
}

static void queue_died(struct kipc__hub *h, unsigned end)
{
	struct kipc__queue *q = &((struct kipc__queue_chan *)h)->queue;

	(void)kipc__queue_reap(q, end);
	(void)kipc__queue_mend_all(q);
	wake_everybody(h);
}

/* What is reserved is dropped, what is held is left to others. */
static void let_go(struct kipc__queue_chan *c, unsigned dirs)
{
	int changed = 0;

	if (dirs & KIPC_OUT)
		changed += kipc__queue_discard(&c->queue) != 0;
	if (dirs & KIPC_IN)
		changed += kipc__queue_return(&c->queue) != 0;
	if (changed)
		wake_everybody(&c->hub);
}

static void queue_leave(struct kipc__hub *h)
{
	let_go((struct kipc__queue_chan *)h, KIPC_IN | KIPC_OUT);
}

static int queue_shutdown(struct kipc_chan *base, unsigned dirs)
{
	let_go(kipc__queue_of(base), dirs);
	return 0;
}

/* ---- knowing ------------------------------------------------------------------------------- */

/* Everybody else together: alive as long as somebody has the queue open. */
static int queue_peer(struct kipc_chan *base, struct kipc_peer *p)
{
	struct kipc__hub *h = &kipc__queue_of(base)->hub;
	unsigned end;

	kipc__hub_look(h);
	for (end = 0; end < h->ident.nr_ends; end++)
		if (end != h->end && kipc__hub_state(h, end) == KIPC_END_LIVE)
			p->state = KIPC_PEER_ALIVE;
	return 0;
}

static int queue_get(const struct kipc_chan *base, enum kipc_opt opt, uint64_t *value)
{
	const struct kipc__queue_chan *c = (const struct kipc__queue_chan *)base;
	const struct kipc_queue_geom *g = &c->queue.geom;
	const struct kipc_queue_count *count = &c->queue.area->count;
	const struct {
		enum kipc_opt opt;
		uint64_t value;
	} known[] = {
		{ KIPC_OPT_RING_BYTES, 0 },
		{ KIPC_OPT_MAX_MSG, c->queue.max_len },
		{ KIPC_OPT_NODE, kipc__node_told(c->hub.geom[0].node) },
		{ KIPC_OPT_PAGE_BYTES, c->hub.geom[0].page_size },
		{ KIPC_OPT_SLOTS, g->slots },
		{ KIPC_OPT_PRIORITIES, g->classes },
		{ KIPC_OPT_PENDING, kipc__queue_pending(&c->queue) },
		{ KIPC_OPT_REDELIVERED, kipc__load_relaxed(&count->redelivered) },
		{ KIPC_OPT_DROPPED, kipc__load_relaxed(&count->dropped) },
		{ KIPC_OPT_ABANDONED, kipc__load_relaxed(&count->abandoned) },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].opt != opt)
			continue;
		*value = known[i].value;
		return 0;
	}
	return -EINVAL;
}

static const struct kipc__transport queue_ops = {
	.caps = KIPC_CAP_ZEROCOPY | KIPC_CAP_MSG_BORDERS | KIPC_CAP_ORDERED | KIPC_CAP_RELIABLE |
	        KIPC_CAP_POLL_FD | KIPC_CAP_DEATH_NOTICE | KIPC_CAP_HOSTILE_SAFE | KIPC_CAP_NAMED |
	        KIPC_CAP_NUMA,
	.kinds = KIPC_QUEUE,
	.open = kipc__no_open,
	.pair = kipc__no_pair,
	.from_fd = kipc__no_from_fd,
	.use = kipc__hub_use,
	.handover = kipc__no_handover,
	.close = kipc__hub_close,
	.reserve = kipc__queue_chan_reserve,
	.commit = kipc__queue_chan_commit,
	.discard = kipc__queue_chan_discard,
	.peek = kipc__queue_chan_peek,
	.release = kipc__queue_chan_release,
	.send = kipc__queue_chan_send,
	.recv = kipc__queue_chan_recv,
	.turn = kipc__turn_apart,
	.send_one = kipc__queue_chan_send_one,
	.recv_one = kipc__queue_chan_recv_one,
	.write = kipc__no_write,
	.read = kipc__no_read,
	.wait = kipc__queue_chan_wait,
	.fd = kipc__hub_fd,
	.shutdown = queue_shutdown,
	.peer = queue_peer,
	.get = queue_get,
};

const struct kipc__hub_kind kipc__queue_kind = {
	.ops = &queue_ops,
	.name = "queue",
	.kind = KIPC_KIND_QUEUE,
	.handle_bytes = sizeof(struct kipc__queue_chan),
	.plan = queue_plan,
	.format = queue_format,
	.check = queue_check,
	.join = queue_join,
	.leave = queue_leave,
	.died = queue_died,
	.ready = kipc__queue_chan_ready,
};
