// SPDX-License-Identifier: MIT
/* Calls whose two sides do what they should: sizes, orders, answers, bounds. */
#include "form.h"

#define SOON (10 * SEC)

static size_t most(const struct kipc_chan *c)
{
	return chan_get(c, KIPC_OPT_MAX_MSG) - KIPC_CALL_BYTES;
}

/* ---- sizes ------------------------------------------------------------------------------ */

/* Answers what it is asked; odd rounds by two calls instead of one. */
static void serve_echo(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	struct kipc_request q;
	unsigned round = 0;
	int r;

	chan_set_wait(c, wait_modes[peer_hear(me)]);
	r = kipc_call_next(c, &q, -1);
	while (r == 0) {
		if (round++ % 2) {
			must_eq(kipc_reply(c, q.id, q.data, q.len, -1), 0);
			r = kipc_call_next(c, &q, -1);
		} else {
			r = kipc_reply_next(c, q.id, q.data, q.len, &q, -1);
		}
	}
	must_eq(r, -EPIPE);
	kipc_chan_close(c);
}

static void call_echo(struct kipc_chan *c, uint8_t *req, uint8_t *buf, size_t len, uint64_t i)
{
	content_fill(req, len, 1, i);
	buf[len] = 0xa5;
	must_eq(kipc_call(c, req, len, buf, len, i % 2 ? -1 : SOON), len);
	must(content_is(buf, len, 1, i));
	must(buf[len] == 0xa5);
}

static void call_sizes(struct kipc_chan *c)
{
	unsigned small = harness_rounds(200);
	size_t max = most(c), len;
	uint8_t *req = malloc(max + 1), *buf = malloc(max + 1);

	for (len = 0; len < small; len++)
		call_echo(c, req, buf, len, len);
	for (len = 256; len < max; len += len / 3)
		call_echo(c, req, buf, len, len);
	call_echo(c, req, buf, max - 1, 0);
	call_echo(c, req, buf, max, 1);
	must_eq(kipc_call(c, req, max + 1, buf, max, -1), -EMSGSIZE);
	must_eq(kipc_call_begin(c, req, SIZE_MAX, -1), -EMSGSIZE);
	call_echo(c, req, buf, 8, 2);
	free(req);
	free(buf);
}

EACH_FORM(call_sizes_are_echoed)
{
	for (uint8_t w = 0; w < 3; w++) {
		struct kipc_chan *c;
		struct peer peer;
		struct duo d;

		harness_note("waiting by %s", wait_name(wait_modes[w]));
		duo_make(&d, f, "size=8K");
		peer_start(&peer, serve_echo, &d);
		c = duo_mine(&d);
		peer_tell(&peer, w);
		chan_set_wait(c, wait_modes[w]);
		call_sizes(c);
		kipc_chan_close(c);
		peer_end(&peer);
	}
}

/* ---- order and bounds ------------------------------------------------------------------- */

static int64_t begin(struct kipc_chan *c, uint64_t word)
{
	int64_t id = kipc_call_begin(c, &word, sizeof(word), -1);

	must(id > 0);
	return id;
}

static struct kipc_request next(struct kipc_chan *c, uint64_t word)
{
	struct kipc_request q;

	must_eq(kipc_call_next(c, &q, 0), 0);
	must_eq(q.len, sizeof(word));
	must(!memcmp(q.data, &word, sizeof(word)));
	must(q.left < 0);
	return q;
}

static void reply(struct kipc_chan *c, int64_t id, uint64_t word)
{
	must_eq(kipc_reply(c, id, &word, sizeof(word), 0), 0);
}

static void end(struct kipc_chan *c, int64_t id, uint64_t word)
{
	uint64_t got = ~word;

	must_eq(kipc_call_end(c, id, &got, sizeof(got), 0), sizeof(got));
	must(got == word);
}

