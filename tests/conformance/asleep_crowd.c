// SPDX-License-Identifier: MIT
/*
 * Ends that sleep where many meet: they do not get up for nothing, and hear of every end that matters: of
 * those who were there, and of those who came while they slept.
 */
#include <signal.h>
#include "asleep.h"
#include "pubsub.h"
#include "queue_ends.h"

static void needs_uring(const struct form *f)
{
	if (!strcmp(f->scheme, "shm") && !may_uring())
		harness_skip("io_uring", "it is not allowed here");
}

/* ---- a topic ---------------------------------------------------------------------------- */

struct stand {
	struct topic topic;
	const char *options; /* of the one who sleeps */
	bool forbid;         /* io_uring */
	bool hostage;        /* who ends has a child with copies of its descriptors */
	bool execs;          /* ... and ends by exec */
	struct hostage held;
};

static struct stand stand_new(const struct form *f, const char *options)
{
	struct stand s = { .topic = topic_new(f), .options = options };

	hostage_prepare(&s.held);
	return s;
}

/* Message 0, then the publisher's end. */
static void hear_the_end(struct peer *me, void *arg)
{
	struct stand *s = arg;
	struct kipc_chan *c;

	if (s->forbid)
		forbid_uring();
	c = topic_subscribe(&s->topic, s->options);
	chan_set_wait(c, KIPC_WAIT_BLOCK);
	peer_tell(me, 'r');
	must(topic_take(c, 100, 0, -1) >= 0);
	peer_tell(me, 'z');
	must_eq(topic_take(c, 100, 1, -1), -EPIPE);
	kipc_chan_close(c);
}

/* One message to somebody who sleeps, then nothing but what it is told to do. */
static void publish_and_end(struct peer *me, void *arg)
{
	struct stand *s = arg;
	struct kipc_chan *c;

	peer_expect(me, 'o');
	c = topic_publish(&s->topic, "");
	peer_tell(me, 'o');
	peer_expect(me, 'p');
	must_ok(topic_put(c, 100, 0, -1));
	if (s->hostage)
		hostage_take(&s->held);
	peer_tell(me, 'p');
	peer_expect(me, 'k');
	if (s->execs)
		execl("/bin/sh", "sh", "-c", "kill -STOP $$", NULL);
	raise(SIGKILL);
}

/* Both, in their own processes; the subscriber has received one message and sleeps. */
static void topic_begin(struct stand *s, struct peer *publisher, struct peer *subscriber)
{
	peer_start(publisher, publish_and_end, s);
	peer_start(subscriber, hear_the_end, s);
	peer_expect(subscriber, 'r');
	peer_tell(publisher, 'o');
	peer_expect(publisher, 'o');
	await_asleep(subscriber->pid);
	peer_tell(publisher, 'p');
	peer_expect(publisher, 'p');
	peer_expect(subscriber, 'z');
}

static void topic_ends(struct stand *s, void (*sleeps)(pid_t pid))
{
	struct peer publisher, subscriber;

	topic_begin(s, &publisher, &subscriber);
	sleeps(subscriber.pid);
	peer_tell(&publisher, 'k');
	peer_end(&subscriber);
	peer_kill(&publisher);
	hostage_free(&s->held);
}

PUBSUB(asleep_until_the_publisher_dies)
{
	struct stand s = stand_new(f, "");

	needs_uring(f);
	topic_ends(&s, still);
}

PUBSUB(asleep_until_the_publisher_calls_exec)
{
	struct stand s = stand_new(f, "");

	needs_uring(f);
	s.execs = true;
	s.hostage = true;
	topic_ends(&s, still);
}

/* It gets up again and again, and never has what it may not. */
static void naps(pid_t pid)
{
	long before = form_switches(pid);

	while (form_switches(pid) < before + 5) {
		must(!has_uring(pid));
		usleep(1000);
	}
}

PUBSUB(asleep_without_uring)
{
	struct stand s = stand_new(f, "uring=0");

	if (strcmp(f->scheme, "shm") != 0)
		return;
	topic_ends(&s, naps);
	s = stand_new(f, "");
	s.forbid = true;
	topic_ends(&s, naps);
}

/* ---- before there is a publisher -------------------------------------------------------- */

static void wait_for_a_publisher(struct peer *me, void *arg)
{
	struct stand *s = arg;
	struct kipc_chan *c = topic_subscribe(&s->topic, "");

	chan_set_wait(c, KIPC_WAIT_BLOCK);
	peer_tell(me, 'z');
	must_eq(topic_take(c, 100, 0, -1), -EPIPE);
	kipc_chan_close(c);
}

static void only_come(struct peer *me, void *arg)
{
	struct stand *s = arg;
	struct kipc_chan *c = topic_publish(&s->topic, "");

	peer_tell(me, 'c');
	peer_expect(me, 'k');
	(void)c;
	raise(SIGKILL);
}

/* It comes while somebody sleeps, and dies without a word. */
PUBSUB(asleep_before_the_publisher_came)
{
	struct stand s = stand_new(f, "");
	struct peer publisher, subscriber;

	peer_start(&subscriber, wait_for_a_publisher, &s);
	peer_expect(&subscriber, 'z');
	still(subscriber.pid);
	peer_start(&publisher, only_come, &s);
	peer_expect(&publisher, 'c');
	peer_tell(&publisher, 'k');
	peer_end(&subscriber);
	peer_kill(&publisher);
	hostage_free(&s.held);
}

/* ---- a publisher that is blocked -------------------------------------------------------- */

static void take_and_hold_up(struct peer *me, void *arg)
{
	struct stand *s = arg;
	struct kipc_chan *c = topic_subscribe(&s->topic, "");

	peer_tell(me, 's');
	peer_expect(me, 'f');
	for (uint64_t i = 0; i < 16; i++)
		must(topic_take(c, 100, i, 0) >= 0);
	peer_tell(me, 'f');
	peer_expect(me, 'k');
	raise(SIGKILL);
}

