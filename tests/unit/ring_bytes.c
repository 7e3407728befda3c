// SPDX-License-Identifier: MIT
/* A ring as a stream of bytes: random writes, reads and messages against one long row of bytes. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "ring_pair.h"

TestSuite(ring_bytes, .init = harness_begin, .fini = harness_end);

#define MOST 65536

struct bytes {
	struct ring_pair r;
	uint64_t random;
	uint64_t in, out; /* bytes so far */
	uint64_t sent, ended;
	uint8_t buf[MOST + 1];
};

static uint64_t pick(struct bytes *b, uint64_t below)
{
	return harness_random(&b->random) % below;
}

static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)((i * 0x9e3779b97f4a7c15ULL) >> 56);
}

static size_t pick_len(struct bytes *b)
{
	uint64_t longest = kipc_ring_max_len(b->r.geom.bytes, b->r.geom.align);

	return pick(b, 4) ? pick(b, 200) : pick(b, longest + 1);
}

/* Empty messages among them. */
static void send_some(struct bytes *b)
{
	struct kipc_msg m = { .data = b->buf, .len = pick_len(b) };

	for (size_t i = 0; i < m.len; i++)
		b->buf[i] = byte_at(b->in + i);
	if (kipc__ring_send(&b->r.tx, &m, 1) != 1)
		return;
	b->in += m.len;
	b->sent++;
}

static void must_follow(struct bytes *b, const uint8_t *data, size_t len)
{
	must(len <= b->in - b->out);
	for (size_t i = 0; i < len; i++)
		if (data[i] != byte_at(b->out + i))
			harness_fail(__FILE__, __LINE__, "byte %llu of the stream",
			             (unsigned long long)(b->out + i));
	b->out += len;
}

static void read_some(struct bytes *b)
{
	size_t cap = 1 + (pick(b, 2) ? pick(b, 300) : pick(b, MOST));
	uint64_t enough = pick(b, 2) ? UINT64_MAX : 1 + pick(b, 2000), there = b->in - b->out;
	int64_t n;

	b->buf[cap] = 0xa5;
	n = kipc__ring_read(&b->r.rx, b->buf, cap, enough, &b->ended);
	must(n >= 0);
	must(b->buf[cap] == 0xa5 || cap == MOST);
	if (enough == UINT64_MAX)
		must_eq(n, there < cap ? there : cap);
	else
		must(n > 0 || there == 0);
	must_follow(b, b->buf, (size_t)n);
}

/* What is left of a message that was read in part is a message. */
static void recv_some(struct bytes *b)
{
	struct kipc_msg m = { .data = b->buf, .len = pick(b, 2) ? MOST : pick(b, 100) };
	size_t cap = m.len;
	int r;

	if (kipc__ring_take(&b->r.rx, b->buf, 0) == 0)
		b->ended++;
	r = kipc__ring_recv(&b->r.rx, &m, 1);
	if (r == -EMSGSIZE) {
		must(b->in - b->out > cap);
		return;
	}
	if (r == 0) {
		must_eq(b->in, b->out);
		return;
	}
	must_eq(r, 1);
	must_follow(b, b->buf, m.len);
	b->ended++;
}

static void peek_some(struct bytes *b)
{
	unsigned n = 1 + (unsigned)pick(b, 6), give;
	struct kipc_msg m[6];
	int r = kipc__ring_peek(&b->r.rx, m, n);
	uint64_t bytes = 0;

	must(r >= 0 && (r > 0 || b->in == b->out));
	give = (unsigned)pick(b, (unsigned)r + 1);
	for (unsigned i = 0; i < give; i++) {
		bytes += m[i].len;
		must_eq(b->r.rx.sum[i], bytes);
		must_follow(b, m[i].data, m[i].len);
	}
	must_eq(kipc__ring_release(&b->r.rx, give), give);
	b->ended += give;
}

