// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <kipc_ring.h>
#include "../core/atomic.h"
#include "../os/sys.h"
#include "dgram_in.h"
#include "dgram_wait.h"

/* Packets that one call takes straight into the user's buffers: each needs its own spill area. */
#define TAKE_MAX 16

/* Memory that one look may fill, the least size of a slot, and what a slot keeps when it is free. */
#define LOOK_BYTES (1024 * 1024)
#define SLOT_MIN   512
#define SLOT_KEEP  (64 * 1024)

static struct kipc__dgram *dgram_of(struct kipc_chan *c)
{
	return (struct kipc__dgram *)c;
}

static struct kipc__dgram_slot *slot_at(struct kipc__dgram_in *in, unsigned i)
{
	return &in->slot[(in->first + i) % KIPC_BATCH_MAX];
}

void kipc__dgram_in_free(struct kipc__dgram *d)
{
	unsigned i;

	for (i = 0; i < KIPC_BATCH_MAX; i++)
		free(d->in.slot[i].buf);
	if (d->in.spill)
		munmap(d->in.spill, TAKE_MAX * d->back->bound);
}

/* The channel is over: what was not delivered is not believed, or lost. */
static int fail(struct kipc__dgram *d, int r)
{
	kipc__store_relaxed(&d->fault, r);
	d->back->end(d);
	return r;
}

/* ---- one packet ------------------------------------------------------------------------- */

static size_t payload_len(const struct kipc__packet *p)
{
	return p->len - KIPC_REC_BYTES;
}

/* The header is compared with what the kernel says, not followed. */
static bool is_message(const struct kipc__dgram *d, const struct kipc__packet *p)
{
	return p->len >= KIPC_REC_BYTES && payload_len(p) <= d->back->bound &&
	       p->header == payload_len(p) + 1;
}

static void open_for(struct kipc__packet *p, void *buf, size_t cap)
{
	p->parts = 2;
	p->iov[0] = (struct iovec){ .iov_base = &p->header, .iov_len = KIPC_REC_BYTES };
	p->iov[1] = (struct iovec){ .iov_base = buf, .iov_len = cap };
}

static void received(struct kipc__dgram *d, size_t len)
{
	d->base.stats.recv_msgs++;
	d->base.stats.recv_bytes += len;
}

/* ---- slots ------------------------------------------------------------------------------ */

static int slot_fit(struct kipc__dgram_slot *s, size_t need)
{
	size_t cap = SLOT_MIN;

	if (need <= s->cap && s->buf)
		return 0;
	while (cap < need)
		cap *= 2;
	free(s->buf);
	s->buf = malloc(cap);
	s->cap = s->buf ? cap : 0;
	return s->buf ? 0 : -ENOMEM;
}

static uint8_t *slot_rest(const struct kipc__dgram_slot *s)
{
	return (uint8_t *)s->buf + s->off;
}

static size_t slot_left(const struct kipc__dgram_slot *s)
{
	return s->len - s->off;
}

bool kipc__dgram_keeps(const struct kipc__dgram *d)
{
	return d->in.held || (d->in.n && d->in.slot[d->in.first].off);
}

/* The k oldest are done with. */
static void forget(struct kipc__dgram *d, unsigned k)
{
	struct kipc__dgram_in *in = &d->in;
	unsigned held = in->held, inside = 0, i;

	for (i = 0; i < k; i++) {
		struct kipc__dgram_slot *s = slot_at(in, i);

		if (s->held)
			in->held--;
		else
			inside++;
		s->held = false;
		s->off = 0;
		if (s->cap > SLOT_KEEP && s != in->slot) {
			free(s->buf);
			s->buf = NULL;
			s->cap = 0;
		}
	}
	in->n -= k;
	in->peeked -= in->peeked < k ? in->peeked : k;
	in->first = in->n ? (in->first + k) % KIPC_BATCH_MAX : 0;
	if (inside && d->back->drop(d, inside) < 0)
		fail(d, -EBADMSG);
	if (held && in->held == 0)
		d->back->latch(d, false);
}

/* Keep a message that was taken and does not fit where it was to go. */
static int hold(struct kipc__dgram *d, const struct iovec *head, const uint8_t *tail, size_t len)
{
	struct kipc__dgram_slot *s = slot_at(&d->in, d->in.n);
	size_t first = len < head->iov_len ? len : head->iov_len;

	if (slot_fit(s, len) < 0)
		return -ENOMEM;
	if (first)
		memcpy(s->buf, head->iov_base, first);
	if (len > first)
		memcpy((uint8_t *)s->buf + first, tail, len - first);
	s->len = len;
	s->held = true;
	d->in.n++;
	if (d->in.held++ == 0)
		d->back->latch(d, true);
	return 0;
}

/* ---- looking ---------------------------------------------------------------------------- */

static size_t bytes_inside(struct kipc__dgram_in *in)
{
	size_t bytes = 0;
	unsigned i;

	for (i = in->held; i < in->n; i++)
		bytes += KIPC_REC_BYTES + slot_at(in, i)->len;
	return bytes;
}

