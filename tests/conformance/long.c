// SPDX-License-Identifier: MIT
/* Long messages, which both sides may copy at the same time: whole or not at all, whoever stops or dies. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "form.h"

#define MOST (900 * 1000)

struct scene {
	struct duo duo;
	unsigned wait;
};

static size_t len_of(const struct kipc_chan *c, unsigned i)
{
	size_t max = chan_get(c, KIPC_OPT_MAX_MSG);

	max = max < MOST ? max : MOST;
	return i % 5 == 4 ? i % 300 : max - i * 7919 % (max / 2);
}

static void run_sender(struct peer *me, void *arg)
{
	struct scene *s = arg;
	struct kipc_chan *c = duo_theirs(&s->duo);

	(void)me;
	chan_set_wait(c, s->wait);
	for (unsigned i = 0;;) {
		int r = send_one(c, len_of(c, i), 1, i, -1);

		if (r < 0 && r != -EINTR)
			return;
		i += r == 0;
	}
}

static struct kipc_chan *begin(struct scene *s, const struct form *f, struct peer *peer)
{
	struct kipc_chan *c;

	duo_make(&s->duo, f, "size=1M");
	peer_start(peer, run_sender, s);
	c = duo_mine(&s->duo);
	chan_set_wait(c, s->wait);
	return c;
}

static ssize_t recv_next(struct kipc_chan *c, unsigned i, int64_t timeout)
{
	static uint8_t buf[MOST + 1];
	ssize_t len;

	buf[MOST] = 0xa5;
	len = kipc_recv(c, buf, MOST, timeout);
	must(buf[MOST] == 0xa5);
	if (len >= 0) {
		must_eq(len, len_of(c, i));
		must(content_is(buf, (size_t)len, 1, i));
	}
	return len;
}

EACH_FORM(long_whole_in_each_wait_mode)
{
	for (int w = 0; w < 3; w++) {
		struct scene s = { .wait = wait_modes[w] };
		struct peer peer;
		struct kipc_chan *c = begin(&s, f, &peer);

		for (unsigned i = 0; i < harness_rounds(100); i++)
			must_ok(recv_next(c, i, i % 2 ? -1 : 100 * SEC));
		kipc_chan_close(c);
		peer_end(&peer);
	}
}

/* kill -9 somewhere in a message. */
EACH_FORM(long_sender_killed)
{
	for (unsigned k = 0; k < harness_rounds(30); k++) {
		struct scene s = { .wait = wait_modes[k % 3] };
		struct peer peer;
		struct kipc_chan *c = begin(&s, f, &peer);
		unsigned i = 0;
		ssize_t r;

		for (; i < 1 + k % 7; i++)
			must_ok(recv_next(c, i, -1));
		must_sys(kill(peer.pid, SIGKILL));
		while ((r = recv_next(c, i, -1)) >= 0)
			i++;
		must_eq(r, -EPIPE);
		kipc_chan_close(c);
	}
}

/* Stopped somewhere in a message: a timeout holds, and the message comes whole when it goes on. */
EACH_FORM(long_sender_stopped)
{
	for (int w = 0; w < 3; w++) {
		struct scene s = { .wait = wait_modes[w] };
		struct peer peer;
		struct kipc_chan *c = begin(&s, f, &peer);
		unsigned i = 0;

		for (unsigned k = 0; k < harness_rounds(20); k++) {
			ssize_t r;

			for (unsigned n = 0; n < 1 + k % 3; n++)
				must_ok(recv_next(c, i++, -1));
			peer_stop(&peer);
			while ((r = recv_next(c, i, MSEC)) >= 0)
				i++;
			must_eq(r, -ETIMEDOUT);
			must_eq(recv_next(c, i, 0), -EAGAIN);
			peer_continue(&peer);
			must_ok(recv_next(c, i++, -1));
		}
		kipc_chan_close(c);
		peer_end(&peer);
	}
}

/* ---- batches ---------------------------------------------------------------------------- */

#define BATCH 4
#define PART  (100 * 1024)

/* The buffer of the last message of a batch may not be touched before somebody has looked around. */
static struct {
	struct duo duo;
	struct kipc_msg m[BATCH];
	void (*look)(void);
	bool looked;
} pause_at;

static void look_around(int sig, siginfo_t *info, void *context)
{
	uint8_t *last = pause_at.m[BATCH - 1].data, *at = info->si_addr;

	(void)context;
	if (at < last || at >= last + PART) {
		signal(sig, SIG_DFL);
		return;
	}
	pause_at.look();
	pause_at.looked = true;
	must_sys(mprotect(last, PART, PROT_READ | PROT_WRITE));
}

static void batch_begin(const struct form *f, void (*look)(void))
{
	struct sigaction action = { .sa_sigaction = look_around, .sa_flags = SA_SIGINFO };
	uint8_t *at = mmap(NULL, (size_t)BATCH * PART, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(at != MAP_FAILED);
	must_sys(sigaction(SIGSEGV, &action, NULL));
	duo_both(&pause_at.duo, f, "size=512K");
	pause_at.look = look;
	pause_at.looked = false;
	for (int i = 0; i < BATCH; i++) {
		pause_at.m[i] = (struct kipc_msg){ .data = at + i * PART, .len = PART };
		content_fill(pause_at.m[i].data, PART, 1, i);
	}
}

static void batch_pause(void)
{
	must_sys(mprotect(pause_at.m[BATCH - 1].data, PART, PROT_NONE));
}

static void batch_end(void)
{
	must(pause_at.looked);
	must_sys(munmap(pause_at.m[0].data, (size_t)BATCH * PART));
	duo_close(&pause_at.duo);
}

static void look_for_messages(void)
{
	struct kipc_msg seen[BATCH];

	must_eq(kipc_peek(pause_at.duo.end[1], seen, BATCH, 0), BATCH - 1);
}

EACH_FORM(long_batch_is_seen_while_it_is_sent)
{
	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return; /* the kernel copies, and is not interrupted */
	batch_begin(f, look_for_messages);
	batch_pause();
	must_eq(kipc_send_n(pause_at.duo.end[0], pause_at.m, BATCH, 0), BATCH);
	for (int i = 0; i < BATCH; i++)
		recv_one(pause_at.duo.end[1], PART, 1, i);
	batch_end();
}

static void look_for_room(void)
{
	struct kipc_msg m = { .len = (BATCH - 1) * PART };

	must_eq(kipc_reserve(pause_at.duo.end[0], &m, 1, 0), 1);
	must_eq(kipc_discard(pause_at.duo.end[0]), 0);
}

EACH_FORM(long_batch_gives_room_while_it_is_received)
{
	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return;
	batch_begin(f, look_for_room);
	must_eq(kipc_send_n(pause_at.duo.end[0], pause_at.m, BATCH, 0), BATCH);
	memset(pause_at.m[0].data, 0, (size_t)BATCH * PART);
	batch_pause();
	must_eq(kipc_recv_n(pause_at.duo.end[1], pause_at.m, BATCH, 0), BATCH);
	for (int i = 0; i < BATCH; i++)
		must(content_is(pause_at.m[i].data, PART, 1, i));
	batch_end();
}