EACH_FORM(call_many_in_flight_are_answered_in_reverse)
{
	struct kipc_request q[KIPC_CALL_MAX];
	int64_t id[KIPC_CALL_MAX];
	struct duo d;
	int i;

	duo_both(&d, f, "size=16K");
	for (int round = 0; round < 3; round++) {
		for (i = 0; i < KIPC_CALL_MAX; i++)
			id[i] = begin(d.end[0], (uint64_t)i);
		must_eq(kipc_call_begin(d.end[0], NULL, 0, -1), -EBUSY);
		must_eq(kipc_call(d.end[0], NULL, 0, NULL, 0, -1), -EBUSY);
		for (i = 0; i < KIPC_CALL_MAX; i++)
			q[i] = next(d.end[1], (uint64_t)i);
		must_eq(kipc_call_end(d.end[0], id[3], NULL, 0, 0), -EAGAIN);
		while (i-- > 0)
			reply(d.end[1], q[i].id, 1000 + (uint64_t)i);
		/* The first to be asked for came last, so all others are kept. */
		for (i = 0; i < KIPC_CALL_MAX; i++)
			end(d.end[0], id[i], 1000 + (uint64_t)i);
		must_eq(kipc_call_end(d.end[0], id[0], NULL, 0, 0), -EINVAL);
		must_eq(kipc_reply(d.end[1], q[0].id, NULL, 0, 0), -EINVAL);
	}
	duo_close(&d);
}

EACH_FORM(call_ids_that_are_none)
{
	static const int64_t ids[] = { 0, -1, INT64_MIN, INT64_MAX, 1, 64, 65 };
	struct duo d;

	duo_both(&d, f, "");
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		must_eq(kipc_call_end(d.end[0], ids[i], NULL, 0, 0), -EINVAL);
		must_eq(kipc_call_cancel(d.end[0], ids[i]), -EINVAL);
		must_eq(kipc_call_cancelled(d.end[0], ids[i]), -EINVAL);
		must_eq(kipc_reply(d.end[0], ids[i], NULL, 0, 0), -EINVAL);
		must_eq(kipc_reply_error(d.end[0], ids[i], -EIO), -EINVAL);
	}
	duo_close(&d);
}

EACH_FORM(call_arguments_that_are_wrong)
{
	struct kipc_request q;
	char buf[8];
	struct duo d;

	duo_both(&d, f, "");
	must_eq(kipc_call(NULL, NULL, 0, NULL, 0, -1), -EINVAL);
	must_eq(kipc_call(d.end[0], NULL, 1, buf, 8, -1), -EINVAL);
	must_eq(kipc_call(d.end[0], buf, 1, NULL, 8, -1), -EINVAL);
	must_eq(kipc_call(d.end[0], buf, 1, buf, 8, 0), -EAGAIN);
	must_eq(kipc_call_begin(d.end[0], NULL, 1, -1), -EINVAL);
	must_eq(kipc_call_next(d.end[1], NULL, 0), -EINVAL);
	must_eq(kipc_call_next(d.end[1], &q, 0), -EAGAIN);
	must_eq(kipc_call_next(d.end[1], &q, MSEC), -ETIMEDOUT);
	must(q.id == 0);
	duo_close(&d);
}

/* ---- answers ---------------------------------------------------------------------------- */

EACH_FORM(call_errors_of_the_server)
{
	static const int errs[] = { -1, -ENOENT, -EPIPE, -ETIMEDOUT, -EBADMSG, -4095 };
	struct duo d;

	duo_both(&d, f, "");
	for (size_t i = 0; i < sizeof(errs) / sizeof(*errs); i++) {
		int64_t id = begin(d.end[0], i);
		struct kipc_request q = next(d.end[1], i);
		ssize_t r;

		must_eq(kipc_reply_error(d.end[1], q.id, 0), -EINVAL);
		must_eq(kipc_reply_error(d.end[1], q.id, 5), -EINVAL);
		must_eq(kipc_reply_error(d.end[1], q.id, -4096), -EINVAL);
		must_eq(kipc_reply_error(d.end[1], q.id, errs[i]), 0);
		must_eq(kipc_reply_error(d.end[1], q.id, errs[i]), -EINVAL);
		r = kipc_call_end(d.end[0], id, NULL, 0, 0);
		must(r == errs[i] - KIPC_CALL_REMOTE);
		must_eq(kipc_call_remote(r), errs[i]);
		must(!strcmp(kipc_strerror((int)r), kipc_strerror(errs[i])));
	}
	must_eq(kipc_call_remote(-4095), 0);
	must_eq(kipc_call_remote(0), 0);
	must_eq(kipc_call_remote(100000), 0);
	duo_close(&d);
}

