// SPDX-License-Identifier: MIT
/*
 * poll.c - model of the poll descriptor: arming again after a call that found nothing
 *
 * The receiver never waits in a call: it receives until there is nothing, and then sleeps until its
 * descriptor is readable. The doorbell is rung only where it is found armed, so a message that falls
 * between the last look and the arming must be seen by the look behind it. The sender closes at the
 * end, which a poller must hear as well.
 */
#include "pair.h"

#define MESSAGES 3

const unsigned kipc__model_threads = 2;

static unsigned messages;

void kipc__model_setup(void)
{
	kipc__model_pair_setup(kipc__model_rand(2) ? KIPC_WAIT_BLOCK : KIPC_WAIT_ADAPTIVE);
	messages = kipc__model_rand(MESSAGES + 1);
	kipc__model_end[1].ring.polled[KIPC_SIDE_DATA] = true;
	kipc__store_relaxed(&kipc__model_end[1].ring.polled[KIPC_SIDE_DATA], true);
}

static void produce(void)
{
	unsigned number;

	for (number = 0; number < messages; number++)
		kipc__model_assert(kipc__model_send(number) == 0, "a message fails");
	kipc__model_close(0);
}

static void poll_and_consume(void)
{
	unsigned number = 0;
	int r;

	/* Who has just got the descriptor may ask it first. */
	if (kipc__model_rand(2)) {
		kipc__shm_idle(&kipc__model_end[1].ring, KIPC_SIDE_DATA);
		kipc__model_poll(1, KIPC_SIDE_DATA);
	}
	for (;;) {
		while ((r = kipc__model_recv(number, 0)) == 0)
			number++;
		if (r != -EAGAIN)
			break;
		kipc__model_poll(1, KIPC_SIDE_DATA);
	}
	kipc__model_assert(r == -EPIPE && number == messages, "not everything, and then the end");
}

void kipc__model_thread(unsigned i)
{
	if (i == 0)
		produce();
	else
		poll_and_consume();
}

void kipc__model_after(void)
{
}
