// SPDX-License-Identifier: MIT
/*
 * gone.c - model of "gone" against waiting: shutdown, close and death of either end
 *
 * One end leaves at some moment, politely or killed before any of its accesses, while the other one sends,
 * receives or sleeps. Right is: a receiver gets every message whose send had returned, in order, and
 * then -EPIPE; a sender gets -EPIPE; neither waits for ever. Only a death may be found by looking: in
 * the polite cases nothing but a wake-up ends a sleep.
 */
#include "pair.h"

#define MESSAGES 3
#define ACCESSES 120 /* that many a dying end gets to, at most */

enum how { SHUT, CLOSE, DIE, HOWS };

const unsigned kipc__model_threads = 2;

static enum how how;
static unsigned leaver;
static unsigned sent, received; /* each written by one thread, compared when both have ended */

void kipc__model_setup(void)
{
	kipc__model_pair_setup(kipc__model_rand(2) ? KIPC_WAIT_BLOCK : KIPC_WAIT_ADAPTIVE);
	how = kipc__model_rand(HOWS);
	leaver = kipc__model_rand(2);
	sent = received = 0;
	kipc__model_naps = how == DIE;
}

static void send_few(void)
{
	unsigned n = kipc__model_rand(MESSAGES + 1);

	while (sent < n && kipc__model_send(sent) == 0)
		sent++;
}

static void recv_few(void)
{
	unsigned n = kipc__model_rand(MESSAGES + 1);

	while (received < n && kipc__model_recv(received, -1) == 0)
		received++;
}

static void leave(void)
{
	struct kipc__ring_chan *c = &kipc__model_end[leaver].ring;

	if (how == SHUT)
		(void)kipc__shm_shut(c, leaver == 0 ? KIPC_OUT : KIPC_IN);
	else
		kipc__model_close(leaver);
}

static void use_and_leave(void)
{
	void (*use)(void) = leaver == 0 ? send_few : recv_few;

	if (how == DIE) {
		(void)kipc__model_mortal(use, ACCESSES);
		kipc__model_die(leaver);
	} else {
		use();
		leave();
	}
}

/* Nothing but the end of the other one ends this. A receiver that leaves early gets the rest never. */
static void use_to_the_end(void)
{
	int r;

	if (leaver == 0)
		while ((r = kipc__model_recv(received, -1)) == 0)
			received++;
	else
		while ((r = kipc__model_send(sent)) == 0)
			sent++;
	kipc__model_assert(r == -EPIPE, "an end is left and hears something else");
}

void kipc__model_thread(unsigned i)
{
	if (i == leaver)
		use_and_leave();
	else
		use_to_the_end();
}

void kipc__model_after(void)
{
	if (leaver == 0)
		kipc__model_assert(received >= sent, "what was committed is lost");
	kipc__model_assert(received <= sent + 1, "more than was sent");
}
