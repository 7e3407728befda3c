// SPDX-License-Identifier: MIT
/* Calls that nobody waits for any more: deadlines, cancelling, and what the server learns of it. */
#include "form.h"

static const uint64_t word = 0x1122334455667788;

static int64_t begin(struct kipc_chan *c, int64_t timeout)
{
	return must_ok(kipc_call_begin(c, &word, sizeof(word), timeout));
}

/* ---- deadlines -------------------------------------------------------------------------- */

EACH_FORM(call_deadline_passes_while_the_server_sleeps)
{
	struct kipc_request q;
	struct duo d;
	int64_t id;

	for (int w = 0; w < 3; w++) {
		duo_both(&d, f, "");
		chan_set_wait(d.end[0], wait_modes[w]);
		id = begin(d.end[0], MSEC);
		must_eq(kipc_call_end(d.end[0], id, NULL, 0, -1), -ETIMEDOUT);
		must_eq(kipc_call_end(d.end[0], id, NULL, 0, -1), -EINVAL);
		must_eq(kipc_call(d.end[0], &word, sizeof(word), NULL, 0, MSEC), -ETIMEDOUT);
		/* The server is spared what nobody wants, and serves the next one. */
		must_eq(kipc_call_next(d.end[1], &q, 0), -EAGAIN);
		id = begin(d.end[0], -1);
		must_eq(kipc_call_next(d.end[1], &q, 0), 0);
		must(q.left == -1 && q.len == sizeof(word) && !memcmp(q.data, &word, q.len));
		must_eq(kipc_reply(d.end[1], q.id, NULL, 0, 0), 0);
		must_eq(kipc_call_end(d.end[0], id, NULL, 0, 0), 0);
		duo_close(&d);
	}
}

/* Deadlines that pass in any moment of the handing over: what is handed over has one. */
EACH_ANON(call_deadline_passes_while_it_is_handed_over)
{
	struct kipc_request q;
	struct duo d;
	int64_t id;

	duo_both(&d, f, "");
	for (unsigned i = 0; i < harness_rounds(50000); i++) {
		id = begin(d.end[0], 1 + i % 4000);
		if (kipc_call_next(d.end[1], &q, 0) == 0) {
			must(q.left >= 0);
			must_eq(kipc_reply(d.end[1], q.id, NULL, 0, 0), 0);
		}
		(void)kipc_call_end(d.end[0], id, NULL, 0, 0);
	}
	duo_close(&d);
}

EACH_FORM(call_wait_that_ends_before_the_deadline)
{
	struct kipc_request q;
	struct duo d;
	int64_t id;

	duo_both(&d, f, "");
	id = begin(d.end[0], 1000 * SEC);
	must_eq(kipc_call_end(d.end[0], id, NULL, 0, 0), -EAGAIN);
	must_eq(kipc_call_end(d.end[0], id, NULL, 0, MSEC), -EAGAIN);
	must_eq(kipc_call_next(d.end[1], &q, 0), 0);
	must(q.left > 0 && q.left <= 1000 * SEC);
	must_eq(kipc_call_cancelled(d.end[1], q.id), 0);
	must_eq(kipc_reply(d.end[1], q.id, &word, sizeof(word), 0), 0);
	must_eq(kipc_call_end(d.end[0], id, NULL, 0, MSEC), -EMSGSIZE);
	must_eq(kipc_call_cancel(d.end[0], id), 0);
	must_eq(kipc_call_end(d.end[0], id, NULL, 0, 0), -EINVAL);
	duo_close(&d);
}

EACH_FORM(call_expires_while_the_server_works)
{
	struct kipc_request q;
	struct duo d;
	int64_t id;

	duo_both(&d, f, "");
	do {
		id = begin(d.end[0], 20 * MSEC);
	} while (kipc_call_next(d.end[1], &q, 0) < 0); /* a slow machine is too late for one */
	must_eq(kipc_call_end(d.end[0], id, NULL, 0, -1), -ETIMEDOUT);
	must_eq(kipc_call_cancelled(d.end[1], q.id), 1);
	must_eq(kipc_reply(d.end[1], q.id, NULL, 0, 0), -ECANCELED);
	must_eq(kipc_call_next(d.end[1], &q, 0), -EAGAIN);
	duo_close(&d);
}

