// SPDX-License-Identifier: MIT
/* Random calls on a ring, each checked against a plain queue and plain arithmetic. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "ring_pair.h"

#define QUEUE 4096

struct model {
	struct ring_pair r;
	uint64_t random;
	size_t len[QUEUE];    /* of message i, at i % QUEUE */
	uint64_t end[QUEUE];  /* of its record; a gap behind it, but for the rest of its line,
			       * belongs to the next message */
	uint64_t sent, taken; /* messages */
	uint64_t prod, cons;  /* ring bytes since the start */
};

TestSuite(ring_model, .init = harness_begin, .fini = harness_end);

static uint64_t pick(struct model *m, uint64_t below)
{
	return harness_random(&m->random) % below;
}

/* What the record of a message takes when it starts so many ring bytes after the start: a line is
 * not left half where a second one would straddle.
 */
static uint64_t stride(const struct model *m, uint64_t at, size_t len)
{
	uint64_t dense = kipc_ring_stride(len, m->r.geom.align);
	uint64_t left = -(m->r.geom.start + at + dense) % KIPC_RING_LINE;

	return dense + (dense <= 64 && m->r.geom.align < 64 && left < dense &&
	                                m->r.geom.start % m->r.geom.align == 0
	                        ? left
	                        : 0);
}

static uint64_t room(const struct model *m)
{
	return m->r.geom.bytes - (m->prod - m->cons) - KIPC_REC_BYTES;
}

static size_t pick_len(struct model *m)
{
	uint64_t longest = kipc_ring_max_len(m->r.geom.bytes, m->r.geom.align);

	return pick(m, 8) ? pick(m, 120) % (longest + 1) : pick(m, longest + 1);
}

static void push(struct model *m, size_t len, uint64_t bytes)
{
	m->len[m->sent % QUEUE] = len;
	uint64_t dense = m->prod + kipc_ring_stride(len, m->r.geom.align);
	uint64_t left = -(m->r.geom.start + dense) % KIPC_RING_LINE;

	m->end[m->sent % QUEUE] = dense + left == m->prod + bytes ? dense + left : dense;
	m->prod += bytes;
	m->sent++;
}

static void send_some(struct model *m)
{
	struct kipc_msg msg[8];
	unsigned n = 1 + (unsigned)pick(m, 8), fit = 0;
	uint64_t need = 0;

	for (unsigned i = 0; i < n; i++) {
		msg[i].len = pick_len(m);
		msg[i].data = malloc(msg[i].len + 1);
		content_fill(msg[i].data, msg[i].len, 1, m->sent + i);
		need += stride(m, m->prod + need, msg[i].len);
		if (fit == i && need <= room(m))
			fit++;
	}
	must_eq(kipc__ring_send(&m->r.tx, msg, n), fit);
	for (unsigned i = 0; i < n; i++) {
		if (i < fit)
			push(m, msg[i].len, stride(m, m->prod, msg[i].len));
		free(msg[i].data);
	}
}

/* Commit a part of what was reserved, each message shrunk by something or nothing. */
static void commit_some(struct model *m, struct kipc_msg *msg, unsigned n)
{
	unsigned keep = 1 + (unsigned)pick(m, n);
	uint64_t at = m->prod, limit = m->r.tx.reserved_end - m->r.geom.start;
	uint64_t bytes[8];

	for (unsigned i = 0; i < keep; i++) {
		bytes[i] = stride(m, at, msg[i].len);
		at += bytes[i];
		if (pick(m, 2))
			msg[i].len -= pick(m, msg[i].len + 1);
		content_fill(msg[i].data, msg[i].len, 1, m->sent + i);
	}
	must_eq(kipc__ring_commit(&m->r.tx, msg, keep), keep);
	at -= bytes[keep - 1];
	if (at + stride(m, at, msg[keep - 1].len) <= limit)
		bytes[keep - 1] = stride(m, at, msg[keep - 1].len);
	else
		bytes[keep - 1] = kipc_ring_stride(msg[keep - 1].len, m->r.geom.align);
	for (unsigned i = 0; i < keep; i++)
		push(m, msg[i].len, bytes[i]);
}

static void reserve_some(struct model *m)
{
	struct kipc_msg msg[8];
	unsigned n = 1 + (unsigned)pick(m, 8);
	uint64_t need = 0;

	for (unsigned i = 0; i < n; i++) {
		msg[i].len = pick_len(m);
		need += stride(m, m->prod + need, msg[i].len);
	}
	if (need + KIPC_REC_BYTES > m->r.geom.bytes)
		must_eq(kipc__ring_reserve(&m->r.tx, msg, n), -EMSGSIZE);
	else if (need > room(m))
		must_eq(kipc__ring_reserve(&m->r.tx, msg, n), 0);
	else {
		must_eq(kipc__ring_reserve(&m->r.tx, msg, n), n);
		commit_some(m, msg, n);
	}
}

