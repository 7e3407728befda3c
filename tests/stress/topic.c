// SPDX-License-Identifier: MIT
/* One topic: the first worker publishes, the others subscribe in every way, and count what they miss. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "session.h"

#define MESSAGES_MOST 4000
#define SEVERAL       8

/* In front of each message: which one it is. Sessions of the publisher follow each other. */
struct stamp {
	uint64_t magic, session, seq, len;
};

#define STAMP_MAGIC 0x706d617473ULL

static void stamp_fill(struct stamp t, void *to)
{
	memcpy(to, &t, sizeof(t));
	content_fill((uint8_t *)to + sizeof(t), t.len - sizeof(t), t.session << 32 ^ t.seq);
}

static void stamp_check(struct session *s, const void *data, size_t len, struct stamp *t)
{
	if (len < sizeof(*t) || len > s->longest)
		broken(s, "a message of %zu bytes", len);
	memcpy(t, data, sizeof(*t));
	if (t->magic != STAMP_MAGIC || t->len != len)
		broken(s, "a message of %zu bytes says that it has %llu", len,
		       (unsigned long long)t->len);
	stamp_fill(*t, s->check);
	if (memcmp(s->check, data, len) != 0)
		broken(s, "message %llu of session %llu has other content",
		       (unsigned long long)t->seq, (unsigned long long)t->session);
	s->me->messages++;
	s->me->bytes += len;
}

static int64_t join(struct session *s, unsigned flags, const char *options)
{
	char uri[200];
	int64_t r;

	snprintf(uri, sizeof(uri), "%s://%skstress-%d-topic?size=64K%s", table->scheme,
	         table->place, getppid(), options);
	calling(s, RECEIVING, "kipc_chan_open");
	r = kipc_chan_open(&s->chan, uri, KIPC_PUBSUB | KIPC_CREATE | flags, NULL);
	if (r < 0 && r != -EBUSY)
		broken(s, "%s: %s (%s)", uri, kipc_strerror((int)r), kipc_why());
	return r;
}

/* ---- publishing --------------------------------------------------------------------------- */

static size_t make(struct session *s, uint64_t seq, void *to, size_t most)
{
	size_t limit = random_below(&s->random[SENDING], 16) ? 300 : most, len;

	limit = limit < most ? limit : most;
	len = sizeof(struct stamp) +
	      (size_t)random_below(&s->random[SENDING], limit - sizeof(struct stamp));
	stamp_fill((struct stamp){ STAMP_MAGIC, s->record->session, seq, len }, to);
	return len;
}

static void publish(struct session *s)
{
	unsigned n = 1 + (unsigned)random_below(&s->random[SENDING], SEVERAL);
	struct kipc_msg m[SEVERAL] = { 0 };
	uint8_t *at = s->out;
	int64_t r;

	for (unsigned i = 0; i < n; i++) {
		m[i].data = at;
		m[i].len = make(s, s->sent.n + i, at, s->longest / SEVERAL);
		at += m[i].len;
	}
	__atomic_store_n(&s->record->announced, s->sent.n + n, __ATOMIC_RELEASE);
	calling(s, SENDING, "kipc_send_n");
	r = called(s, SENDING,
	           kipc_send_n(s->chan, m, n,
	                       (int64_t)random_below(&s->random[SENDING], 9 * MSEC)));
	if (r < 0 && !not_now(r))
		broken(s, "publishing: %s", kipc_strerror((int)r));
	s->sent.n += r > 0 ? (uint64_t)r : 0;
	__atomic_store_n(&s->record->settled, s->sent.n, __ATOMIC_RELEASE);
	/* What did not go is not there: the next call takes the same numbers. */
	__atomic_store_n(&s->record->announced, s->sent.n, __ATOMIC_RELEASE);
}

static void publish_one(struct session *s)
{
	struct kipc_msg m = { 0 };
	int64_t r;

	m.len = make(s, s->sent.n, s->out, s->longest);
	calling(s, SENDING, "kipc_reserve");
	r = called(s, SENDING,
	           kipc_reserve(s->chan, &m, 1, (int64_t)random_below(&s->random[SENDING], MSEC)));
	if (not_now(r))
		return;
	if (r != 1)
		broken(s, "reserving: %s", kipc_strerror((int)r));
	memcpy(m.data, s->out, m.len);
	__atomic_store_n(&s->record->announced, s->sent.n + 1, __ATOMIC_RELEASE);
	calling(s, SENDING, "kipc_commit");
	if (called(s, SENDING, kipc_commit(s->chan, &m, 1)) != 1)
		broken(s, "commit refused");
	s->sent.n++;
	__atomic_store_n(&s->record->settled, s->sent.n, __ATOMIC_RELEASE);
}

static void publisher_run(struct session *s)
{
	static const char *const options[] = { "", "&patience=3000000", "&patience=0" };

	if (join(s, KIPC_SEND, options[random_below(&s->random[SENDING], 3)]) < 0)
		return;
	session_room(s);
	s->record = record_new(s->me);
	while (s->sent.n < s->budget && !__atomic_load_n(&table->stop, __ATOMIC_RELAXED))
		(random_below(&s->random[SENDING], 2) ? publish : publish_one)(s);
	s->me->compared++;
	session_close(s);
}

/* ---- subscribing -------------------------------------------------------------------------- */

struct follower {
	struct session s;
	struct stamp last; /* the last message that came */
	uint64_t lost;     /* counted by then */
	bool any;
};

/* How many messages a session of the publisher had: as many as it knows of, or as it was about to publish when
 * it was killed.
 */