/* Each of the places is taken by a call that expired; they come back when the server has noticed. */
EACH_FORM(call_places_of_expired_calls_come_back)
{
	struct kipc_request q;
	int64_t id[KIPC_CALL_MAX];
	struct duo d;

	duo_both(&d, f, "size=16K");
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < KIPC_CALL_MAX; i++)
			id[i] = begin(d.end[0], 2 * SEC);
		for (int i = 0; i < KIPC_CALL_MAX; i++)
			must_eq(round ? kipc_call_cancel(d.end[0], id[i])
			              : kipc_call_end(d.end[0], id[i], NULL, 0, -1),
			        round ? 0 : -ETIMEDOUT);
		must_eq(kipc_call_begin(d.end[0], NULL, 0, 0), -EAGAIN);
		must_eq(kipc_call_begin(d.end[0], NULL, 0, MSEC), -ETIMEDOUT);
		while (kipc_call_next(d.end[1], &q, 0) == 0)
			must_eq(kipc_reply(d.end[1], q.id, NULL, 0, 0), 0);
		for (int i = 0; i < KIPC_CALL_MAX; i++)
			id[i] = begin(d.end[0], -1);
		must_eq(kipc_call_begin(d.end[0], NULL, 0, -1), -EBUSY);
		for (int i = 0; i < KIPC_CALL_MAX; i++) {
			must_eq(kipc_call_next(d.end[1], &q, 0), 0);
			must_eq(kipc_reply(d.end[1], q.id, &word, 8, 0), 0);
		}
		for (int i = 0; i < KIPC_CALL_MAX; i++) {
			uint64_t got = 0;

			must_eq(kipc_call_end(d.end[0], id[i], &got, 8, 0), 8);
			must(got == word);
		}
	}
	duo_close(&d);
}

/* ---- cancelling ------------------------------------------------------------------------- */

EACH_FORM(call_cancelled_while_the_server_works)
{
	struct kipc_request q, other;
	int64_t id, more;
	struct duo d;

	duo_both(&d, f, "");
	id = begin(d.end[0], -1);
	must_eq(kipc_call_next(d.end[1], &q, 0), 0);
	must_eq(kipc_call_cancelled(d.end[1], q.id), 0);
	more = begin(d.end[0], -1);
	must_eq(kipc_call_cancelled(d.end[1], q.id), 0);
	must_eq(kipc_call_cancel(d.end[0], id), 0);
	must_eq(kipc_call_cancel(d.end[0], id), -EINVAL);
	must_eq(kipc_call_cancelled(d.end[1], q.id), 1);
	must(!memcmp(q.data, &word, sizeof(word))); /* it was only looked at what came behind */
	must_eq(kipc_call_next(d.end[1], &other, 0), 0);
	must(other.id != q.id);
	must_eq(kipc_reply(d.end[1], q.id, &word, sizeof(word), 0), -ECANCELED);
	must_eq(kipc_reply(d.end[1], q.id, &word, sizeof(word), 0), -EINVAL);
	must_eq(kipc_reply(d.end[1], other.id, NULL, 0, 0), 0);
	must_eq(kipc_call_end(d.end[0], more, NULL, 0, 0), 0);
	duo_close(&d);
}

EACH_FORM(call_reply_that_crosses_a_cancel)
{
	struct kipc_request q = { 0 };
	struct duo d;
	int64_t id;

	duo_both(&d, f, "");
	for (int i = 0; i < 3 * KIPC_CALL_MAX; i++) {
		id = begin(d.end[0], -1);
		must_eq(kipc_call_next(d.end[1], &q, 0), 0);
		if (i % 3 == 0)
			must_eq(kipc_call_cancel(d.end[0], id), 0);
		if (i % 2)
			must_eq(kipc_reply(d.end[1], q.id, &word, sizeof(word), 0), 0);
		else
			must_eq(kipc_reply_error(d.end[1], q.id, -EIO), 0);
		if (i % 3 == 1)
			must_eq(kipc_call_cancel(d.end[0], id), 0);
		if (i % 3 == 2)
			must(kipc_call_end(d.end[0], id, &q, sizeof(q), 0) ==
			     (i % 2 ? (ssize_t)sizeof(word) : -EIO - KIPC_CALL_REMOTE));
	}
	duo_close(&d);
}

EACH_FORM(call_cancelled_before_the_server_saw_it)
{
	struct kipc_request q;
	int64_t id, mine;
	struct duo d;

	duo_both(&d, f, "");
	id = begin(d.end[0], -1);
	mine = begin(d.end[1], -1);
	must_eq(kipc_call_end(d.end[1], mine, NULL, 0, 0), -EAGAIN); /* takes the request in */
	must_eq(kipc_wait(d.end[1], KIPC_IN, 0), KIPC_IN);
	must_eq(kipc_call_cancel(d.end[0], id), 0);
	must_eq(kipc_call_end(d.end[1], mine, NULL, 0, 0), -EAGAIN); /* and the word that ends it */
	must_eq(kipc_call_next(d.end[1], &q, 0), -EAGAIN);
	must_eq(kipc_wait(d.end[1], KIPC_IN, 0), -EAGAIN);
	must_eq(kipc_call_next(d.end[0], &q, 0), 0);
	must_eq(kipc_reply(d.end[0], q.id, NULL, 0, 0), 0);
	must_eq(kipc_call_end(d.end[1], mine, NULL, 0, 0), 0);
	id = begin(d.end[0], -1); /* all that was said meanwhile comes before the reply to this */
	must_eq(kipc_call_next(d.end[1], &q, 0), 0);
	must_eq(kipc_reply(d.end[1], q.id, NULL, 0, 0), 0);
	must_eq(kipc_call_end(d.end[0], id, NULL, 0, 0), 0);
	duo_close(&d);
}

