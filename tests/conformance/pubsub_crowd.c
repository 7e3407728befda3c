// SPDX-License-Identifier: MIT
/* A publisher and many processes that subscribe, come, go and are killed. */
#include <signal.h>
#include <sys/epoll.h>
#include "pubsub.h"

#define MAX   300
#define CROWD 64

struct scene {
	struct topic topic;
	const char *options;
	uint64_t from; /* number of the first message that is expected */
	uint64_t n;    /* how many messages there will be in all */
};

/* ---- 64 of them ------------------------------------------------------------------------- */

static void listen_to_the_end(struct peer *me, void *arg)
{
	struct scene *s = arg;
	struct kipc_chan *c = topic_subscribe(&s->topic, s->options);
	uint64_t lost;
	int why;

	peer_tell(me, 'j');
	must(topic_drain(c, MAX, s->from, -1, &why) == s->n);
	must_eq(why, -EPIPE);
	lost = topic_lost(c);
	must(strstr(s->options, "loss") || lost == 0);
	kipc_chan_close(c);
}

static void crowd(const struct form *f, unsigned nr, const char *options)
{
	struct scene s = { .topic = topic_new(f), .options = options, .n = harness_rounds(3000) };
	struct kipc_chan *pub = topic_publish(&s.topic, "size=16K");
	struct peer p[CROWD];

	for (unsigned i = 0; i < nr; i++)
		peer_start(&p[i], listen_to_the_end, &s);
	for (unsigned i = 0; i < nr; i++)
		peer_expect(&p[i], 'j');
	for (uint64_t i = 0; i < s.n; i++)
		must_eq(topic_put(pub, MAX, i, -1), 0);
	kipc_chan_close(pub);
	for (unsigned i = 0; i < nr; i++)
		peer_end(&p[i]);
}

PUBSUB(crowd_of_1)
{
	crowd(f, 1, "");
	crowd(f, 1, "loss=1");
	crowd(f, 1, "wait=block");
}

PUBSUB(crowd_of_7)
{
	crowd(f, 7, "");
	crowd(f, 7, "loss=1&wait=block");
}

PUBSUB(crowd_of_64_reliable)
{
	crowd(f, CROWD, "");
}

PUBSUB(crowd_of_64_lossy)
{
	crowd(f, CROWD, "loss=1");
}

static void just_stay(struct peer *me, void *arg)
{
	(void)topic_subscribe(arg, "loss=1");
	peer_tell(me, 'j');
	for (;;)
		pause();
}

/* All places taken; a killed one's is free again. */
PUBSUB(no_place_left)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=16K"), *sub[CROWD];
	struct peer p;

	peer_start(&p, just_stay, &t);
	peer_expect(&p, 'j');
	for (int i = 1; i < CROWD; i++)
		sub[i] = topic_subscribe(&t, "loss=1");
	must_eq(topic_try(&t, KIPC_RECV, ""), -EBUSY);
	peer_kill(&p);
	must_eq(topic_try(&t, KIPC_RECV, ""), 0);
	for (int i = 1; i < CROWD; i++)
		kipc_chan_close(sub[i]);
	kipc_chan_close(pub);
}

/* ---- coming and going ------------------------------------------------------------------- */

/* Joins, takes a few, leaves, joins again: numbers tell where it is. */
static void come_and_go(struct peer *me, void *arg)
{
	static const char *const options[] = { "", "loss=1", "join=oldest", "join=oldest&loss=1" };
	struct scene *s = arg;
	uint64_t random = (uint64_t)getpid(), next, got, lost;
	ssize_t r;

	peer_tell(me, 'j');
	for (unsigned i = 0;; i++) {
		struct kipc_chan *c = topic_subscribe(&s->topic, options[i % 4]);
		unsigned n = harness_random(&random) % 40;

		for (next = 0, lost = 0; n; n--) {
			r = kipc_recv(c, &got, sizeof(got), -1);
			if (r == -EPIPE) {
				kipc_chan_close(c);
				return;
			}
			if (r == -EOVERFLOW) {
				must(topic_lost(c) > lost);
				next += next ? topic_lost(c) - lost : 0;
				lost = topic_lost(c);
				continue;
			}
			must_eq(r, sizeof(got));
			must(next == 0 || got == next);
			next = got + 1;
		}
		must(lost == 0 || i % 2);
		kipc_chan_close(c);
	}
}

PUBSUB(joins_and_leaves_at_any_time)
{
	struct scene s = { .topic = topic_new(f), .n = harness_rounds(100000) };
	struct kipc_chan *pub = topic_publish(&s.topic, "size=8K");
	struct peer p[6];

	for (int i = 0; i < 6; i++)
		peer_start(&p[i], come_and_go, &s);
	for (int i = 0; i < 6; i++)
		peer_expect(&p[i], 'j');
	for (uint64_t i = 1; i <= s.n; i++)
		must_eq(kipc_send(pub, &i, sizeof(i), -1), 0);
	must_eq(kipc_shutdown(pub, KIPC_OUT), 0);
	for (int i = 0; i < 6; i++)
		peer_end(&p[i]);
	kipc_chan_close(pub);
}

