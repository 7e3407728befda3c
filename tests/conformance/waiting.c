// SPDX-License-Identifier: MIT
/* Timeouts, sleeping and being woken, signals. Only lower bounds of time are checked. */
#include <signal.h>
#include <sys/wait.h>
#include "form.h"

EACH_FORM(waiting_timeouts)
{
	struct kipc_msg m;
	struct duo d;
	char byte;

	duo_both(&d, f, "");
	m = (struct kipc_msg){ .data = &byte, .len = 1 };
	must_eq(kipc_recv(d.end[1], &byte, 1, 0), -EAGAIN);
	must_eq(kipc_recv_n(d.end[1], &m, 1, 0), -EAGAIN);
	must_eq(kipc_peek(d.end[1], &m, 1, 0), -EAGAIN);
	must_eq(kipc_wait(d.end[1], KIPC_IN, 0), -EAGAIN);
	for (int i = 0; i < 3; i++)
		for (int call = 0; call < 4; call++) {
			int64_t start, wait = (1 + 10 * call) * MSEC;
			long r;

			chan_set_wait(d.end[1], wait_modes[i]);
			m = (struct kipc_msg){ .data = &byte, .len = 1 };
			start = harness_now();
			r = call == 0   ? (long)kipc_recv(d.end[1], &byte, 1, wait)
			    : call == 1 ? kipc_recv_n(d.end[1], &m, 1, wait)
			    : call == 2 ? kipc_peek(d.end[1], &m, 1, wait)
			                : kipc_wait(d.end[1], KIPC_IN, wait);
			must_eq(r, -ETIMEDOUT);
			must(harness_now() - start >= wait);
		}
	duo_close(&d);
}

/* An enormous timeout is "for ever", not an overflow into the past. */
EACH_FORM(waiting_largest_timeout)
{
	struct duo d;
	char buf[8];

	duo_both(&d, f, "");
	must_eq(send_one(d.end[0], 8, 1, 0, INT64_MAX), 0);
	must_eq(kipc_wait(d.end[1], KIPC_IN, INT64_MAX), KIPC_IN);
	must_eq(kipc_recv(d.end[1], buf, sizeof(buf), INT64_MAX - 1), 8);
	duo_close(&d);
}

EACH_FORM(waiting_wait_tells_what_is_true)
{
	struct duo d;

	duo_both(&d, f, "size=4K");
	must_eq(kipc_wait(d.end[0], KIPC_IN | KIPC_OUT, -1), KIPC_OUT);
	must_eq(send_one(d.end[1], 8, 1, 0, 0), 0);
	must_eq(kipc_wait(d.end[0], KIPC_IN, -1), KIPC_IN);
	must_eq(kipc_wait(d.end[0], KIPC_IN | KIPC_OUT, -1), KIPC_IN | KIPC_OUT);
	fill_up(d.end[0], 1000, 1);
	must_eq(kipc_wait(d.end[0], KIPC_OUT, 0), -EAGAIN);
	must_eq(kipc_wait(d.end[0], KIPC_OUT, 5 * MSEC), -ETIMEDOUT);
	must_eq(kipc_wait(d.end[0], KIPC_IN | KIPC_OUT, -1), KIPC_IN);
	while (kipc_recv(d.end[1], &(char[1000]){ 0 }, 1000, 0) > 0)
		;
	must_eq(kipc_wait(d.end[0], KIPC_OUT, -1), KIPC_OUT);
	must_eq(send_one(d.end[0], 1000, 1, 0, 0), 0);
	recv_one(d.end[0], 8, 1, 0);
	must_eq(kipc_wait(d.end[0], KIPC_IN, 0), -EAGAIN);
	duo_close(&d);
}

EACH_FORM(waiting_wait_tells_hang_up)
{
	struct duo d;
	int r;

	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[1], 8, 1, 0, 0), 0);
	must_eq(send_one(d.end[0], 8, 1, 0, 0), 0);
	kipc_chan_close(d.end[1]);
	d.end[1] = NULL;
	r = (int)must_ok(kipc_wait(d.end[0], KIPC_IN, -1));
	must(r & KIPC_HUP);
	must(r & KIPC_IN);
	recv_one(d.end[0], 8, 1, 0);
	must(must_ok(kipc_wait(d.end[0], KIPC_IN, -1)) & KIPC_HUP);
	must(must_ok(kipc_wait(d.end[0], KIPC_OUT, -1)) & KIPC_HUP);
	duo_close(&d);
}

