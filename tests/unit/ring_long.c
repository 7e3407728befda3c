// SPDX-License-Identifier: MIT
/* Long messages that are copied out while they are copied in, and what a producer may write of them. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "ring_pair.h"

TestSuite(ring_long, .init = harness_begin, .fini = harness_end);

#define BYTES (1 << 20)
#define LEN   (300 * 1000)

struct pair {
	struct ring_pair r;
	struct kipc_ring_growth growth;
	uint8_t *in, *out;
};

static void make(struct pair *p, uint64_t start)
{
	ring_pair_make(&p->r, BYTES, 8, start);
	p->growth = (struct kipc_ring_growth){ 0 };
	p->r.tx.growth = &p->growth;
	p->r.rx.growth = &p->growth;
	p->in = malloc(BYTES);
	p->out = malloc(BYTES);
}

static void unmake(struct pair *p)
{
	ring_pair_free(&p->r);
	free(p->in);
	free(p->out);
}

static void send_long(struct pair *p, size_t len, uint64_t i)
{
	struct kipc_msg m = { .data = p->in, .len = len };

	content_fill(p->in, len, 1, i);
	must_eq(kipc__ring_send(&p->r.tx, &m, 1), 1);
}

/* The producer is stopped at each piece: what is there can be copied, and nothing is a message. */
Test(ring_long, piece_by_piece)
{
	struct kipc_msg m = { .len = BYTES };
	uint64_t have = 0, got;
	struct pair p;
	uint8_t *at;

	make(&p, 0 - (uint64_t)BYTES / 2);
	must_eq(kipc__ring_growing(&p.r.rx), 0);
	content_fill(p.in, LEN, 1, 0);
	at = p.r.data + (p.r.tx.prod & (BYTES - 1)) + 8;
	kipc__ring_announce(&p.r.tx, p.r.tx.prod, LEN);
	for (uint64_t done = 0; done <= LEN; done += 50000) {
		must_eq(kipc__ring_growing(&p.r.rx), LEN);
		memcpy(at + have, p.in + have, done - have);
		p.growth.done = done;
		must_eq(kipc__ring_ready(&p.r.rx), 0);
		must_eq(kipc__ring_peek(&p.r.rx, &m, 1), 0);
		must_eq(kipc__ring_follow_end(&p.r.rx, p.out, LEN, have), -EAGAIN);
		got = kipc__ring_follow(&p.r.rx, p.out, LEN, have);
		must_eq(got, done);
		must_eq(kipc__ring_follow(&p.r.rx, p.out, LEN, got), done);
		have = got;
	}
	send_long(&p, LEN, 0);
	must_eq(kipc__ring_follow_end(&p.r.rx, p.out, LEN, have), LEN);
	must(content_is(p.out, LEN, 1, 0));
	must_eq(p.r.cons.pos, p.r.prod.pos);
	must_eq(kipc__ring_growing(&p.r.rx), 0);
	unmake(&p);
}

/* It was followed as one message and is another one: it stays, for the usual way. */
Test(ring_long, another_message)
{
	struct kipc_msg m;
	struct pair p;

	make(&p, 0);
	send_long(&p, LEN + 1, 0);
	must_eq(kipc__ring_follow_end(&p.r.rx, p.out, LEN, 1000), -EAGAIN);
	p.r.data[4] = 1; /* KIPC_REC_DISCARD */
	must_eq(kipc__ring_follow_end(&p.r.rx, p.out, LEN + 1, 1000), -EAGAIN);
	p.r.data[7] = 0x80;
	must_eq(kipc__ring_follow_end(&p.r.rx, p.out, LEN + 1, 1000), -EBADMSG);
	p.r.data[4] = p.r.data[7] = 0;
	m = (struct kipc_msg){ .data = p.out, .len = BYTES };
	must_eq(kipc__ring_recv(&p.r.rx, &m, 1), 1);
	must(content_is(p.out, LEN + 1, 1, 0));
	unmake(&p);
}

/* Progress and lengths that no honest producer tells: nothing is copied beyond the length. */
Test(ring_long, progress_beyond_the_length)
{
	static const uint64_t lens[] = { 0, 1, 65535, BYTES - 15, BYTES, UINT64_MAX, 1ULL << 63 };
	struct pair p;

	make(&p, 0);
	kipc__ring_announce(&p.r.tx, 0, LEN);
	p.out[LEN] = 0xa5;
	p.growth.done = UINT64_MAX;
	must_eq(kipc__ring_follow(&p.r.rx, p.out, LEN, 0), LEN);
	p.growth.done = LEN + 1;
	must_eq(kipc__ring_follow(&p.r.rx, p.out, LEN, 5), LEN);
	must(p.out[LEN] == 0xa5);
	p.growth.done = 3;
	must_eq(kipc__ring_follow(&p.r.rx, p.out, LEN, 5), 5);
	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		p.growth.len = lens[i];
		must_eq(kipc__ring_growing(&p.r.rx), 0);
	}
	p.growth.len = LEN;
	p.growth.at = 8;
	must_eq(kipc__ring_growing(&p.r.rx), 0);
	unmake(&p);
}

static void *send_all(void *arg)
{
	struct pair *p = arg;
	struct kipc_msg m = { .data = p->in };

	for (unsigned i = 0; i < harness_rounds(300); i++) {
		m.len = 65000 + i * 7919 % 400000;
		content_fill(p->in, m.len, 1, i);
		while (kipc__ring_send(&p->r.tx, &m, 1) == 0)
			kipc__cpu_relax();
	}
	return NULL;
}

static int64_t take_following(struct pair *p)
{
	uint64_t len = kipc__ring_growing(&p->r.rx), have = 0;

	while (len && kipc__ring_look(&p->r.rx, p->r.rx.cons) == 0)
		have = kipc__ring_follow(&p->r.rx, p->out, len, have);
	return len ? kipc__ring_follow_end(&p->r.rx, p->out, len, have)
	           : kipc__ring_take(&p->r.rx, p->out, BYTES);
}

/* Both sides' real code in two threads. */
Test(ring_long, two_threads)
{
	struct pair p;
	pthread_t thread;
	int64_t len;

	make(&p, 0);
	must_eq(pthread_create(&thread, NULL, send_all, &p), 0);
	for (unsigned i = 0; i < harness_rounds(300); i++) {
		while ((len = take_following(&p)) < 0)
			must_eq(len, -EAGAIN);
		must_eq(len, 65000 + i * 7919 % 400000);
		must(content_is(p.out, (size_t)len, 1, i));
	}
	must_eq(pthread_join(thread, NULL), 0);
	unmake(&p);
}
