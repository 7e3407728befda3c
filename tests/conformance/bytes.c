// SPDX-License-Identifier: MIT
/*
 * A channel as a stream of bytes: what one would ask of a pipe. Byte i of a stream follows from i
 * alone, so that each read is checked wherever it starts.
 */
#include "bytes.h"

static uint64_t word_at(uint64_t i)
{
	i = (i + 1) * 0x9e3779b97f4a7c15ULL;
	return i ^ (i >> 29);
}

static void fill(uint8_t *buf, size_t len, uint64_t at)
{
	for (size_t i = 0; i < len;) {
		uint64_t word = word_at((at + i) / 8);
		size_t from = (at + i) % 8, n = 8 - from < len - i ? 8 - from : len - i;

		memcpy(buf + i, (uint8_t *)&word + from, n);
		i += n;
	}
}

void bytes_follow(const uint8_t *buf, size_t len, uint64_t at)
{
	static uint8_t want[BYTES_MOST];

	must(len <= BYTES_MOST);
	fill(want, len, at);
	if (memcmp(buf, want, len))
		harness_fail(__FILE__, __LINE__, "%zu bytes at %llu of the stream differ", len,
		             (unsigned long long)at);
}

uint8_t *bytes_buffer(void)
{
	static uint8_t space[BYTES_MOST + 1];

	return space;
}

ssize_t bytes_write(struct kipc_chan *c, size_t len, uint64_t at, int64_t timeout)
{
	fill(bytes_buffer(), len, at);
	return kipc_write(c, bytes_buffer(), len, timeout);
}

/* A byte behind the buffer tells whether the library wrote beyond it. */
ssize_t bytes_read(struct kipc_chan *c, size_t cap, uint64_t at, int64_t timeout)
{
	uint8_t *buf = bytes_buffer();
	ssize_t n;

	buf[cap] = 0xa5;
	n = kipc_read(c, buf, cap, timeout);
	must(buf[cap] == 0xa5);
	if (n > 0) {
		must(n <= (ssize_t)cap);
		bytes_follow(buf, (size_t)n, at);
	}
	return n;
}

/* ---- any amount ------------------------------------------------------------------------- */

/* Mostly small, sometimes several rings. */
static size_t some(uint64_t *random, size_t most)
{
	uint64_t pick = harness_random(random);

	return 1 + (pick % 4 ? (pick >> 8) % 300 : (pick >> 8) % most) % most;
}

static void write_all(struct kipc_chan *c, const struct flow *f)
{
	uint64_t random = f->seed, at = 0;
	size_t n;

	while (at < f->bytes) {
		n = some(&random, f->most);
		n = n < f->bytes - at ? n : f->bytes - at;
		if (f->mixed && random % 3 == 0) {
			n = n < 500 ? n : 500;
			fill(bytes_buffer(), n, at);
			must_eq(kipc_send(c, bytes_buffer(), n, -1), 0);
			if (random % 2)
				must_eq(kipc_send(c, NULL, 0, -1), 0);
		} else {
			must_eq(bytes_write(c, n, at, random % 2 ? -1 : 100 * SEC), n);
		}
		at += n;
	}
}

static uint64_t peek_at(struct kipc_chan *c, uint64_t at)
{
	struct kipc_msg m[5];
	int r = (int)must_ok(kipc_peek(c, m, 5, -1));
	uint64_t n = 0;

	for (int i = 0; i < r; i++) {
		bytes_follow(m[i].data, m[i].len, at + n);
		n += m[i].len;
	}
	must_eq(kipc_release(c, (unsigned)r), r);
	return n;
}

static void read_all(struct kipc_chan *c, const struct flow *f)
{
	uint64_t random = f->seed + 1, at = 0;

	while (at < f->bytes) {
		ssize_t n;

		if (f->mixed && harness_random(&random) % 3 == 0) {
			at += peek_at(c, at);
			continue;
		}
		if (f->mixed && harness_random(&random) % 3 == 0)
			n = (ssize_t)must_ok(kipc_recv(c, bytes_buffer(), BYTES_MOST, -1));
		else
			n = must_ok(bytes_read(c, some(&random, f->most), at,
			                       random % 2 ? -1 : 100 * SEC));
		bytes_follow(bytes_buffer(), (size_t)n, at);
		at += (uint64_t)n;
	}
	must_eq(at, f->bytes);
}

