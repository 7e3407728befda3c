// SPDX-License-Identifier: MIT
/* What an end that writes nonsense can do to another one: -EBADMSG or a wrong message, nothing else. */
#include <criterion/criterion.h>
#include <string.h>
#include "queue_box.h"

TestSuite(queue_hostile, .init = harness_begin, .fini = harness_end);

#define LAP(n)     ((uint64_t)(n) << KIPC_SLOT_LAP_SHIFT)
#define OWNER(e)   ((uint64_t)(e) << KIPC_SLOT_OWNER_SHIFT)
#define LENGTH(n)  ((uint64_t)(n) << KIPC_SLOT_LEN_SHIFT)
#define TRIES(n)   ((uint64_t)(n) << KIPC_SLOT_TRIES_SHIFT)
#define MAX_LENGTH 56

static void make(struct queue_box *b)
{
	queue_box_make(b, 8, 64, 2, 0);
}

static uint64_t *word(struct queue_box *b, unsigned prio, uint64_t pos)
{
	return kipc__queue_slot(&b->end[0], prio, pos);
}

/* The next slot of both classes reads so: what do a receiver and a sender say? */
static void expect(uint64_t w, int receiver, int sender)
{
	struct kipc_msg m = { .len = 1 };
	struct queue_box b;
	uint8_t buf[64];

	make(&b);
	*word(&b, 0, 0) = *word(&b, 1, 0) = w;
	b.area->ready.classes = 3;
	must_eq(kipc__queue_ready(&b.end[1]), receiver);
	must_eq(kipc__queue_peek(&b.end[1], &m, 1), receiver);
	if (receiver < 0) {
		m = (struct kipc_msg){ .data = buf, .len = sizeof(buf) };
		must_eq(kipc__queue_recv(&b.end[1], &m, 1), receiver);
	}
	*word(&b, 0, 0) = w;
	must_eq(kipc__queue_room(&b.end[2], 0, 1), sender);
	m = (struct kipc_msg){ .len = 1 };
	must_eq(kipc__queue_reserve(&b.end[2], &m, 1), sender);
	m = (struct kipc_msg){ .data = buf, .len = 1 };
	if (sender <= 0)
		must_eq(kipc__queue_send(&b.end[2], &m, 1), sender);
	queue_box_free(&b);
}

Test(queue_hostile, words_that_nobody_writes)
{
	for (uint64_t state = 4; state < 8; state++)
		expect(state, -EBADMSG, -EBADMSG);
	for (int bit = 3; bit < KIPC_SLOT_LAP_SHIFT; bit++) {
		expect(1ULL << bit | KIPC_SLOT_FREE, -EBADMSG, -EBADMSG);
		if (bit >= KIPC_SLOT_LEN_SHIFT)
			expect(1ULL << bit | KIPC_SLOT_WRITING, -EBADMSG, -EBADMSG);
		if (bit < KIPC_SLOT_LEN_SHIFT)
			expect(1ULL << bit | KIPC_SLOT_READY, -EBADMSG, -EBADMSG);
	}
	for (uint64_t e = BOX_ENDS; e < 128; e++) {
		expect(OWNER(e) | KIPC_SLOT_WRITING, -EBADMSG, -EBADMSG);
		expect(OWNER(e) | KIPC_SLOT_READING, -EBADMSG, -EBADMSG);
	}
	for (uint64_t len = MAX_LENGTH + 1; len <= KIPC_SLOT_LEN_MASK; len += len) {
		expect(LENGTH(len) | KIPC_SLOT_READY, -EBADMSG, -EBADMSG);
		expect(LENGTH(len) | KIPC_SLOT_READING, -EBADMSG, -EBADMSG);
	}
}

Test(queue_hostile, words_that_somebody_may_have_written)
{
	expect(KIPC_SLOT_FREE, 0, 1);
	expect(OWNER(7) | KIPC_SLOT_WRITING, 0, 1);
	expect(LENGTH(MAX_LENGTH) | TRIES(511) | KIPC_SLOT_READY, 1, 1);
	expect(LENGTH(MAX_LENGTH) | OWNER(7) | KIPC_SLOT_READING, 0, 1);
	expect(LAP(1), 0, 1);
}

