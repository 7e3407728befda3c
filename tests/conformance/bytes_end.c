// SPDX-License-Identifier: MIT
/* A channel as a stream of bytes: through descriptors that are polled, and how it ends. */
#include <poll.h>
#include <signal.h>
#include "bytes.h"

/* ---- polling ---------------------------------------------------------------------------- */

static void await_fd(struct kipc_chan *c, unsigned dir)
{
	struct pollfd p = { .fd = (int)must_ok(kipc_chan_fd(c, dir)), .events = POLLIN };

	must_sys(poll(&p, 1, -1));
}

static void run_polling_reader(struct peer *me, void *arg)
{
	struct flow *f = arg;
	struct kipc_chan *c = duo_theirs(&f->duo);
	uint64_t at = 0;
	ssize_t r;

	(void)me;
	while (at < f->bytes) {
		r = bytes_read(c, f->most, at, 0);
		if (r == -EAGAIN)
			await_fd(c, KIPC_IN);
		else
			at += (uint64_t)must_ok(r);
	}
	kipc_chan_close(c);
}

/* Neither side ever blocks in a call. */
EACH_FORM(bytes_polled)
{
	struct flow flow = { .bytes = harness_rounds(4000) * 1000, .most = 3000 };
	struct kipc_chan *c;
	struct peer peer;
	uint64_t at = 0;
	ssize_t r;

	duo_make(&flow.duo, f, "size=16K");
	peer_start(&peer, run_polling_reader, &flow);
	c = duo_mine(&flow.duo);
	while (at < flow.bytes) {
		r = bytes_write(c, flow.bytes - at < 20000 ? flow.bytes - at : 20000, at, 0);
		if (r == -EAGAIN)
			await_fd(c, KIPC_OUT);
		else
			at += (uint64_t)must_ok(r);
	}
	peer_end(&peer);
	kipc_chan_close(c);
}

/* What is left of a message keeps the end readable. */
EACH_FORM(bytes_poll_while_read_in_part)
{
	struct pollfd p = { .events = POLLIN };
	struct duo d;

	duo_both(&d, f, "size=4K");
	p.fd = (int)must_ok(kipc_chan_fd(d.end[1], KIPC_IN));
	must_eq(bytes_write(d.end[0], 100, 0, 0), 100);
	for (int i = 0; i < 10; i++) {
		must_eq(kipc_wait(d.end[1], KIPC_IN, -1), KIPC_IN);
		must_eq(poll(&p, 1, -1), 1);
		must_eq(bytes_read(d.end[1], 10, 10 * i, 0), 10);
	}
	for (int i = 0; poll(&p, 1, 0); i++) {
		must(i < 100);
		must_eq(bytes_read(d.end[1], 10, 100, 0), -EAGAIN);
	}
	duo_close(&d);
}

/* ---- the end ---------------------------------------------------------------------------- */

EACH_FORM(bytes_closed_and_shut)
{
	struct duo d;

	duo_both(&d, f, "size=16K");
	must_eq(bytes_write(d.end[0], 3000, 0, 0), 3000);
	must_eq(kipc_shutdown(d.end[0], KIPC_OUT), 0);
	must_eq(bytes_write(d.end[0], 10, 0, 0), -EPIPE);
	must_eq(bytes_read(d.end[1], 1000, 0, -1), 1000);
	must_eq(bytes_read(d.end[1], 5000, 1000, -1), 2000);
	must_eq(bytes_read(d.end[1], 5000, 3000, -1), -EPIPE);
	must_eq(bytes_write(d.end[1], 3000, 0, 0), 3000);
	kipc_chan_close(d.end[0]);
	d.end[0] = NULL;
	must_eq(bytes_write(d.end[1], 40000, 0, -1), -EPIPE);
	duo_close(&d);
}

static void run_killed_writer(struct peer *me, void *arg)
{
	struct flow *f = arg;
	struct kipc_chan *c = duo_theirs(&f->duo);
	uint64_t at = 0;

	(void)me;
	for (;;)
		at += (uint64_t)must_ok(bytes_write(c, f->most, at, -1));
}

/* kill -9 of the writer, wherever it is: whole pieces up to some byte, then -EPIPE. */
EACH_FORM(bytes_writer_killed)
{
	for (unsigned i = 0; i < 12; i++) {
		struct flow flow = { .most = i % 2 ? BYTES_MOST : 1000 };
		struct kipc_chan *c;
		struct peer peer;
		uint64_t at = 0;
		ssize_t r;

		duo_make(&flow.duo, f, "size=16K");
		peer_start(&peer, run_killed_writer, &flow);
		c = duo_mine(&flow.duo);
		chan_set_wait(c, wait_modes[i % 3]);
		while (at < 20000 + i * 7000)
			at += (uint64_t)must_ok(bytes_read(c, 1000 + i, at, -1));
		if (i % 4 < 2)
			peer_kill(&peer);
		else
			must_sys(kill(peer.pid, SIGKILL));
		while ((r = bytes_read(c, 5000, at, -1)) > 0)
			at += (uint64_t)r;
		must_eq(r, -EPIPE);
		kipc_chan_close(c);
	}
}

static void run_killed_reader(struct peer *me, void *arg)
{
	struct flow *f = arg;
	struct kipc_chan *c = duo_theirs(&f->duo);
	uint64_t at = 0;

	(void)me;
	while (at < f->bytes)
		at += (uint64_t)must_ok(bytes_read(c, 1000, at, -1));
	raise(SIGKILL);
}

/* kill -9 of the reader while a long write waits for it: what went, then -EPIPE. */
EACH_FORM(bytes_reader_killed)
{
	for (unsigned i = 0; i < 6; i++) {
		struct flow flow = { .bytes = 20000 };
		struct kipc_chan *c;
		struct peer peer;

		duo_make(&flow.duo, f, "size=16K");
		peer_start(&peer, run_killed_reader, &flow);
		c = duo_mine(&flow.duo);
		chan_set_wait(c, wait_modes[i % 3]);
		must(bytes_write_until(c, 0, -1, -EPIPE) >= flow.bytes);
		kipc_chan_close(c);
	}
}