static void run_reader(struct peer *me, void *arg)
{
	struct flow *f = arg;
	struct kipc_chan *c = duo_theirs(&f->duo);

	chan_set_wait(c, f->wait);
	read_all(c, f);
	peer_tell(me, 'r');
	while (f->mixed && kipc_recv(c, bytes_buffer(), BYTES_MOST, -1) == 0)
		;
	must_eq(kipc_read(c, bytes_buffer(), 10, -1), -EPIPE);
	must_eq(kipc_read(c, bytes_buffer(), 10, 0), -EPIPE);
	must_eq(chan_stats(c).recv_bytes, f->bytes);
	kipc_chan_close(c);
}

static void run_flow(const struct form *form, struct flow *f, const char *options)
{
	struct kipc_chan *c;
	struct peer peer;

	duo_make(&f->duo, form, options);
	peer_start(&peer, run_reader, f);
	c = duo_mine(&f->duo);
	chan_set_wait(c, f->wait);
	write_all(c, f);
	peer_expect(&peer, 'r');
	must_eq(chan_stats(c).sent_bytes, f->bytes);
	kipc_chan_close(c);
	peer_end(&peer);
}

EACH_FORM(bytes_any_amount)
{
	for (int w = 0; w < 3; w++) {
		struct flow flow = { .wait = wait_modes[w],
			             .bytes = harness_rounds(1500) * 1000,
			             .seed = 7 + (unsigned)w,
			             .most = 50000 };

		harness_note("%s", wait_name(wait_modes[w]));
		run_flow(f, &flow, "size=16K");
		flow.most = BYTES_MOST;
		run_flow(f, &flow, "size=4K");
	}
}

EACH_FORM(bytes_among_messages)
{
	for (int w = 0; w < 3; w++) {
		struct flow flow = { .wait = wait_modes[w],
			             .bytes = harness_rounds(1000) * 1000,
			             .seed = 11 + (unsigned)w,
			             .most = 10000,
			             .mixed = true };

		run_flow(f, &flow, "size=16K");
	}
}

/* 64 MiB through the default ring, in large calls. */
EACH_ANON(bytes_many)
{
	struct flow flow = { .wait = KIPC_WAIT_ADAPTIVE,
		             .bytes = (uint64_t)harness_rounds(64) << 20,
		             .seed = 3,
		             .most = BYTES_MOST };

	run_flow(f, &flow, "");
}

/* ---- one call --------------------------------------------------------------------------- */

EACH_FORM(bytes_across_borders)
{
	struct kipc_chan *c;
	struct kipc_msg m[2];
	struct duo d;

	duo_both(&d, f, "size=16K");
	c = d.end[1];
	must_eq(bytes_write(d.end[0], 100, 0, 0), 100);
	must_eq(kipc_send(d.end[0], NULL, 0, 0), 0);
	must_eq(bytes_write(d.end[0], 50, 100, 0), 50);
	must_eq(bytes_write(d.end[0], 0, 150, 0), 0);
	must_eq(bytes_read(c, 1, 0, 0), 1);
	must_eq(bytes_read(c, 0, 1, 0), 0);
	must_eq(kipc_recv(c, bytes_buffer(), 98, 0), -EMSGSIZE);
	must_eq(kipc_recv_n(c, &(struct kipc_msg){ .data = bytes_buffer(), .len = 98 }, 1, 0),
	        -EMSGSIZE);
	must_eq(bytes_read(c, 9, 1, 0), 9);
	must_eq(kipc_peek(c, m, 1, 0), 1);
	must_eq(m[0].len, 90);
	bytes_follow(m[0].data, 90, 10);
	must_eq(bytes_read(c, 10, 10, 0), 10);
	must_eq(kipc_release(c, 1), -EINVAL);
	must_eq(kipc_recv(c, bytes_buffer(), 80, 0), 80);
	bytes_follow(bytes_buffer(), 80, 20);
	must_eq(kipc_peek(c, m, 2, 0), 2);
	must_eq(m[0].len, 0);
	must_eq(m[1].len, 50);
	must_eq(kipc_release(c, 1), 1);
	must_eq(bytes_read(c, 60, 100, 0), 50);
	must_eq(bytes_read(c, 60, 150, 0), -EAGAIN);
	must_eq(chan_stats(c).recv_bytes, 150);
	must_eq(chan_stats(c).recv_msgs, 3);
	duo_close(&d);
}