/* Of a peer that lives and listens no more; a socket does not tell it apart. */
EACH_FORM(waiting_wait_tells_that_nobody_listens)
{
	unsigned hup = form_can(f, KIPC_CAP_ZEROCOPY) ? KIPC_HUP : 0;
	struct duo d;

	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[1], 8, 1, 0, 0), 0);
	must_eq(kipc_shutdown(d.end[1], KIPC_IN), 0);
	must_eq(kipc_wait(d.end[0], KIPC_OUT, -1) & (KIPC_OUT | hup), KIPC_OUT | hup);
	must_eq(send_one(d.end[0], 8, 1, 0, -1), -EPIPE);
	must_eq(kipc_wait(d.end[0], KIPC_IN, -1), KIPC_IN);
	recv_one(d.end[0], 8, 1, 0);
	must_eq(kipc_shutdown(d.end[1], KIPC_OUT), 0);
	must(must_ok(kipc_wait(d.end[0], KIPC_IN, -1)) & KIPC_HUP);
	duo_close(&d);
}

/* ---- a sleeper and who wakes it --------------------------------------------------------- */

struct sleeper {
	struct duo duo;
	unsigned wait;
	int verb;
	unsigned rounds;
};

static const char *const verbs[] = { "recv", "peek", "recv_n", "wait" };

static void sleep_in(struct kipc_chan *c, int verb, unsigned i)
{
	uint8_t buf[64];
	struct kipc_msg m = { .data = buf, .len = sizeof(buf) };

	if (verb == 3)
		must_eq(kipc_wait(c, KIPC_IN, -1), KIPC_IN);
	if (verb == 1) {
		must_eq(kipc_peek(c, &m, 1, -1), 1);
		must(m.len == 32 && content_is(m.data, 32, 1, i));
		must_eq(kipc_release(c, 1), 1);
		return;
	}
	if (verb == 2)
		must_eq(kipc_recv_n(c, &m, 1, -1), 1);
	else
		must_eq(kipc_recv(c, buf, sizeof(buf), -1), 32);
	must(content_is(buf, 32, 1, i));
}

static void sleep_often(struct peer *me, void *arg)
{
	struct sleeper *s = arg;
	struct kipc_chan *c = duo_theirs(&s->duo);

	chan_set_wait(c, s->wait);
	for (unsigned i = 0; i < s->rounds; i++) {
		peer_tell(me, 's');
		sleep_in(c, s->verb, i);
	}
	must(chan_stats(c).sleeps >= 1);
	kipc_chan_close(c);
}

/* Each message comes only after the receiver sleeps. */
static void wake_sleeper(const struct form *f, unsigned wait, int verb)
{
	struct sleeper s = { .wait = wait, .verb = verb, .rounds = 5 + harness_rounds(20) };
	struct kipc_chan *c;
	struct peer peer;

	duo_make(&s.duo, f, "");
	peer_start(&peer, sleep_often, &s);
	c = duo_mine(&s.duo);
	for (unsigned i = 0; i < s.rounds; i++) {
		peer_expect(&peer, 's');
		await_asleep(peer.pid);
		must_eq(send_one(c, 32, 1, i, -1), 0);
	}
	peer_end(&peer);
	kipc_chan_close(c);
}

EACH_FORM(waiting_sleeper_is_woken)
{
	for (size_t verb = 0; verb < sizeof(verbs) / sizeof(*verbs); verb++) {
		wake_sleeper(f, KIPC_WAIT_BLOCK, (int)verb);
		wake_sleeper(f, KIPC_WAIT_ADAPTIVE, (int)verb);
	}
}

/* A sender that falls into every phase of the receiver's way to sleep: the pauses between messages
 * sweep from nothing to longer than that way takes. A lost wake-up hangs, and the deadline ends it.
 */