static unsigned look_count(const struct kipc__dgram_in *in, unsigned n)
{
	unsigned most = in->hint ? (unsigned)(LOOK_BYTES / in->hint) : KIPC_BATCH_MAX;

	if (most > KIPC_BATCH_MAX - in->n)
		most = KIPC_BATCH_MAX - in->n;
	if (most == 0 && in->n == 0)
		most = 1;
	return n < most ? n : most;
}

static void hint_learn(struct kipc__dgram_in *in, size_t len)
{
	in->hint = len >= in->hint ? len : in->hint - (in->hint - len) / 8;
}

/* One packet that was looked at becomes a slot. false: it does not, so look no further. */
static bool look_keep(struct kipc__dgram *d, const struct kipc__packet *p)
{
	struct kipc__dgram_in *in = &d->in;
	struct kipc__dgram_slot *s = slot_at(in, in->n);

	if (!is_message(d, p)) {
		fail(d, -EBADMSG);
		return false;
	}
	hint_learn(in, payload_len(p));
	in->cut = payload_len(p) > s->cap;
	if (in->cut)
		return false;
	s->len = payload_len(p);
	in->n++;
	return true;
}

/* Copy up to n further messages into slots. How many; 0: the next one needs a larger slot, look
 * again; -EAGAIN, -EPIPE, ...
 */
static int look(struct kipc__dgram *d, unsigned n)
{
	struct kipc__dgram_in *in = &d->in;
	struct kipc__packet p[KIPC_BATCH_MAX];
	unsigned had = in->n, i;
	int r;

	n = look_count(in, n);
	for (i = 0; i < n; i++) {
		struct kipc__dgram_slot *s = slot_at(in, had + i);

		if (slot_fit(s, in->hint) < 0)
			break;
		open_for(&p[i], s->buf, s->cap);
	}
	if (i == 0)
		return n ? -ENOMEM : -EAGAIN;
	in->cut = false;
	r = d->back->recv(d, p, i, KIPC__DGRAM_LOOK);
	if (r < 0)
		return r;
	for (i = 0; i < (unsigned)r && look_keep(d, &p[i]); i++)
		;
	if (in->cut)
		d->back->rewind(d, bytes_inside(in));
	return d->fault ? d->fault : (int)(in->n - had);
}

/* Look until n messages are there or no more come. */
static int look_for(struct kipc__dgram *d, unsigned n)
{
	int r = 0;

	while (d->in.n < n) {
		r = look(d, n - d->in.n);
		if (r < 0 || (r > 0 && !d->in.cut))
			break;
	}
	return d->in.n ? 1 : r;
}

int kipc__dgram_ready(struct kipc__dgram *d)
{
	return look_for(d, 1);
}

int kipc__dgram_in_peek(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__dgram *d = dgram_of(c);
	struct kipc__dgram_pause w = { .timeout = timeout };
	int r = kipc__load_relaxed(&d->fault);
	unsigned i;

	while (r == 0) {
		r = look_for(d, n);
		if (r == -EAGAIN)
			r = kipc__dgram_pause(d, KIPC_IN, &w);
	}
	if (r < 0)
		return r;
	for (i = 0; i < n && i < d->in.n; i++)
		m[i] = (struct kipc_msg){ .data = slot_rest(slot_at(&d->in, i)),
			                  .len = slot_left(slot_at(&d->in, i)) };
	if (d->in.peeked < i)
		d->in.peeked = i;
	return (int)i;
}

int kipc__dgram_in_release(struct kipc_chan *c, unsigned n)
{
	struct kipc__dgram *d = dgram_of(c);
	unsigned i;

	if (n > d->in.peeked)
		return -EINVAL;
	for (i = 0; i < n; i++)
		received(d, slot_left(slot_at(&d->in, i)));
	if (n)
		forget(d, n);
	return (int)n;
}

/* ---- receiving -------------------------------------------------------------------------- */

/* Out of the slots. How many fitted, -EMSGSIZE: not even the first. */
static int copy_out(struct kipc__dgram *d, struct kipc_msg *m, unsigned n)
{
	unsigned i;

	for (i = 0; i < n && i < d->in.n; i++) {
		struct kipc__dgram_slot *s = slot_at(&d->in, i);

		if (slot_left(s) > m[i].len)
			break;
		m[i].len = slot_left(s);
		if (m[i].len)
			memcpy(m[i].data, slot_rest(s), m[i].len);
		received(d, m[i].len);
	}
	if (i == 0)
		return -EMSGSIZE;
	forget(d, i);
	return (int)i;
}

static uint8_t *spill_at(struct kipc__dgram *d, unsigned i)
{
	return d->in.spill + i * d->back->bound;
}

