// SPDX-License-Identifier: MIT
/*
 * kill -9 of the peer, whatever it does, while this side does whatever it does. The victim commits
 * a few messages first; they must arrive before the -EPIPE. A third process kills, once both are
 * where they should be; the victim stays a zombie until the test has seen its death. In half of the
 * cases a forked child of the victim keeps copies of all its descriptors; without KIPC_CAP_DEATH_NOTICE
 * that may hide the death, so there it is left out.
 */
#include <signal.h>
#include <sys/epoll.h>
#include "form.h"

#define COMMITTED 5

struct scene {
	struct duo duo;
	struct hostage hostage;
	unsigned state, act;
	bool held;  /* by a forked child of the victim */
	bool often; /* both have slept often before */
};

/* ---- sleeping often --------------------------------------------------------------------- */

#define OFTEN 200

static void sleep_often(struct kipc_chan *c, bool first)
{
	for (unsigned i = 0; i < OFTEN; i++) {
		chan_set_wait(c, KIPC_WAIT_BLOCK);
		if (first)
			must_eq(send_one(c, 20, 7, i, -1), 0);
		recv_one(c, 20, 7, i);
		if (!first)
			must_eq(send_one(c, 20, 7, i, -1), 0);
	}
	chan_set_wait(c, KIPC_WAIT_ADAPTIVE);
}

/* ---- what the victim does --------------------------------------------------------------- */

static void never_return(struct peer *me)
{
	(void)me;
	for (;;)
		pause();
}

static void victim_sleeps(struct kipc_chan *c, struct peer *me)
{
	char byte;

	chan_set_wait(c, KIPC_WAIT_BLOCK);
	peer_tell(me, 'z');
	kipc_recv(c, &byte, 1, -1);
	never_return(me);
}

static void victim_spins(struct kipc_chan *c, struct peer *me)
{
	char byte;

	chan_set_wait(c, KIPC_WAIT_SPIN);
	peer_tell(me, 'r');
	kipc_recv(c, &byte, 1, -1);
	never_return(me);
}

static void victim_polls(struct kipc_chan *c, struct peer *me)
{
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event ev = { .events = EPOLLIN };

	must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, kipc_chan_fd(c, KIPC_IN), &ev));
	peer_tell(me, 'z');
	epoll_wait(ep, &ev, 1, -1);
	never_return(me);
}

/* Its messages are not the ones that are counted: those of stream 1 come first. */
static void victim_blocks_sending(struct kipc_chan *c, struct peer *me)
{
	uint8_t buf[1000] = { 0 };

	chan_set_wait(c, KIPC_WAIT_BLOCK);
	while (kipc_send(c, buf, sizeof(buf), 0) == 0)
		;
	peer_tell(me, 'z');
	kipc_send(c, buf, sizeof(buf), -1);
	never_return(me);
}

static void victim_sends_for_ever(struct kipc_chan *c, struct peer *me)
{
	uint8_t buf[1000] = { 0 };

	peer_tell(me, 'r');
	for (unsigned i = 0;; i++)
		if (kipc_send(c, buf, i % 1000, 0) == -EPIPE)
			never_return(me);
}

static void victim_holds_a_reservation(struct kipc_chan *c, struct peer *me)
{
	struct kipc_msg m[2] = { { .len = 100 }, { .len = 200 } };

	must_eq(kipc_reserve(c, m, 2, 0), 2);
	memset(m[0].data, 0xee, 100);
	peer_tell(me, 'z');
	never_return(me);
}

static void victim_holds_a_peek(struct kipc_chan *c, struct peer *me)
{
	struct kipc_msg m;

	kipc_peek(c, &m, 1, 0);
	peer_tell(me, 'z');
	never_return(me);
}

static void victim_exits(struct kipc_chan *c, struct peer *me)
{
	(void)c;
	peer_tell(me, 'x');
	peer_expect(me, 'k');
	_exit(0);
}

static void victim_execs(struct kipc_chan *c, struct peer *me)
{
	(void)c;
	peer_tell(me, 'x');
	peer_expect(me, 'k');
	execl("/bin/sh", "sh", "-c", "kill -STOP $$", NULL);
	_exit(1);
}

static const struct {
	const char *name;
	void (*run)(struct kipc_chan *c, struct peer *me);
	bool extra; /* more messages than the counted ones */
} states[] = {
	{ "sleeping", victim_sleeps, false },
	{ "spinning", victim_spins, false },
	{ "polling", victim_polls, false },
	{ "blocked sending", victim_blocks_sending, true },
	{ "sending", victim_sends_for_ever, true },
	{ "holding a reservation", victim_holds_a_reservation, false },
	{ "holding a peek", victim_holds_a_peek, false },
	{ "exiting", victim_exits, false },
	{ "calling exec", victim_execs, false },
};
#define STATES (sizeof(states) / sizeof(*states))