/* The last of what can be read is an empty message: nothing to read, and no room is lost. */
EACH_FORM(bytes_and_empty_messages)
{
	struct duo d;

	duo_both(&d, f, "size=4K");
	for (int round = 0; round < 3; round++) {
		unsigned n = fill_up(d.end[0], 0, 1);

		must(n > 0);
		must_eq(kipc_read(d.end[1], bytes_buffer(), 10, MSEC), -ETIMEDOUT);
		must_eq(kipc_read(d.end[1], bytes_buffer(), 10, 0), -EAGAIN);
		must_eq(bytes_write(d.end[0], 300, 0, -1), 300);
		must_eq(bytes_read(d.end[1], 300, 0, -1), 300);
	}
	duo_close(&d);
}

size_t bytes_write_until(struct kipc_chan *c, uint64_t at, int64_t timeout, int want)
{
	uint64_t start = at;
	ssize_t r;

	while ((r = bytes_write(c, BYTES_MOST, at, timeout)) > 0)
		at += (uint64_t)r;
	must_eq(r, want);
	return at - start;
}

/* A full channel, by calls that do not wait and by such that wait a little, and all of it again. */
EACH_FORM(bytes_until_full)
{
	uint64_t in = 0, out = 0;
	struct duo d;
	ssize_t r;

	duo_both(&d, f, "size=64K");
	must_eq(bytes_read(d.end[1], 10, 0, 0), -EAGAIN);
	must_eq(bytes_read(d.end[1], 10, 0, MSEC), -ETIMEDOUT);
	for (int round = 0; round < 10; round++) {
		int64_t timeout = round % 2 ? MSEC : 0;
		int want = round % 2 ? -ETIMEDOUT : -EAGAIN;

		in += bytes_write_until(d.end[0], in, timeout, want);
		if (chan_get(d.end[0], KIPC_OPT_RING_BYTES))
			must(in - out > 32768);
		must_eq(kipc_wait(d.end[0], KIPC_OUT, 0), -EAGAIN);
		must_ok(r = bytes_read(d.end[1], round % 3 ? BYTES_MOST : 50000, out, 0));
		out += (uint64_t)r;
	}
	while (out < in) {
		must_ok(r = bytes_read(d.end[1], 7777, out, 0));
		out += (uint64_t)r;
	}
	must_eq(bytes_read(d.end[1], 10, out, 0), -EAGAIN);
	duo_close(&d);
}

EACH_FORM(bytes_malformed_calls)
{
	struct kipc_msg m = { .len = 10 };
	struct duo d;

	duo_both(&d, f, "size=16K");
	must_eq(kipc_write(NULL, bytes_buffer(), 1, 0), -EINVAL);
	must_eq(kipc_read(NULL, bytes_buffer(), 1, 0), -EINVAL);
	must_eq(kipc_write(d.end[0], NULL, 1, 0), -EINVAL);
	must_eq(kipc_read(d.end[0], NULL, 1, 0), -EINVAL);
	must_eq(kipc_write(d.end[0], NULL, 0, 0), 0);
	must_eq(kipc_read(d.end[0], NULL, 0, 0), 0);
	must_eq(kipc_reserve(d.end[0], &m, 1, 0), 1);
	must_eq(kipc_write(d.end[0], bytes_buffer(), 1, 0), -EBUSY);
	must_eq(kipc_discard(d.end[0]), 0);
	must_eq(bytes_write(d.end[0], 20000, 0, 0) > 0, 1);
	must_eq(bytes_read(d.end[1], 10, 0, 0), 10);
	duo_close(&d);
}

/* Half a message cannot be given away. */
EACH_FORM(bytes_handover)
{
	struct kipc_chan *c;
	struct duo d;
	int fd;

	if (!form_can(f, KIPC_CAP_HANDOVER))
		return;
	duo_both(&d, f, "size=16K");
	must_eq(bytes_write(d.end[0], 100, 0, 0), 100);
	must_eq(bytes_read(d.end[1], 10, 0, -1), 10);
	must_eq(kipc_chan_handover(d.end[1]), -EBUSY);
	must_eq(bytes_read(d.end[1], 90, 10, 0), 90);
	must_eq(bytes_write(d.end[0], 100, 0, 0), 100);
	fd = (int)must_ok(kipc_chan_handover(d.end[1]));
	must_eq(kipc_chan_from_fd(&c, fd, KIPC_PAIR, NULL), 0);
	must_eq(bytes_read(c, 200, 0, -1), 100);
	d.end[1] = c;
	duo_close(&d);
}
