// SPDX-License-Identifier: MIT
/*
 * One queue that every worker sends to and receives from.
 *
 * A bit for each message stands in the table: set by who has received it, between looking at it and giving it
 * back. So a message that was committed and has no bit at the end is lost, and one whose bit is set when it
 * comes has come twice, which only one that says so may.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "session.h"

#define SEVERAL 8
#define CLASSES 4

struct ticket {
	uint64_t magic, slot, session, seq, len;
};

#define TICKET_MAGIC 0x74656b636974ULL

static void ticket_fill(struct ticket t, void *to)
{
	memcpy(to, &t, sizeof(t));
	content_fill((uint8_t *)to + sizeof(t), t.len - sizeof(t),
	             t.slot << 48 ^ t.session << 24 ^ t.seq);
}

static int64_t join(struct session *s, pid_t run)
{
	char uri[200];
	int64_t r;

	snprintf(uri, sizeof(uri), "%s://%skstress-%d-queue?slots=32&slot=500&prio=4",
	         table->scheme, table->place, (int)run);
	calling(s, RECEIVING, "kipc_chan_open");
	r = kipc_chan_open(&s->chan, uri, KIPC_QUEUE | KIPC_CREATE, NULL);
	if (r < 0 && r != -EOPNOTSUPP)
		broken(s, "%s: %s (%s)", uri, kipc_strerror((int)r), kipc_why());
	return r;
}

/* ---- sending ------------------------------------------------------------------------------ */

/* Ready to be sent, as number i of this call; its class follows from its number. */
static size_t make(struct session *s, struct kipc_msg *m, unsigned i, void *to)
{
	uint64_t seq = s->sent.n + i;
	size_t len = sizeof(struct ticket) + (size_t)random_below(&s->random[SENDING], 300);

	m->data = to;
	m->len = len;
	m->flags = KIPC_PRIO(seq / SEVERAL % CLASSES);
	ticket_fill((struct ticket){ TICKET_MAGIC, s->slot, s->record->session, seq, len }, to);
	return len;
}

static void send_several(struct session *s)
{
	unsigned n = 1 + (unsigned)random_below(&s->random[SENDING], SEVERAL);
	struct kipc_msg m[SEVERAL] = { 0 };
	uint8_t *at = s->out;
	int64_t r;

	if (s->sent.n + n > TICKETS)
		return;
	for (unsigned i = 0; i < n; i++)
		at += make(s, &m[i], i, at);
	__atomic_store_n(&s->record->announced, s->sent.n + n, __ATOMIC_RELEASE);
	calling(s, SENDING, "kipc_send_n");
	r = called(s, SENDING,
	           kipc_send_n(s->chan, m, n, (int64_t)random_below(&s->random[SENDING], MSEC)));
	if (r < 0 && !not_now(r))
		broken(s, "sending: %s", kipc_strerror((int)r));
	s->sent.n += r > 0 ? (uint64_t)r : 0;
	__atomic_store_n(&s->record->settled, s->sent.n, __ATOMIC_RELEASE);
}

static void reserve_and_leave(struct session *s)
{
	struct kipc_msg m[SEVERAL] = { { .len = 100 }, { .len = 200 } };
	int64_t r;

	calling(s, SENDING, "kipc_reserve");
	r = called(s, SENDING, kipc_reserve(s->chan, m, 2, 0));
	if (r < 0 && !not_now(r))
		broken(s, "reserving: %s", kipc_strerror((int)r));
	calling(s, SENDING, "kipc_discard");
	if (called(s, SENDING, kipc_discard(s->chan)) != 0)
		broken(s, "discard refused");
}

/* ---- receiving ---------------------------------------------------------------------------- */

/* Whether it had come before. One of a session whose record has another use by now: nobody knows. */
static bool mark(struct session *s, const struct ticket *t)
{
	const struct record *r = &table->worker[t->slot].records[t->session % RECORDS];
	struct tickets *all = &table->tickets[t->slot][t->session % RECORDS];
	uint64_t bit = 1ULL << (t->seq % 64);

	if (__atomic_load_n(&r->session, __ATOMIC_ACQUIRE) != t->session) {
		s->me->unknown++;
		return false;
	}
	return __atomic_fetch_or(&all->received[t->seq / 64], bit, __ATOMIC_SEQ_CST) & bit;
}

/* Those of one sender and class come in the order in which they were sent, unless somebody died holding them. */
static void check_order(struct session *s, const struct ticket *t, uint32_t flags)
{
	static struct ticket last[WORKERS][CLASSES];
	struct ticket *l = &last[t->slot][KIPC_PRIO_OF(flags) % CLASSES];

	if (flags & KIPC_MSG_AGAIN)
		return;
	if (t->session < l->session || (t->session == l->session && t->seq < l->seq))
		broken(s, "message %llu of %llu comes behind %llu", (unsigned long long)t->seq,
		       (unsigned long long)t->slot, (unsigned long long)l->seq);
	*l = *t;
}

