// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sched.h>
#include "kill.h"

/* The survivor of a topic subscribes: it gets what was committed, then -EPIPE, then what the next
 * publisher has for it. Or it publishes, and waits for a subscriber that dies instead of reading.
 */

#define MORE 100 /* letters, and more than the ring holds */

static ssize_t receive(struct stage *s, struct kipc_chan *c, struct letter *l)
{
	ssize_t len;

	for (;;) {
		len = kipc_recv(c, l->body, sizeof(l->body), s->mood == POLLING ? 0 : -1);
		if (len != -EAGAIN || s->mood != POLLING)
			return len;
		poll_for(c, KIPC_IN);
	}
}

static void await_subscriber(struct kipc_chan *c)
{
	struct kipc_peer peer = { .size = sizeof(peer) };

	for (;;) {
		must_eq(kipc_chan_peer(c, &peer), 0);
		if (peer.state == KIPC_PEER_ALIVE)
			return;
		sched_yield();
	}
}

static int publish(struct kipc_chan *c, uint32_t number, int64_t timeout)
{
	struct letter l;

	letter_write(&l, SURVIVOR, number);
	return kipc_send(c, l.body, l.len, timeout);
}

static void publish_on(struct stage *s, struct kipc_chan *c)
{
	uint32_t number = WARM_ROUNDS, end;
	int r;

	await_subscriber(c);
	while ((r = publish(c, number, 0)) == 0)
		number++;
	must_eq(r, -EAGAIN);
	say(s);
	if (s->mood == AWAY)
		hear(s);
	for (end = number + MORE; number < end; number += r == 0) {
		r = publish(c, number, s->mood == POLLING ? 0 : -1);
		if (r == -EAGAIN && s->mood == POLLING)
			poll_for(c, KIPC_OUT);
		else
			must_eq(r, 0);
	}
}

static void subscribe_on(struct stage *s, struct kipc_chan *c)
{
	struct ledger *ledger = s->ledger;
	struct letter l;
	ssize_t len;

	say(s);
	if (s->mood == AWAY)
		hear(s);
	for (;;) {
		len = receive(s, c, &l);
		must(len >= 0 || len == -EPIPE);
		if (len >= 0 && letter_is(l.body, (size_t)len, NEWCOMER, 0))
			break;
		if (len < 0)
			continue; /* told; the next publisher is on its way */
		must(letter_is(l.body, (size_t)len, VICTIM, ledger->got));
		ledger->got++;
	}
	must(ledger->got == ledger->sent || ledger->got == ledger->sent + ledger->trying);
}

void topic_survive(struct stage *s, struct kipc_chan *c)
{
	if (s->scene->flags & KIPC_SEND)
		subscribe_on(s, c);
	else
		publish_on(s, c);
}

/* It publishes while the victim comes, and after its death; nobody keeps it from that for long. */
void publish_survive(struct stage *s, struct kipc_chan *c)
{
	uint32_t number = 0, end;

	while (number < MORE)
		must_eq(publish(c, number++, -1), 0);
	say(s);
	while (!heard_already(s))
		must_eq(publish(c, number++, -1), 0);
	hear(s);
	for (end = number + MORE; number < end; number++)
		must_eq(publish(c, number, -1), 0);
	if (s->scene->alone)
		say(s);
}

/* What it missed is counted, and what it did not comes whole and in order. */
void overtaken_survive(struct stage *s, struct kipc_chan *c)
{
	struct ledger *ledger = s->ledger;
	uint32_t received = 0;
	struct letter l;
	uint64_t lost;
	ssize_t len;

	say(s);
	hear(s);
	for (;;) {
		len = kipc_recv(c, l.body, sizeof(l.body), -1);
		must_eq(kipc_lost(c, &lost), 0);
		ledger->got = (uint32_t)lost + received;
		must(len >= 0 || len == -EPIPE || len == -EOVERFLOW);
		if (len >= 0 && letter_is(l.body, (size_t)len, NEWCOMER, 0))
			break;
		must(len < 0 || letter_is(l.body, (size_t)len, VICTIM, ledger->got));
		received += len >= 0;
	}
	must(ledger->got == ledger->sent || ledger->got == ledger->sent + ledger->trying);
}