static void fill_twice(struct peer *me, void *arg)
{
	struct stand *s = arg;
	struct kipc_chan *c = topic_publish(&s->topic, "size=4K");
	uint64_t i = 0;

	chan_set_wait(c, KIPC_WAIT_BLOCK);
	peer_tell(me, 'p');
	peer_expect(me, 's');
	for (; topic_put(c, 100, i, 0) >= 0; i++)
		;
	peer_tell(me, 'f');
	must_ok(topic_put(c, 100, i++, -1)); /* the subscriber gives room to a sleeper */
	peer_expect(me, 'f');
	for (; topic_put(c, 100, i, 0) >= 0; i++)
		;
	peer_tell(me, 'z');
	must_ok(topic_put(c, 100, i, -1));
	kipc_chan_close(c);
}

PUBSUB(asleep_until_the_slowest_dies)
{
	struct stand s = stand_new(f, "");
	struct peer publisher, subscriber;

	needs_uring(f);
	peer_start(&publisher, fill_twice, &s);
	peer_expect(&publisher, 'p');
	peer_start(&subscriber, take_and_hold_up, &s);
	peer_expect(&subscriber, 's');
	peer_tell(&publisher, 's');
	peer_expect(&publisher, 'f');
	await_asleep(publisher.pid);
	peer_tell(&subscriber, 'f');
	peer_expect(&subscriber, 'f');
	peer_tell(&publisher, 'f');
	peer_expect(&publisher, 'z');
	still(publisher.pid);
	peer_tell(&subscriber, 'k');
	peer_end(&publisher);
	peer_kill(&subscriber);
	hostage_free(&s.held);
}

/* ---- a queue ---------------------------------------------------------------------------- */

struct shop {
	char uri[URI_MAX];
	uint64_t stop; /* the message that ends the work */
};

static struct shop shop_new(const struct form *f)
{
	struct shop s = { .stop = 1000 };

	form_uri(f, "slots=64", s.uri, sizeof(s.uri));
	return s;
}

/* Until it is given 'S'. */
static void work(struct peer *me, void *arg)
{
	struct shop *s = arg;
	struct kipc_chan *c = queue_end(s->uri, KIPC_RECV);
	char byte;

	chan_set_wait(c, KIPC_WAIT_BLOCK);
	peer_tell(me, 'z');
	do {
		must_eq(kipc_recv(c, &byte, 1, -1), 1);
	} while (byte != 'S');
	kipc_chan_close(c);
}

/* It reserves without a word, and dies. */
static void reserve_and_die(struct peer *me, void *arg)
{
	struct shop *s = arg;
	struct kipc_chan *c = queue_end(s->uri, KIPC_SEND);
	struct kipc_msg m = { .len = 1 };

	must_eq(kipc_reserve(c, &m, 1, -1), 1);
	peer_tell(me, 'r');
	peer_expect(me, 'k');
	raise(SIGKILL);
}

/* The workers sleep, and have been woken once; c is a sender's end. */
static void workers_begin(struct shop *s, struct peer *p, unsigned n, struct kipc_chan *c)
{
	for (unsigned i = 0; i < n; i++) {
		peer_start(&p[i], work, s);
		peer_expect(&p[i], 'z');
		await_asleep(p[i].pid);
	}
	must_ok(kipc_send(c, "x", 1, -1));
}

static void workers_end(struct peer *p, unsigned n, struct kipc_chan *c)
{
	for (unsigned i = 0; i < n; i++)
		must_ok(kipc_send(c, "S", 1, -1));
	for (unsigned i = 0; i < n; i++)
		peer_end(&p[i]);
	kipc_chan_close(c);
}

/* Somebody came later, and died over a reservation: it is undone, by those who sleep. */
static void one_comes_and_dies(struct shop *s, const struct kipc_chan *c)
{
	uint64_t before = chan_get(c, KIPC_OPT_ABANDONED);
	struct peer p;

	peer_start(&p, reserve_and_die, s);
	peer_expect(&p, 'r');
	peer_tell(&p, 'k');
	while (chan_get(c, KIPC_OPT_ABANDONED) == before)
		usleep(1000);
	peer_kill(&p);
}

QUEUE_TEST(asleep_workers)
{
	struct shop s = shop_new(f);
	struct kipc_chan *c = queue_end(s.uri, KIPC_SEND);
	struct peer p[3];

	needs_uring(f);
	workers_begin(&s, p, 3, c);
	for (int i = 0; i < 3; i++)
		still(p[i].pid);
	one_comes_and_dies(&s, c);
	for (int i = 0; i < 3; i++)
		still(p[i].pid);
	workers_end(p, 3, c);
}

/* There is nobody else when it falls asleep. */
QUEUE_TEST(asleep_alone)
{
	struct shop s = shop_new(f);
	struct kipc_chan *c;
	struct peer p;

	peer_start(&p, work, &s);
	peer_expect(&p, 'z');
	still(p.pid);
	c = queue_end(s.uri, KIPC_SEND);
	one_comes_and_dies(&s, c);
	workers_end(&p, 1, c);
}

/* More than are watched over plain shared memory. */
QUEUE_TEST(asleep_workers_many)
{
	struct shop s = shop_new(f);
	struct kipc_chan *c = queue_end(s.uri, KIPC_SEND);
	struct peer p[20];

	workers_begin(&s, p, 20, c);
	for (int i = 0; i < 20 && !strcmp(f->scheme, "shm"); i += 5)
		naps(p[i].pid);
	one_comes_and_dies(&s, c);
	workers_end(p, 20, c);
}
