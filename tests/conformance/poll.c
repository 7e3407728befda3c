// SPDX-License-Identifier: MIT
/* kipc_chan_fd() in epoll: level semantics, both directions, no wake-up lost. */
#include <poll.h>
#include <sys/epoll.h>
#include "form.h"

static int watch(int ep, int fd, uint32_t id)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = id };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static int epoll_on(struct kipc_chan *c, unsigned dir)
{
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));

	must_sys(watch(ep, (int)must_ok(kipc_chan_fd(c, dir)), dir));
	return ep;
}

/* Which direction became ready; 0: none within ms. */
static unsigned ready(int ep, int ms)
{
	struct epoll_event ev;
	int n;

	while ((n = epoll_wait(ep, &ev, 1, ms)) < 0)
		must(errno == EINTR);
	return n ? ev.data.u32 : 0;
}

/* It may be readable without reason now and then, but not for ever. */
static void must_become_quiet(int ep, struct kipc_chan *c, unsigned dir)
{
	struct kipc_msg m = { .len = 1000 };
	int r;

	for (int i = 0; i < 100; i++) {
		r = dir == KIPC_IN ? kipc_peek(c, &m, 1, 0) : kipc_reserve(c, &m, 1, 0);
		must_eq(r, -EAGAIN);
		if (!ready(ep, 0))
			return;
	}
	harness_fail(__FILE__, __LINE__, "readable 100 times, and the call would block each time");
}

EACH_FORM(poll_level_of_messages)
{
	struct duo d;
	int ep;

	duo_both(&d, f, "size=4K");
	ep = epoll_on(d.end[1], KIPC_IN);
	must_eq(kipc_chan_fd(d.end[1], KIPC_IN), kipc_chan_fd(d.end[1], KIPC_IN));
	for (int round = 0; round < 50; round++) {
		must_become_quiet(ep, d.end[1], KIPC_IN);
		for (int i = 0; i < 3; i++)
			must_eq(send_one(d.end[0], 10, 1, i, 0), 0);
		for (int i = 0; i < 3; i++) {
			must_eq(ready(ep, -1), KIPC_IN);
			must_eq(ready(ep, 0), KIPC_IN);
			recv_one(d.end[1], 10, 1, i);
		}
	}
	duo_close(&d);
	close(ep);
}

/* A wait that timed out says as well that nothing is there: who polls next sleeps. */
EACH_FORM(poll_behind_a_timeout)
{
	struct duo d;
	char word[16];
	int ep, i = 0;

	duo_both(&d, f, "size=4K");
	ep = epoll_on(d.end[1], KIPC_IN);
	must_become_quiet(ep, d.end[1], KIPC_IN);
	must_eq(send_one(d.end[0], 10, 1, 0, 0), 0);
	must_eq(ready(ep, -1), KIPC_IN);
	recv_one(d.end[1], 10, 1, 0);
	do {
		must(i++ < 100);
		must_eq(kipc_recv(d.end[1], word, sizeof(word), 1000 * 1000), -ETIMEDOUT);
	} while (ready(ep, 0));
	must_eq(send_one(d.end[0], 10, 1, 1, 0), 0);
	must_eq(ready(ep, -1), KIPC_IN);
	duo_close(&d);
	close(ep);
}

/* Watched only after the messages are there. */
EACH_FORM(poll_of_what_is_there_already)
{
	struct duo d;
	int ep;

	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[0], 10, 1, 0, 0), 0);
	ep = epoll_on(d.end[1], KIPC_IN);
	must_eq(ready(ep, -1), KIPC_IN);
	recv_one(d.end[1], 10, 1, 0);
	must_become_quiet(ep, d.end[1], KIPC_IN);
	close(ep);
	ep = epoll_on(d.end[0], KIPC_OUT);
	must_eq(send_one(d.end[0], 10, 1, 1, 0), 0);
	recv_one(d.end[1], 10, 1, 1);
	duo_close(&d);
	close(ep);
}

/* A peeked message that is not released keeps it readable. */
EACH_FORM(poll_while_peeked)
{
	struct kipc_msg m;
	struct duo d;
	int ep;

	duo_both(&d, f, "size=4K");
	ep = epoll_on(d.end[1], KIPC_IN);
	must_eq(send_one(d.end[0], 10, 1, 0, 0), 0);
	must_eq(ready(ep, -1), KIPC_IN);
	must_eq(kipc_peek(d.end[1], &m, 1, 0), 1);
	must_eq(ready(ep, -1), KIPC_IN);
	must_eq(kipc_release(d.end[1], 1), 1);
	must_become_quiet(ep, d.end[1], KIPC_IN);
	duo_close(&d);
	close(ep);
}

