// SPDX-License-Identifier: MIT
#include "../os/cache.h"
#include "../os/sys.h"
#include "../os/wake.h"
#include "ring_base.h"
#include "ring_bell.h"
#include "ring_long.h"
#include "ring_wait.h"
#include "ring_watch.h"

static struct kipc__ring_chan *ring_of(struct kipc_chan *c)
{
	return (struct kipc__ring_chan *)c;
}

void kipc__ring_base_init(struct kipc__ring_chan *c, const struct kipc__transport *ops,
                          const struct kipc__ring_back *back, const struct kipc__config *cfg)
{
	*c = (struct kipc__ring_chan){
		.base = { .ops = ops,
		          .granted = kipc__dirs_of(cfg->flags),
		          .open = kipc__dirs_of(cfg->flags),
		          .wait = cfg->wait,
		          .spin_ns = cfg->spin_ns },
		.back = back,
		.tx_fence = true,
		.rx_fence = true,
		.rfo = cfg->rfo,
		.stretch = 1,
		.lead = KIPC__LEAD_LEAST,
		.credit = back->look_every ? 1 : UINT32_MAX,
	};
}

int kipc__ring_base_use(struct kipc_chan *base)
{
	struct kipc__ring_chan *c = ring_of(base);

	return c->back->attach(c);
}

static void hints_publish(struct kipc__ring_chan *c)
{
	struct kipc_ring_hints *mine = &c->ctrl[c->end]->hints;
	uint32_t fence = c->may_fence && c->base.wait != KIPC_WAIT_BLOCK ? KIPC_FENCE_CAN : 0;

	kipc__store_relaxed(&mine->fence, fence);
	kipc__store_relaxed(&mine->data_at, c->rx.cons + 1);
	kipc__store_relaxed(&mine->space_at, kipc__ring_wait_target(c, KIPC_SIDE_SPACE));
	kipc__store_relaxed(&mine->cpu, kipc__cpu());
}

static void choose_copies(struct kipc__ring_chan *c)
{
	struct kipc__copy_ways ways = kipc__cache_copy_ways(c->tx.bytes);

	kipc__copy_init(&c->tx.copy, &ways, kipc__now, c->tx.bytes);
	c->rx.wide = kipc__cache_copy_ways(c->rx.bytes).wide;
}

/* Of messages of how many bytes the lines are taken. */
static uint64_t own_most(const struct kipc__ring_chan *c)
{
	if (!c->back->writes_in || c->rfo == 0)
		return 0;
	return c->rfo > 0 ? UINT32_MAX : kipc__cache_rfo_most(c->geom[KIPC__RING_IN(c)].bytes);
}

int kipc__ring_base_begin(struct kipc__ring_chan *c)
{
	unsigned in = KIPC__RING_IN(c), out = KIPC__RING_OUT(c);
	struct kipc_ring_ctrl *mine = c->ctrl[c->end], *peer = c->ctrl[KIPC__RING_PEER(c)];
	int r = kipc__ring_tx_init(&c->tx, &c->geom[out], c->data[out], &mine->prod.pos,
	                           &peer->cons.pos);

	if (r == 0)
		r = kipc__ring_rx_init(&c->rx, &c->geom[in], c->data[in], &peer->prod.pos,
		                       &mine->cons.pos);
	if (r < 0)
		return r;
	c->tx.growth = &mine->growth;
	c->tx.follows = &peer->growth.follows;
	c->rx.growth = &peer->growth;
	c->fetches = kipc__cache_fetch_pays();
	c->own_most = own_most(c);
	c->rx.own_most = c->own_most;
	choose_copies(c);
	c->tx_bell = (uint64_t *)&c->status->bells[out].data;
	c->rx_bell = (uint64_t *)&c->status->bells[in].space;
	hints_publish(c);
	if (!(c->base.granted & KIPC_IN))
		r = c->back->shut(c, KIPC_IN);
	if (r == 0 && !(c->base.granted & KIPC_OUT))
		r = c->back->shut(c, KIPC_OUT);
	return r;
}