/* A word of a lap to which no honest hint leads. */
Test(queue_hostile, laps)
{
	static const uint64_t behind[] = { 0xffffff, 0xfffffe, 0x800000, 0x900000 };

	for (size_t i = 0; i < sizeof(behind) / sizeof(*behind); i++) {
		expect(LAP(behind[i]), -EBADMSG, -EBADMSG);
		expect(LAP(behind[i]) | OWNER(1) | KIPC_SLOT_WRITING, -EBADMSG,
		       behind[i] == 0xffffff ? 0 : -EBADMSG);
	}
	/* One behind and ready: another message that comes again; the receiver follows it. */
	expect(LAP(0xffffff) | LENGTH(3) | KIPC_SLOT_READY, 1, 0);
	/* Far ahead: the position is over; from there on the others are behind. */
	expect(LAP(0x7fffff), -EBADMSG, -EBADMSG);
}

Test(queue_hostile, hints_that_are_ahead)
{
	static const uint64_t by[] = { 8, 16, 1 << 20, 1ULL << 30, 1ULL << 40, 1ULL << 47 };

	for (size_t i = 0; i < sizeof(by) / sizeof(*by); i++) {
		struct kipc_msg m = { .len = 1 };
		struct queue_box b;

		if ((by[i] >> 3 & KIPC_SLOT_LAP_MASK) == 0) /* the same lap again */
			continue;
		make(&b);
		b.area->classes[0].prod = b.area->classes[0].cons = by[i];
		b.area->ready.classes = 1;
		must_eq(kipc__queue_reserve(&b.end[2], &m, 1), -EBADMSG);
		must_eq(kipc__queue_room(&b.end[2], 0, 8), -EBADMSG);
		must_eq(kipc__queue_peek(&b.end[2], &m, 1), -EBADMSG);
		queue_box_free(&b);
	}
}

/* Hints that are behind cost steps only. */
Test(queue_hostile, hints_that_are_behind)
{
	struct queue_box b;

	make(&b);
	for (uint64_t i = 0; i < 1000; i++) {
		must_eq(queue_box_put(&b, 0, 10, 0, i), 1);
		b.area->classes[0].prod -= i % 9;
		queue_box_take(&b, 1, 10, 0, i);
		b.area->classes[0].cons -= (uint64_t)(i % 7) & KIPC_QUEUE_POS_MASK;
		b.area->classes[0].cons &= KIPC_QUEUE_POS_MASK;
	}
	b.area->classes[0].prod = b.area->classes[0].cons = 0;
	must_eq(queue_box_capacity(&b), 8);
	queue_box_free(&b);
}

/* Somebody takes away what I hold: I learn it, and do not write over it. */
Test(queue_hostile, claims_that_are_broken)
{
	uint8_t buf[64];
	struct kipc_msg m = { .len = 1 };
	struct queue_box b;

	make(&b);
	must_eq(kipc__queue_reserve(&b.end[1], &m, 1), 1);
	*word(&b, 0, 0) = LAP(9);
	must_eq(kipc__queue_commit(&b.end[1], &m, 1), -EBADMSG);
	must(*word(&b, 0, 0) == LAP(9));
	queue_box_free(&b);
	make(&b);
	must_eq(kipc__queue_reserve(&b.end[1], &m, 1), 1);
	*word(&b, 0, 0) = LAP(9);
	must_eq(kipc__queue_discard(&b.end[1]), -EBADMSG);
	must(*word(&b, 0, 0) == LAP(9));
	queue_box_free(&b);
	make(&b);
	must_eq(queue_box_put(&b, 0, 10, 0, 0), 1);
	must_eq(kipc__queue_peek(&b.end[1], &m, 1), 1);
	*word(&b, 0, 0) = KIPC_SLOT_READING | OWNER(2) | LENGTH(5);
	must_eq(m.len, 10);
	m = (struct kipc_msg){ .data = buf, .len = sizeof(buf) };
	must_eq(kipc__queue_recv(&b.end[1], &m, 1), -EBADMSG);
	must(*word(&b, 0, 0) == (KIPC_SLOT_READING | OWNER(2) | LENGTH(5)));
	queue_box_free(&b);
}

/* ---- anything, at any time -------------------------------------------------------------- */

static void scribble(struct queue_box *b, uint64_t *random)
{
	uint64_t r = harness_random(random), v = harness_random(random);
	uint64_t mask = r & 1 ? 1ULL << (v & 63) : v & (r & 2 ? 0xffffff0000000007 : ~0ULL);
	__u64 *targets[4] = { &b->area->classes[r >> 8 & 1].prod,
		              &b->area->classes[r >> 8 & 1].cons, (__u64 *)&b->area->ready,
		              (__u64 *)word(b, r >> 8 & 1, r >> 9) };

	if (r & 4)
		*targets[r >> 4 & 3] ^= mask;
	else
		*targets[3] = v;
}

