// SPDX-License-Identifier: MIT
/* One direction of a pair, seen from each of its sides. */
#include <errno.h>
#include "core/ring.h"
#include "hostile.h"

#define BYTES   4096
#define START   (0 - (uint64_t)1024) /* about to pass 2^64, and the border of the ring */
#define LETTERS 5

static struct {
	struct kipc__ring_tx tx;
	struct kipc__ring_rx rx;
	uint64_t taken; /* letters */
} own;

static const struct kipc_ring_geom geom = { .bytes = BYTES, .align = 8, .start = START };
static const size_t lengths[LETTERS] = { 100, 40, 0, 700, 300 };

static struct kipc_ring_ctrl *producer(void)
{
	return (struct kipc_ring_ctrl *)hostile_ctrl;
}

static struct kipc_ring_ctrl *consumer(void)
{
	return (struct kipc_ring_ctrl *)hostile_ctrl + 1;
}

/* Some messages, the third one shorter than it was reserved, so that a discarded record lies behind. */
static void make(void)
{
	struct kipc_msg m[2] = { { .len = 200 }, { .len = 700 } };
	uint8_t bytes[1000];
	unsigned i;

	producer()->prod.pos = consumer()->cons.pos = START;
	must(kipc__ring_tx_init(&own.tx, &geom, hostile_data, &producer()->prod.pos,
	                        &consumer()->cons.pos) == 0);
	must(kipc__ring_rx_init(&own.rx, &geom, hostile_data, &producer()->prod.pos,
	                        &consumer()->cons.pos) == 0);
	own.tx.growth = &producer()->growth;
	own.rx.growth = &producer()->growth;
	for (i = 0; i < LETTERS; i++) {
		struct kipc_msg one = { .data = bytes, .len = lengths[i] };

		fill_letter(bytes, lengths[i], i);
		if (i == 3)
			continue;
		if (i != 2) {
			must(kipc__ring_send(&own.tx, &one, 1) == 1);
			continue;
		}
		must(kipc__ring_reserve(&own.tx, m, 2) == 2);
		m[0].len = lengths[2];
		fill_letter(m[1].data, 700, 3);
		must(kipc__ring_commit(&own.tx, m, 2) == 2);
	}
	own.taken = 0;
}

/* Nearly full: the next one needs a look at cons. */
static void make_full(void)
{
	static uint8_t bytes[1300];
	struct kipc_msg one = { .data = bytes, .len = 1300 };

	make();
	must(kipc__ring_send(&own.tx, &one, 1) == 1);
	must(kipc__ring_send(&own.tx, &one, 1) == 1);
	consumer()->cons.pos += 112;
}

static void make_part(void)
{
	uint8_t bytes[30];
	uint64_t ended = 0;

	make();
	must(kipc__ring_read(&own.rx, bytes, 30, 30, &ended) == 30);
}

static uint64_t header_at(unsigned i)
{
	uint64_t pos = START, after;
	unsigned k;

	for (k = 0; k < i; k++, pos = after)
		after = kipc__ring_after(pos, *kipc__ring_header(hostile_data, BYTES, pos), 8);
	return pos;
}