/* ---- the newest value ------------------------------------------------------------------- */

#define VALUE 700

static void watch_latest(struct peer *me, void *arg)
{
	struct scene *s = arg;
	struct kipc_chan *c = topic_subscribe(&s->topic, "loss=1");
	uint64_t before = 0, number, i;
	uint8_t value[VALUE];
	ssize_t r;

	peer_tell(me, 'j');
	do {
		r = kipc_latest(c, value, sizeof(value), &number);
		if (r == -EAGAIN)
			continue;
		must_eq(r, VALUE);
		memcpy(&i, value, 8);
		must(number >= before && number == i &&
		     content_is(value + 8, VALUE - 8, PUB_SEED, i));
		before = number;
	} while (before < s->n);
	kipc_chan_close(c);
}

PUBSUB(latest_is_never_torn)
{
	struct scene s = { .topic = topic_new(f), .n = harness_rounds(40000) };
	struct kipc_chan *pub = topic_publish(&s.topic, "size=4K");
	uint8_t value[VALUE];
	struct peer p[3];

	for (int i = 0; i < 3; i++)
		peer_start(&p[i], watch_latest, &s);
	for (int i = 0; i < 3; i++)
		peer_expect(&p[i], 'j');
	for (uint64_t i = 1; i <= s.n; i++) {
		memcpy(value, &i, 8);
		content_fill(value + 8, VALUE - 8, PUB_SEED, i);
		must_eq(kipc_send(pub, value, VALUE, -1), 0);
	}
	for (int i = 0; i < 3; i++)
		peer_end(&p[i]);
	kipc_chan_close(pub);
}

/* ---- killed ----------------------------------------------------------------------------- */

static void subscribe_and_stop(struct peer *me, void *arg)
{
	struct scene *s = arg;
	struct kipc_chan *c = topic_subscribe(&s->topic, s->options);
	struct kipc_msg m;

	peer_tell(me, 'j');
	peer_expect(me, 'g');
	must_eq(kipc_peek(c, &m, 1, -1), 1);
	peer_tell(me, 'p');
	for (;;)
		pause();
}

struct kill_order {
	pid_t victim, watched;
};

/* Kill one process when the other one sleeps. */
static void run_killer(struct peer *me, void *arg)
{
	struct kill_order *k = arg;

	(void)me;
	await_asleep(k->watched);
	must_sys(kill(k->victim, SIGKILL));
}

/* The publisher sleeps for room, spins for it, or polls for it, when the one in its way is killed. */
static void killed_subscriber(const struct form *f, const char *options, bool polls)
{
	struct scene s = { .topic = topic_new(f), .options = "" };
	struct kipc_chan *pub = topic_publish(&s.topic, options);
	struct peer victim, killer;
	struct kill_order order;
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC)), r;
	uint64_t sent = 0;

	must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, kipc_chan_fd(pub, KIPC_OUT), &ev));
	peer_start(&victim, subscribe_and_stop, &s);
	peer_expect(&victim, 'j');
	while (topic_put(pub, MAX, sent, 0) == 0)
		sent++;
	peer_tell(&victim, 'g');
	peer_expect(&victim, 'p');
	order = (struct kill_order){ .victim = victim.pid,
		                     .watched = strstr(options, "spin") ? victim.pid : getpid() };
	peer_start(&killer, run_killer, &order);
	while (polls && (r = topic_put(pub, MAX, sent, 0)) != 0) {
		must_eq(r, -EAGAIN);
		while (epoll_wait(ep, &ev, 1, -1) < 0)
			must(errno == EINTR);
	}
	for (int i = 0; i < 100; i++)
		must_eq(topic_put(pub, MAX, sent, -1), 0);
	peer_end(&killer);
	peer_kill(&victim);
	kipc_chan_close(pub);
	close(ep);
}

PUBSUB(a_killed_subscriber_frees_the_publisher)
{
	killed_subscriber(f, "size=8K&wait=block", false);
	killed_subscriber(f, "size=8K&wait=spin", false);
	killed_subscriber(f, "size=8K", false);
	killed_subscriber(f, "size=8K", true);
}

static void publish_for_ever(struct peer *me, void *arg)
{
	struct scene *s = arg;
	struct kipc_chan *c = topic_publish(&s->topic, "");

	peer_tell(me, 'j');
	for (uint64_t i = s->from;; i++)
		if (i % 3)
			must_eq(topic_put(c, MAX, i, -1), 0);
		else {
			struct kipc_msg m = { .len = content_len(MAX, PUB_SEED, i) };

			must_eq(kipc_reserve(c, &m, 1, -1), 1);
			content_fill(m.data, m.len, PUB_SEED, i);
			must_eq(kipc_commit(c, &m, 1), 1);
		}
}