static void check_inside(struct queue_box *b, const struct kipc_msg *m, int n, int most)
{
	uint8_t *first = b->end[0].slots;

	must(n <= most);
	for (int i = 0; i < n; i++) {
		must((uint8_t *)m[i].data >= first + 8 && m[i].len <= MAX_LENGTH);
		must((uint8_t *)m[i].data + m[i].len <= first + 2 * 8 * 64);
	}
}

static void call_something(struct queue_box *b, uint64_t *random)
{
	uint64_t r = harness_random(random);
	struct kipc__queue *q = &b->end[r >> 8 & 7];
	uint8_t buf[2][MAX_LENGTH + 1];
	struct kipc_msg m[2] = { { .data = buf[0], .len = MAX_LENGTH },
		                 { .data = buf[1], .len = MAX_LENGTH, .flags = KIPC_PRIO(1) } };
	int n = 0;

	buf[0][MAX_LENGTH] = buf[1][MAX_LENGTH] = 0xa5;
	switch (r & 7) {
	case 0:
		n = kipc__queue_send(q, m, 2);
		break;
	case 1:
		n = kipc__queue_recv(q, m, 2);
		break;
	case 2:
		n = kipc__queue_peek(q, m, 2);
		check_inside(b, m, n, 2);
		break;
	case 3:
		n = kipc__queue_release(q, q->rx.nr);
		break;
	case 4:
		n = kipc__queue_reserve(q, m, 2);
		check_inside(b, m, n, 2);
		break;
	case 5:
		n = kipc__queue_discard(q);
		break;
	case 6:
		n = kipc__queue_reap(q, r >> 11 & 7);
		must(n >= 0 && n <= 16);
		n = kipc__queue_mend(q);
		break;
	case 7:
		n = kipc__queue_ready(q);
		(void)kipc__queue_room(q, r >> 11 & 1, 4);
		must(kipc__queue_pending(q) <= 16);
	}
	must(n >= -EBADMSG || n == -EMSGSIZE);
	must(buf[0][MAX_LENGTH] == 0xa5 && buf[1][MAX_LENGTH] == 0xa5);
}

Test(queue_hostile, any_word_between_any_two_steps)
{
	unsigned rounds = harness_rounds(2000);
	uint64_t random = 99;

	for (unsigned i = 0; i < rounds; i++) {
		struct queue_box b;

		make(&b);
		for (int k = 0; k < 100; k++) {
			call_something(&b, &random);
			if (harness_random(&random) & 1)
				scribble(&b, &random);
		}
		queue_box_free(&b);
	}
}

Test(queue_hostile, geometry)
{
	const struct kipc_queue_geom good = {
		.slots = 8, .stride = 64, .classes = 2, .nr_ends = 8
	};
	struct kipc_queue_geom g;
	struct kipc__queue q;
	struct queue_box b;

#define BAD(field, value)                                                                     \
	do {                                                                                  \
		g = good;                                                                     \
		g.field = (value);                                                            \
		must(!kipc__queue_geom_valid(&g));                                            \
		b.area->geom = g;                                                             \
		must_eq(kipc__queue_init(&q, b.area, kipc__queue_bytes(&good), 0), -EBADMSG); \
	} while (0)
	make(&b);
	must(kipc__queue_geom_valid(&good));
	BAD(slots, 0);
	BAD(slots, 3);
	BAD(slots, 131072);
	BAD(slots, 1U << 31);
	BAD(stride, 0);
	BAD(stride, 96);
	BAD(stride, 1U << 21);
	BAD(stride, 0xffffffc0);
	BAD(classes, 0);
	BAD(classes, 33);
	BAD(held, 2);
	BAD(nr_ends, 0);
	BAD(nr_ends, 129);
	g = good;
	b.area->geom = good;
	must_eq(kipc__queue_init(&q, b.area, kipc__queue_bytes(&good) - 1, 0), -EBADMSG);
	must_eq(kipc__queue_init(&q, b.area, kipc__queue_bytes(&good), 8), -EBADMSG);
	g.slots = 65536;
	g.stride = 32768;
	must(!kipc__queue_geom_valid(&g)); /* 4 GiB */
	queue_box_free(&b);
}
