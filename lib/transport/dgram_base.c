// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <kipc_ring.h>
#include "../core/atomic.h"
#include "../os/sys.h"
#include "dgram_base.h"
#include "dgram_in.h"
#include "dgram_wait.h"

/* The least size of the staging buffer. */
#define STAGE_MIN 4096

static struct kipc__dgram *dgram_of(struct kipc_chan *c)
{
	return (struct kipc__dgram *)c;
}

void kipc__dgram_base_init(struct kipc__dgram *d, const struct kipc__transport *ops,
                           const struct kipc__dgram_back *back, const struct kipc__config *cfg)
{
	d->base = (struct kipc_chan){ .ops = ops, .wait = cfg->wait, .spin_ns = cfg->spin_ns };
	d->back = back;
	d->out.align = cfg->payload ? cfg->align : KIPC_REC_BYTES;
}

void kipc__dgram_base_free(struct kipc__dgram *d)
{
	kipc__dgram_in_free(d);
	free(d->out.buf);
}

/* ---- waiting ---------------------------------------------------------------------------- */

/* What is true now; that the back end has something to receive is not yet a message. */
static int events_now(struct kipc__dgram *d, unsigned events)
{
	int now = d->back->events(d, events);
	int r;

	if (now < 0 || !(events & KIPC_IN) || (!(now & KIPC_IN) && d->in.n == 0))
		return now;
	r = kipc__dgram_ready(d);
	if (r == -EPIPE)
		return now | KIPC_IN | KIPC_HUP;
	if (r < 0 && r != -EAGAIN)
		return r;
	return r > 0 ? now | KIPC_IN : now & ~KIPC_IN;
}

int kipc__dgram_base_wait(struct kipc_chan *c, unsigned events, int64_t timeout)
{
	struct kipc__dgram *d = dgram_of(c);
	struct kipc__dgram_pause w = { .timeout = timeout };
	int r = kipc__load_relaxed(&d->fault);

	while (r == 0) {
		r = events_now(d, events);
		if (r != 0)
			break;
		r = kipc__dgram_pause(d, events, &w);
	}
	return r;
}

/* ---- sending ---------------------------------------------------------------------------- */

static int sent(struct kipc__dgram *d, const struct kipc_msg *m, int n)
{
	int i;

	for (i = 0; i < n; i++)
		d->base.stats.sent_bytes += m[i].len;
	d->base.stats.sent_msgs += (unsigned)n;
	return n;
}

static unsigned count_fitting(const struct kipc__dgram *d, const struct kipc_msg *m, unsigned n)
{
	size_t most = kipc__load_relaxed(&d->max_msg);
	unsigned i = 0;

	while (i < n && m[i].len <= most)
		i++;
	return i;
}

static void wrap(struct kipc__packet *p, const struct kipc_msg *m)
{
	p->header = m->len + 1;
	p->parts = 2;
	p->iov[0] = (struct iovec){ .iov_base = &p->header, .iov_len = KIPC_REC_BYTES };
	p->iov[1] = (struct iovec){ .iov_base = m->data, .iov_len = m->len };
}

int kipc__dgram_base_send(struct kipc_chan *c, const struct kipc_msg *m, unsigned n,
                          int64_t timeout)
{
	struct kipc__dgram *d = dgram_of(c);
	struct kipc__dgram_pause w = { .timeout = timeout };
	struct kipc__packet p[KIPC_BATCH_MAX];
	int r = kipc__load_relaxed(&d->fault);
	unsigned i;

	if (r == 0 && d->out.n)
		r = -EBUSY;
	n = count_fitting(d, m, n);
	if (r == 0 && n == 0)
		r = -EMSGSIZE;
	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		wrap(&p[i], &m[i]);
	while ((r = d->back->send(d, p, n)) == -EAGAIN) {
		r = kipc__dgram_pause(d, KIPC_OUT, &w);
		if (r < 0)
			return r;
	}
	return sent(d, m, r);
}

/* ---- reserving -------------------------------------------------------------------------- */

static size_t round_up(size_t v, size_t to)
{
	return (v + to - 1) & ~(to - 1);
}

/* Where payload i of a reservation starts; its header lies right before it. */
static size_t stage_next(const struct kipc__dgram_out *o, size_t end)
{
	return round_up(end + KIPC_REC_BYTES, o->align);
}