static void run_victim(struct peer *me, void *arg)
{
	struct scene *s = arg;
	struct kipc_chan *c = duo_theirs(&s->duo);

	if (s->often)
		sleep_often(c, false);
	for (int i = 0; i < COMMITTED; i++)
		must_eq(send_one(c, 50, 1, i, 0), 0);
	if (s->held)
		hostage_take(&s->hostage);
	states[s->state].run(c, me);
}

/* ---- what this side does ---------------------------------------------------------------- */

static void recv_to_the_end(struct kipc_chan *c, const struct scene *s)
{
	uint8_t buf[1000];
	ssize_t r;

	for (int i = 0; i < COMMITTED; i++)
		recv_one(c, 50, 1, i);
	while ((r = kipc_recv(c, buf, sizeof(buf), -1)) >= 0)
		must(states[s->state].extra);
	must_eq(r, -EPIPE);
}

static void act_recv_block(struct kipc_chan *c, const struct scene *s)
{
	chan_set_wait(c, KIPC_WAIT_BLOCK);
	recv_to_the_end(c, s);
}

static void act_recv_spin(struct kipc_chan *c, const struct scene *s)
{
	chan_set_wait(c, KIPC_WAIT_SPIN);
	recv_to_the_end(c, s);
}

static void act_recv_adaptive(struct kipc_chan *c, const struct scene *s)
{
	chan_set_wait(c, KIPC_WAIT_ADAPTIVE);
	recv_to_the_end(c, s);
}

static void act_peek(struct kipc_chan *c, const struct scene *s)
{
	struct kipc_msg m[64];
	unsigned seen = 0;
	int r;

	while ((r = kipc_peek(c, m, 64, -1)) > 0) {
		for (int i = 0; i < r; i++, seen++)
			if (seen < COMMITTED)
				must(m[i].len == 50 && content_is(m[i].data, 50, 1, seen));
		must_eq(kipc_release(c, (unsigned)r), r);
	}
	must_eq(r, -EPIPE);
	must(seen == COMMITTED || (seen > COMMITTED && states[s->state].extra));
}

static void act_wait_for_hang_up(struct kipc_chan *c, const struct scene *s)
{
	uint8_t buf[1000];
	int events;

	for (int i = 0; i < COMMITTED; i++)
		recv_one(c, 50, 1, i);
	while (!((events = (int)must_ok(kipc_wait(c, KIPC_IN, -1))) & KIPC_HUP)) {
		must_eq(events, KIPC_IN);
		must(states[s->state].extra);
		must_ok(kipc_recv(c, buf, sizeof(buf), 0));
	}
}

static void act_poll_in(struct kipc_chan *c, const struct scene *s)
{
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event ev = { .events = EPOLLIN };
	unsigned seen = 0;
	uint8_t buf[1000];
	ssize_t r;

	must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, kipc_chan_fd(c, KIPC_IN), &ev));
	do {
		while (epoll_wait(ep, &ev, 1, -1) < 0)
			must(errno == EINTR);
		while ((r = kipc_recv(c, buf, sizeof(buf), 0)) >= 0)
			seen++;
	} while (r == -EAGAIN);
	must_eq(r, -EPIPE);
	must(seen == COMMITTED || (seen > COMMITTED && states[s->state].extra));
	close(ep);
}

static void act_poll_out(struct kipc_chan *c, const struct scene *s)
{
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event ev = { .events = EPOLLIN };
	uint8_t buf[1000] = { 0 };
	int r;

	must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, kipc_chan_fd(c, KIPC_OUT), &ev));
	for (;;) {
		while ((r = kipc_send(c, buf, sizeof(buf), 0)) == 0)
			;
		if (r != -EAGAIN)
			break;
		while (epoll_wait(ep, &ev, 1, -1) < 0)
			must(errno == EINTR);
	}
	must_eq(r, -EPIPE);
	recv_to_the_end(c, s);
	close(ep);
}

static void act_send(struct kipc_chan *c, const struct scene *s)
{
	uint8_t buf[1000] = { 0 };
	int r;

	while ((r = kipc_send(c, buf, sizeof(buf), -1)) == 0)
		;
	must_eq(r, -EPIPE);
	recv_to_the_end(c, s);
}

static void act_send_spin(struct kipc_chan *c, const struct scene *s)
{
	chan_set_wait(c, KIPC_WAIT_SPIN);
	act_send(c, s);
}

static const struct {
	const char *name;
	void (*run)(struct kipc_chan *c, const struct scene *s);
	bool sleeps;
} acts[] = {
	{ "recv, blocking", act_recv_block, true },
	{ "recv, spinning", act_recv_spin, false },
	{ "recv, adaptive", act_recv_adaptive, true },
	{ "peek", act_peek, true },
	{ "wait for the hang-up", act_wait_for_hang_up, true },
	{ "epoll for messages", act_poll_in, true },
	{ "epoll for room", act_poll_out, true },
	{ "send", act_send, true },
	{ "send, spinning", act_send_spin, false },
};
#define ACTS (sizeof(acts) / sizeof(*acts))