/* ---- verbs ------------------------------------------------------------------------------ */

static uint64_t bytes_of(const struct kipc_msg *m, int n)
{
	uint64_t bytes = m[0].len;
	int i;

	for (i = 1; i < n; i++)
		bytes += m[i].len;
	return bytes;
}

static int sent(struct kipc__ring_chan *c, const struct kipc_msg *m, int n)
{
	int r = kipc__ring_tx_done(c);

	if (kipc__unlikely(r < 0))
		return r;
	c->base.stats.sent_msgs += (unsigned)n;
	c->base.stats.sent_bytes += bytes_of(m, n);
	return n;
}

/* What the records of n messages take, from here. */
static uint64_t extent_of(const struct kipc__ring_chan *c, const struct kipc_msg *m, unsigned n)
{
	uint64_t end = c->tx.prod, header;
	unsigned i;

	for (i = 0; i < n; i++)
		end = kipc__ring_tx_end(&c->tx, end, m[i].len, &header);
	return end - c->tx.prod;
}

static int wait_for_room(struct kipc__ring_chan *c, const struct kipc_msg *m, unsigned n,
                         int64_t timeout)
{
	int r;

	c->want = extent_of(c, m, n);
	r = kipc__ring_wait_for(c, KIPC_SIDE_SPACE, timeout);
	if (r == 0) {
		c->want = 0;
		if (!kipc__ring_wait_sharing(c))
			kipc__ring_watch_ahead(c);
	}
	return r;
}

int kipc__ring_base_reserve(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__ring_chan *c = ring_of(base);
	int r;

	if (kipc__unlikely(kipc__load_relaxed(&c->fault)))
		return kipc__load_relaxed(&c->fault);
	while ((r = kipc__ring_reserve(&c->tx, m, n)) == 0) {
		r = wait_for_room(c, m, n, timeout);
		if (r < 0)
			return r;
	}
	return r < 0 ? kipc__ring_wait_broken(c, r) : r;
}

int kipc__ring_base_commit(struct kipc_chan *base, const struct kipc_msg *m, unsigned n)
{
	struct kipc__ring_chan *c = ring_of(base);
	int r = kipc__ring_commit(&c->tx, m, n);

	return r < 0 ? r : sent(c, m, r);
}

int kipc__ring_base_discard(struct kipc_chan *base)
{
	ring_of(base)->tx.reserved_n = 0;
	return 0;
}

/* Of a batch of long messages so many bytes go at once: the other side has something to do meanwhile. */
#define AT_ONCE 65536

/* How many messages these are. */
static unsigned at_once(uint64_t len, unsigned n)
{
	if (kipc__likely(len <= AT_ONCE / KIPC_BATCH_MAX))
		return n;
	len = len < AT_ONCE ? AT_ONCE / len : 1;
	return len < n ? (unsigned)len : n;
}

/* The rest of a batch of which some went, as far as there is room. Returns how many went in all. */
static kipc__noinline int send_rest(struct kipc__ring_chan *c, const struct kipc_msg *m, unsigned n,
                                    unsigned went)
{
	int r;

	do {
		r = kipc__ring_send(&c->tx, m + went, at_once(m[went].len, n - went));
		if (r > 0)
			r = sent(c, m + went, r);
		went += r > 0 ? (unsigned)r : 0;
	} while (r > 0 && went < n);
	return (int)went;
}

int kipc__ring_base_send(struct kipc_chan *base, const struct kipc_msg *m, unsigned n,
                         int64_t timeout)
{
	struct kipc__ring_chan *c = ring_of(base);
	unsigned piece = at_once(m->len, n);
	int r;

	if (kipc__unlikely(kipc__load_relaxed(&c->fault)))
		return kipc__load_relaxed(&c->fault);
	while ((r = kipc__ring_send(&c->tx, m, piece)) == 0) {
		r = wait_for_room(c, m, 1, timeout);
		if (r < 0)
			return r;
	}
	if (kipc__unlikely(r < 0))
		return kipc__ring_wait_broken(c, r);
	r = sent(c, m, r);
	return kipc__likely(piece == n) || r < 0 ? r : send_rest(c, m, n, (unsigned)r);
}