/* Nor does one go unseen that was too long for the buffers it was to go to. */
EACH_FORM(poll_while_it_does_not_fit)
{
	struct kipc_msg m[2];
	uint8_t buf[10];
	struct duo d;
	int ep;

	duo_both(&d, f, "size=4K");
	ep = epoll_on(d.end[1], KIPC_IN);
	for (int round = 0; round < 3; round++) {
		must_eq(send_one(d.end[0], 10, 1, 0, 0), 0);
		must_eq(send_one(d.end[0], 300, 1, 1, 0), 0);
		m[0] = m[1] = (struct kipc_msg){ .data = buf, .len = sizeof(buf) };
		must_eq(kipc_recv_n(d.end[1], m, 2, 0), 1);
		must_eq(ready(ep, 1000), KIPC_IN);
		must_eq(kipc_recv(d.end[1], buf, sizeof(buf), 0), -EMSGSIZE);
		must_eq(ready(ep, 1000), KIPC_IN);
		recv_one(d.end[1], 300, 1, 1);
		must_become_quiet(ep, d.end[1], KIPC_IN);
	}
	duo_close(&d);
	close(ep);
}

EACH_FORM(poll_level_of_room)
{
	struct duo d;
	int ep;

	duo_both(&d, f, "size=4K");
	ep = epoll_on(d.end[0], KIPC_OUT);
	for (int round = 0; round < 20; round++) {
		unsigned n = fill_up(d.end[0], 1000, 1);

		must_become_quiet(ep, d.end[0], KIPC_OUT);
		for (unsigned i = 0; i < n; i++)
			recv_one(d.end[1], 1000, 1, i);
		must_eq(ready(ep, -1), KIPC_OUT);
		must_eq(send_one(d.end[0], 1000, 1, 0, 0), 0);
		recv_one(d.end[1], 1000, 1, 0);
	}
	duo_close(&d);
	close(ep);
}

EACH_FORM(poll_hang_up)
{
	struct duo d;
	int in, out;

	duo_both(&d, f, "size=4K");
	in = epoll_on(d.end[0], KIPC_IN);
	out = epoll_on(d.end[0], KIPC_OUT);
	fill_up(d.end[0], 1000, 1);
	must_become_quiet(in, d.end[0], KIPC_IN);
	must_become_quiet(out, d.end[0], KIPC_OUT);
	must_eq(send_one(d.end[1], 10, 1, 0, 0), 0);
	kipc_chan_close(d.end[1]);
	d.end[1] = NULL;
	must_eq(ready(out, -1), KIPC_OUT);
	must_eq(ready(in, -1), KIPC_IN);
	recv_one(d.end[0], 10, 1, 0);
	for (int i = 0; i < 3; i++) {
		must_eq(ready(in, -1), KIPC_IN);
		must_eq(kipc_recv(d.end[0], &d, sizeof(d), 0), -EPIPE);
		must_eq(ready(out, -1), KIPC_OUT);
		must_eq(send_one(d.end[0], 1000, 1, 0, 0), -EPIPE);
	}
	kipc_chan_close(d.end[0]);
	close(in);
	close(out);
}

/* A polite end of one direction is told to a poller as well, at once and not at some re-check. */
EACH_FORM(poll_shutdown)
{
	struct duo d;
	int in, out;

	duo_both(&d, f, "size=4K");
	in = epoll_on(d.end[0], KIPC_IN);
	out = epoll_on(d.end[0], KIPC_OUT);
	must_eq(send_one(d.end[1], 10, 1, 0, 0), 0);
	recv_one(d.end[0], 10, 1, 0);
	fill_up(d.end[0], 1000, 1);
	must_become_quiet(in, d.end[0], KIPC_IN);
	must_become_quiet(out, d.end[0], KIPC_OUT);
	must_eq(kipc_shutdown(d.end[1], KIPC_OUT), 0);
	must_eq(ready(in, -1), KIPC_IN);
	must_eq(kipc_recv(d.end[0], &d, sizeof(d), 0), -EPIPE);
	must_eq(kipc_shutdown(d.end[1], KIPC_IN), 0);
	must_eq(ready(out, -1), KIPC_OUT);
	must_eq(send_one(d.end[0], 1000, 1, 0, 0), -EPIPE);
	duo_close(&d);
	close(in);
	close(out);
}

/* ---- two processes ---------------------------------------------------------------------- */

#define LEN_OF(i) ((i) % 700)

struct polled {
	struct duo duo;
	unsigned n;
	bool nested;
	bool mixed; /* the receiver polls and blocks by turns */
};

