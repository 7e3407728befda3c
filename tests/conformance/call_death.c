// SPDX-License-Identifier: MIT
/* One side of a conversation is killed, whatever it does, while the other one does whatever it does. */
#include <signal.h>
#include "form.h"

/* ---- the server ------------------------------------------------------------------------- */

/* Answers the first request, keeps the second and sleeps over it. */
static void serve_one(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	struct kipc_request q;

	must_eq(kipc_call_next(c, &q, -1), 0);
	must_eq(kipc_reply_next(c, q.id, "answer", 6, &q, -1), 0);
	peer_tell(me, 'b'); /* busy */
	for (;;)
		pause();
}

struct order {
	pid_t victim, watched; /* which sleeps first; 0: need not */
};

static void run_killer(struct peer *me, void *arg)
{
	struct order *o = arg;

	peer_expect(me, 'g');
	if (o->watched)
		await_asleep(o->watched);
	must_sys(kill(o->victim, SIGKILL));
}

static void check_in_flight(struct kipc_chan *c, const int64_t id[4], unsigned how)
{
	struct kipc_request q;
	char buf[6];

	if (how == 0)
		must_eq(kipc_call_end(c, id[1], NULL, 0, -1), -EPIPE);
	else if (how == 1)
		must_eq(kipc_call(c, NULL, 0, NULL, 0, -1), -EPIPE);
	else
		must_eq(kipc_call_next(c, &q, -1), -EPIPE);
	/* What it had answered is still an answer. */
	must_eq(kipc_call_end(c, id[0], buf, 6, -1), 6);
	must(!memcmp(buf, "answer", 6));
	if (how != 0)
		must_eq(kipc_call_end(c, id[1], NULL, 0, -1), -EPIPE);
	must_eq(kipc_call_end(c, id[2], NULL, 0, 1000 * SEC), -EPIPE);
	must_eq(kipc_call_end(c, id[3], NULL, 0, 0), -EPIPE);
	must_eq(kipc_call_end(c, id[3], NULL, 0, 0), -EINVAL);
	must_eq(kipc_call(c, NULL, 0, NULL, 0, -1), -EPIPE);
	must(kipc_call_begin(c, NULL, 0, -1) == -EPIPE);
}

static void kill_server(const struct form *f, unsigned wait, unsigned how)
{
	struct order order = { 0 };
	struct peer victim, killer;
	struct kipc_chan *c;
	int64_t id[4];
	struct duo d;

	harness_note("waiting by %s in %u", wait_name(wait), how);
	duo_make(&d, f, "");
	peer_start(&victim, serve_one, &d);
	c = duo_mine(&d);
	chan_set_wait(c, wait);
	for (int i = 0; i < 4; i++)
		id[i] = must_ok(kipc_call_begin(c, "request", 7, i == 2 ? 1000 * SEC : -1));
	peer_expect(&victim, 'b');
	order.victim = victim.pid;
	order.watched = wait == KIPC_WAIT_SPIN ? 0 : getpid();
	peer_start(&killer, run_killer, &order);
	peer_tell(&killer, 'g');
	check_in_flight(c, id, how);
	peer_end(&killer);
	peer_kill(&victim);
	kipc_chan_close(c);
}

EACH_FORM(call_server_killed_in_the_middle)
{
	for (unsigned w = 0; w < 3; w++)
		for (unsigned how = 0; how < 3; how++)
			kill_server(f, wait_modes[w], how);
}

/* ---- the client ------------------------------------------------------------------------- */

static void ask_and_wait(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);

	int64_t id = must_ok(kipc_call_begin(c, "first", 5, -1));

	must_ok(kipc_call_begin(c, "second", 6, -1));
	peer_tell(me, 's');
	kipc_call_end(c, id, NULL, 0, -1);
	for (;;)
		pause();
}

EACH_FORM(call_client_killed_while_it_waits)
{
	struct kipc_request q;
	struct kipc_chan *c;
	struct peer victim;
	int64_t first;
	struct duo d;
	int r;

	duo_make(&d, f, "");
	peer_start(&victim, ask_and_wait, &d);
	c = duo_mine(&d);
	must_eq(kipc_call_next(c, &q, -1), 0);
	first = q.id;
	must_eq(kipc_call_cancelled(c, first), 0);
	peer_expect(&victim, 's');
	await_asleep(victim.pid);
	peer_kill(&victim);
	must_eq(kipc_call_cancelled(c, first), 1);
	must(q.len == 5 && !memcmp(q.data, "first", 5));
	/* What it had asked before is still handed over; the answers go nowhere. */
	must_eq(kipc_call_next(c, &q, -1), 0);
	must(q.len == 6 && !memcmp(q.data, "second", 6));
	r = kipc_reply(c, first, "x", 1, -1);
	must(r == 0 || r == -EPIPE);
	r = kipc_reply_next(c, q.id, "y", 1, &q, -1);
	must_eq(r, -EPIPE);
	must_eq(kipc_call_next(c, &q, -1), -EPIPE);
	kipc_chan_close(c);
}

/* The server leaves politely: answers that it gave are still delivered. */
static void serve_and_leave(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	struct kipc_request q;

	for (int i = 0; i < 3; i++) {
		must_eq(kipc_call_next(c, &q, -1), 0);
		must_eq(kipc_reply(c, q.id, q.data, q.len, -1), 0);
	}
	peer_expect(me, 'l');
	kipc_chan_close(c);
}

EACH_FORM(call_server_that_leaves)
{
	struct kipc_chan *c;
	struct peer peer;
	int64_t id[4];
	struct duo d;
	char byte;

	duo_make(&d, f, "");
	peer_start(&peer, serve_and_leave, &d);
	c = duo_mine(&d);
	for (int i = 0; i < 4; i++)
		id[i] = must_ok(kipc_call_begin(c, &(char){ (char)('a' + i) }, 1, -1));
	peer_tell(&peer, 'l');
	must_eq(kipc_call_end(c, id[3], NULL, 0, -1), -EPIPE);
	for (int i = 0; i < 3; i++) {
		must_eq(kipc_call_end(c, id[i], &byte, 1, -1), 1);
		must(byte == 'a' + i);
	}
	peer_end(&peer);
	kipc_chan_close(c);
}