static void take(struct session *s, const struct kipc_msg *m)
{
	struct ticket t;

	if (m->len < sizeof(t) || m->len > s->longest)
		broken(s, "a message of %zu bytes", m->len);
	memcpy(&t, m->data, sizeof(t));
	if (t.magic != TICKET_MAGIC || t.len != m->len || t.slot >= WORKERS || t.seq >= TICKETS)
		broken(s, "a message that nobody sent");
	ticket_fill(t, s->check);
	if (memcmp(s->check, m->data, m->len) != 0)
		broken(s, "message %llu of %llu has other content", (unsigned long long)t.seq,
		       (unsigned long long)t.slot);
	if (KIPC_PRIO_OF(m->flags) != t.seq / SEVERAL % CLASSES)
		broken(s, "a message of another class");
	check_order(s, &t, m->flags);
	if (mark(s, &t) && !(m->flags & KIPC_MSG_AGAIN))
		broken(s, "message %llu of session %llu of %llu comes twice",
		       (unsigned long long)t.seq, (unsigned long long)t.session,
		       (unsigned long long)t.slot);
	s->me->messages++;
	s->me->bytes += m->len;
	s->me->strangers += (m->flags & KIPC_MSG_AGAIN) != 0;
}

/* Messages in hand are held for a while, now and then. */
static void work(struct session *s)
{
	if (random_below(&s->random[RECEIVING], 64) == 0)
		pause_for((int64_t)random_below(&s->random[RECEIVING], 4 * MSEC));
}

/* Taken while it is held, so that a death loses nothing. */
static int64_t receive(struct session *s, int64_t timeout)
{
	unsigned n = 1 + (unsigned)random_below(&s->random[RECEIVING], SEVERAL);
	struct kipc_msg m[SEVERAL];
	int64_t r;

	calling(s, RECEIVING, "kipc_peek");
	r = called(s, RECEIVING, kipc_peek(s->chan, m, n, timeout));
	if (r < 0 && !not_now(r))
		broken(s, "looking: %s", kipc_strerror((int)r));
	if (r <= 0)
		return r;
	work(s);
	for (unsigned i = 0; i < r; i++)
		take(s, &m[i]);
	work(s);
	calling(s, RECEIVING, "kipc_release");
	if (called(s, RECEIVING, kipc_release(s->chan, (unsigned)r)) != r)
		broken(s, "release refused");
	return r;
}

static void receive_patiently(struct session *s)
{
	(void)receive(s, (int64_t)random_below(&s->random[RECEIVING], 2 * MSEC));
}

static void poll_and_receive(struct session *s)
{
	int fd = kipc_chan_fd(s->chan, KIPC_IN);

	if (fd < 0)
		broken(s, "a descriptor for messages: %s", kipc_strerror(fd));
	if (receive(s, 0) == -EAGAIN)
		poll_for(s, RECEIVING, fd);
}

#define NONE UINT64_MAX

/* The first message that was committed and that nobody has received. */
static uint64_t missing_of(unsigned slot, uint64_t session)
{
	const struct record *r = &table->worker[slot].records[session];
	const struct tickets *all = &table->tickets[slot][session];
	uint64_t seq;

	for (seq = 0; seq < __atomic_load_n(&r->settled, __ATOMIC_ACQUIRE); seq++)
		if (!(all->received[seq / 64] >> (seq % 64) & 1))
			return seq;
	return NONE;
}

/* ---- the session -------------------------------------------------------------------------- */

static void begin(struct session *s)
{
	session_room(s);
	s->record = record_new(s->me);
	memset(&table->tickets[s->slot][s->me->session % RECORDS], 0, sizeof(struct tickets));
}

void queue_run(unsigned i, struct worker *me, uint64_t *random)
{
	static void (*const verbs[])(struct session * s) = { send_several,      send_several,
		                                             reserve_and_leave, receive_patiently,
		                                             receive_patiently, poll_and_receive };
	struct session s = { .me = me,
		             .slot = i,
		             .budget = TICKETS,
		             .random = { random_next(random) | 1, random_next(random) | 1 } };

	/* A record is used again when all of its messages have come. */
	if (missing_of(i, (me->session + 1) % RECORDS) != NONE) {
		pause_for(MSEC);
		me->half[SENDING].calls++;
		return;
	}
	(void)join(&s, getppid());
	begin(&s);
	while (s.sent.n + SEVERAL <= s.budget && !__atomic_load_n(&table->stop, __ATOMIC_RELAXED))
		verbs[random_below(&s.random[RECEIVING], sizeof(verbs) / sizeof(*verbs))](&s);
	me->compared++;
	session_close(&s);
}

/* ---- the whole queue ---------------------------------------------------------------------- */

static struct worker keeper_as;
static struct session keeper;

/* It lasts as long as this end. */
bool queue_keep(void)
{
	keeper = (struct session){ .me = &keeper_as, .random = { 1, 1 } };
	if (join(&keeper, getpid()) < 0)
		return false;
	session_room(&keeper);
	return true;
}

static unsigned tell_missing(unsigned slot, unsigned session)
{
	uint64_t seq = missing_of(slot, session);

	if (seq == NONE)
		return 0;
	fprintf(stderr, "long: message %llu of session %u of worker %u is lost\n",
	        (unsigned long long)seq, session, slot);
	return 1;
}

unsigned queue_settle(void)
{
	unsigned failed = 0;

	while (receive(&keeper, 100 * MSEC) > 0)
		;
	for (unsigned slot = 0; slot < WORKERS; slot++)
		for (unsigned session = 0; session < RECORDS; session++)
			failed += tell_missing(slot, session);
	table->worker[0].messages += keeper_as.messages;
	session_close(&keeper);
	return failed;
}
