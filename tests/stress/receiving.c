// SPDX-License-Identifier: MIT
/* The receiving half: every verb that receives, at random, and the comparison at the end. */
#include <errno.h>
#include <string.h>
#include "session.h"

#define SEVERAL 8

/* The first message says who sends. */
static void greet(struct session *s, const void *data, size_t len)
{
	if (len != sizeof(s->peer))
		broken(s, "a first message of %zu bytes", len);
	memcpy(&s->peer, data, sizeof(s->peer));
	hello_check(s);
	(void)content_take(&s->received, data, len);
}

static void take(struct session *s, const void *data, size_t len)
{
	if (len > s->longest)
		broken(s, "a message of %zu bytes", len);
	if (s->received.n == 0)
		greet(s, data, len);
	else if (!content_take(&s->received, data, len))
		broken(s, "message %llu is not the one that was sent",
		       (unsigned long long)s->received.n);
	s->me->messages++;
	s->me->bytes += len;
}

/* The direction is over: what came must be what the sender committed, to the last message. */
static void compare(struct session *s)
{
	const struct record *r =
		&table->worker[s->peer.slot % WORKERS].records[s->peer.session % RECORDS];
	uint64_t n = s->received.n, settled, announced;

	s->receiving = false;
	if (n == 0 || r->session != s->peer.session) {
		s->me->unknown++;
		return;
	}
	settled = __atomic_load_n(&r->settled, __ATOMIC_ACQUIRE);
	announced = __atomic_load_n(&r->announced, __ATOMIC_ACQUIRE);
	if (n < settled || n > announced)
		broken(s, "%llu messages came, %llu were sent, at most %llu", (unsigned long long)n,
		       (unsigned long long)settled, (unsigned long long)announced);
	if (s->received.hash != r->hash[n % UNSETTLED])
		broken(s, "the hash of %llu messages is another", (unsigned long long)n);
	s->me->compared++;
}

/* false: nothing came. */
static bool came(struct session *s, int64_t r)
{
	if (r >= 0)
		return true;
	if (r == -EPIPE)
		compare(s);
	else if (!not_now(r))
		broken(s, "receiving: %s", kipc_strerror((int)r));
	return false;
}

/* ---- verbs ------------------------------------------------------------------------------ */

static void recv_copy(struct session *s, size_t cap, int64_t timeout)
{
	int64_t r;

	calling(s, RECEIVING, "kipc_recv");
	s->in[cap] = 0xa5;
	r = called(s, RECEIVING, kipc_recv(s->chan, s->in, cap, timeout));
	if (s->in[cap] != 0xa5)
		broken(s, "written behind a buffer of %zu bytes", cap);
	if (r == -EMSGSIZE && cap < s->longest)
		return;
	if (came(s, r))
		take(s, s->in, (size_t)r);
}

static void recv_one(struct session *s)
{
	recv_copy(s, s->longest, patience(s, RECEIVING));
}

static void recv_into_little(struct session *s)
{
	recv_copy(s, (size_t)random_below(&s->random[RECEIVING], 60), patience(s, RECEIVING));
}

static void recv_several(struct session *s)
{
	unsigned n = 1 + (unsigned)random_below(&s->random[RECEIVING], SEVERAL);
	size_t share = s->longest / n;
	struct kipc_msg m[SEVERAL] = { 0 };
	int64_t r;

	for (unsigned i = 0; i < n; i++) {
		m[i].data = s->in + i * share;
		m[i].len = share;
	}
	calling(s, RECEIVING, "kipc_recv_n");
	r = called(s, RECEIVING, kipc_recv_n(s->chan, m, n, patience(s, RECEIVING)));
	if (r == -EMSGSIZE && n > 1)
		return;
	if (!came(s, r))
		return;
	if (r == 0 || r > n)
		broken(s, "%lld of %u messages", (long long)r, n);
	for (unsigned i = 0; i < r; i++)
		take(s, m[i].data, m[i].len);
}

/* Not all that was looked at is given back. */
static void recv_in_place(struct session *s)
{
	unsigned n = 1 + (unsigned)random_below(&s->random[RECEIVING], SEVERAL);
	struct kipc_msg m[SEVERAL];
	unsigned some;
	int64_t r;

	calling(s, RECEIVING, "kipc_peek");
	r = called(s, RECEIVING, kipc_peek(s->chan, m, n, patience(s, RECEIVING)));
	if (!came(s, r))
		return;
	if (r == 0 || r > n)
		broken(s, "%lld of %u messages", (long long)r, n);
	some = (unsigned)random_below(&s->random[RECEIVING], (uint64_t)r + 1);
	for (unsigned i = 0; i < some; i++)
		take(s, m[i].data, m[i].len);
	calling(s, RECEIVING, "kipc_release");
	if (called(s, RECEIVING, kipc_release(s->chan, some)) != some)
		broken(s, "release refused");
}

static void wait_and_recv(struct session *s)
{
	int64_t r;

	calling(s, RECEIVING, "kipc_wait");
	r = called(s, RECEIVING, kipc_wait(s->chan, KIPC_IN, patience(s, RECEIVING)));
	if (r < 0 && !not_now(r))
		broken(s, "waiting for a message: %s", kipc_strerror((int)r));
	if (r > 0)
		recv_copy(s, s->longest, 0);
}

static void poll_and_recv(struct session *s)
{
	int fd;

	calling(s, RECEIVING, "kipc_chan_fd");
	fd = (int)called(s, RECEIVING, kipc_chan_fd(s->chan, KIPC_IN));
	if (fd < 0)
		broken(s, "a descriptor for messages: %s", kipc_strerror(fd));
	recv_copy(s, s->longest, 0);
	poll_for(s, RECEIVING, fd);
}

void receiving_step(struct session *s)
{
	static void (*const verbs[])(struct session * s) = { recv_one,      recv_one,
		                                             recv_several,  recv_in_place,
		                                             recv_in_place, recv_into_little,
		                                             wait_and_recv, poll_and_recv };

	verbs[random_below(&s->random[RECEIVING], sizeof(verbs) / sizeof(*verbs))](s);
}