/* ---- the killer ------------------------------------------------------------------------- */

struct kill_order {
	struct peer *victim;
	pid_t watched; /* must sleep first; 0: need not */
	bool word;     /* by a word instead of the signal */
};

static void run_killer(struct peer *me, void *arg)
{
	struct kill_order *k = arg;

	peer_expect(me, 'g');
	if (k->watched)
		await_asleep(k->watched);
	if (k->word)
		peer_tell(k->victim, 'k');
	else
		must_sys(kill(k->victim->pid, SIGKILL));
}

/* Without the module a poller watches the process of the peer, which goes on after exec. */
static bool unseen(const struct form *f, unsigned state, unsigned act)
{
	return !strcmp(f->scheme, "shm") && states[state].run == victim_execs &&
	       (acts[act].run == act_poll_in || acts[act].run == act_poll_out);
}

static void play(const struct form *f, unsigned state, unsigned act, bool held, bool often)
{
	struct scene s = { .state = state,
		           .act = act,
		           .often = often,
		           .held = held && form_can(f, KIPC_CAP_DEATH_NOTICE) };
	struct kipc_chan *c;
	struct peer victim, killer;
	struct kill_order order = { .victim = &victim };
	int word;

	if (unseen(f, state, act))
		return;
	harness_note("peer %s, this side in %s%s", states[state].name, acts[act].name,
	             s.held ? ", held by a child" : "");
	duo_make(&s.duo, f, "size=8K");
	hostage_prepare(&s.hostage);
	peer_start(&victim, run_victim, &s);
	c = duo_mine(&s.duo);
	if (often)
		sleep_often(c, true);
	word = peer_hear(&victim);
	if (word == 'z')
		await_asleep(victim.pid);
	order.word = word == 'x';
	/* A stream of messages keeps this side awake until the victim is dead. */
	order.watched = acts[act].sleeps && states[state].run != victim_sends_for_ever ? getpid()
	                                                                               : 0;
	peer_start(&killer, run_killer, &order);
	peer_tell(&killer, 'g');
	acts[act].run(c, &s);
	peer_end(&killer);
	kipc_chan_close(c);
	hostage_free(&s.hostage);
	kill(victim.pid, SIGKILL);
	close(victim.gate);
}

/* Every state against every act is many: with a scale below 1 each state meets a part of them. */
static void play_all_acts(const struct form *f, unsigned state)
{
	unsigned most = harness_rounds(ACTS);

	for (unsigned i = 0; i < ACTS && i < most; i++)
		play(f, state, (i + state) % ACTS, (i + state / 2) % 2, false);
}

#define EACH_FORM_DEATH(name, state)     \
	EACH_FORM(death_##name)          \
	{                                \
		play_all_acts(f, state); \
	}

EACH_FORM_DEATH(while_sleeping, 0)
EACH_FORM_DEATH(while_spinning, 1)
EACH_FORM_DEATH(while_polling, 2)
EACH_FORM_DEATH(while_blocked_sending, 3)
EACH_FORM_DEATH(while_sending, 4)
EACH_FORM_DEATH(with_a_reservation, 5)
EACH_FORM_DEATH(with_a_peek, 6)
EACH_FORM_DEATH(by_exit, 7)
EACH_FORM_DEATH(by_exec, 8)

/* Each state once more, this time all with a child that holds the descriptors. */
EACH_FORM(death_held_by_a_child)
{
	if (!form_can(f, KIPC_CAP_DEATH_NOTICE))
		return;
	for (unsigned state = 0; state < STATES; state++)
		play(f, state, state % 3, true, false);
}

/* Somebody who sleeps often may be told in another way. */
EACH_FORM(death_while_often_asleep)
{
	for (unsigned state = 0; state < STATES; state++) {
		play(f, state, 0, state % 2, true);
		play(f, state, 1 + state % (ACTS - 1), state % 2 == 0, true);
	}
}

/* The peer was never there, or left before it used its end. */
static void leave_fresh(struct peer *me, void *arg)
{
	struct duo *d = arg;

	(void)me;
	kipc_chan_close(d->end[0]);
	_exit(0);
}

EACH_ANON(death_of_an_end_that_nobody_used)
{
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;
	char byte;

	duo_make(&d, f, "");
	peer_start(&peer, leave_fresh, &d);
	c = duo_mine(&d);
	must_eq(kipc_recv(c, &byte, 1, -1), -EPIPE);
	must_eq(kipc_send(c, &byte, 1, 0), -EPIPE);
	peer_end(&peer);
	kipc_chan_close(c);
}
