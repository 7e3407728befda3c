// SPDX-License-Identifier: MIT
/* kill -9 of those who take part in a queue: nothing of others is lost, nobody waits for the dead. */
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "queue_ends.h"

struct victim {
	char uri[URI_MAX];
	unsigned n; /* messages that it reserves or peeks */
	unsigned prio;
	gid_t gid; /* of another user */
};

static void never_return(void)
{
	for (;;)
		pause();
}

static void hold_a_reservation(struct peer *me, void *arg)
{
	struct victim *v = arg;
	struct kipc_chan *c = queue_end(v->uri, KIPC_SEND);
	struct kipc_msg m[8];

	for (unsigned i = 0; i < v->n; i++)
		m[i] = (struct kipc_msg){ .len = 40, .flags = KIPC_PRIO(v->prio) };
	must_eq(kipc_reserve(c, m, v->n, -1), v->n);
	memset(m[0].data, 0xee, 40);
	peer_tell(me, 'r');
	never_return();
}

static void hold_messages(struct peer *me, void *arg)
{
	struct victim *v = arg;
	struct kipc_chan *c = queue_end(v->uri, KIPC_RECV);
	struct kipc_msg m[8];

	must_eq(kipc_peek(c, m, v->n, -1), v->n);
	peer_tell(me, 'r');
	never_return();
}

static struct kipc_chan *victim_make(const struct form *f, struct victim *v, const char *options,
                                     unsigned n)
{
	v->n = n;
	v->prio = 0;
	v->gid = form_group(f);
	form_uri(f, options, v->uri, sizeof(v->uri));
	return queue_end(v->uri, 0);
}

/* A message behind the reservation, and somebody who waits for it in different ways. */
static void recv_behind_the_dead(const struct form *f, unsigned wait, bool poll)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct kipc_chan *c;
	struct victim v;
	struct peer p;
	int ep;

	c = victim_make(f, &v, "slots=8", 3);
	chan_set_wait(c, wait);
	peer_start(&p, hold_a_reservation, &v);
	peer_expect(&p, 'r');
	must_eq(queue_send(c, 20, 0, 1, 0, 0), 1);
	must_eq(kipc_wait(c, KIPC_IN, 0), -EAGAIN);
	peer_kill(&p);
	if (poll) {
		ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));
		must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, kipc_chan_fd(c, KIPC_IN), &ev));
		while (kipc_wait(c, KIPC_IN, 0) == -EAGAIN)
			must(epoll_wait(ep, &ev, 1, -1) == 1 || errno == EINTR);
		close(ep);
	}
	queue_recv(c, 20, 0, 1, 0);
	must_eq(chan_get(c, KIPC_OPT_ABANDONED), 3);
	must_eq(queue_capacity(c), 8);
	kipc_chan_close(c);
}

QUEUE_TEST(queue_death_with_a_reservation)
{
	for (int w = 0; w < 3; w++)
		recv_behind_the_dead(f, wait_modes[w], false);
	recv_behind_the_dead(f, KIPC_WAIT_BLOCK, true);
}

QUEUE_TEST(queue_death_with_messages_redelivered)
{
	struct kipc_msg m[4];
	struct kipc_chan *c;
	struct victim v;
	struct peer p;

	c = victim_make(f, &v, "slots=4&wait=block", 3);
	for (uint64_t i = 0; i < 3; i++)
		must_eq(queue_send(c, 40, 0, 1, i, 0), 1);
	peer_start(&p, hold_messages, &v);
	peer_expect(&p, 'r');
	must_eq(kipc_wait(c, KIPC_IN, 0), -EAGAIN);
	peer_kill(&p);
	must_eq(kipc_wait(c, KIPC_IN, -1), KIPC_IN);
	must_eq(kipc_peek(c, m, 4, -1), 3);
	for (unsigned i = 0; i < 3; i++)
		must(m[i].flags == KIPC_MSG_AGAIN && m[i].len == 40 &&
		     content_is(m[i].data, 40, 1, i));
	must_eq(kipc_release(c, 3), 3);
	must_eq(chan_get(c, KIPC_OPT_REDELIVERED), 3);
	must_eq(chan_get(c, KIPC_OPT_DROPPED), 0);
	must_eq(queue_capacity(c), 4);
	kipc_chan_close(c);
}