EACH_FORM(waiting_no_wake_up_is_lost)
{
	struct sleeper s = { .wait = KIPC_WAIT_BLOCK, .rounds = harness_rounds(20000) };
	struct kipc_chan *c;
	struct peer peer;
	uint64_t random = 5;

	for (s.verb = 0; s.verb < 4; s.verb++) {
		duo_make(&s.duo, f, "");
		peer_start(&peer, sleep_often, &s);
		c = duo_mine(&s.duo);
		for (unsigned i = 0; i < s.rounds; i++) {
			peer_expect(&peer, 's');
			for (uint64_t k = harness_random(&random) % (1 + i % 4096); k; k--)
				__asm__ volatile("" ::: "memory");
			must_eq(send_one(c, 32, 1, i, -1), 0);
		}
		peer_end(&peer);
		kipc_chan_close(c);
	}
}

/* ---- on one CPU -------------------------------------------------------------------------- */

static void send_into_full(struct peer *me, void *arg)
{
	struct sleeper *s = arg;
	struct kipc_chan *c = duo_theirs(&s->duo);
	unsigned n;

	chan_set_wait(c, s->wait);
	n = fill_up(c, 1000, 1);
	for (unsigned i = 0; i < s->rounds; i++) {
		peer_tell(me, 's');
		must_eq(send_one(c, 1000, 1, n + i, -1), 0);
	}
	peer_tell(me, 's');
	peer_expect(me, 'e');
	kipc_chan_close(c);
}

/* There a sender likes to sleep until there is much room. But a receiver that takes one message, and then
 * none before it hears of the sender by another way, must hear of it. Four times, for after the first it may
 * sleep without a timer.
 */
EACH_FORM(waiting_room_for_one_is_enough)
{
	for (int w = 0; w < 3; w++) {
		struct sleeper s = { .wait = wait_modes[w], .rounds = 4 };
		struct kipc_chan *c;
		struct peer peer;

		if (s.wait == KIPC_WAIT_SPIN || !form_can(f, KIPC_CAP_ZEROCOPY))
			continue;
		form_pin(0);
		duo_make(&s.duo, f, "size=16K");
		peer_start(&peer, send_into_full, &s);
		c = duo_mine(&s.duo);
		must_eq(kipc_wait(c, KIPC_IN, -1), KIPC_IN);
		peer_expect(&peer, 's');
		for (unsigned i = 0; i < s.rounds; i++) {
			await_asleep(peer.pid);
			recv_one(c, 1000, 1, i);
			peer_expect(&peer, 's');
		}
		peer_tell(&peer, 'e');
		peer_end(&peer);
		kipc_chan_close(c);
	}
}

/* ---- signals ---------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	(void)sig;
}

static void catch_signal(int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	must_sys(sigaction(SIGUSR1, &sa, NULL));
}

/* One that was sent because the word of the call before came late must not end the next one. */
static void block_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must_sys(sigprocmask(SIG_BLOCK, &set, NULL));
}

static void be_interrupted(struct peer *me, void *arg)
{
	struct sleeper *s = arg;
	struct kipc_chan *c = duo_theirs(&s->duo);
	struct kipc_msg m = { .len = 1000 };
	uint8_t buf[1000];

	catch_signal(0);
	chan_set_wait(c, s->wait);
	peer_tell(me, 's');
	must_eq(kipc_recv(c, buf, sizeof(buf), -1), -EINTR);
	peer_tell(me, 's');
	must_eq(kipc_peek(c, &m, 1, -1), -EINTR);
	peer_tell(me, 's');
	must_eq(kipc_wait(c, KIPC_IN, -1), -EINTR);
	fill_up(c, 1000, 1);
	peer_tell(me, 's');
	must_eq(kipc_send(c, buf, sizeof(buf), -1), -EINTR);
	peer_tell(me, 's');
	must_eq(kipc_reserve(c, &m, 1, -1), -EINTR);
	block_signal();
	peer_tell(me, 's');
	recv_one(c, 32, 1, 0);
	kipc_chan_close(c);
}

/* Signals until the call returned: one may come while the sleeper looks around. */
static void interrupt(struct peer *peer)
{
	do {
		await_asleep(peer->pid);
		must_sys(kill(peer->pid, SIGUSR1));
	} while (!peer_told_within(peer, 20));
	peer_expect(peer, 's');
}