/* Address space only: a page of it becomes memory when a message spills into it. */
static int spill_make(struct kipc__dgram *d)
{
	void *p;

	if (d->in.spill)
		return 0;
	p = mmap(NULL, TAKE_MAX * d->back->bound, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	d->in.spill = p;
	return 0;
}

/* What was taken is delivered as long as it lies where it belongs; from the first that does not, all
 * are held, so that the order stays. How many were delivered, perhaps 0.
 */
static int settle(struct kipc__dgram *d, struct kipc_msg *m, struct kipc__packet *p, unsigned n)
{
	unsigned got = 0, i;
	size_t len;

	for (i = 0; i < n; i++) {
		if (!is_message(d, &p[i])) {
			fail(d, -EBADMSG);
			break;
		}
		len = payload_len(&p[i]);
		if (got == i && d->in.n == 0 && len <= m[i].len) {
			m[i].len = len;
			received(d, len);
			got++;
		} else if (hold(d, &p[i].iov[1], spill_at(d, i), len) < 0) {
			fail(d, -ENOMEM);
			break;
		}
	}
	if (d->in.held)
		(void)madvise(d->in.spill, TAKE_MAX * d->back->bound, MADV_DONTNEED);
	return got || !d->fault ? (int)got : d->fault;
}

/* Straight into the user's buffers. */
static int take(struct kipc__dgram *d, struct kipc_msg *m, unsigned n)
{
	struct kipc__packet p[TAKE_MAX];
	unsigned i;
	int r = spill_make(d);

	if (r < 0)
		return r;
	for (i = 0; i < n && i < TAKE_MAX; i++) {
		/* No message is longer, and the kernel takes no length that memory has not. */
		open_for(&p[i], m[i].data, m[i].len < d->back->bound ? m[i].len : d->back->bound);
		if (m[i].len >= d->back->bound)
			continue;
		p[i].iov[2].iov_base = spill_at(d, i);
		p[i].iov[2].iov_len = d->back->bound - m[i].len;
		p[i].parts = 3;
	}
	r = d->back->recv(d, p, i, KIPC__DGRAM_TAKE);
	return r < 0 ? r : settle(d, m, p, (unsigned)r);
}

static bool asked_for_more(int r, unsigned n)
{
	return n > TAKE_MAX && r == TAKE_MAX;
}

int kipc__dgram_in_recv(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	struct kipc__dgram *d = dgram_of(c);
	struct kipc__dgram_pause w = { .timeout = timeout };
	int r = kipc__load_relaxed(&d->fault);
	unsigned got = 0;

	while (r == 0) {
		if (d->in.n)
			r = copy_out(d, m + got, n - got);
		else
			r = take(d, m + got, n - got);
		if (r > 0) {
			bool more = asked_for_more(r, n - got);

			got += (unsigned)r;
			r = more ? 0 : r;
		} else if (r == -EAGAIN && got == 0) {
			r = kipc__dgram_pause(d, KIPC_IN, &w);
		}
	}
	return got ? (int)got : r;
}

/* ---- a stream of bytes ------------------------------------------------------------------ */

/* Empty messages that a call without a timeout skips. */
#define EMPTY_MAX KIPC_BATCH_MAX

/* From the oldest slot, whether or not that is all of it. */
static size_t read_slot(struct kipc__dgram *d, uint8_t *buf, size_t cap)
{
	struct kipc__dgram_slot *s = slot_at(&d->in, 0);
	size_t left = slot_left(s), n = left < cap ? left : cap;

	if (n)
		memcpy(buf, slot_rest(s), n);
	if (n == left) {
		received(d, n);
		forget(d, 1);
	} else {
		s->off += n;
		d->base.stats.recv_bytes += n;
	}
	d->in.peeked = 0;
	return n;
}

/* Empty messages give nothing to read, and must not make the wait for bytes longer. */
static int skip_empty(struct kipc__dgram_pause *w, unsigned n)
{
	if (n < EMPTY_MAX || w->timeout < 0)
		return 0;
	if (w->timeout == 0)
		return -EAGAIN;
	if (n == EMPTY_MAX && !w->begun)
		w->deadline = kipc__deadline(w->timeout);
	return kipc__now() < w->deadline ? 0 : -ETIMEDOUT;
}

ssize_t kipc__dgram_in_read(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout)
{
	struct kipc__dgram *d = dgram_of(c);
	struct kipc__dgram_pause w = { .timeout = timeout };
	struct kipc_msg m;
	size_t got = 0;
	unsigned empty = 0;
	int r = kipc__load_relaxed(&d->fault);

	while (r == 0 && got < cap) {
		if (d->in.n) {
			got += read_slot(d, (uint8_t *)buf + got, cap - got);
			r = d->fault;
			continue;
		}
		m = (struct kipc_msg){ .data = (uint8_t *)buf + got, .len = cap - got };
		r = take(d, &m, 1);
		if (r > 0) {
			got += m.len;
			r = m.len || got ? 0 : skip_empty(&w, ++empty);
		} else if (r == -EAGAIN && got == 0) {
			r = kipc__dgram_pause(d, KIPC_IN, &w);
		}
	}
	return got ? (ssize_t)got : r;
}