int kipc__ring_base_peek(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__ring_chan *c = ring_of(base);
	int r;

	if (kipc__unlikely(kipc__load_relaxed(&c->fault)))
		return kipc__load_relaxed(&c->fault);
	while ((r = kipc__ring_peek(&c->rx, m, n)) == 0) {
		if (kipc__ring_watch_briefly(c, timeout))
			continue;
		r = kipc__ring_wait_for(c, KIPC_SIDE_DATA, timeout);
		if (r < 0)
			return r;
	}
	return r < 0 ? kipc__ring_wait_broken(c, r) : r;
}

int kipc__ring_base_release(struct kipc_chan *base, unsigned n)
{
	struct kipc__ring_chan *c = ring_of(base);
	uint64_t bytes = n && n <= c->rx.peeked ? c->rx.sum[n - 1] : 0;
	int r = kipc__ring_release(&c->rx, n);

	if (r <= 0)
		return r;
	c->streak++;
	c->base.stats.recv_msgs += n;
	c->base.stats.recv_bytes += bytes;
	return (int)kipc__ring_rx_done(c, r);
}

/* How many of the messages that are there, of the first one's length, make a piece. */
static inline unsigned piece_there(const struct kipc__ring_chan *c, unsigned n)
{
	uint64_t header = kipc__ring_look(&c->rx, c->rx.cons);

	return header ? at_once(kipc__ring_header_len(header), n) : n;
}

static int received(struct kipc__ring_chan *c, const struct kipc_msg *m, int n)
{
	c->streak++;
	c->base.stats.recv_msgs += (unsigned)n;
	c->base.stats.recv_bytes += bytes_of(m, n);
	return (int)kipc__ring_rx_done(c, n);
}

/* As send_rest(), of those that are there. */
static kipc__noinline int recv_rest(struct kipc__ring_chan *c, struct kipc_msg *m, unsigned n,
                                    unsigned came)
{
	int r;

	do {
		r = kipc__ring_recv(&c->rx, m + came, piece_there(c, n - came));
		if (r > 0)
			r = received(c, m + came, r);
		came += r > 0 ? (unsigned)r : 0;
	} while (r > 0 && came < n);
	return (int)came;
}

int kipc__ring_base_recv(struct kipc_chan *base, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__ring_chan *c = ring_of(base);
	unsigned piece;
	int r;

	if (kipc__unlikely(kipc__load_relaxed(&c->fault)))
		return kipc__load_relaxed(&c->fault);
	while (piece = piece_there(c, n), (r = kipc__ring_recv(&c->rx, m, piece)) == 0) {
		if (kipc__ring_watch_briefly(c, timeout))
			continue;
		r = kipc__ring_wait_for(c, KIPC_SIDE_DATA, timeout);
		if (r < 0)
			return r;
	}
	if (kipc__unlikely(r < 0))
		return kipc__ring_wait_broken(c, r);
	r = received(c, m, r);
	return kipc__likely(piece == n) || r < 0 ? r : recv_rest(c, m, n, (unsigned)r);
}

int kipc__ring_base_turn(struct kipc_chan *base, const struct kipc_msg *m, struct kipc_msg *in,
                         int64_t timeout)
{
	struct kipc__ring_chan *c = ring_of(base);
	int r = kipc__ring_commit(&c->tx, m, 1);
	uint64_t bell;

	if (kipc__unlikely(r < 0))
		return r;
	c->base.stats.sent_msgs++;
	c->base.stats.sent_bytes += m->len;
	if (kipc__unlikely(--c->credit == 0))
		kipc__ring_wait_look(c);
	bell = kipc__ring_tx_bell(c);
	r = kipc__likely(bell == 0) ? 0 : kipc__ring_wait_turn(c, bell, timeout);
	if (kipc__unlikely(r < 0))
		return r;
	return kipc__ring_base_peek(base, in, 1, r > 0 ? 0 : timeout);
}

