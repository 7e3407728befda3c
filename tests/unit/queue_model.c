// SPDX-License-Identifier: MIT
/*
 * Random calls by several ends on a queue, each checked against plain arrays. The model knows no
 * laps, no hints and no words: a class is a row of slots, each with a state, the end that holds it,
 * the place in the order that it has, and the number of its message.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "queue_box.h"

#define SLOTS   16
#define CLASSES 32

enum state { FREE, WRITING, READY, READING };

struct slot {
	enum state state;
	unsigned end;
	uint64_t place; /* of a slot in use */
	uint64_t id;    /* of a message */
	bool again;
};

/* Which slot an end holds, in the order in which it got them. */
struct hold {
	unsigned prio, slot;
};

struct row {
	struct slot slot[SLOTS];
	uint64_t next; /* place */
};

struct model {
	struct queue_box b;
	uint64_t random;
	unsigned slots, classes;
	struct row row[CLASSES];
	struct hold tx[BOX_ENDS][64], rx[BOX_ENDS][64];
	struct kipc_msg reserved[BOX_ENDS][64];
	unsigned nr_tx[BOX_ENDS], nr_rx[BOX_ENDS];
	uint64_t ids, received, abandoned, again;
};

TestSuite(queue_model, .init = harness_begin, .fini = harness_end);

static unsigned pick(struct model *m, unsigned below)
{
	return (unsigned)(harness_random(&m->random) % below);
}

static size_t len_of(const struct model *m, uint64_t id)
{
	return id * 7 % (m->b.end[0].max_len + 1);
}

static struct slot *slot_of(struct model *m, struct hold h)
{
	return &m->row[h.prio].slot[h.slot];
}

/* ---- what must happen ------------------------------------------------------------------- */

/* The slot that the next message of a class takes; those that are still read are passed over. */
static struct slot *next_free(struct model *m, unsigned prio)
{
	struct row *r = &m->row[prio];
	unsigned k = 0;

	while (k < m->slots && r->slot[(r->next + k) % m->slots].state == READING)
		k++;
	if (k == m->slots || r->slot[(r->next + k) % m->slots].state != FREE)
		return NULL;
	for (; k; k--, r->next++)
		r->slot[r->next % m->slots].place = r->next;
	r->slot[r->next % m->slots].place = r->next;
	return &r->slot[r->next++ % m->slots];
}

static unsigned room(const struct model *m, unsigned prio)
{
	const struct row *r = &m->row[prio];
	unsigned n = 0;

	for (unsigned k = 0; k < m->slots; k++) {
		enum state s = r->slot[(r->next + k) % m->slots].state;

		if (s != FREE && s != READING)
			break;
		n += s == FREE;
	}
	return n;
}

/* The ready message of a class that is next, unless one that is being written stands before it. */
static int first_ready(const struct model *m, unsigned prio)
{
	int first = -1;

	for (unsigned i = 0; i < m->slots; i++) {
		const struct slot *s = &m->row[prio].slot[i];

		if ((s->state == READY || s->state == WRITING) &&
		    (first < 0 || (int64_t)(s->place - m->row[prio].slot[first].place) < 0))
			first = (int)i;
	}
	return first >= 0 && m->row[prio].slot[first].state == READY ? first : -1;
}

static bool next_message(struct model *m, struct hold *h)
{
	for (unsigned prio = m->classes; prio--;) {
		int i = first_ready(m, prio);

		if (i < 0)
			continue;
		*h = (struct hold){ prio, (unsigned)i };
		return true;
	}
	return false;
}

/* ---- calls ------------------------------------------------------------------------------ */

/* The short way may leave it to the other one. */
static int send_either_way(struct model *m, unsigned e, const struct kipc_msg *msg, unsigned n)
{
	int r = 0;

	if (n == 1 && msg->flags == 0 && pick(m, 2))
		r = kipc__queue_put(&m->b.end[e], msg->data, msg->len);
	return r ? r : kipc__queue_send(&m->b.end[e], msg, n);
}

static int recv_either_way(struct model *m, unsigned e, struct kipc_msg *msg)
{
	int64_t len = -EAGAIN;

	if (pick(m, 2))
		len = kipc__queue_get(&m->b.end[e], msg->data, msg->len);
	if (len < 0)
		return kipc__queue_recv(&m->b.end[e], msg, 1);
	msg->len = (size_t)len;
	return 1;
}

