// SPDX-License-Identifier: MIT
/* Order and content: every verb that sends against every verb that receives, in each wait mode. */
#include <pthread.h>
#include "form.h"

#define LONGEST 4000

struct pairing {
	struct duo duo;
	struct stream stream;
	unsigned wait[2]; /* of end 0, of end 1 */
	unsigned sender, receiver;
};

static void run_receiver(struct peer *me, void *arg)
{
	struct pairing *p = arg;
	struct kipc_chan *c = duo_theirs(&p->duo);

	(void)me;
	chan_set_wait(c, p->wait[1]);
	receivers[p->receiver].run(c, &p->stream);
	kipc_chan_close(c);
}

static void run_pairing(const struct form *f, struct pairing *p)
{
	struct kipc_chan *c;
	struct peer peer;

	/* Whoever may not write what it reads must not try. */
	duo_make(&p->duo, f, "size=16K&rfo=1");
	peer_start(&peer, run_receiver, p);
	c = duo_mine(&p->duo);
	chan_set_wait(c, p->wait[0]);
	must(chan_get(c, KIPC_OPT_MAX_MSG) >= LONGEST);
	senders[p->sender].run(c, &p->stream);
	peer_end(&peer);
	kipc_chan_close(c);
}

static void run_verbs(const struct form *f, unsigned wait0, unsigned wait1)
{
	for (unsigned s = 0; s < 4; s++)
		for (unsigned r = 0; r < 4; r++) {
			struct pairing p = { .stream = { .seed = 1 + s * 4 + r,
				                         .n = harness_rounds(1500),
				                         .max = LONGEST },
				             .wait = { wait0, wait1 },
				             .sender = s,
				             .receiver = r };

			run_pairing(f, &p);
		}
}

EACH_FORM(order_all_verbs_adaptive)
{
	run_verbs(f, KIPC_WAIT_ADAPTIVE, KIPC_WAIT_ADAPTIVE);
}

EACH_FORM(order_all_verbs_block)
{
	run_verbs(f, KIPC_WAIT_BLOCK, KIPC_WAIT_BLOCK);
}

EACH_FORM(order_all_verbs_spin)
{
	run_verbs(f, KIPC_WAIT_SPIN, KIPC_WAIT_SPIN);
}

/* ---- both directions at once, a thread each --------------------------------------------- */

struct half {
	struct kipc_chan *c;
	struct stream stream;
	const struct sender *verbs;
};

static void *run_half(void *arg)
{
	struct half *h = arg;

	h->verbs->run(h->c, &h->stream);
	return NULL;
}

/* Sends stream out and receives stream in through one end, at the same time. */
static void run_duplex(struct kipc_chan *c, uint64_t out, uint64_t in)
{
	struct stream s = { .n = harness_rounds(10000), .max = LONGEST };
	struct half send = { c, s, &senders[out % 4] }, recv = { c, s, &receivers[in % 4] };
	pthread_t thread;

	send.stream.seed = out;
	recv.stream.seed = in;
	must_eq(pthread_create(&thread, NULL, run_half, &send), 0);
	run_half(&recv);
	must_eq(pthread_join(thread, NULL), 0);
}

static void run_other_side(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);

	(void)me;
	run_duplex(c, 21, 20);
	kipc_chan_close(c);
}

EACH_FORM(order_both_directions_by_two_threads)
{
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;

	duo_make(&d, f, "size=16K");
	peer_start(&peer, run_other_side, &d);
	c = duo_mine(&d);
	run_duplex(c, 20, 21);
	peer_end(&peer);
	kipc_chan_close(c);
}

/* ---- round trips ------------------------------------------------------------------------ */

struct echo {
	struct duo duo;
	unsigned wait, rounds;
};

static void run_echo(struct peer *me, void *arg)
{
	struct echo *e = arg;
	struct kipc_chan *c = duo_theirs(&e->duo);
	uint8_t buf[200];

	(void)me;
	chan_set_wait(c, e->wait);
	for (unsigned i = 0; i < e->rounds; i++) {
		size_t len = (size_t)must_ok(kipc_recv(c, buf, sizeof(buf), -1));

		must_eq(kipc_send(c, buf, len, -1), 0);
	}
	kipc_chan_close(c);
}

static void run_round_trips(const struct form *f, unsigned mine, unsigned theirs)
{
	struct echo e = { .wait = theirs, .rounds = harness_rounds(2000) };
	struct kipc_chan *c;
	struct peer peer;

	duo_make(&e.duo, f, "size=4K");
	peer_start(&peer, run_echo, &e);
	c = duo_mine(&e.duo);
	chan_set_wait(c, mine);
	for (unsigned i = 0; i < e.rounds; i++) {
		must_eq(send_one(c, i % 200, 3, i, -1), 0);
		recv_one(c, i % 200, 3, i);
	}
	peer_end(&peer);
	kipc_chan_close(c);
}

/* Nine pairs of wait modes: whoever sleeps must be woken by whoever spins, and the reverse. */
EACH_FORM(order_round_trips_mixed_wait_modes)
{
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			run_round_trips(f, wait_modes[i], wait_modes[k]);
}