static void run(uint64_t bytes, uint32_t align, uint64_t start, uint64_t seed)
{
	static void (*const calls[])(struct bytes *) = { send_some, send_some, send_some, read_some,
		                                         read_some, recv_some, peek_some };
	struct bytes *b = calloc(1, sizeof(*b));
	unsigned rounds = harness_rounds(20000);

	b->random = seed;
	ring_pair_make(&b->r, bytes, align, start);
	for (unsigned i = 0; i < rounds; i++)
		calls[pick(b, sizeof(calls) / sizeof(*calls))](b);
	must(b->out > rounds);
	while (b->out < b->in || b->ended < b->sent) {
		uint64_t ended = b->ended, out = b->out;

		read_some(b);
		must(b->ended > ended || b->out > out);
	}
	must_eq(b->ended, b->sent);
	must_eq(b->r.cons.pos, b->r.prod.pos);
	ring_pair_free(&b->r);
	free(b);
}

Test(ring_bytes, against_a_row_of_bytes)
{
	for (uint32_t align = 8; align <= 512; align *= 8)
		run(4096, align, align - 8, align);
	run(65536, 8, 0 - (uint64_t)100000, 5);
}

/* Room comes back by whole messages, and a message that was only begun is not given back. */
Test(ring_bytes, a_begun_message_stays)
{
	struct ring_pair r;
	uint64_t ended = 0;
	uint8_t buf[200];
	struct kipc_msg m;

	ring_pair_make(&r, 4096, 8, 0);
	must_eq(ring_pair_put(&r, 100, 0), 1);
	must_eq(ring_pair_put(&r, 50, 1), 1);
	must_eq(kipc__ring_peek(&r.rx, &m, 1), 1);
	must_eq(kipc__ring_read(&r.rx, buf, 60, 60, &ended), 60);
	must_eq(r.cons.pos, 0);
	must_eq(ended, 0);
	must_eq(kipc__ring_release(&r.rx, 1), -EINVAL);
	must_eq(kipc__ring_take(&r.rx, buf, sizeof(buf)), -EAGAIN);
	m = (struct kipc_msg){ .data = buf, .len = 39 };
	must_eq(kipc__ring_recv(&r.rx, &m, 1), -EMSGSIZE);
	must_eq(kipc__ring_read(&r.rx, buf + 60, 41, 41, &ended), 41);
	must(content_is(buf, 100, 1, 0));
	must_eq(r.cons.pos, 112);
	must_eq(ended, 1);
	must_eq(kipc__ring_peek(&r.rx, &m, 1), 1);
	must_eq(m.len, 49);
	must_eq(kipc__ring_release(&r.rx, 1), 1);
	must_eq(r.cons.pos, r.prod.pos);
	must_eq(kipc__ring_read(&r.rx, buf, 200, 200, &ended), 0);
	ring_pair_free(&r);
}

/* The producer changes a message that was read in part: no more of it is believed. */
Test(ring_bytes, a_begun_message_that_changes)
{
	static const uint64_t headers[] = {
		0, 1, 11, 41, 61, 4000, UINT64_MAX, 101 | KIPC_REC_DISCARD, 61 | KIPC_REC_DISCARD
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct ring_pair r;
		struct kipc_msg m;
		uint8_t buf[4096];
		uint64_t ended = 0;
		int want = headers[i] ? -EBADMSG : 0;

		ring_pair_make(&r, 4096, 8, 0);
		must_eq(ring_pair_put(&r, 100, 0), 1);
		must_eq(ring_pair_put(&r, 500, 1), 1);
		must_eq(kipc__ring_read(&r.rx, buf, 60, 60, &ended), 60);
		memcpy(r.data, &headers[i], 8);
		m = (struct kipc_msg){ .data = buf, .len = sizeof(buf) };
		if (headers[i] == 4000) /* one that the ring could hold */
			want = 1;
		must_eq(kipc__ring_peek(&r.rx, &m, 1), want);
		m = (struct kipc_msg){ .data = buf, .len = sizeof(buf) };
		if (want < 1) {
			must_eq(kipc__ring_recv(&r.rx, &m, 1), want);
			must_eq(kipc__ring_read(&r.rx, buf, 4096, 4096, &ended), want);
		}
		must_eq(r.cons.pos, 0);
		ring_pair_free(&r);
	}
}