EACH_FORM(call_reply_that_does_not_fit_stays)
{
	uint64_t word[2] = { 1, 2 };
	int64_t a, b;
	struct duo d;

	duo_both(&d, f, "");
	a = begin(d.end[0], 1);
	b = begin(d.end[0], 2);
	reply(d.end[1], next(d.end[1], 1).id, 11);
	reply(d.end[1], next(d.end[1], 2).id, 22);
	must_eq(kipc_call_end(d.end[0], a, word, 7, 0), -EMSGSIZE);
	must_eq(kipc_call_end(d.end[0], a, word, 0, 0), -EMSGSIZE);
	must_eq(kipc_call_end(d.end[0], b, word, 7, 0), -EMSGSIZE);
	must_eq(kipc_call_end(d.end[0], a, word, 7, 0), -EMSGSIZE);
	must(word[0] == 1);
	end(d.end[0], a, 11);
	end(d.end[0], b, 22);
	duo_close(&d);
}

static void serve_long(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	struct kipc_request q;
	char text[100] = "";
	int r = kipc_call_next(c, &q, -1);

	(void)me;
	while (r == 0)
		r = kipc_reply_next(c, q.id, text, sizeof(text), &q, -1);
	must_eq(r, -EPIPE);
	kipc_chan_close(c);
}

/* Without an id there is nobody to ask again, and no place may be lost. */
EACH_FORM(call_reply_that_is_too_long_is_lost)
{
	struct kipc_chan *c;
	struct peer peer;
	char buf[100];
	struct duo d;

	duo_make(&d, f, "");
	peer_start(&peer, serve_long, &d);
	c = duo_mine(&d);
	for (int i = 0; i < 3 * KIPC_CALL_MAX; i++)
		must_eq(kipc_call(c, "?", 1, buf, 99, -1), -EMSGSIZE);
	must_eq(kipc_call(c, "?", 1, buf, 100, -1), 100);
	kipc_chan_close(c);
	peer_end(&peer);
}

EACH_FORM(call_answer_and_wait_tells_what_went)
{
	struct kipc_request q = { 0 };
	uint64_t word = 7;
	uint8_t *big;
	int64_t id;
	struct duo d;

	duo_both(&d, f, "");
	big = calloc(1, most(d.end[1]) + 1);
	id = begin(d.end[0], 1);
	q = next(d.end[1], 1);
	must_eq(kipc_reply_next(d.end[1], q.id, big, most(d.end[1]) + 1, &q, 0), -EMSGSIZE);
	must(q.id != 0);
	must_eq(kipc_reply_next(d.end[1], q.id, &word, sizeof(word), &q, MSEC), -ETIMEDOUT);
	must(q.id == 0);
	end(d.end[0], id, 7);
	id = begin(d.end[0], 2);
	q = next(d.end[1], 2);
	must_eq(kipc_reply_next(d.end[1], q.id, &word, sizeof(word), &q, 0), -EAGAIN);
	must(q.id == 0);
	end(d.end[0], id, 7);
	free(big);
	duo_close(&d);
}

/* ---- an end for calls ------------------------------------------------------------------- */