static unsigned list(struct word *w)
{
	unsigned n = 0, i;

	w[n++] = (struct word){ "prod", &producer()->prod.pos, false };
	w[n++] = (struct word){ "cons", &consumer()->cons.pos, false };
	w[n++] = (struct word){ "growth.at", &producer()->growth.at, false };
	w[n++] = (struct word){ "growth.len", &producer()->growth.len, false };
	w[n++] = (struct word){ "growth.done", &producer()->growth.done, false };
	for (i = 0; i <= LETTERS + 1; i++)
		w[n++] = (struct word){ "a header",
			                kipc__ring_header(hostile_data, BYTES, header_at(i)),
			                true };
	w[n++] = (struct word){ "the first payload",
		                kipc__ring_header(hostile_data, BYTES, START) + 1, true };
	return n;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void check_letter(const void *data, size_t len, bool forged)
{
	if (!forged) {
		must(own.taken < LETTERS && len == lengths[own.taken]);
		must(is_letter(data, len, own.taken));
	}
	own.taken++;
}

static int peek_and_release(bool forged)
{
	struct kipc_msg m[4];
	int i, n = (int)lawful(kipc__ring_peek(&own.rx, m, 4));

	check_inside(m, n, KIPC_REC_BYTES, 2 * BYTES, kipc_ring_max_len(BYTES, 8));
	for (i = 0; i < n; i++)
		check_letter(m[i].data, m[i].len, forged);
	must(n <= 0 || kipc__ring_release(&own.rx, (unsigned)n) == n);
	return n;
}

static void act_peek(bool forged)
{
	int n = peek_and_release(forged);

	must(forged || n == 4);
}

static void act_recv(bool forged)
{
	struct tray t[3];
	struct kipc_msg m[3];
	int i, n;

	for (i = 0; i < 3; i++) {
		tray_set(&t[i], 120);
		m[i] = (struct kipc_msg){ .data = t[i].bytes, .len = 120 };
	}
	n = (int)lawful(kipc__ring_recv(&own.rx, m, 3));
	must(forged || n == 3);
	for (i = 0; i < 3; i++)
		tray_check(&t[i]);
	for (i = 0; i < n; i++) {
		must(m[i].len <= 120);
		check_letter(m[i].data, m[i].len, forged);
	}
}

static void act_take(bool forged)
{
	struct tray t;
	int64_t len;

	tray_set(&t, 120);
	len = lawful(kipc__ring_take(&own.rx, t.bytes, 120));
	tray_check(&t);
	must(len <= 120 && (forged || len == 100));
	if (len >= 0)
		check_letter(t.bytes, (size_t)len, forged);
}

/* The bytes of letters, from own.rx.part of the first one on. */
static void act_read(bool forged)
{
	uint64_t ended = 0, part = own.rx.part;
	struct tray t;
	int64_t len;

	tray_set(&t, 500);
	len = lawful(kipc__ring_read(&own.rx, t.bytes, 500, 500, &ended));
	tray_check(&t);
	must(len <= 500 && (forged || len == 500));
	must(forged || t.bytes[0] == (uint8_t)(0xa0 + 7 * part));
	own.taken += ended;
}

static void act_rest(bool forged)
{
	struct kipc_msg m = { 0 };
	struct tray t;
	int n = (int)lawful(kipc__ring_peek(&own.rx, &m, 1));

	must(forged || (n == 1 && m.len == 70));
	if (n > 0)
		check_inside(&m, n, KIPC_REC_BYTES, 2 * BYTES, kipc_ring_max_len(BYTES, 8));
	tray_set(&t, 120);
	m = (struct kipc_msg){ .data = t.bytes, .len = 120 };
	n = (int)lawful(kipc__ring_recv(&own.rx, &m, 1));
	tray_check(&t);
	must(forged || (n == 1 && m.len == 70));
}

static void act_rx_init(bool forged)
{
	struct kipc__ring_rx rx;

	(void)forged;
	if (lawful(kipc__ring_rx_init(&rx, &geom, hostile_data, &producer()->prod.pos,
	                              &consumer()->cons.pos)) == 0)
		own.rx = rx;
}

static void after_rx(void)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		(void)lawful(kipc__ring_ready(&own.rx));
		(void)peek_and_release(true);
	}
	(void)lawful((int64_t)kipc__ring_growing(&own.rx));
}

/* ---- sending -------------------------------------------------------------------------------- */

static uint8_t payload[1600];

static void act_send(bool forged)
{
	struct kipc_msg m[3] = { { .data = payload, .len = 200 },
		                 { .data = payload, .len = 1500 },
		                 { .data = payload, .len = 8 } };
	int n = (int)lawful(kipc__ring_send(&own.tx, m, 3));

	(void)forged;
	must(n <= 3);
}

static void act_reserve(bool forged)
{
	struct kipc_msg m[3] = { { .len = 90 }, { .len = 10 }, { .len = 300 } };
	int i, n = (int)lawful(kipc__ring_reserve(&own.tx, m, 3));

	(void)forged;
	if (n <= 0)
		return;
	check_inside(m, n, KIPC_REC_BYTES, 2 * BYTES, 300);
	for (i = 0; i < n; i++)
		fill_letter(m[i].data, m[i].len, 9);
	m[0].len = 50;
	must(kipc__ring_commit(&own.tx, m, 2) == 2);
}

static void act_put(bool forged)
{
	(void)forged;
	(void)kipc__ring_put(&own.tx, payload, own.tx.next_len);
	(void)kipc__ring_put(&own.tx, payload, own.tx.next_len);
}

static void act_tx_init(bool forged)
{
	struct kipc__ring_tx tx;

	(void)forged;
	if (lawful(kipc__ring_tx_init(&tx, &geom, hostile_data, &producer()->prod.pos,
	                              &consumer()->cons.pos)) == 0)
		own.tx = tx;
}

static void after_tx(void)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		act_send(true);
	(void)lawful(kipc__ring_room(&own.tx, 2000));
}

static const struct subject subjects[] = {
	{ "ring: peek, release", make, list, act_peek, after_rx },
	{ "ring: recv", make, list, act_recv, after_rx },
	{ "ring: recv, the short way", make, list, act_take, after_rx },
	{ "ring: read", make, list, act_read, after_rx },
	{ "ring: read, in the middle", make_part, list, act_read, after_rx },
	{ "ring: the rest of a message", make_part, list, act_rest, after_rx },
	{ "ring: beginning to receive", make, list, act_rx_init, after_rx },
	{ "ring: send", make, list, act_send, after_tx },
	{ "ring: send, full", make_full, list, act_send, after_tx },
	{ "ring: reserve, commit", make, list, act_reserve, after_tx },
	{ "ring: reserve, full", make_full, list, act_reserve, after_tx },
	{ "ring: send, the short way", make, list, act_put, after_tx },
	{ "ring: beginning to send", make, list, act_tx_init, after_tx },
};

const struct core ring_core = {
	.subjects = subjects,
	.nr = sizeof(subjects) / sizeof(subjects[0]),
	.own = &own,
	.own_bytes = sizeof(own),
	.data_bytes = BYTES,
	.mirrored = true,
};