static void send_some(struct model *m, unsigned e)
{
	unsigned n = 1 + pick(m, 4), fit = 0;
	struct kipc_msg msg[4];
	uint8_t buf[4][1024];
	int want;

	for (unsigned i = 0; i < n; i++) {
		msg[i] = (struct kipc_msg){ .data = buf[i],
			                    .len = len_of(m, m->ids + i),
			                    .flags = KIPC_PRIO(pick(m, m->classes)) };
		content_fill(buf[i], msg[i].len, 1, m->ids + i);
	}
	for (; fit < n && !m->nr_tx[e]; fit++) {
		struct slot *s = next_free(m, msg[fit].flags);

		if (!s)
			break;
		s->state = READY;
		s->id = m->ids + fit;
		s->again = false;
	}
	want = m->nr_tx[e] ? -EBUSY : (int)fit;
	must_eq(send_either_way(m, e, msg, n), want);
	m->ids += fit;
}

static int reservable(struct model *m, const struct kipc_msg *msg, unsigned n)
{
	unsigned in[CLASSES] = { 0 };

	for (unsigned i = 0; i < n; i++)
		if (++in[msg[i].flags] > m->slots)
			return -EMSGSIZE;
	for (unsigned prio = 0; prio < m->classes; prio++)
		if (in[prio] > room(m, prio))
			return 0;
	return (int)n;
}

static void reserve_some(struct model *m, unsigned e)
{
	unsigned n = 1 + pick(m, 4);
	struct kipc_msg *msg = m->reserved[e];
	int want;

	if (m->nr_tx[e])
		return;
	for (unsigned i = 0; i < n; i++)
		msg[i] = (struct kipc_msg){ .len = m->b.end[0].max_len,
			                    .flags = KIPC_PRIO(pick(m, m->classes)) };
	want = reservable(m, msg, n);
	must_eq(kipc__queue_reserve(&m->b.end[e], msg, n), want);
	for (unsigned i = 0; want > 0 && i < n; i++) {
		struct slot *s = next_free(m, msg[i].flags);
		struct row *r = &m->row[msg[i].flags];

		must(s);
		s->state = WRITING;
		s->end = e;
		m->tx[e][i] = (struct hold){ msg[i].flags, (unsigned)(s - r->slot) };
		m->nr_tx[e] = i + 1;
	}
}

static void commit_some(struct model *m, unsigned e)
{
	unsigned n = m->nr_tx[e], keep;

	if (n == 0)
		return;
	keep = pick(m, n + 1);
	for (unsigned i = 0; i < n; i++) {
		struct slot *s = slot_of(m, m->tx[e][i]);

		s->state = i < keep ? READY : FREE;
		if (i >= keep)
			continue;
		s->id = m->ids++;
		s->again = false;
		m->reserved[e][i].len = len_of(m, s->id);
		content_fill(m->reserved[e][i].data, len_of(m, s->id), 1, s->id);
	}
	if (keep)
		must_eq(kipc__queue_commit(&m->b.end[e], m->reserved[e], keep), keep);
	else
		must_eq(kipc__queue_discard(&m->b.end[e]), n);
	m->nr_tx[e] = 0;
}

static void check(struct model *m, const struct kipc_msg *msg, struct hold h)
{
	const struct slot *s = slot_of(m, h);

	must_eq(msg->len, len_of(m, s->id));
	must_eq(msg->flags, h.prio | (s->again ? KIPC_MSG_AGAIN : 0));
	must(content_is(msg->data, msg->len, 1, s->id));
}

static void peek_some(struct model *m, unsigned e)
{
	unsigned n = 1 + pick(m, 4), there;
	struct kipc_msg msg[4];
	struct hold h;

	while (m->nr_rx[e] < n && next_message(m, &h)) {
		slot_of(m, h)->state = READING;
		slot_of(m, h)->end = e;
		m->rx[e][m->nr_rx[e]++] = h;
	}
	there = m->nr_rx[e] < n ? m->nr_rx[e] : n;
	must_eq(kipc__queue_peek(&m->b.end[e], msg, n), there);
	for (unsigned i = 0; i < there; i++)
		check(m, &msg[i], m->rx[e][i]);
}