/* Bursts and pauses; a pause ends when the other process sleeps. */
static void send_in_bursts(struct peer *me, void *arg)
{
	struct polled *p = arg;
	struct kipc_chan *c = duo_theirs(&p->duo);
	uint64_t random = 77;
	int ep = epoll_on(c, KIPC_OUT);

	(void)me;
	for (unsigned i = 0; i < p->n;) {
		unsigned burst = 1 + (unsigned)(harness_random(&random) % 40);
		int r;

		for (; burst && i < p->n; burst--, i++) {
			while ((r = send_one(c, LEN_OF(i), 1, i, 0)) == -EAGAIN)
				must_eq(ready(ep, -1), KIPC_OUT);
			must_eq(r, 0);
		}
		if (harness_random(&random) % 64 == 0)
			await_asleep(getppid());
	}
	kipc_chan_close(c);
}

static int make_poller(struct polled *p, struct kipc_chan *c)
{
	int inner = epoll_on(c, KIPC_IN), outer;

	if (!p->nested)
		return inner;
	outer = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));
	must_sys(watch(outer, inner, KIPC_IN));
	return outer;
}

/* Takes a random number of messages per readiness, seldom all. */
static void receive_by_poll(struct polled *p, struct kipc_chan *c)
{
	int ep = make_poller(p, c);
	uint64_t random = 99;
	uint8_t buf[700];
	ssize_t r = 0;

	for (unsigned i = 0; i < p->n;) {
		unsigned most = 1 + (unsigned)(harness_random(&random) % 60);
		int64_t timeout = p->mixed && most % 8 == 0 ? -1 : 0;

		if (!timeout)
			must_eq(ready(ep, -1), KIPC_IN);
		for (; most && i < p->n; most--, i++) {
			r = kipc_recv(c, buf, sizeof(buf), timeout);
			if (r == -EAGAIN)
				break;
			must_eq(r, LEN_OF(i));
			must(content_is(buf, (size_t)r, 1, i));
		}
	}
	must_eq(kipc_recv(c, buf, sizeof(buf), -1), -EPIPE);
	must_eq(ready(ep, -1), KIPC_IN);
	close(ep);
}

static void run_polled(const struct form *f, bool nested, bool mixed)
{
	struct polled p = { .n = harness_rounds(20000), .nested = nested, .mixed = mixed };
	struct kipc_chan *c;
	struct peer peer;

	duo_make(&p.duo, f, "size=4K");
	peer_start(&peer, send_in_bursts, &p);
	c = duo_mine(&p.duo);
	receive_by_poll(&p, c);
	peer_end(&peer);
	kipc_chan_close(c);
}

EACH_FORM(poll_no_wake_up_is_lost)
{
	run_polled(f, false, false);
}

EACH_FORM(poll_nested_epoll)
{
	run_polled(f, true, false);
}

EACH_FORM(poll_and_block_by_turns)
{
	run_polled(f, false, true);
}

/* ---- many channels, one epoll ----------------------------------------------------------- */

#define CHANNELS 8

struct many {
	struct duo duo[CHANNELS];
	unsigned n;
};

static void send_to_many(struct peer *me, void *arg)
{
	struct many *m = arg;
	struct kipc_chan *c[CHANNELS];
	unsigned sent[CHANNELS] = { 0 };
	uint64_t random = 3;

	(void)me;
	for (int i = 0; i < CHANNELS; i++)
		c[i] = duo_theirs(&m->duo[i]);
	for (unsigned i = 0; i < m->n; i++) {
		unsigned k = (unsigned)(harness_random(&random) % CHANNELS);

		must_eq(send_one(c[k], 20, k + 1, sent[k]++, -1), 0);
	}
	for (int i = 0; i < CHANNELS; i++)
		kipc_chan_close(c[i]);
}

EACH_FORM(poll_many_channels)
{
	struct many m = { .n = harness_rounds(10000) };
	unsigned got[CHANNELS] = { 0 }, total = 0, ended = 0;
	struct kipc_chan *c[CHANNELS];
	struct peer peer;
	uint8_t buf[20];
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));

	for (int i = 0; i < CHANNELS; i++)
		duo_make(&m.duo[i], f, "size=4K");
	peer_start(&peer, send_to_many, &m);
	for (unsigned i = 0; i < CHANNELS; i++) {
		c[i] = duo_mine(&m.duo[i]);
		must_sys(watch(ep, (int)must_ok(kipc_chan_fd(c[i], KIPC_IN)), i + 1));
	}
	while (ended < CHANNELS) {
		unsigned k = ready(ep, -1) - 1;
		ssize_t r = kipc_recv(c[k], buf, sizeof(buf), 0);

		if (r == -EPIPE) {
			must_sys(epoll_ctl(ep, EPOLL_CTL_DEL, kipc_chan_fd(c[k], KIPC_IN), NULL));
			ended++;
		} else if (r != -EAGAIN) {
			must_eq(r, 20);
			must(content_is(buf, 20, k + 1, got[k]++));
			total++;
		}
	}
	must_eq(total, m.n);
	peer_end(&peer);
	for (int i = 0; i < CHANNELS; i++)
		kipc_chan_close(c[i]);
	close(ep);
}