EACH_FORM(call_kept_reply_is_cancelled)
{
	struct kipc_request q;
	int64_t a, b;
	struct duo d;

	duo_both(&d, f, "");
	a = begin(d.end[0], -1);
	b = begin(d.end[0], -1);
	must_eq(kipc_call_next(d.end[1], &q, 0), 0);
	must_eq(kipc_reply(d.end[1], q.id, &word, sizeof(word), 0), 0);
	must_eq(kipc_call_end(d.end[0], b, NULL, 0, 0), -EAGAIN);
	must_eq(kipc_wait(d.end[0], KIPC_IN, 0), KIPC_IN);
	must_eq(kipc_call_cancel(d.end[0], a), 0);
	must_eq(kipc_wait(d.end[0], KIPC_IN, 0), -EAGAIN);
	must_eq(kipc_call_end(d.end[0], a, NULL, 0, 0), -EINVAL);
	must_eq(kipc_call_next(d.end[1], &q, 0), 0);
	must_eq(kipc_reply(d.end[1], q.id, NULL, 0, 0), 0);
	must_eq(kipc_call_end(d.end[0], b, NULL, 0, 0), 0);
	duo_close(&d);
}

/* ---- no room for a word ----------------------------------------------------------------- */

/* A cancel and an error never wait: they go when there is room. */
EACH_FORM(call_words_wait_for_room)
{
	static uint8_t big[1000];
	int64_t id[KIPC_CALL_MAX], r;
	struct kipc_request q;
	unsigned n = 0, seen = 0;
	struct duo d;

	duo_both(&d, f, "size=4K");
	while (n < KIPC_CALL_MAX && (r = kipc_call_begin(d.end[0], big, sizeof(big), 0)) > 0)
		id[n++] = r;
	must(n > 1);
	for (unsigned i = 1; i < n; i++)
		must_eq(kipc_call_cancel(d.end[0], id[i]), 0);
	while (kipc_call_next(d.end[1], &q, 0) == 0) {
		seen++;
		must_eq(kipc_reply_error(d.end[1], q.id, -EIO), 0);
	}
	must_eq(seen, n);
	must(kipc_call_end(d.end[0], id[0], NULL, 0, 0) == -EIO - KIPC_CALL_REMOTE);
	id[0] = begin(d.end[0], -1);
	must_eq(kipc_call_next(d.end[1], &q, 0), 0);
	must_eq(kipc_reply(d.end[1], q.id, NULL, 0, 0), 0);
	must_eq(kipc_call_end(d.end[0], id[0], NULL, 0, 0), 0);
	duo_close(&d);
}

/* No room for a word at all: it goes as soon as there is some, also while the server sleeps. */
static void fill_and_refuse(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	size_t len = chan_get(c, KIPC_OPT_MAX_MSG) / 4;
	uint8_t *big = calloc(1, len);
	struct kipc_request q;
	int64_t r;

	must_eq(kipc_call_next(c, &q, -1), 0);
	while ((r = kipc_call_begin(c, big, len, 0)) > 0)
		;
	while (r == -EAGAIN && (r = kipc_call_begin(c, NULL, 0, 0)) > 0)
		r = -EAGAIN;
	must(r == -EAGAIN || r == -EBUSY);
	must_eq(kipc_reply_error(c, q.id, -EIO), 0);
	peer_tell(me, 'f');
	must_eq(kipc_call_next(c, &q, -1), -EPIPE);
	free(big);
	kipc_chan_close(c);
}

EACH_FORM(call_words_wait_for_room_on_their_own)
{
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;
	int64_t id;

	duo_make(&d, f, "size=4K&wait=block");
	peer_start(&peer, fill_and_refuse, &d);
	c = duo_mine(&d);
	id = begin(c, -1);
	peer_expect(&peer, 'f');
	await_asleep(peer.pid);
	must(kipc_call_end(c, id, NULL, 0, -1) == -EIO - KIPC_CALL_REMOTE);
	kipc_chan_close(c);
	peer_end(&peer);
}
