// SPDX-License-Identifier: MIT
/*
 * Both ends call each other at the same time, several calls in flight on each side, through rings that
 * hold a few of them only: whoever waits for room must take in what comes, or both wait for ever.
 */
#include "form.h"

#define FLIGHT 8

struct side {
	struct kipc_chan *c;
	uint64_t seed; /* of my requests */
	unsigned calls, begun, ended, served;
	size_t max;
	int64_t id[FLIGHT]; /* of call i: at i % FLIGHT; 0: none */
};

static size_t len_of(const struct side *s, uint64_t seed, unsigned i)
{
	return sizeof(i) + content_len(s->max - sizeof(i), seed, i);
}

/* A request says which one it is. Every other one is answered by itself, from where it lies. */
static uint64_t seed_of_reply(uint64_t seed, unsigned i)
{
	return i % 2 ? seed : seed + 1;
}

static void fill(const struct side *s, uint8_t *buf, uint64_t seed, unsigned i)
{
	memcpy(buf, &i, sizeof(i));
	content_fill(buf + sizeof(i), len_of(s, seed, i) - sizeof(i), seed, i);
}

static bool is(const struct side *s, const uint8_t *buf, size_t len, uint64_t seed, unsigned i)
{
	return len == len_of(s, seed, i) && !memcmp(buf, &i, sizeof(i)) &&
	       content_is(buf + sizeof(i), len - sizeof(i), seed, i);
}

static void begin_some(struct side *s, uint8_t *buf)
{
	while (s->begun < s->calls && s->begun - s->ended < FLIGHT && !s->id[s->begun % FLIGHT]) {
		unsigned i = s->begun++;

		fill(s, buf, s->seed, i);
		s->id[i % FLIGHT] = must_ok(
			kipc_call_begin(s->c, buf, len_of(s, s->seed, i), i % 2 ? -1 : 1000 * SEC));
	}
}

/* The youngest first, so that most replies are kept. */
static bool end_some(struct side *s, uint8_t *buf)
{
	bool any = false;

	for (unsigned k = s->begun, back = 0; k-- > 0 && back < FLIGHT; back++) {
		int64_t *id = &s->id[k % FLIGHT];
		ssize_t r;

		if (!*id)
			continue;
		r = kipc_call_end(s->c, *id, buf, s->max, 0);
		if (r == -EAGAIN)
			continue;
		must_ok(r);
		must(is(s, buf, (size_t)r, seed_of_reply(s->seed, k), k));
		*id = 0;
		s->ended++;
		any = true;
	}
	return any;
}

static bool serve_some(struct side *s, uint64_t their_seed, uint8_t *buf)
{
	struct kipc_request q;
	bool any = false;
	unsigned i;
	int r;

	while ((r = kipc_call_next(s->c, &q, 0)) == 0) {
		must(q.len >= sizeof(i));
		memcpy(&i, q.data, sizeof(i));
		must(is(s, q.data, q.len, their_seed, i));
		if (i % 2) {
			must_eq(kipc_reply(s->c, q.id, q.data, q.len, -1), 0);
		} else {
			fill(s, buf, their_seed + 1, i);
			must_eq(kipc_reply(s->c, q.id, buf, len_of(s, their_seed + 1, i), -1), 0);
		}
		s->served++;
		any = true;
	}
	must_eq(r, -EAGAIN);
	return any;
}

static void talk(struct side *s, uint64_t their_seed)
{
	uint8_t *buf = malloc(s->max);

	while (s->ended < s->calls || s->served < s->calls) {
		bool any;

		begin_some(s, buf);
		any = serve_some(s, their_seed, buf);
		any |= end_some(s, buf);
		if (!any)
			must_ok(kipc_wait(s->c, KIPC_IN, -1));
	}
	free(buf);
}

static struct side side_of(struct kipc_chan *c, uint64_t seed)
{
	return (struct side){ .c = c,
		              .seed = seed,
		              .calls = harness_rounds(2000),
		              .max = chan_get(c, KIPC_OPT_RING_BYTES) ? 1500 : 30000 };
}

static void other_side(struct peer *me, void *arg)
{
	struct side s = side_of(duo_theirs(arg), 20);

	talk(&s, 10);
	peer_expect(me, 'e');
	kipc_chan_close(s.c);
}

EACH_FORM(call_both_ways_at_the_same_time)
{
	struct side s;
	struct peer peer;
	struct duo d;

	duo_make(&d, f, "size=4K");
	peer_start(&peer, other_side, &d);
	s = side_of(duo_mine(&d), 10);
	talk(&s, 20);
	peer_tell(&peer, 'e');
	peer_end(&peer);
	kipc_chan_close(s.c);
}

/* ---- a server that asks its caller ------------------------------------------------------ */

static void ask_back(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	struct kipc_request q;
	uint32_t n;

	(void)me;
	for (int r = kipc_call_next(c, &q, -1); r == 0;) {
		must_eq(kipc_call(c, q.data, q.len, &n, sizeof(n), -1), sizeof(n));
		n *= 2;
		r = kipc_reply_next(c, q.id, &n, sizeof(n), &q, -1);
	}
	kipc_chan_close(c);
}

EACH_FORM(call_inside_a_call)
{
	struct kipc_request q;
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;
	uint32_t n;

	duo_make(&d, f, "size=4K");
	peer_start(&peer, ask_back, &d);
	c = duo_mine(&d);
	for (uint32_t i = 0; i < harness_rounds(500); i++) {
		int64_t id = must_ok(kipc_call_begin(c, &i, sizeof(i), -1));

		must_eq(kipc_call_next(c, &q, -1), 0);
		must(q.len == sizeof(i) && !memcmp(q.data, &i, sizeof(i)));
		n = i + 1;
		must_eq(kipc_reply(c, q.id, &n, sizeof(n), -1), 0);
		must_eq(kipc_call_end(c, id, &n, sizeof(n), -1), sizeof(n));
		must(n == 2 * (i + 1));
	}
	kipc_chan_close(c);
	peer_end(&peer);
}