/* The queue is full of what the dead one held: a sender that waits gets its slot. */
QUEUE_TEST(queue_death_with_messages_dropped)
{
	struct kipc_chan *c;
	struct victim v;
	struct peer p;

	c = victim_make(f, &v, "slots=4&held=drop&wait=block", 4);
	for (uint64_t i = 0; i < 4; i++)
		must_eq(queue_send(c, 40, 0, 1, i, 0), 1);
	peer_start(&p, hold_messages, &v);
	peer_expect(&p, 'r');
	must_eq(kipc_wait(c, KIPC_OUT, 0), -EAGAIN);
	peer_kill(&p);
	must_eq(queue_send(c, 41, 0, 1, 9, -1), 1);
	queue_recv(c, 41, 0, 1, 9);
	must_eq(chan_get(c, KIPC_OPT_DROPPED), 4);
	must_eq(chan_get(c, KIPC_OPT_REDELIVERED), 0);
	must_eq(queue_capacity(c), 4);
	kipc_chan_close(c);
}

/* Two messages of priority 0 wait at any time, so that nobody ever waits for one: until one of a higher
 * priority comes, which tells how often it was delivered.
 */
static uint32_t await_priority(struct kipc_chan *c)
{
	char byte;
	struct kipc_msg m;

	must_eq(kipc_send(c, "0", 1, 0), 0);
	do {
		must_eq(kipc_send(c, "0", 1, 0), 0);
		m = (struct kipc_msg){ .data = &byte, .len = 1 };
		must_eq(kipc_recv_n(c, &m, 1, 0), 1);
	} while (KIPC_PRIO_OF(m.flags) == 0);
	must_eq(kipc_recv(c, &byte, 1, 0), 1);
	must_eq(kipc_recv(c, &byte, 1, 0), 1);
	return m.flags;
}

/* Nobody has time to wait, and so to look who lives, when it dies. */
QUEUE_TEST(queue_death_under_load)
{
	struct kipc_msg m = { .data = (void *)(uintptr_t) "1", .len = 1, .flags = KIPC_PRIO(1) };
	struct kipc_chan *c;
	struct victim v;
	struct peer p;

	c = victim_make(f, &v, "slots=8&prio=2", 1);
	v.prio = 1;
	peer_start(&p, hold_a_reservation, &v);
	peer_expect(&p, 'r');
	must_eq(kipc_send_n(c, &m, 1, 0), 1);
	peer_kill(&p);
	must_eq(await_priority(c), KIPC_PRIO(1));
	must_eq(chan_get(c, KIPC_OPT_ABANDONED), 1);
	must_eq(kipc_send_n(c, &m, 1, 0), 1);
	peer_start(&p, hold_messages, &v);
	peer_expect(&p, 'r');
	peer_kill(&p);
	must_eq(await_priority(c), KIPC_PRIO(1) | KIPC_MSG_AGAIN);
	must_eq(chan_get(c, KIPC_OPT_REDELIVERED), 1);
	kipc_chan_close(c);
}

QUEUE_TEST(queue_death_again_and_again)
{
	unsigned rounds = harness_rounds(40);
	struct kipc_chan *c;
	struct kipc_msg m;
	struct victim v;
	struct peer p;

	c = victim_make(f, &v, "slots=4&wait=block", 2);
	for (uint64_t i = 0; i < rounds; i++) {
		peer_start(&p, hold_a_reservation, &v);
		peer_expect(&p, 'r');
		peer_kill(&p);
		must_eq(queue_send(c, 30, 0, 1, 2 * i, -1), 1);
		must_eq(queue_send(c, 30, 0, 1, 2 * i + 1, -1), 1);
		peer_start(&p, hold_messages, &v);
		peer_expect(&p, 'r');
		peer_kill(&p);
		for (uint64_t k = 2 * i; k < 2 * i + 2; k++) {
			must_eq(kipc_peek(c, &m, 1, -1), 1);
			must(m.flags == KIPC_MSG_AGAIN && content_is(m.data, 30, 1, k));
			must_eq(kipc_release(c, 1), 1);
		}
	}
	must_eq(chan_get(c, KIPC_OPT_ABANDONED), 2 * rounds);
	must_eq(chan_get(c, KIPC_OPT_REDELIVERED), 2 * rounds);
	must_eq(queue_capacity(c), 4);
	kipc_chan_close(c);
}