/* ---- a stream of bytes ------------------------------------------------------------------ */

/* Room is given back whenever this much was read, so that the writer goes on meanwhile. */
#define READ_STEP 16384

static int64_t read_step(struct kipc__ring_chan *c, void *buf, size_t cap, size_t step)
{
	uint64_t cons = c->rx.cons;
	int64_t n = kipc__ring_read(&c->rx, buf, cap, step, &c->base.stats.recv_msgs);

	if (c->rx.cons != cons)
		(void)kipc__ring_rx_done(c, 0);
	if (n > 0)
		c->base.stats.recv_bytes += (uint64_t)n;
	return n;
}

/* As many steps as there is something to read. */
static int64_t read_steps(struct kipc__ring_chan *c, uint8_t *buf, size_t cap)
{
	size_t step = c->rx.bytes / 4 < READ_STEP ? c->rx.bytes / 4 : READ_STEP;
	size_t got = 0;
	int64_t n;

	do {
		n = read_step(c, buf + got, cap - got, step);
		got += n > 0 ? (size_t)n : 0;
	} while (n >= (int64_t)step && got < cap);
	return got ? (int64_t)got : n;
}

/* Empty messages end a wait and give nothing to read: they must not make it longer. */
static int await_bytes(struct kipc__ring_chan *c, int64_t timeout, int64_t *deadline)
{
	int64_t left = timeout;

	if (*deadline && timeout >= 0) {
		left = timeout ? *deadline - kipc__now() : 0;
		if (left <= 0)
			return timeout ? -ETIMEDOUT : -EAGAIN;
	} else {
		*deadline = timeout > 0 ? kipc__deadline(timeout) : KIPC__NEVER;
	}
	return kipc__ring_watch_briefly(c, left) ? 0 : kipc__ring_wait_for(c, KIPC_SIDE_DATA, left);
}

ssize_t kipc__ring_base_read(struct kipc_chan *base, void *buf, size_t cap, int64_t timeout)
{
	struct kipc__ring_chan *c = ring_of(base);
	int64_t deadline = 0, n;
	int r;

	if (kipc__unlikely(kipc__load_relaxed(&c->fault)))
		return kipc__load_relaxed(&c->fault);
	while ((n = read_steps(c, buf, cap)) == 0) {
		r = await_bytes(c, timeout, &deadline);
		if (r < 0)
			return r;
	}
	c->streak++;
	return n < 0 ? kipc__ring_wait_broken(c, (int)n) : n;
}

int kipc__ring_base_wait(struct kipc_chan *base, unsigned events, int64_t timeout)
{
	return kipc__ring_wait_events(ring_of(base), events, timeout);
}

int kipc__ring_base_fd(struct kipc_chan *base, unsigned dir)
{
	struct kipc__ring_chan *c = ring_of(base);

	return c->back->fd(c, dir == KIPC_IN ? KIPC_SIDE_DATA : KIPC_SIDE_SPACE);
}

int kipc__ring_base_shutdown(struct kipc_chan *base, unsigned dirs)
{
	struct kipc__ring_chan *c = ring_of(base);

	return c->back->shut(c, dirs);
}

int kipc__ring_base_get(const struct kipc_chan *base, enum kipc_opt opt, uint64_t *value)
{
	const struct kipc__ring_chan *c = (const struct kipc__ring_chan *)base;
	bool sends = base->granted & KIPC_OUT;
	const struct kipc_ring_geom *g = &c->geom[sends ? KIPC__RING_OUT(c) : KIPC__RING_IN(c)];

	switch (opt) {
	case KIPC_OPT_RING_BYTES:
		*value = g->bytes;
		return 0;
	case KIPC_OPT_MAX_MSG:
		*value = kipc_ring_max_len(g->bytes, g->align);
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