/* Killed anywhere: what was committed is whole and in order, then -EPIPE; the next one goes on. */
PUBSUB(a_killed_publisher_leaves_nothing_torn)
{
	struct scene s = { .topic = topic_new(f) };
	struct kipc_chan *sub = topic_subscribe(&s.topic, "size=8K");
	struct kipc_chan *lossy = topic_subscribe(&s.topic, "loss=1");
	unsigned rounds = harness_rounds(60);
	uint64_t random = 3, next = 0;
	struct peer p;
	int why;

	for (unsigned i = 0; i < rounds; i++) {
		peer_start(&p, publish_for_ever, &s);
		peer_expect(&p, 'j');
		for (unsigned n = harness_random(&random) % 300; n; n--)
			must(topic_take(sub, MAX, next++, -1) >= 0);
		peer_kill(&p);
		next = topic_drain(sub, MAX, next, -1, &why);
		must_eq(why, -EPIPE);
		must(topic_drain(lossy, MAX, s.from, -1, &why) == next);
		must_eq(why, -EPIPE);
		must(topic_lost(sub) == 0);
		s.from = next;
	}
	kipc_chan_close(sub);
	kipc_chan_close(lossy);
}

static void publish_and_stop(struct peer *me, void *arg)
{
	struct scene *s = arg;
	struct kipc_chan *c = topic_publish(&s->topic, "");

	for (uint64_t i = 0; i < 5; i++)
		must_eq(topic_put(c, MAX, i, -1), 0);
	peer_tell(me, 'j');
	for (;;)
		pause();
}

/* Subscribers that sleep, spin and poll hear of it. */
static void killed_publisher(const struct form *f, const char *options, bool polls)
{
	struct scene s = { .topic = topic_new(f) };
	struct kipc_chan *sub = topic_subscribe(&s.topic, options);
	struct peer victim, killer;
	struct kill_order order;
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC)), why = 0;
	uint64_t next = 0;

	must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, kipc_chan_fd(sub, KIPC_IN), &ev));
	peer_start(&victim, publish_and_stop, &s);
	peer_expect(&victim, 'j');
	order = (struct kill_order){ .victim = victim.pid,
		                     .watched = strstr(options, "spin") ? victim.pid : getpid() };
	peer_start(&killer, run_killer, &order);
	do {
		while (polls && epoll_wait(ep, &ev, 1, -1) < 0)
			must(errno == EINTR);
		next = topic_drain(sub, MAX, next, polls ? 0 : -1, &why);
	} while (why == -EAGAIN);
	must_eq(why, -EPIPE);
	must(next == 5);
	peer_end(&killer);
	peer_kill(&victim);
	kipc_chan_close(sub);
	close(ep);
}

PUBSUB(subscribers_hear_of_a_killed_publisher)
{
	killed_publisher(f, "wait=block", false);
	killed_publisher(f, "wait=spin&loss=1", false);
	killed_publisher(f, "", true);
}

/* ---- two users -------------------------------------------------------------------------- */

struct visit {
	struct topic topic;
	int want;
};

static void visit_topic(struct peer *me, void *arg)
{
	struct visit *v = arg;
	struct kipc_chan *c;
	int why;

	become_user(NOBODY, form_group(v->topic.form));
	must_eq(topic_try(&v->topic, KIPC_RECV, ""), v->want);
	if (v->want)
		return;
	c = topic_subscribe(&v->topic, "");
	must_ok(kipc_chan_fd(c, KIPC_IN));
	peer_tell(me, 'j');
	must(topic_drain(c, MAX, 0, -1, &why) == 500);
	must_eq(why, -EPIPE);
	kipc_chan_close(c);
}

static void check_mode(const struct form *f, const char *options, int want)
{
	struct visit v = { .topic = topic_new(f), .want = want };
	struct kipc_chan *pub;
	struct peer p;

	if (geteuid() != 0)
		harness_skip("root", "two users need root");
	pub = topic_publish(&v.topic, options);
	peer_start(&p, visit_topic, &v);
	if (want == 0)
		peer_expect(&p, 'j');
	for (uint64_t i = 0; want == 0 && i < 500; i++)
		must_eq(topic_put(pub, MAX, i, -1), 0);
	if (want == 0)
		kipc_chan_close(pub);
	peer_end(&p);
	if (want)
		kipc_chan_close(pub);
}

PUBSUB(mode_0600_refuses_others)
{
	check_mode(f, "size=8K", -EACCES);
}

PUBSUB(mode_0666_admits_others)
{
	check_mode(f, "size=8K&mode=0666", 0);
}
