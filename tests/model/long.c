// SPDX-License-Identifier: MIT
/*
 * long.c - model of long messages that are received while they are sent: (U) to (X)
 *
 * The pair's own verbs, with "long" scaled down to three words and a piece to one (see models), so that
 * the receiver follows copies that go on, stop, end or turn out to be of another message. The sender
 * may be killed in the middle of a copy. Right is: every message once, in order, whole and as long as
 * it was sent, without a data race; what was not published does not exist; nobody waits for ever.
 */
#include "pair.h"

#define MESSAGES 4
#define ACCESSES 150 /* that many a dying sender gets to, at most */

const unsigned kipc__model_threads = 2;

static bool dies;
static unsigned words[MESSAGES];
static unsigned sent, received; /* each written by one thread, compared when both have ended */

void kipc__model_setup(void)
{
	static const unsigned some[] = { 1, 3, PAIR_WORDS };
	unsigned i;

	kipc__model_pair_setup(kipc__model_rand(2) ? KIPC_WAIT_BLOCK : KIPC_WAIT_ADAPTIVE);
	dies = kipc__model_rand(3) == 0;
	kipc__model_naps = dies;
	sent = received = 0;
	for (i = 0; i < MESSAGES; i++)
		words[i] = some[kipc__model_rand(3)];
}

static void send_all(void)
{
	while (sent < MESSAGES) {
		kipc__model_assert(kipc__model_send_words(sent, words[sent]) == 0, "send fails");
		sent++;
	}
}

static void send_or_die(void)
{
	if (!dies) {
		send_all();
		return;
	}
	(void)kipc__model_mortal(send_all, ACCESSES);
	kipc__model_die(0);
}

static void recv_all(void)
{
	int n;

	while (dies || received < MESSAGES) {
		n = kipc__model_recv_words(received, -1);
		if (n == -EPIPE && dies)
			return;
		kipc__model_assert(n >= 0, "recv fails");
		kipc__model_assert(received < MESSAGES && (unsigned)n == words[received],
		                   "a length that was not sent");
		received++;
	}
}

void kipc__model_thread(unsigned i)
{
	if (i == 0)
		send_or_die();
	else
		recv_all();
}

void kipc__model_after(void)
{
	kipc__model_assert(received >= sent && received <= sent + 1, "what was committed is lost");
}
