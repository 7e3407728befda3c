// SPDX-License-Identifier: MIT
/* A message to many who sleep: each of them gets it, whatever becomes of those who were woken first. */
#include <signal.h>
#include "pubsub.h"

#define MAX   100
#define CROWD 12

struct hall {
	struct topic topic;
	const char *options;
	struct kipc_chan *pub;
	struct peer p[CROWD];
	uint64_t sent;
};

static void hear_each(struct peer *me, void *arg)
{
	struct hall *s = arg;
	struct kipc_chan *c = topic_subscribe(&s->topic, s->options);

	peer_tell(me, 'j');
	for (uint64_t i = s->sent;; i++) {
		ssize_t r = topic_take(c, MAX, i, -1);

		if (r == -EPIPE)
			break;
		must(r >= 0);
		peer_tell(me, 'g');
	}
	must(topic_lost(c) == 0);
	kipc_chan_close(c);
}

static void enter(struct hall *s, unsigned i)
{
	peer_start(&s->p[i], hear_each, s);
	peer_expect(&s->p[i], 'j');
}

static struct hall hall_open(const struct form *f, const char *options)
{
	struct hall s = { .topic = topic_new(f), .options = options };

	s.pub = topic_publish(&s.topic, "size=64K");
	for (unsigned i = 0; i < CROWD; i++)
		enter(&s, i);
	return s;
}

static void hall_close(struct hall *s)
{
	kipc_chan_close(s->pub);
	for (unsigned i = 0; i < CROWD; i++)
		peer_end(&s->p[i]);
}

static void await_all_asleep(const struct hall *s)
{
	for (unsigned i = 0; i < CROWD; i++)
		await_asleep(s->p[i].pid);
}

static void publish(struct hall *s)
{
	must_ok(topic_put(s->pub, MAX, s->sent++, -1));
}

/* All but one have it. */
static void heard(struct hall *s, unsigned but)
{
	for (unsigned i = 0; i < CROWD; i++)
		if (i != but)
			peer_expect(&s->p[i], 'g');
}

static void one_message_at_a_time(const struct form *f, const char *options)
{
	struct hall s = hall_open(f, options);
	unsigned rounds = harness_rounds(100);

	for (unsigned i = 0; i < rounds; i++) {
		await_all_asleep(&s);
		publish(&s);
		heard(&s, CROWD);
	}
	hall_close(&s);
}

PUBSUB(asleep_and_each_gets_it)
{
	one_message_at_a_time(f, "wait=block");
	one_message_at_a_time(f, "wait=block&loss=1");
	one_message_at_a_time(f, "wait=block&uring=0");
	one_message_at_a_time(f, "");
}

/* One is stopped while all are woken, and hears of it when it goes on. */
PUBSUB(asleep_beside_one_that_is_stopped)
{
	struct hall s = hall_open(f, "wait=block");
	unsigned rounds = harness_rounds(60);

	for (unsigned i = 0; i < rounds; i++) {
		struct peer *p = &s.p[i % CROWD];

		await_all_asleep(&s);
		if (i % 2)
			peer_stop(p);
		publish(&s);
		must_sys(kill(p->pid, SIGSTOP));
		heard(&s, i % CROWD);
		peer_continue(p);
		peer_expect(p, 'g');
	}
	hall_close(&s);
}

/* One is killed while all are woken, and another one comes. */
PUBSUB(asleep_beside_one_that_is_killed)
{
	struct hall s = hall_open(f, "wait=block");
	unsigned rounds = harness_rounds(60);

	for (unsigned i = 0; i < rounds; i++) {
		await_all_asleep(&s);
		publish(&s);
		must_sys(kill(s.p[i % CROWD].pid, SIGKILL));
		heard(&s, i % CROWD);
		peer_kill(&s.p[i % CROWD]);
		enter(&s, i % CROWD);
	}
	hall_close(&s);
}