/* All are dead: the name is free again, and its next owner finds nothing of theirs. */
QUEUE_TEST(queue_death_of_the_last)
{
	struct kipc_chan *c;
	struct victim v;
	struct peer p;

	c = victim_make(f, &v, "slots=4", 1);
	must_eq(queue_send(c, 30, 0, 1, 0, 0), 1);
	peer_start(&p, hold_messages, &v);
	peer_expect(&p, 'r');
	kipc_chan_close(c);
	must_eq(kipc_chan_open(&c, v.uri, KIPC_QUEUE, NULL), 0); /* the victim keeps it */
	kipc_chan_close(c);
	peer_kill(&p);
	must_eq(kipc_chan_open(&c, v.uri, KIPC_QUEUE, NULL), -ENOENT);
	c = queue_end(v.uri, 0);
	must_eq(kipc_wait(c, KIPC_IN, 0), -EAGAIN);
	kipc_chan_close(c);
}

/* ---- at any moment ---------------------------------------------------------------------- */

#define SENDERS   3
#define RECEIVERS 3
#define MESSAGES  500000U /* of each sender, at most */

struct storm {
	char uri[URI_MAX];
	unsigned next[SENDERS];                /* the number that the sender will commit next */
	uint8_t committed[SENDERS][MESSAGES];  /* commit returned */
	uint8_t seen[SENDERS][MESSAGES];       /* how often it was received */
	uint8_t seen_fresh[SENDERS][MESSAGES]; /* ... without KIPC_MSG_AGAIN */
	uint8_t over;
};

struct part {
	struct storm *s;
	unsigned number;
};

static void storm_send(struct peer *me, void *arg)
{
	struct part *p = arg;
	struct storm *s = p->s;
	struct kipc_chan *c = queue_end(s->uri, KIPC_SEND);
	unsigned *next = &s->next[p->number];

	(void)me;
	while (!__atomic_load_n(&s->over, __ATOMIC_RELAXED)) {
		struct kipc_msg m = { .len = 48 };
		unsigned i = *next;

		if (i == MESSAGES) { /* it is to be killed, not to end */
			sched_yield();
			continue;
		}
		*next = i + 1;
		must_eq(kipc_reserve(c, &m, 1, -1), 1);
		content_fill(m.data, 48, p->number + 1, i);
		memcpy(m.data, &(uint32_t[2]){ p->number, i }, 8);
		must_eq(kipc_commit(c, &m, 1), 1);
		__atomic_store_n(&s->committed[p->number][i], 1, __ATOMIC_RELEASE);
	}
	kipc_chan_close(c);
}

static void storm_take(struct storm *s, struct kipc_chan *c, const struct kipc_msg *m)
{
	uint8_t want[48];
	uint32_t tag[2];

	must_eq(m->len, 48);
	memcpy(tag, m->data, 8);
	must(tag[0] < SENDERS && tag[1] < MESSAGES);
	content_fill(want, 48, tag[0] + 1, tag[1]);
	must(memcmp(want + 8, (const uint8_t *)m->data + 8, 40) == 0);
	__atomic_fetch_add(&s->seen[tag[0]][tag[1]], 1, __ATOMIC_SEQ_CST);
	if (!(m->flags & KIPC_MSG_AGAIN))
		__atomic_fetch_add(&s->seen_fresh[tag[0]][tag[1]], 1, __ATOMIC_SEQ_CST);
	must_eq(kipc_release(c, 1), 1);
}