/* Zeroed: what the user does not fill in goes to the peer as it is, and must not be memory that this
 * process used for something else.
 */
static int stage_grow(struct kipc__dgram_out *o, size_t need)
{
	size_t cap = o->cap ? o->cap : STAGE_MIN;
	size_t align = o->align > 64 ? o->align : 64;
	uint8_t *buf;

	if (need <= o->cap)
		return 0;
	while (cap < need)
		cap *= 2;
	buf = aligned_alloc(align, round_up(cap, align));
	if (!buf)
		return -ENOMEM;
	memset(buf, 0, cap);
	free(o->buf);
	o->buf = buf;
	o->cap = cap;
	return 0;
}

static int stage(struct kipc__dgram_out *o, struct kipc_msg *m, unsigned n)
{
	size_t end = 0;
	unsigned i;
	int r;

	for (i = 0; i < n; i++)
		end = stage_next(o, end) + m[i].len;
	r = stage_grow(o, end);
	if (r < 0)
		return r;
	for (i = 0, end = 0; i < n; i++) {
		o->len[i] = m[i].len;
		o->data[i] = m[i].data = o->buf + stage_next(o, end);
		end = stage_next(o, end) + m[i].len;
	}
	o->n = n;
	return (int)n;
}

int kipc__dgram_base_reserve(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__dgram *d = dgram_of(c);
	struct kipc__dgram_pause w = { .timeout = timeout };
	int r = kipc__load_relaxed(&d->fault);

	if (r == 0 && d->out.n)
		r = -EBUSY;
	if (r == 0 && count_fitting(d, m, n) < n)
		r = -EMSGSIZE;
	while (r == 0) {
		r = d->back->room(d, m, n);
		if (r != 0)
			break;
		r = kipc__dgram_pause(d, KIPC_OUT, &w);
	}
	return r < 0 ? r : stage(&d->out, m, n);
}

static bool is_reserved(const struct kipc__dgram_out *o, const struct kipc_msg *m, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (i >= o->n || m[i].data != o->data[i] || m[i].len > o->len[i])
			return false;
	return n > 0;
}

/* Header and payload lie in one piece. */
static void wrap_staged(struct kipc__packet *p, const struct kipc_msg *m)
{
	p->header = m->len + 1;
	p->parts = 1;
	p->iov[0].iov_base = (uint8_t *)m->data - KIPC_REC_BYTES;
	p->iov[0].iov_len = KIPC_REC_BYTES + m->len;
	memcpy(p->iov[0].iov_base, &p->header, KIPC_REC_BYTES);
}

/* reserve made sure that there is room, and nobody else takes it. Should the kernel count otherwise,
 * the rest of a batch waits for room rather than be lost. Where it lacks the memory for one, or the peer goes,
 * those before it went all the same.
 */
int kipc__dgram_base_commit(struct kipc_chan *c, const struct kipc_msg *m, unsigned n)
{
	struct kipc__dgram *d = dgram_of(c);
	struct kipc__packet p[KIPC_BATCH_MAX];
	unsigned i, done = 0;
	int r = 0;

	if (!is_reserved(&d->out, m, n))
		return -EINVAL;
	for (i = 0; i < n; i++)
		wrap_staged(&p[i], &m[i]);
	while (done < n && (r >= 0 || r == -EINTR)) {
		r = d->back->send(d, p + done, n - done);
		if (r == -EAGAIN)
			r = d->back->await(d, KIPC_OUT, KIPC__NEVER);
		else
			done += r > 0 ? (unsigned)r : 0;
	}
	d->out.n = 0;
	return done ? sent(d, m, (int)done) : r;
}

int kipc__dgram_base_discard(struct kipc_chan *c)
{
	dgram_of(c)->out.n = 0;
	return 0;
}

/* ---- knowing ---------------------------------------------------------------------------- */

int kipc__dgram_base_get(const struct kipc_chan *c, enum kipc_opt opt, uint64_t *value)
{
	const struct kipc__dgram *d = (const struct kipc__dgram *)c;

	switch (opt) {
	case KIPC_OPT_MAX_MSG:
		*value = kipc__load_relaxed(&d->max_msg);
		return 0;
	case KIPC_OPT_RING_BYTES:
	case KIPC_OPT_NODE:
	case KIPC_OPT_PAGE_BYTES:
		*value = 0;
		return 0;
	default:
		return -EINVAL;
	}
}