static void release_some(struct model *m, unsigned e)
{
	unsigned n = pick(m, m->nr_rx[e] + 1);

	must_eq(kipc__queue_release(&m->b.end[e], n), n);
	for (unsigned i = 0; i < n; i++)
		slot_of(m, m->rx[e][i])->state = FREE;
	m->nr_rx[e] -= n;
	memmove(m->rx[e], m->rx[e] + n, m->nr_rx[e] * sizeof(m->rx[e][0]));
	m->received += n;
}

static void recv_one(struct model *m, unsigned e)
{
	uint8_t buf[1024];
	struct kipc_msg msg = { .data = buf, .len = pick(m, 4) ? sizeof(buf) : pick(m, 20) };
	struct hold h;
	int want = m->nr_rx[e] || next_message(m, &h);

	if (m->nr_rx[e])
		h = m->rx[e][0];
	if (want && len_of(m, slot_of(m, h)->id) > msg.len)
		want = -EMSGSIZE;
	must_eq(recv_either_way(m, e, &msg), want);
	if (want < 1)
		return;
	check(m, &msg, h);
	slot_of(m, h)->state = FREE;
	m->received++;
	if (m->nr_rx[e]) {
		m->nr_rx[e]--;
		memmove(m->rx[e], m->rx[e] + 1, m->nr_rx[e] * sizeof(m->rx[e][0]));
	}
}

static void die(struct model *m, unsigned e)
{
	if (pick(m, 8))
		return;
	must_eq(queue_box_kill(&m->b, e), m->nr_tx[e] + m->nr_rx[e]);
	m->abandoned += m->nr_tx[e];
	m->again += m->nr_rx[e];
	for (unsigned i = 0; i < m->nr_tx[e]; i++)
		slot_of(m, m->tx[e][i])->state = FREE;
	for (unsigned i = 0; i < m->nr_rx[e]; i++) {
		slot_of(m, m->rx[e][i])->state = READY;
		slot_of(m, m->rx[e][i])->again = true;
	}
	m->nr_tx[e] = m->nr_rx[e] = 0;
	must_eq(m->b.area->count.abandoned, m->abandoned);
	must_eq(m->b.area->count.redelivered, m->again);
}

static void ask(struct model *m, unsigned e)
{
	unsigned prio = pick(m, m->classes), n = 1 + pick(m, m->slots);
	struct hold h;

	must_eq(kipc__queue_ready(&m->b.end[e]), m->nr_rx[e] || next_message(m, &h));
	must_eq(kipc__queue_room(&m->b.end[e], prio, n), room(m, prio) >= n);
	must_eq(kipc__queue_mend(&m->b.end[e]), 0);
}

static void run_model(unsigned slots, unsigned classes, uint64_t start, uint64_t seed)
{
	static void (*const calls[])(struct model *, unsigned) = {
		send_some, send_some,    reserve_some, commit_some, commit_some,
		peek_some, release_some, recv_one,     die,         ask
	};
	struct model *m = calloc(1, sizeof(*m));
	unsigned rounds = harness_rounds(20000);

	m->random = seed;
	m->slots = slots;
	m->classes = classes;
	queue_box_make(&m->b, slots, 64 * (1 + (unsigned)seed % 3), classes, start);
	for (unsigned e = 0; e < BOX_ENDS; e += 2)
		m->b.end[e].rfo = true;
	for (unsigned prio = 0; prio < classes; prio++)
		m->row[prio].next = start;
	for (unsigned i = 0; i < rounds; i++)
		calls[pick(m, sizeof(calls) / sizeof(*calls))](m, pick(m, BOX_ENDS));
	harness_note("%u slots, %u classes from %llx", slots, classes, (unsigned long long)start);
	must(m->received > rounds / 100);
	queue_box_free(&m->b);
	free(m);
}

Test(queue_model, one_class)
{
	for (unsigned slots = 1; slots <= SLOTS; slots *= 2)
		run_model(slots, 1, 0, slots);
}

Test(queue_model, several_classes)
{
	run_model(4, 2, 3, 77);
	run_model(8, 5, 0, 78);
	run_model(2, 32, 1, 79);
	run_model(16, 32, 0, 80);
}

/* Of the lap (24 bits) and of the position (48 bits). */
Test(queue_model, positions_wrap)
{
	for (unsigned slots = 1; slots <= SLOTS; slots *= 4) {
		run_model(slots, 1, (1ULL << 24) * slots - 100, 5 + slots);
		run_model(slots, 3, (1ULL << 48) - 96, 6 + slots);
	}
}
