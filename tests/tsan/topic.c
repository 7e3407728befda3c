// SPDX-License-Identifier: MIT
/* One publisher and its subscribers, each in a thread of its own. */
#include <errno.h>
#include <string.h>
#include "tsan.h"

static void *publish(void *arg)
{
	struct table *t = arg;
	struct kipc_msg m;
	struct letter l;
	unsigned i;

	for (i = 0; i < t->rounds; i++) {
		letter_write(&l, i);
		if (i % 3) {
			must(kipc_send(t->end[0], &l, length_of(i), -1) == 0);
			continue;
		}
		m = (struct kipc_msg){ .len = length_of(i) };
		must(kipc_reserve(t->end[0], &m, 1, -1) == 1);
		memcpy(m.data, &l, m.len);
		must(kipc_commit(t->end[0], &m, 1) == 1);
	}
	kipc_chan_close(t->end[0]);
	t->end[0] = NULL;
	return NULL;
}

/* ---- waited for ------------------------------------------------------------------------------- */

static void *take_each(void *arg)
{
	struct table *t = arg;
	struct letter l;
	unsigned i;
	ssize_t len;

	for (i = 0; (len = kipc_recv(t->end[1], &l, sizeof(l), -1)) >= 0; i++)
		letter_check(&l, (size_t)len, i);
	must(len == -EPIPE && i == t->rounds);
	return NULL;
}

static void *read_in_place(void *arg)
{
	struct table *t = arg;
	struct kipc_msg m[4];
	unsigned done = 0;
	int i, r;

	while ((r = kipc_peek(t->end[2], m, 4, -1)) > 0) {
		for (i = 0; i < r; i++)
			letter_check(m[i].data, m[i].len, done + (unsigned)i);
		must(kipc_release(t->end[2], (unsigned)r) == r);
		done += (unsigned)r;
	}
	must(r == -EPIPE && done == t->rounds);
	return NULL;
}

/* Subscribers that come and go while others stay. */
static void *join_and_leave(void *arg)
{
	struct table *t = arg;
	struct kipc_chan *c;
	struct letter l;
	unsigned i, k;
	ssize_t len;

	for (i = 0; i < t->rounds / 64; i++) {
		must(kipc_chan_open(&c, t->uri, KIPC_PUBSUB | KIPC_CREATE | KIPC_RECV, NULL) == 0);
		for (k = 0; k < 4; k++) {
			len = kipc_recv(c, &l, sizeof(l), 1000 * 1000);
			must(len >= 0 || len == -ETIMEDOUT || len == -EPIPE);
			if (len >= 0)
				letter_check(&l, (size_t)len, l.number);
		}
		kipc_chan_close(c);
	}
	return NULL;
}

/* ---- overtaken --------------------------------------------------------------------------------- */

static void *take_what_is_left(void *arg)
{
	struct table *t = arg;
	uint64_t seen = 0, lost = 0;
	struct letter l;
	ssize_t len;

	for (;;) {
		len = kipc_recv(t->end[1], &l, sizeof(l), -1);
		must(kipc_lost(t->end[1], &lost) == 0);
		if (len >= 0)
			letter_check(&l, (size_t)len, seen++ + lost);
		else if (len != -EOVERFLOW)
			break;
	}
	must(len == -EPIPE && seen + lost == t->rounds);
	return NULL;
}

static void *look_at_latest(void *arg)
{
	struct table *t = arg;
	uint64_t before = 0, number = 0;
	struct letter l;
	ssize_t len;

	while (number < t->rounds) {
		len = kipc_latest(t->end[2], &l, sizeof(l), &number);
		must(len >= 0 || len == -EAGAIN);
		if (len < 0)
			continue;
		must(number >= before && number > 0);
		letter_check(&l, (size_t)len, number - 1);
		before = number;
	}
	return NULL;
}

#define SIZE  "&size=4K"
#define LOSSY SIZE "&loss=1"

const struct scene topic_scenes[] = {
	{ "subscribers",
	  { publish, take_each, read_in_place, join_and_leave },
	  KIPC_PUBSUB,
	  { { KIPC_SEND, SIZE, false }, { KIPC_RECV, SIZE, false }, { KIPC_RECV, SIZE, false } } },
	{ "subscribers that lose, and latest",
	  { publish, take_what_is_left, look_at_latest },
	  KIPC_PUBSUB,
	  { { KIPC_SEND, SIZE, false }, { KIPC_RECV, LOSSY, true }, { KIPC_RECV, LOSSY, true } } },
	{ "latest, waited for",
	  { publish, take_each, look_at_latest },
	  KIPC_PUBSUB,
	  { { KIPC_SEND, SIZE, false }, { KIPC_RECV, SIZE, false }, { KIPC_RECV, LOSSY, true } } },
};

const unsigned nr_topic_scenes = sizeof(topic_scenes) / sizeof(topic_scenes[0]);