EACH_FORM(waiting_signal_interrupts)
{
	for (int w = 0; w < 3; w++) {
		struct sleeper s = { .wait = wait_modes[w] };
		struct kipc_chan *c;
		struct peer peer;

		if (s.wait == KIPC_WAIT_SPIN)
			continue;
		duo_make(&s.duo, f, "size=4K");
		peer_start(&peer, be_interrupted, &s);
		c = duo_mine(&s.duo);
		peer_expect(&peer, 's');
		for (int i = 0; i < 5; i++)
			interrupt(&peer);
		must_eq(send_one(c, 32, 1, 0, -1), 0);
		peer_end(&peer);
		kipc_chan_close(c);
	}
}

/* With SA_RESTART the sleep may go on, and then it ends with what comes. */
static void be_disturbed(struct peer *me, void *arg)
{
	struct sleeper *s = arg;
	struct kipc_chan *c = duo_theirs(&s->duo);
	uint8_t buf[64];
	ssize_t r;

	catch_signal(SA_RESTART);
	chan_set_wait(c, s->wait);
	for (unsigned i = 0; i < s->rounds; i++) {
		peer_tell(me, 's');
		do
			r = kipc_recv(c, buf, sizeof(buf), -1);
		while (r == -EINTR);
		must_eq(r, 32);
		must(content_is(buf, 32, 1, i));
	}
	kipc_chan_close(c);
}

/* Often enough that a side has come to sleep without a timer. */
EACH_FORM(waiting_signal_that_restarts)
{
	struct sleeper s = { .wait = KIPC_WAIT_BLOCK, .rounds = 80 };
	struct kipc_chan *c;
	struct peer peer;

	duo_make(&s.duo, f, "size=4K");
	peer_start(&peer, be_disturbed, &s);
	c = duo_mine(&s.duo);
	for (unsigned i = 0; i < s.rounds; i++) {
		peer_expect(&peer, 's');
		await_asleep(peer.pid);
		must_sys(kill(peer.pid, SIGUSR1));
		must_eq(send_one(c, 32, 1, i, -1), 0);
	}
	peer_end(&peer);
	kipc_chan_close(c);
}

/* ---- stopped and continued -------------------------------------------------------------- */

static void be_stopped(struct peer *me, void *arg)
{
	struct sleeper *s = arg;
	struct kipc_chan *c = duo_theirs(&s->duo);
	struct kipc_msg m;
	uint8_t buf[1000] = { 0 };

	chan_set_wait(c, s->wait);
	peer_tell(me, 's');
	recv_one(c, 32, 1, 0);
	peer_tell(me, 's');
	must_eq(kipc_peek(c, &m, 1, -1), 1);
	must_eq(kipc_release(c, 1), 1);
	peer_tell(me, 's');
	must_eq(kipc_wait(c, KIPC_IN, 600 * SEC), KIPC_IN);
	recv_one(c, 32, 1, 2);
	fill_up(c, sizeof(buf), 2);
	peer_tell(me, 's');
	must_eq(kipc_send(c, buf, sizeof(buf), -1), 0);
	peer_tell(me, 's');
	kipc_chan_close(c);
}

/* Wherever it sleeps, it goes on sleeping. */
static void stop_often(struct peer *peer)
{
	for (int i = 0; i < 3; i++) {
		await_asleep(peer->pid);
		peer_stop(peer);
		peer_continue(peer);
	}
	await_asleep(peer->pid);
}

/* No signal handler ran, so nothing is interrupted: a debugger or a shell's job control is not seen. */
EACH_FORM(waiting_stop_is_no_signal)
{
	for (int w = 0; w < 3; w++) {
		struct sleeper s = { .wait = wait_modes[w] };
		struct kipc_chan *c;
		struct peer peer;
		ssize_t r;

		if (s.wait == KIPC_WAIT_SPIN)
			continue;
		duo_make(&s.duo, f, "size=4K");
		peer_start(&peer, be_stopped, &s);
		c = duo_mine(&s.duo);
		for (unsigned i = 0; i < 3; i++) {
			peer_expect(&peer, 's');
			stop_often(&peer);
			must_eq(send_one(c, 32, 1, i, -1), 0);
		}
		peer_expect(&peer, 's');
		stop_often(&peer);
		while (!peer_told_within(&peer, 0)) {
			uint8_t buf[1000];

			r = kipc_recv(c, buf, sizeof(buf), 0);
			must(r == -EAGAIN || r == sizeof(buf));
		}
		peer_expect(&peer, 's');
		peer_end(&peer);
		kipc_chan_close(c);
	}
}