EACH_FORM(call_end_carries_nothing_else)
{
	struct kipc_msg m = { .len = 1 };
	char byte = 0;
	struct duo d;
	int64_t id;

	duo_both(&d, f, "");
	must_eq(kipc_reserve(d.end[0], &m, 1, 0), 1);
	must_eq(kipc_call_end(d.end[0], 1, NULL, 0, 0), -EINVAL);
	must_eq(kipc_commit(d.end[0], &m, 1), -EBUSY);
	must_eq(kipc_reserve(d.end[0], &m, 1, 0), -EBUSY);
	must_eq(kipc_send(d.end[0], &byte, 1, 0), -EBUSY);
	must_eq(kipc_send_n(d.end[0], &m, 1, 0), -EBUSY);
	must_eq(kipc_recv(d.end[0], &byte, 1, 0), -EBUSY);
	must_eq(kipc_recv_n(d.end[0], &m, 1, 0), -EBUSY);
	must_eq(kipc_peek(d.end[0], &m, 1, 0), -EBUSY);
	must_eq(kipc_release(d.end[0], 1), -EBUSY);
	must_eq(kipc_wait(d.end[0], KIPC_IN, 0), -EAGAIN);
	must_ok(kipc_chan_fd(d.end[0], KIPC_IN));
	id = begin(d.end[0], 5);
	reply(d.end[1], next(d.end[1], 5).id, 6);
	end(d.end[0], id, 6);
	must_eq(kipc_shutdown(d.end[0], KIPC_OUT), 0);
	must_eq(kipc_call_begin(d.end[0], NULL, 0, 0), -EPIPE);
	duo_close(&d);
}

EACH_FORM(call_needs_both_directions)
{
	struct kipc_chan *c;
	struct kipc_request q;
	char uri[URI_MAX];

	form_uri(f, "", uri, sizeof(uri));
	if (!f->named)
		return;
	must_eq(kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE | KIPC_SEND, NULL), 0);
	must_eq(kipc_call(c, NULL, 0, NULL, 0, -1), -EACCES);
	must_eq(kipc_call_begin(c, NULL, 0, 0), -EACCES);
	must_eq(kipc_call_next(c, &q, 0), -EACCES);
	kipc_chan_close(c);
}

EACH_FORM(call_under_way_is_not_handed_over)
{
	struct kipc_chan *other;
	struct duo d;
	int64_t id;
	int fd;

	if (!form_can(f, KIPC_CAP_HANDOVER))
		return;
	duo_both(&d, f, "");
	id = begin(d.end[0], 1);
	must_eq(kipc_chan_handover(d.end[0]), -EBUSY);
	reply(d.end[1], next(d.end[1], 1).id, 2);
	end(d.end[0], id, 2);
	fd = (int)must_ok(kipc_chan_handover(d.end[0]));
	must_eq(kipc_chan_from_fd(&other, fd, KIPC_PAIR, NULL), 0);
	d.end[0] = other;
	id = begin(d.end[0], 3);
	reply(d.end[1], next(d.end[1], 3).id, 4);
	end(d.end[0], id, 4);
	duo_close(&d);
}

/* Only a pair knows who is to answer. */
EACH_NAMED(call_is_for_pairs)
{
	struct kipc_request q;
	struct kipc_chan *c;
	char uri[URI_MAX];
	int r;

	form_uri(f, "", uri, sizeof(uri));
	r = kipc_chan_open(&c, uri, KIPC_QUEUE | KIPC_CREATE, NULL);
	if (r == -EOPNOTSUPP)
		return; /* no queues here */
	must_eq(r, 0);
	must_eq(kipc_call(c, NULL, 0, NULL, 0, -1), -EOPNOTSUPP);
	must_eq(kipc_call_begin(c, NULL, 0, -1), -EOPNOTSUPP);
	must_eq(kipc_call_next(c, &q, -1), -EOPNOTSUPP);
	must_eq(kipc_send(c, "x", 1, 0), 0);
	kipc_chan_close(c);
}
