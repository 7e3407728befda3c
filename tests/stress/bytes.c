// SPDX-License-Identifier: MIT
/* A pair as a stream of bytes in each direction. Which byte stands where follows from who sends. */
#include <errno.h>
#include <string.h>
#include "session.h"

#define HELLO sizeof(struct hello)

/* ---- what the stream holds ---------------------------------------------------------------- */

/* The hello of its sender, then bytes that no other stream has there. */
static void stream_fill(const struct hello *h, uint64_t position, uint8_t *to, size_t len)
{
	uint64_t word = 0;
	size_t i;

	for (i = 0; i < len; i++, position++) {
		if (position < HELLO) {
			to[i] = ((const uint8_t *)h)[position];
			continue;
		}
		if (i == 0 || position % 8 == 0 || position == HELLO)
			word = content_word(h->slot << 48 ^ h->session << 32 ^ position / 8);
		to[i] = (uint8_t)(word >> (position % 8 * 8));
	}
}

static void take(struct session *s, const uint8_t *data, size_t len)
{
	struct flow *f = &s->received;
	size_t first = f->n < HELLO ? HELLO - f->n : 0;

	first = first < len ? first : len;
	memcpy((uint8_t *)&s->peer + f->n, data, first);
	s->me->bytes += len;
	f->n += first;
	if (first && f->n == HELLO)
		hello_check(s);
	data += first;
	len -= first;
	if (!len)
		return;
	stream_fill(&s->peer, f->n, s->check, len);
	if (memcmp(s->check, data, len) != 0)
		broken(s, "other bytes than were sent, from byte %llu on",
		       (unsigned long long)f->n);
	f->n += len;
}

/* The direction is over: what came must be a first part of what was written, as long as the writer knows. */
static void compare(struct session *s)
{
	const struct record *r =
		&table->worker[s->peer.slot % WORKERS].records[s->peer.session % RECORDS];
	uint64_t n = s->received.n, settled, announced;

	s->receiving = false;
	if (n < HELLO || r->session != s->peer.session) {
		s->me->unknown++;
		return;
	}
	settled = __atomic_load_n(&r->settled, __ATOMIC_ACQUIRE);
	announced = __atomic_load_n(&r->announced, __ATOMIC_ACQUIRE);
	if (n < settled || n > announced)
		broken(s, "%llu bytes came, %llu were sent, at most %llu", (unsigned long long)n,
		       (unsigned long long)settled, (unsigned long long)announced);
	s->me->compared++;
}

/* ---- writing ------------------------------------------------------------------------------ */

static size_t prepare(struct session *s)
{
	struct hello mine = { HELLO_MAGIC, s->record->session, s->slot };
	uint64_t r = random_below(&s->random[SENDING], 16);
	size_t limit = r == 0 ? s->longest : r < 6 ? 3000 : 200, len;

	limit = limit < s->longest ? limit : s->longest;
	len = 1 + (size_t)random_below(&s->random[SENDING], limit);
	stream_fill(&mine, s->sent.n, s->out, len);
	__atomic_store_n(&s->record->announced, s->sent.n + len, __ATOMIC_RELEASE);
	return len;
}

static void went(struct session *s, int64_t n, size_t most)
{
	if (n == -EPIPE)
		s->sending = false;
	else if (n > (int64_t)most || n == 0 || (n < 0 && !not_now(n)))
		broken(s, "writing: %lld of %zu", (long long)n, most);
	if (n <= 0)
		return;
	s->sent.n += (uint64_t)n;
	s->me->messages++;
	__atomic_store_n(&s->record->settled, s->sent.n, __ATOMIC_RELEASE);
}

static int64_t write_some(struct session *s, int64_t timeout)
{
	size_t len = prepare(s);
	int64_t r;

	calling(s, SENDING, "kipc_write");
	r = called(s, SENDING, kipc_write(s->chan, s->out, len, timeout));
	went(s, r, len);
	return r;
}

static void write_patiently(struct session *s)
{
	(void)write_some(s, patience(s, SENDING));
}

/* A message is bytes to who reads. */
static void send_message(struct session *s)
{
	size_t len = prepare(s);
	int64_t r;

	calling(s, SENDING, "kipc_send");
	r = called(s, SENDING, kipc_send(s->chan, s->out, len, patience(s, SENDING)));
	went(s, r == 0 ? (int64_t)len : r, len);
}

static void poll_and_write(struct session *s)
{
	int fd = kipc_chan_fd(s->chan, KIPC_OUT);

	if (fd < 0)
		broken(s, "a descriptor for room: %s", kipc_strerror(fd));
	if (write_some(s, 0) == -EAGAIN)
		poll_for(s, SENDING, fd);
}

void bytes_sending_step(struct session *s)
{
	static void (*const verbs[])(struct session * s) = { write_patiently, write_patiently,
		                                             send_message, poll_and_write };

	verbs[random_below(&s->random[SENDING], sizeof(verbs) / sizeof(*verbs))](s);
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool came(struct session *s, int64_t r)
{
	if (r > 0)
		return true;
	if (r == -EPIPE)
		compare(s);
	else if (r != 0 && !not_now(r))
		broken(s, "reading: %s", kipc_strerror((int)r));
	return false;
}

static void read_some(struct session *s, int64_t timeout)
{
	size_t cap =
		1 + (size_t)random_below(&s->random[RECEIVING],
	                                 random_below(&s->random[RECEIVING], 4) ? 300 : s->longest);
	int64_t r;

	cap = cap < s->longest ? cap : s->longest;
	calling(s, RECEIVING, "kipc_read");
	s->in[cap] = 0xa5;
	r = called(s, RECEIVING, kipc_read(s->chan, s->in, cap, timeout));
	if (s->in[cap] != 0xa5 || r > (int64_t)cap)
		broken(s, "written behind a buffer of %zu bytes", cap);
	if (came(s, r))
		take(s, s->in, (size_t)r);
}

static void read_patiently(struct session *s)
{
	read_some(s, patience(s, RECEIVING));
}

/* What is left of a message is a message. */
static void recv_rest(struct session *s)
{
	int64_t r;

	calling(s, RECEIVING, "kipc_recv");
	r = called(s, RECEIVING, kipc_recv(s->chan, s->in, s->longest, patience(s, RECEIVING)));
	if (came(s, r))
		take(s, s->in, (size_t)r);
}

static void look_and_release(struct session *s)
{
	struct kipc_msg m[4];
	int64_t r;

	calling(s, RECEIVING, "kipc_peek");
	r = called(s, RECEIVING, kipc_peek(s->chan, m, 4, patience(s, RECEIVING)));
	if (!came(s, r))
		return;
	take(s, m[0].data, m[0].len);
	calling(s, RECEIVING, "kipc_release");
	if (called(s, RECEIVING, kipc_release(s->chan, 1)) != 1)
		broken(s, "release refused");
}

static void poll_and_read(struct session *s)
{
	int fd = kipc_chan_fd(s->chan, KIPC_IN);

	if (fd < 0)
		broken(s, "a descriptor for messages: %s", kipc_strerror(fd));
	read_some(s, 0);
	poll_for(s, RECEIVING, fd);
}

void bytes_receiving_step(struct session *s)
{
	static void (*const verbs[])(struct session * s) = { read_patiently, read_patiently,
		                                             recv_rest, look_and_release,
		                                             poll_and_read };

	verbs[random_below(&s->random[RECEIVING], sizeof(verbs) / sizeof(*verbs))](s);
}