/* Reserve, write all over it, and think better of it. */
static void discard_some(struct model *m)
{
	struct kipc_msg msg = { .len = pick_len(m) };

	if (kipc__ring_reserve(&m->r.tx, &msg, 1) != 1)
		return;
	memset(msg.data, 0xff, msg.len);
	must(!kipc__ring_put(&m->r.tx, msg.data, msg.len)); /* not in between */
	m->r.tx.reserved_n = 0;
}

/* Several of one length, by the short way where it is open. */
static void put_some(struct model *m)
{
	size_t len = pick(m, 100);
	uint8_t copy[100];
	unsigned n = 1 + (unsigned)pick(m, 8), i;
	struct kipc_msg msg = { .data = copy, .len = len };

	for (i = 0; i < n && stride(m, m->prod, len) <= room(m); i++) {
		content_fill(copy, len, 1, m->sent);
		if (!kipc__ring_put(&m->r.tx, copy, len))
			must_eq(kipc__ring_send(&m->r.tx, &msg, 1), 1);
		push(m, len, stride(m, m->prod, len));
	}
	if (i < n)
		must(!kipc__ring_put(&m->r.tx, copy, len));
}

static void check_oldest(struct model *m, const struct kipc_msg *msg, uint64_t i)
{
	must_eq(msg->len, m->len[i % QUEUE]);
	must(content_is(msg->data, msg->len, 1, i));
}

static void pop(struct model *m, unsigned n)
{
	if (n)
		m->cons = m->end[(m->taken + n - 1) % QUEUE];
	m->taken += n;
	must_eq(m->r.cons.pos - m->r.geom.start, m->cons);
}

static unsigned pending(const struct model *m, unsigned n)
{
	return m->sent - m->taken < n ? (unsigned)(m->sent - m->taken) : n;
}

static void peek_some(struct model *m)
{
	struct kipc_msg msg[8];
	unsigned n = 1 + (unsigned)pick(m, 8), there = pending(m, n), give;

	must_eq(kipc__ring_peek(&m->r.rx, msg, n), there);
	for (unsigned i = 0; i < there; i++)
		check_oldest(m, &msg[i], m->taken + i);
	give = (unsigned)pick(m, there + 1);
	if (give)
		must_eq(kipc__ring_release(&m->r.rx, give), give);
	pop(m, give);
}

static void recv_some(struct model *m)
{
	unsigned n = 1 + (unsigned)pick(m, 4), there = pending(m, n), fit = 0;
	struct kipc_msg msg[4];
	int want;

	for (unsigned i = 0; i < n; i++) {
		msg[i].len = pick(m, 4) ? m->r.geom.bytes : pick(m, 60);
		msg[i].data = malloc(msg[i].len + 1);
		if (fit == i && i < there && m->len[(m->taken + i) % QUEUE] <= msg[i].len)
			fit++;
	}
	want = fit || !there ? (int)fit : -EMSGSIZE;
	must_eq(kipc__ring_recv(&m->r.rx, msg, n), want);
	for (unsigned i = 0; i < fit; i++)
		check_oldest(m, &msg[i], m->taken + i);
	for (unsigned i = 0; i < n; i++)
		free(msg[i].data);
	pop(m, fit);
}

/* One out by the short way, which may refuse but not without a reason. */
static void take_one(struct model *m)
{
	static uint8_t buf[65536];
	size_t cap = pick(m, 4) ? sizeof(buf) : pick(m, 60);
	struct kipc_msg msg = { .data = buf, .len = cap };
	int64_t len = kipc__ring_take(&m->r.rx, buf, cap);

	if (len < 0) {
		recv_some(m);
		return;
	}
	must(m->sent > m->taken);
	msg.len = (size_t)len;
	check_oldest(m, &msg, m->taken);
	pop(m, 1);
}

static void run_model(uint64_t bytes, uint32_t align, uint64_t start, uint64_t seed)
{
	static void (*const calls[])(struct model *) = { send_some, reserve_some, discard_some,
		                                         put_some,  peek_some,    recv_some,
		                                         take_one };
	struct model *m = calloc(1, sizeof(*m));
	unsigned rounds = harness_rounds(20000);

	m->random = seed;
	ring_pair_make(&m->r, bytes, align, start);
	m->r.rx.own_most = seed & 1 ? UINT32_MAX : seed & 2 ? 64 : 0;
	for (unsigned i = 0; i < rounds; i++) {
		calls[pick(m, sizeof(calls) / sizeof(*calls))](m);
		must_eq(m->r.prod.pos - start, m->prod);
		must_eq(*kipc__ring_tx_header(&m->r.tx, m->r.tx.prod), 0); /* "not yet" */
	}
	must(m->taken > rounds / 100);
	ring_pair_free(&m->r);
	free(m);
}

Test(ring_model, small_ring)
{
	for (uint32_t align = 8; align <= 512; align *= 4)
		run_model(4096, align, align - 8, align);
}

Test(ring_model, positions_wrap)
{
	for (uint64_t seed = 1; seed < 5; seed++)
		run_model(4096, 8, 0 - seed * 8192, seed);
}

Test(ring_model, larger_ring)
{
	run_model(65536, 8, 0, 99);
	run_model(65536, 64, 56, 98);
}
