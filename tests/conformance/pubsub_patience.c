// SPDX-License-Identifier: MIT
/* How long a publisher waits for a reliable subscriber that does not read. */
#include <poll.h>
#include "pubsub.h"

#define MAX 300

struct scene {
	struct kipc_chan *pub, *sub;
	uint64_t sent;
};

static struct scene scene_new(const struct form *f, const char *options)
{
	struct topic t = topic_new(f);
	struct scene s = { .pub = topic_publish(&t, options) };

	s.sub = topic_subscribe(&t, "");
	return s;
}

/* Until the subscriber, which takes nothing, is in the way. */
static void fill(struct scene *s)
{
	int r;

	while ((r = topic_put(s->pub, MAX, s->sent, 0)) == 0)
		s->sent++;
	must_eq(r, -EAGAIN);
}

static void put(struct scene *s, int64_t timeout)
{
	must_eq(topic_put(s->pub, MAX, s->sent, timeout), 0);
	s->sent++;
}

/* The subscriber was cut off: what it missed is counted, the rest is there. Or it was not. */
static void scene_end(struct scene *s, uint64_t from, bool cut)
{
	int why;

	must_eq(topic_drain(s->sub, MAX, from, 0, &why), s->sent);
	must_eq(why, -EAGAIN);
	must((topic_lost(s->sub) > 0) == cut);
	kipc_chan_close(s->sub);
	kipc_chan_close(s->pub);
}

/* Calls that do not block, or not for long, have patience together; and they do have it. */
PUBSUB(patience_goes_on_from_call_to_call)
{
	static const int64_t timeouts[] = { 0, MSEC };

	for (int i = 0; i < 2; i++) {
		struct scene s = scene_new(f, "size=8K&patience=30000000");
		int64_t before = harness_now();
		int r;

		fill(&s);
		while ((r = topic_put(s.pub, MAX, s.sent, timeouts[i])) != 0)
			must_eq(r, timeouts[i] ? -ETIMEDOUT : -EAGAIN);
		s.sent++;
		must(harness_now() - before >= 30 * MSEC);
		scene_end(&s, 0, true);
	}
}

PUBSUB(patience_in_one_call)
{
	struct scene s = scene_new(f, "size=8K&patience=30000000");
	int64_t before = harness_now();

	fill(&s);
	put(&s, -1);
	must(harness_now() - before >= 30 * MSEC);
	scene_end(&s, 0, true);
}

/* Time and again, so that waiting for one message is not taken for waiting for another. */
PUBSUB(patience_with_who_catches_up)
{
	struct scene s = scene_new(f, "size=8K&patience=3600000000000");
	uint64_t next = 0;
	int why;

	for (int i = 0; i < 10; i++) {
		fill(&s);
		must_eq(topic_put(s.pub, MAX, s.sent, MSEC), -ETIMEDOUT);
		next = topic_drain(s.sub, MAX, next, 0, &why);
		must_eq(why, -EAGAIN);
		put(&s, 0);
	}
	scene_end(&s, next, false);
}

/* Who asks first and sends then never waits longer either, and need not have failed before. */
PUBSUB(patience_of_who_asks_first)
{
	static const char *const options[] = { "size=8K&patience=0", "size=8K&patience=1000000" };

	for (int i = 0; i < 2; i++) {
		struct scene s = scene_new(f, options[i]);

		while (s.sent < 2000) {
			must_eq(kipc_wait(s.pub, KIPC_OUT, -1), KIPC_OUT);
			must_eq(kipc_send(s.pub, "", 0, 0), 0);
			s.sent++;
		}
		while (kipc_recv(s.sub, NULL, 0, 0) != -EOVERFLOW)
			;
		kipc_chan_close(s.sub);
		kipc_chan_close(s.pub);
	}
}

PUBSUB(patience_of_who_polls)
{
	struct scene s = scene_new(f, "size=8K&patience=1000000");
	struct pollfd out = { .fd = (int)must_ok(kipc_chan_fd(s.pub, KIPC_OUT)), .events = POLLIN };

	fill(&s);
	if (!strcmp(f->scheme, "shm")) /* kmod tells of events only */
		while (topic_put(s.pub, MAX, s.sent, 0) == -EAGAIN)
			must_eq(poll(&out, 1, -1), 1);
	else
		put(&s, -1);
	s.sent += !strcmp(f->scheme, "shm");
	scene_end(&s, 0, true);
}

/* ---- what KIPC_OUT speaks of ------------------------------------------------------------ */

/* A long message did not fit, a short one went: the long one is forgotten. */
PUBSUB(room_for_what_last_did_not_fit)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=8K"), *sub = topic_subscribe(&t, "");
	uint8_t buf[1000] = { 0 };

	while (kipc_send(pub, buf, sizeof(buf), 0) == 0)
		;
	must_eq(kipc_wait(pub, KIPC_OUT, 0), -EAGAIN);
	must_eq(kipc_send(pub, "", 0, 0), 0);
	must_eq(kipc_wait(pub, KIPC_OUT, 0), KIPC_OUT);
	kipc_chan_close(sub);
	kipc_chan_close(pub);
}
