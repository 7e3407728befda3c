// SPDX-License-Identifier: MIT
/* The sending half: every verb that sends, at random. */
#include <errno.h>
#include <string.h>
#include "session.h"

#define SEVERAL 8

/* Mostly short, sometimes anything. */
static size_t some_length(struct session *s, size_t most)
{
	uint64_t r = random_below(&s->random[SENDING], 16);
	size_t limit = r == 0 ? most : r < 4 ? 2000 : 100;

	return (size_t)random_below(&s->random[SENDING], (limit < most ? limit : most) + 1);
}

/* The same for one of n that must fit together, whatever their records take beside them. */
static size_t some_length_of(struct session *s, unsigned n)
{
	size_t share = s->together / n;

	return some_length(s, share > 256 ? share - 256 : 0);
}

/* ---- the record ------------------------------------------------------------------------- */

static void make(struct session *s, struct flow *f, void *data, size_t len)
{
	content_make(f, &s->random[SENDING], data, len);
	s->record->hash[f->n % UNSETTLED] = f->hash;
}

/* From now on the peer may find messages up to this one. */
static void announce(struct session *s, const struct flow *f)
{
	__atomic_store_n(&s->record->announced, f->n, __ATOMIC_RELEASE);
}

static void settle(struct session *s, unsigned n)
{
	s->sent.n += n;
	s->sent.hash = s->record->hash[s->sent.n % UNSETTLED];
	__atomic_store_n(&s->record->settled, s->sent.n, __ATOMIC_RELEASE);
}

/* n messages went, or an error that is none. */
static void went(struct session *s, int64_t n)
{
	if (n == -EPIPE)
		s->sending = false;
	else if (n > 0)
		settle(s, (unsigned)n);
	else if (n == 0 || !not_now(n))
		broken(s, "sending: %s", kipc_strerror((int)n));
}

/* ---- verbs ------------------------------------------------------------------------------ */

static int64_t send_copy(struct session *s, size_t len, int64_t timeout)
{
	struct flow f = s->sent;
	int64_t r;

	make(s, &f, s->out, len);
	announce(s, &f);
	calling(s, SENDING, "kipc_send");
	r = called(s, SENDING, kipc_send(s->chan, s->out, len, timeout));
	return r == 0 ? 1 : r;
}

static void send_one(struct session *s)
{
	went(s, send_copy(s, some_length(s, s->longest), patience(s, SENDING)));
}

static void send_several(struct session *s)
{
	unsigned n = 1 + (unsigned)random_below(&s->random[SENDING], SEVERAL);
	struct kipc_msg m[SEVERAL] = { 0 };
	struct flow f = s->sent;
	uint8_t *at = s->out;

	for (unsigned i = 0; i < n; i++) {
		m[i].data = at;
		m[i].len = some_length_of(s, n);
		make(s, &f, at, m[i].len);
		at += m[i].len;
	}
	announce(s, &f);
	calling(s, SENDING, "kipc_send_n");
	went(s, called(s, SENDING, kipc_send_n(s->chan, m, n, patience(s, SENDING))));
}

/* Some of them shorter than was reserved, and not all are committed. */
static void send_in_place(struct session *s)
{
	unsigned n = 1 + (unsigned)random_below(&s->random[SENDING], SEVERAL);
	unsigned some = 1 + (unsigned)random_below(&s->random[SENDING], n);
	struct kipc_msg m[SEVERAL] = { 0 };
	struct flow f = s->sent;
	int64_t r;

	for (unsigned i = 0; i < n; i++)
		m[i].len = some_length_of(s, n);
	calling(s, SENDING, "kipc_reserve");
	r = called(s, SENDING, kipc_reserve(s->chan, m, n, patience(s, SENDING)));
	if (r != n) {
		went(s, r > 0 ? -EPROTO : r);
		return;
	}
	if (random_below(&s->random[SENDING], 8) == 0) {
		calling(s, SENDING, "kipc_discard");
		if (called(s, SENDING, kipc_discard(s->chan)) != 0)
			broken(s, "discard refused");
		return;
	}
	for (unsigned i = 0; i < some; i++) {
		if (random_below(&s->random[SENDING], 4) == 0)
			m[i].len = (size_t)random_below(&s->random[SENDING], m[i].len + 1);
		make(s, &f, m[i].data, m[i].len);
	}
	announce(s, &f);
	calling(s, SENDING, "kipc_commit");
	r = called(s, SENDING, kipc_commit(s->chan, m, some));
	if (r >= 0 && r != some)
		broken(s, "%lld of %u committed", (long long)r, some);
	went(s, r);
}

static void wait_and_send(struct session *s)
{
	size_t len = some_length(s, s->longest);
	int64_t r = send_copy(s, len, 0);

	if (r != -EAGAIN) {
		went(s, r);
		return;
	}
	calling(s, SENDING, "kipc_wait");
	r = called(s, SENDING, kipc_wait(s->chan, KIPC_OUT, patience(s, SENDING)));
	if (r < 0 && !not_now(r))
		broken(s, "waiting for room: %s", kipc_strerror((int)r));
}

static void poll_and_send(struct session *s)
{
	int64_t r = send_copy(s, some_length(s, s->longest), 0);
	int fd;

	if (r != -EAGAIN) {
		went(s, r);
		return;
	}
	calling(s, SENDING, "kipc_chan_fd");
	fd = (int)called(s, SENDING, kipc_chan_fd(s->chan, KIPC_OUT));
	if (fd < 0)
		broken(s, "a descriptor for room: %s", kipc_strerror(fd));
	poll_for(s, SENDING, fd);
}

static void send_hello(struct session *s)
{
	struct hello h = { HELLO_MAGIC, s->record->session, s->slot };
	struct flow f = s->sent;
	int64_t r;

	(void)content_take(&f, &h, sizeof(h));
	s->record->hash[f.n % UNSETTLED] = f.hash;
	announce(s, &f);
	calling(s, SENDING, "kipc_send (hello)");
	r = called(s, SENDING, kipc_send(s->chan, &h, sizeof(h), 0));
	went(s, r == 0 ? 1 : r);
}

void sending_step(struct session *s)
{
	static void (*const verbs[])(struct session * s) = { send_one,      send_one,
		                                             send_several,  send_in_place,
		                                             wait_and_send, poll_and_send };

	if (s->sent.n == 0)
		send_hello(s);
	else
		verbs[random_below(&s->random[SENDING], sizeof(verbs) / sizeof(*verbs))](s);
}