static bool length_of(uint64_t session, uint64_t *least, uint64_t *most)
{
	const struct record *r = &table->worker[0].records[session % RECORDS];

	*least = __atomic_load_n(&r->settled, __ATOMIC_ACQUIRE);
	*most = __atomic_load_n(&r->announced, __ATOMIC_ACQUIRE);
	return __atomic_load_n(&r->session, __ATOMIC_ACQUIRE) == session;
}

/* Between two messages lie as many as were counted as lost. */
static void follow(struct follower *f, const struct stamp *t)
{
	uint64_t lost, least = 0, most = 0, a, b, session = f->last.session;
	bool known = f->any;

	if (kipc_lost(f->s.chan, &lost) != 0)
		broken(&f->s, "kipc_lost refused");
	if (known && (t->session < session || (t->session == session && t->seq <= f->last.seq)))
		broken(&f->s, "message %llu of session %llu comes after %llu of %llu",
		       (unsigned long long)t->seq, (unsigned long long)t->session,
		       (unsigned long long)f->last.seq, (unsigned long long)session);
	for (; known && session < t->session; session++) {
		known = length_of(session, &a, &b);
		least += a;
		most += b;
	}
	least += t->seq - f->last.seq - 1;
	most += t->seq - f->last.seq - 1;
	if ((int64_t)least < 0)
		least = 0; /* it was killed before it wrote down what had arrived here */
	if (known && (lost - f->lost < least || lost - f->lost > most))
		broken(&f->s, "%llu messages are missing, or %llu, but %llu were counted",
		       (unsigned long long)least, (unsigned long long)most,
		       (unsigned long long)(lost - f->lost));
	f->s.me->compared += known;
	f->s.me->unknown += f->any && !known;
	f->last = *t;
	f->lost = lost;
	f->any = true;
}

static void receive(struct follower *f)
{
	struct session *s = &f->s;
	struct stamp t;
	int64_t r;

	calling(s, RECEIVING, "kipc_recv");
	r = called(s, RECEIVING,
	           kipc_recv(s->chan, s->in, s->longest,
	                     (int64_t)random_below(&s->random[RECEIVING], 5 * MSEC)));
	if (r >= 0) {
		stamp_check(s, s->in, (size_t)r, &t);
		follow(f, &t);
	} else if (r == -EPIPE) {
		pause_for((int64_t)random_below(&s->random[RECEIVING],
		                                MSEC)); /* the next one comes */
	} else if (r != -EOVERFLOW && !not_now(r)) {
		broken(s, "receiving: %s", kipc_strerror((int)r));
	}
}

/* What was copied out of the ring counts only when release says that it was whole. */
static void receive_in_place(struct follower *f)
{
	struct session *s = &f->s;
	struct kipc_msg m;
	struct stamp t;
	size_t len;
	int64_t r;

	calling(s, RECEIVING, "kipc_peek");
	r = called(s, RECEIVING,
	           kipc_peek(s->chan, &m, 1, (int64_t)random_below(&s->random[RECEIVING], MSEC)));
	if (r != 1) {
		if (r >= 0 || (r != -EOVERFLOW && r != -EPIPE && !not_now(r)))
			broken(s, "looking: %lld", (long long)r);
		return;
	}
	len = m.len <= s->longest ? m.len : 0;
	memcpy(s->in, m.data, len);
	calling(s, RECEIVING, "kipc_release");
	r = called(s, RECEIVING, kipc_release(s->chan, 1));
	if (r == -EOVERFLOW)
		return;
	if (r != 1)
		broken(s, "release: %lld", (long long)r);
	stamp_check(s, s->in, len, &t);
	follow(f, &t);
}

static void subscriber_run(struct follower *f)
{
	static const char *const options[] = { "", "&join=oldest", "&loss=1",
		                               "&loss=1&join=oldest" };
	struct session *s = &f->s;

	if (join(s, KIPC_RECV, options[random_below(&s->random[SENDING], 4)]) < 0)
		broken(s, "there is no place left");
	session_room(s);
	for (uint64_t n = 0; n < s->budget && !__atomic_load_n(&table->stop, __ATOMIC_RELAXED); n++)
		(random_below(&s->random[RECEIVING], 3) ? receive : receive_in_place)(f);
	session_close(s);
}

/* The newest message: never an older one than before. */
static void watcher_run(struct follower *f)
{
	struct session *s = &f->s;
	uint64_t number, seen = 0;
	struct stamp t;
	int64_t r;

	if (join(s, KIPC_RECV, "&loss=1") < 0)
		broken(s, "there is no place left");
	session_room(s);
	for (uint64_t n = 0; n < s->budget && !__atomic_load_n(&table->stop, __ATOMIC_RELAXED);
	     n++) {
		calling(s, RECEIVING, "kipc_latest");
		r = called(s, RECEIVING, kipc_latest(s->chan, s->in, s->longest, &number));
		if (r == -EAGAIN)
			pause_for((int64_t)random_below(&s->random[RECEIVING], MSEC / 10));
		if (r == -EAGAIN)
			continue;
		if (r < 0)
			broken(s, "the newest: %s", kipc_strerror((int)r));
		stamp_check(s, s->in, (size_t)r, &t);
		if (number < seen)
			broken(s, "message %llu is newer than %llu", (unsigned long long)number,
			       (unsigned long long)seen);
		seen = number;
	}
	session_close(s);
}

void topic_run(unsigned i, struct worker *me, uint64_t *random)
{
	static struct follower f;

	memset(&f, 0, sizeof(f));
	f.s = (struct session){ .me = me,
		                .slot = i,
		                .budget = 1 + random_below(random, MESSAGES_MOST),
		                .random = { random_next(random) | 1, random_next(random) | 1 } };
	if (i == 0)
		publisher_run(&f.s);
	else if (i == WORKERS - 1)
		watcher_run(&f);
	else
		subscriber_run(&f);
	me->session += i != 0; /* somebody watches whether it goes on */
}
