// SPDX-License-Identifier: MIT
/* A stream of messages through each verb that sends, and through each that receives. */
#include "form.h"

#define BATCH 9

static size_t stream_len(const struct stream *s, unsigned i)
{
	return content_len(s->max, s->seed, i);
}

static void check(const struct stream *s, unsigned i, const void *data, size_t len)
{
	if (len != stream_len(s, i) || !content_is(data, len, s->seed, i))
		harness_fail(__FILE__, __LINE__,
		             "message %u of %u: %zu bytes, %zu wanted, content %s", i, s->n, len,
		             stream_len(s, i), len == stream_len(s, i) ? "wrong" : "unseen");
}

/* ---- sending ---------------------------------------------------------------------------- */

static void send_copied(struct kipc_chan *c, const struct stream *s)
{
	for (unsigned i = 0; i < s->n; i++)
		must_eq(send_one(c, stream_len(s, i), s->seed, i, -1), 0);
}

static void send_copied_n(struct kipc_chan *c, const struct stream *s)
{
	uint8_t *space = malloc(BATCH * (s->max + 1));
	struct kipc_msg m[BATCH];

	for (unsigned i = 0; i < s->n;) {
		unsigned n = s->n - i < BATCH ? s->n - i : BATCH;
		int sent;

		for (unsigned k = 0; k < n; k++) {
			m[k] = (struct kipc_msg){ .data = space + k * (s->max + 1),
				                  .len = stream_len(s, i + k) };
			content_fill(m[k].data, m[k].len, s->seed, i + k);
		}
		sent = (int)must_ok(kipc_send_n(c, m, n, -1));
		must(sent >= 1 && sent <= (int)n);
		i += (unsigned)sent;
	}
	free(space);
}

/* Reserved a little longer than needed, then shrunk. */
static void send_in_place(struct kipc_chan *c, const struct stream *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		size_t len = stream_len(s, i);
		struct kipc_msg m = { .len = len < s->max - 20 ? len + i % 20 : len };

		must_eq(kipc_reserve(c, &m, 1, -1), 1);
		content_fill(m.data, len, s->seed, i);
		m.len = len;
		must_eq(kipc_commit(c, &m, 1), 1);
	}
}

/* A batch that does not fit as a whole goes one by one. */
static unsigned reserve_some(struct kipc_chan *c, const struct stream *s, unsigned i,
                             struct kipc_msg *m)
{
	unsigned n = s->n - i < BATCH ? s->n - i : BATCH;
	int r;

	for (unsigned k = 0; k < n; k++)
		m[k] = (struct kipc_msg){ .len = stream_len(s, i + k) };
	r = kipc_reserve(c, m, n, -1);
	if (r == -EMSGSIZE)
		r = kipc_reserve(c, m, 1, -1);
	return (unsigned)must_ok(r);
}

static void send_in_place_n(struct kipc_chan *c, const struct stream *s)
{
	struct kipc_msg m[BATCH];

	for (unsigned i = 0; i < s->n;) {
		unsigned n = reserve_some(c, s, i, m);

		for (unsigned k = 0; k < n; k++, i++)
			content_fill(m[k].data, m[k].len, s->seed, i);
		must_eq(kipc_commit(c, m, n), n);
	}
}

const struct sender senders[4] = {
	{ "send", send_copied },
	{ "send_n", send_copied_n },
	{ "reserve", send_in_place },
	{ "reserve n", send_in_place_n },
};

/* ---- receiving -------------------------------------------------------------------------- */

static void recv_copied(struct kipc_chan *c, const struct stream *s)
{
	uint8_t *buf = malloc(s->max + 1);

	for (unsigned i = 0; i < s->n; i++)
		check(s, i, buf, (size_t)must_ok(kipc_recv(c, buf, s->max, -1)));
	free(buf);
}

static void recv_copied_n(struct kipc_chan *c, const struct stream *s)
{
	uint8_t *space = malloc(BATCH * (s->max + 1));
	struct kipc_msg m[BATCH];

	for (unsigned i = 0; i < s->n;) {
		int got;

		for (unsigned k = 0; k < BATCH; k++)
			m[k] = (struct kipc_msg){ .data = space + k * (s->max + 1), .len = s->max };
		got = (int)must_ok(kipc_recv_n(c, m, BATCH, -1));
		must(got >= 1 && got <= BATCH);
		for (int k = 0; k < got; k++, i++)
			check(s, i, m[k].data, m[k].len);
	}
	free(space);
}

static void recv_in_place(struct kipc_chan *c, const struct stream *s)
{
	struct kipc_msg m;

	for (unsigned i = 0; i < s->n; i++) {
		must_eq(kipc_peek(c, &m, 1, -1), 1);
		check(s, i, m.data, m.len);
		must_eq(kipc_release(c, 1), 1);
	}
}

/* Gives back a part of what was peeked, so that the next peek starts in the middle. */
static void recv_in_place_n(struct kipc_chan *c, const struct stream *s)
{
	struct kipc_msg m[BATCH];

	for (unsigned i = 0; i < s->n;) {
		unsigned got = (unsigned)must_ok(kipc_peek(c, m, BATCH, -1));
		unsigned give = got > 2 ? got - i % 2 : got;

		must(got >= 1 && got <= BATCH);
		for (unsigned k = 0; k < got; k++)
			check(s, i + k, m[k].data, m[k].len);
		must_eq(kipc_release(c, give), give);
		i += give;
	}
}

const struct sender receivers[4] = {
	{ "recv", recv_copied },
	{ "recv_n", recv_copied_n },
	{ "peek", recv_in_place },
	{ "peek n", recv_in_place_n },
};
