// SPDX-License-Identifier: MIT
/* Back-pressure: a full channel refuses, waits, and goes on when the receiver does. */
#include "form.h"

static void drain(struct kipc_chan *c, size_t len, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		recv_one(c, len, 1, i);
	must_eq(kipc_recv(c, NULL, 0, 0), -EAGAIN);
}

EACH_FORM(pressure_full_then_drained)
{
	struct duo d;

	duo_both(&d, f, "size=4K");
	for (size_t len = 0; len <= 1500; len += 500) {
		unsigned n = fill_up(d.end[0], len, 1);
		struct kipc_msg m = { .len = len };

		must(n >= 1);
		must_eq(kipc_reserve(d.end[0], &m, 1, 0), -EAGAIN);
		must_eq(send_one(d.end[0], len, 1, n, 0), -EAGAIN);
		drain(d.end[1], len, n);
		must_eq(send_one(d.end[0], len, 1, 0, 0), 0);
		drain(d.end[1], len, 1);
	}
	duo_close(&d);
}

EACH_FORM(pressure_timeout)
{
	static uint8_t text[1000];
	struct kipc_msg m = { .data = text, .len = sizeof(text) };
	struct duo d;

	duo_both(&d, f, "size=4K");
	fill_up(d.end[0], 1000, 1);
	for (int i = 0; i < 3; i++) {
		int64_t start = harness_now();

		chan_set_wait(d.end[0], wait_modes[i]);
		must_eq(send_one(d.end[0], 1000, 1, 0, 20 * MSEC), -ETIMEDOUT);
		must(harness_now() - start >= 20 * MSEC);
		start = harness_now();
		must_eq(kipc_reserve(d.end[0], &m, 1, 20 * MSEC), -ETIMEDOUT);
		must(harness_now() - start >= 20 * MSEC);
		start = harness_now();
		m.data = text;
		must_eq(kipc_send_n(d.end[0], &m, 1, 20 * MSEC), -ETIMEDOUT);
		must(harness_now() - start >= 20 * MSEC);
	}
	duo_close(&d);
}

/* Of a batch, what fits goes; the rest is not half there. */
EACH_FORM(pressure_send_n_goes_in_part)
{
	static uint8_t text[1000];
	struct kipc_msg m[KIPC_BATCH_MAX];
	unsigned total = 0;
	struct duo d;
	int r;

	duo_both(&d, f, "size=4K");
	for (int i = 0; i < KIPC_BATCH_MAX; i++)
		m[i] = (struct kipc_msg){ .data = text, .len = 1000 };
	while ((r = kipc_send_n(d.end[0], m, KIPC_BATCH_MAX, 0)) > 0)
		total += (unsigned)r;
	must_eq(r, -EAGAIN);
	for (unsigned i = 0; i < total; i++)
		must_eq(kipc_recv(d.end[1], text, sizeof(text), 0), 1000);
	must_eq(kipc_recv(d.end[1], text, sizeof(text), 0), -EAGAIN);
	duo_close(&d);
}

/* ---- a sender that waits for a slow receiver -------------------------------------------- */

struct slow {
	struct duo duo;
	unsigned wait, n;
};

/* Takes a message only when it was told to, so that the sender sleeps again and again. */
static void take_slowly(struct peer *me, void *arg)
{
	struct slow *s = arg;
	struct kipc_chan *c = duo_theirs(&s->duo);
	unsigned i = 0;

	peer_tell(me, 'r');
	while (i < s->n) {
		if (i % 50 == 0)
			await_asleep(getppid());
		recv_one(c, 1000, 1, i++);
	}
	peer_expect(me, 'e');
	kipc_chan_close(c);
}

static void send_to_slow(const struct form *f, unsigned wait)
{
	struct slow s = { .wait = wait, .n = 300 };
	struct kipc_chan *c;
	struct peer peer;

	duo_make(&s.duo, f, "size=4K");
	peer_start(&peer, take_slowly, &s);
	c = duo_mine(&s.duo);
	chan_set_wait(c, wait);
	peer_expect(&peer, 'r');
	for (unsigned i = 0; i < s.n; i++)
		must_eq(send_one(c, 1000, 1, i, -1), 0);
	peer_tell(&peer, 'e');
	peer_end(&peer);
	kipc_chan_close(c);
}

/* The receiver waits every 50 messages until the sender sleeps; a ring of 4 KiB holds 4. A socket
 * may hold more, but not all 300.
 */
EACH_FORM(pressure_sleeping_sender_is_woken)
{
	send_to_slow(f, KIPC_WAIT_BLOCK);
	send_to_slow(f, KIPC_WAIT_ADAPTIVE);
}

/* Large messages through a small ring: each waits for the one before. */
static void take_large(struct peer *me, void *arg)
{
	struct slow *s = arg;
	struct kipc_chan *c = duo_theirs(&s->duo);
	size_t max = chan_get(c, KIPC_OPT_MAX_MSG);

	(void)me;
	chan_set_wait(c, s->wait);
	for (unsigned i = 0; i < s->n; i++)
		recv_one(c, max - i % 7, 1, i);
	kipc_chan_close(c);
}

EACH_FORM(pressure_one_message_fills_the_ring)
{
	for (int w = 0; w < 3; w++) {
		struct slow s = { .wait = wait_modes[w], .n = harness_rounds(500) };
		struct kipc_chan *c;
		struct peer peer;
		size_t max;

		duo_make(&s.duo, f, "size=4K");
		peer_start(&peer, take_large, &s);
		c = duo_mine(&s.duo);
		max = chan_get(c, KIPC_OPT_MAX_MSG);
		chan_set_wait(c, s.wait);
		for (unsigned i = 0; i < s.n; i++)
			must_eq(send_one(c, max - i % 7, 1, i, -1), 0);
		peer_end(&peer);
		kipc_chan_close(c);
	}
}