static void storm_recv(struct peer *me, void *arg)
{
	struct part *p = arg;
	struct kipc_chan *c = queue_end(p->s->uri, KIPC_RECV);
	struct kipc_msg m;

	(void)me;
	for (;;) {
		must_eq(kipc_peek(c, &m, 1, -1), 1);
		storm_take(p->s, c, &m);
	}
}

static void storm_check(struct storm *s, unsigned kills)
{
	unsigned arrived = 0, again = 0;

	for (unsigned n = 0; n < SENDERS; n++) {
		for (unsigned i = 0; i < s->next[n]; i++) {
			must(s->seen[n][i] >= s->committed[n][i]);
			must(s->seen_fresh[n][i] <= 1);
			arrived += s->seen[n][i] > 0;
			again += s->seen[n][i] > 1;
		}
	}
	must(arrived > 0 && again <= kills);
}

static void storm(const struct form *f, const char *options)
{
	struct storm *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned kills = harness_rounds(60);
	struct part part[SENDERS + RECEIVERS];
	struct peer p[SENDERS + RECEIVERS];
	uint64_t random = 7;
	struct kipc_chan *c;
	struct kipc_msg m;

	must(s != MAP_FAILED);
	form_uri(f, options, s->uri, sizeof(s->uri));
	c = queue_end(s->uri, 0);
	for (unsigned i = 0; i < SENDERS + RECEIVERS; i++) {
		part[i] = (struct part){ .s = s, .number = i % SENDERS };
		peer_start(&p[i], i < SENDERS ? storm_send : storm_recv, &part[i]);
	}
	for (unsigned k = 0; k < kills; k++) {
		unsigned i = (unsigned)(harness_random(&random) % (SENDERS + RECEIVERS));
		uint64_t turns = harness_random(&random) % 2000000;

		for (volatile uint64_t t = 0; t < turns; t++)
			;
		peer_kill(&p[i]);
		peer_start(&p[i], i < SENDERS ? storm_send : storm_recv, &part[i]);
	}
	__atomic_store_n(&s->over, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < SENDERS; i++)
		peer_end(&p[i]);
	for (unsigned i = SENDERS; i < SENDERS + RECEIVERS; i++)
		peer_kill(&p[i]);
	while (kipc_peek(c, &m, 1, 200 * MSEC) == 1) /* longer than any death notice */
		storm_take(s, c, &m);
	storm_check(s, kills + RECEIVERS);
	must_eq(queue_capacity(c), chan_get(c, KIPC_OPT_SLOTS));
	kipc_chan_close(c);
	munmap(s, sizeof(*s));
}

QUEUE_TEST(queue_death_at_any_moment)
{
	storm(f, "slots=4&slot=48&wait=block");
	storm(f, "slots=64&slot=48");
}

/* ---- two users -------------------------------------------------------------------------- */

static void visit(struct peer *me, void *arg)
{
	struct victim *v = arg;
	struct kipc_chan *c;
	int want = (int)v->n ? 0 : -EACCES;

	(void)me;
	become_user(NOBODY, v->gid);
	must_eq(kipc_chan_open(&c, v->uri, KIPC_QUEUE | KIPC_CREATE, NULL), want);
	if (want == 0)
		must_eq(queue_send(c, 30, 0, 1, 0, 0), 1);
	else
		must(*kipc_why());
	if (want == 0)
		never_return(); /* it dies as another user */
}

QUEUE_TEST(queue_two_users)
{
	struct kipc_chan *c;
	struct victim v;
	struct peer p;

	if (geteuid() != 0)
		harness_skip("root", "two users need root");
	c = victim_make(f, &v, "", 0);
	peer_start(&p, visit, &v);
	peer_end(&p);
	kipc_chan_close(c);
	c = victim_make(f, &v, "mode=0666", 1);
	peer_start(&p, visit, &v);
	queue_recv(c, 30, 0, 1, 0);
	peer_kill(&p);
	must_eq(kipc_wait(c, KIPC_IN, 0), -EAGAIN);
	kipc_chan_close(c);
}
