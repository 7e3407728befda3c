// SPDX-License-Identifier: MIT
/* Ends that sleep beside the others in one process: they do not get up, unless one of those moves out. */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include "asleep.h"
#include "pubsub.h"

/* ---- one process ------------------------------------------------------------------------ */

struct room {
	struct kipc_chan *theirs;
	struct peer *me;
	bool talks; /* the one whose end it is answers before */
};

/* The other thread: it has an end in use, and sleeps in something else. */
static void *have_an_end(void *arg)
{
	struct room *r = arg;

	if (r->talks)
		exchange(r->theirs, false, OFTEN);
	peer_expect(r->me, 's');
	must_ok(kipc_send(r->theirs, "s", 1, -1));
	return NULL;
}

static void sleep_beside_it(struct peer *me, struct kipc_chan *mine, struct kipc_chan *theirs,
                            bool talks)
{
	struct room r = { .theirs = theirs, .me = me, .talks = talks };
	pthread_t t;
	char byte;

	must_eq(pthread_create(&t, NULL, have_an_end, &r), 0);
	if (talks)
		exchange(mine, true, OFTEN);
	chan_set_wait(mine, KIPC_WAIT_BLOCK);
	peer_tell(me, 'z');
	must_eq(kipc_recv(mine, &byte, 1, -1), 1);
	must_eq(pthread_join(t, NULL), 0);
	kipc_chan_close(mine);
	kipc_chan_close(theirs);
}

static void both_of_a_pair(struct peer *me, void *arg)
{
	struct duo d;

	duo_both(&d, arg, "uring=0");
	sleep_beside_it(me, d.end[0], d.end[1], true);
}

static void both_of_a_topic(struct peer *me, void *arg)
{
	struct topic t = topic_new(arg);
	struct kipc_chan *publisher = topic_publish(&t, "");

	sleep_beside_it(me, topic_subscribe(&t, ""), publisher, false);
}

static void sleeps_through(peer_fn fn, const struct form *f)
{
	struct peer p;

	peer_start(&p, fn, (void *)(uintptr_t)f);
	peer_expect(&p, 'z');
	still(p.pid);
	peer_tell(&p, 's');
	peer_end(&p);
}

/* No io_uring is needed for that. */
EACH_FORM(asleep_beside_ones_peer)
{
	if (!strcmp(f->scheme, "unix"))
		return; /* it is about what does not exist there */
	sleeps_through(both_of_a_pair, f);
}

PUBSUB(asleep_beside_the_publisher)
{
	sleeps_through(both_of_a_topic, f);
}

/* ---- the peer moves out ----------------------------------------------------------------- */

static void take_over(struct peer *me, void *arg)
{
	struct kipc_chan *c;

	(void)arg;
	must_ok(kipc_chan_from_fd(&c, peer_take_fd(me), KIPC_PAIR, NULL));
	must_ok(kipc_send(c, "t", 1, -1));
	peer_expect(me, 'k');
	raise(SIGKILL);
}

struct move {
	struct kipc_chan *theirs;
	struct peer *to;
	pid_t sleeper;
};

static void *move_out(void *arg)
{
	struct move *m = arg;

	exchange(m->theirs, false, OFTEN);
	still(m->sleeper);
	peer_give_fd(m->to, (int)must_ok(kipc_chan_handover(m->theirs)));
	return NULL;
}

/* Also where it has slept beside it for long. */
EACH_FORM(asleep_when_ones_peer_moves_out)
{
	struct peer to;
	struct move m = { .to = &to, .sleeper = (pid_t)syscall(SYS_gettid) };
	struct duo d;
	pthread_t t;
	char byte;

	if (!form_can(f, KIPC_CAP_HANDOVER))
		return;
	peer_start(&to, take_over, NULL);
	duo_both(&d, f, "");
	m.theirs = d.end[1];
	must_eq(pthread_create(&t, NULL, move_out, &m), 0);
	exchange(d.end[0], true, OFTEN);
	must_eq(kipc_recv(d.end[0], &byte, 1, -1), 1);
	must_eq(pthread_join(t, NULL), 0);
	peer_tell(&to, 'k');
	must_eq(kipc_recv(d.end[0], &byte, 1, -1), -EPIPE);
	kipc_chan_close(d.end[0]);
	peer_kill(&to);
}
