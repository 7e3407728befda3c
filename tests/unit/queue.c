// SPDX-License-Identifier: MIT
/* Single steps on the queue, and what becomes of what the dead held. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "queue_box.h"

TestSuite(queue, .init = harness_begin, .fini = harness_end);

static const uint64_t starts[] = { 0, 5, KIPC_QUEUE_POS_MASK - 2, 0xffffffULL * 8 + 3 };
#define STARTS (sizeof(starts) / sizeof(*starts))

/* 64 bytes a slot leave 56 for the message. */
static void make(struct queue_box *b, uint32_t slots, uint32_t classes)
{
	queue_box_make(b, slots, 64, classes, 0);
}

Test(queue, one_in_one_out)
{
	for (size_t s = 0; s < STARTS; s++) {
		struct queue_box b;

		queue_box_make(&b, 8, 64, 1, starts[s]);
		for (uint64_t i = 0; i < 40; i++) {
			must_eq(kipc__queue_ready(&b.end[3]), 0);
			must_eq(queue_box_put(&b, i % BOX_ENDS, i % 57, 0, i), 1);
			must_eq(kipc__queue_ready(&b.end[3]), 1);
			queue_box_take(&b, (i + 3) % BOX_ENDS, i % 57, 0, i);
		}
		queue_box_free(&b);
	}
}

Test(queue, bounded)
{
	static const uint32_t slots[] = { 1, 2, 4, 64 };

	for (size_t s = 0; s < STARTS; s++) {
		for (size_t k = 0; k < 4; k++) {
			struct queue_box b;

			queue_box_make(&b, slots[k], 128, 1, starts[s]);
			for (int round = 0; round < 5; round++)
				must_eq(queue_box_capacity(&b), slots[k]);
			queue_box_free(&b);
		}
	}
}

Test(queue, higher_priority_first)
{
	struct queue_box b;

	make(&b, 4, 32);
	for (unsigned prio = 0; prio < 32; prio++)
		for (unsigned i = 0; i < 4; i++)
			must_eq(queue_box_put(&b, 0, 9, (prio * 7) % 32, i), 1);
	must_eq(kipc__queue_pending(&b.end[0]), 128);
	for (unsigned prio = 32; prio--;)
		for (unsigned i = 0; i < 4; i++)
			queue_box_take(&b, 1, 9, prio, i);
	must_eq(kipc__queue_ready(&b.end[1]), 0);
	must_eq(b.area->ready.classes, 0);
	queue_box_free(&b);
}

Test(queue, what_cannot_be_sent)
{
	struct kipc_msg m[9] = { { .len = 57 } };
	struct queue_box b;

	make(&b, 8, 3);
	must_eq(kipc__queue_reserve(&b.end[0], m, 1), -EMSGSIZE);
	must_eq(kipc__queue_send(&b.end[0], m, 1), -EMSGSIZE);
	m[0].len = 8;
	m[0].flags = KIPC_PRIO(3);
	must_eq(kipc__queue_reserve(&b.end[0], m, 1), -EINVAL);
	m[0].flags = 1u << 6;
	must_eq(kipc__queue_reserve(&b.end[0], m, 1), -EINVAL);
	m[0].flags = 0;
	must_eq(kipc__queue_reserve(&b.end[0], m, 9), -EMSGSIZE);
	must_eq(kipc__queue_reserve(&b.end[0], m, 8), 8);
	must_eq(kipc__queue_reserve(&b.end[0], m, 1), -EBUSY);
	must_eq(kipc__queue_send(&b.end[0], m, 1), -EBUSY);
	must_eq(kipc__queue_commit(&b.end[0], m, 9), -EINVAL);
	must_eq(kipc__queue_commit(&b.end[0], m + 1, 1), -EINVAL);
	m[1].len = 1;
	must_eq(kipc__queue_commit(&b.end[0], m, 2), -EINVAL);
	must_eq(kipc__queue_discard(&b.end[0]), 8);
	must_eq(kipc__queue_discard(&b.end[0]), 0);
	must_eq(kipc__queue_release(&b.end[0], 1), -EINVAL);
	queue_box_free(&b);
}

static uint64_t hint_of(const struct queue_box *b, uint32_t prio)
{
	return b->area->classes[prio].cons & KIPC_QUEUE_POS_MASK;
}

/* Nothing is ever received: nobody's look begins further and further behind, and nothing is said to wait. */
Test(queue, nothing_but_discards)
{
	for (size_t s = 0; s < STARTS; s++) {
		struct kipc_msg m[3] = { { .len = 1 },
			                 { .len = 1, .flags = KIPC_PRIO(1) },
			                 { .len = 1 } };
		struct queue_box b;

		queue_box_make(&b, 2, 64, 2, starts[s]);
		for (uint64_t i = 1; i <= 40; i++) {
			must_eq(kipc__queue_reserve(&b.end[i % 3], m, 3), 3);
			must_eq(kipc__queue_discard(&b.end[i % 3]), 3);
			must_eq(kipc__queue_pending(&b.end[5]), 0);
			must(hint_of(&b, 0) == ((starts[s] + 2 * i) & KIPC_QUEUE_POS_MASK));
			must(hint_of(&b, 1) == ((starts[s] + i) & KIPC_QUEUE_POS_MASK));
		}
		must_eq(queue_box_put(&b, 0, 9, 0, 7), 1);
		must_eq(kipc__queue_reserve(&b.end[1], m, 1), 1);
		must_eq(kipc__queue_discard(&b.end[1]), 1);
		queue_box_take(&b, 1, 9, 0, 7);
		must_eq(kipc__queue_ready(&b.end[1]),
		        0); /* this look leads behind what was discarded */
		must(hint_of(&b, 0) == (b.area->classes[0].prod & KIPC_QUEUE_POS_MASK));
		queue_box_free(&b);
	}
}

/* Order is that of the reservations: what is reserved and not committed holds up what follows it in
 * its class, and nothing in another one.
 */
Test(queue, a_reservation_keeps_its_place)
{
	struct kipc_msg m = { .len = 10, .flags = KIPC_PRIO(1) };
	struct queue_box b;

	make(&b, 8, 2);
	must_eq(kipc__queue_reserve(&b.end[2], &m, 1), 1);
	must_eq(queue_box_put(&b, 0, 10, 1, 1), 1);
	must_eq(kipc__queue_ready(&b.end[1]), 0);
	must_eq(b.end[1].blocker, 2);
	must_eq(queue_box_put(&b, 0, 10, 0, 7), 1);
	queue_box_take(&b, 1, 10, 0, 7);
	content_fill(m.data, 10, 1, 0);
	must_eq(kipc__queue_commit(&b.end[2], &m, 1), 1);
	queue_box_take(&b, 1, 10, 1, 0);
	must_eq(b.end[1].blocker, KIPC__QUEUE_NOBODY);
	queue_box_take(&b, 1, 10, 1, 1);
	must_eq(kipc__queue_reserve(&b.end[2], &m, 1), 1);
	must_eq(queue_box_put(&b, 0, 10, 1, 2), 1);
	must_eq(kipc__queue_ready(&b.end[1]), 0);
	must_eq(kipc__queue_discard(&b.end[2]), 1);
	queue_box_take(&b, 1, 10, 1, 2);
	queue_box_free(&b);
}

Test(queue, too_long_for_the_buffer_stays_for_others)
{
	uint8_t buf[56];
	struct kipc_msg m = { .data = buf, .len = 19 };
	struct queue_box b;

	make(&b, 4, 1);
	must_eq(queue_box_put(&b, 0, 20, 0, 0), 1);
	must_eq(kipc__queue_recv(&b.end[1], &m, 1), -EMSGSIZE);
	queue_box_take(&b, 2, 20, 0, 0);
	must_eq(queue_box_put(&b, 0, 20, 0, 1), 1);
	must_eq(kipc__queue_peek(&b.end[1], &m, 1), 1);
	m = (struct kipc_msg){ .data = buf, .len = 19 };
	must_eq(kipc__queue_recv(&b.end[1], &m, 1), -EMSGSIZE);
	m.len = 20;
	must_eq(kipc__queue_recv(&b.end[1], &m, 1), 1);
	must(content_is(buf, 20, 1, 1));
	queue_box_free(&b);
}

/* A receiver that keeps one message costs one slot; the others go round and round. */
Test(queue, one_who_holds_a_message_stops_nobody)
{
	for (size_t s = 0; s < STARTS; s++) {
		struct kipc_msg m;
		struct queue_box b;

		queue_box_make(&b, 4, 64, 1, starts[s]);
		must_eq(queue_box_put(&b, 0, 30, 0, 100), 1);
		must_eq(kipc__queue_peek(&b.end[5], &m, 1), 1);
		for (uint64_t i = 0; i < 50; i++) {
			must_eq(queue_box_put(&b, 0, 30, 0, i), 1);
			queue_box_take(&b, 1, 30, 0, i);
		}
		must_eq(queue_box_capacity(&b), 3);
		must(content_is(m.data, 30, 1, 100));
		must_eq(kipc__queue_release(&b.end[5], 1), 1);
		must_eq(queue_box_capacity(&b), 4);
		queue_box_free(&b);
	}
}

Test(queue, everything_held_is_full)
{
	struct kipc_msg m[4];
	struct queue_box b;

	make(&b, 4, 1);
	for (uint64_t i = 0; i < 4; i++)
		must_eq(queue_box_put(&b, 0, 5, 0, i), 1);
	must_eq(kipc__queue_peek(&b.end[6], m, 4), 4);
	for (int i = 0; i < 100; i++) {
		must_eq(queue_box_put(&b, 0, 5, 0, 9), 0);
		must_eq(kipc__queue_room(&b.end[0], 0, 1), 0);
		must_eq(kipc__queue_ready(&b.end[2]), 0);
	}
	must_eq(kipc__queue_release(&b.end[6], 3), 3);
	must_eq(kipc__queue_room(&b.end[0], 0, 3), 1);
	must_eq(kipc__queue_room(&b.end[0], 0, 4), 0);
	must_eq(queue_box_capacity(&b), 3);
	must_eq(kipc__queue_release(&b.end[6], 1), 1);
	must_eq(queue_box_capacity(&b), 4);
	queue_box_free(&b);
}

/* ---- the dead --------------------------------------------------------------------------- */

Test(queue, died_with_a_reservation)
{
	struct kipc_msg m[2] = { { .len = 10 }, { .len = 20 } };
	struct queue_box b;

	make(&b, 8, 1);
	must_eq(queue_box_put(&b, 0, 11, 0, 1), 1);
	must_eq(kipc__queue_reserve(&b.end[4], m, 2), 2);
	must_eq(queue_box_put(&b, 0, 12, 0, 2), 1);
	must_eq(queue_box_kill(&b, 4), 2);
	queue_box_take(&b, 1, 11, 0, 1);
	queue_box_take(&b, 1, 12, 0, 2);
	must_eq(kipc__queue_ready(&b.end[1]), 0);
	must_eq(b.area->count.abandoned, 2);
	must_eq(queue_box_capacity(&b), 8);
	queue_box_free(&b);
}

Test(queue, died_with_messages_that_come_again)
{
	struct kipc_msg m[3];
	struct queue_box b;

	make(&b, 8, 1);
	for (uint64_t i = 0; i < 6; i++)
		must_eq(queue_box_put(&b, 0, 10 + i, 0, i), 1);
	must_eq(kipc__queue_peek(&b.end[4], m, 3), 3);
	queue_box_take(&b, 1, 13, 0, 3);
	must_eq(queue_box_kill(&b, 4), 3);
	must_eq(b.area->count.redelivered, 3);
	must_eq(kipc__queue_peek(&b.end[2], m, 3), 3);
	for (unsigned i = 0; i < 3; i++)
		must(m[i].len == 10 + i && m[i].flags == KIPC_MSG_AGAIN &&
		     content_is(m[i].data, m[i].len, 1, i));
	must_eq(kipc__queue_release(&b.end[2], 3), 3);
	must_eq(kipc__queue_peek(&b.end[2], m, 3), 2);
	must(m[0].len == 14 && m[0].flags == 0 && m[1].len == 15);
	must_eq(kipc__queue_release(&b.end[2], 2), 2);
	must_eq(queue_box_capacity(&b), 8);
	queue_box_free(&b);
}

Test(queue, died_with_messages_that_are_dropped)
{
	struct kipc_msg m[3];
	struct queue_box b;

	make(&b, 8, 1);
	for (unsigned e = 0; e < BOX_ENDS; e++)
		b.end[e].geom.held = KIPC_QUEUE_DROP;
	for (uint64_t i = 0; i < 6; i++)
		must_eq(queue_box_put(&b, 0, 10, 0, i), 1);
	must_eq(kipc__queue_peek(&b.end[4], m, 3), 3);
	must_eq(kipc__queue_reap(&b.end[0], 4), 3);
	must_eq(kipc__queue_reap(&b.end[1], 4), 0);
	must_eq(b.area->count.dropped, 3);
	must_eq(b.area->count.redelivered, 0);
	for (uint64_t i = 3; i < 6; i++)
		queue_box_take(&b, 1, 10, 0, i);
	must_eq(queue_box_capacity(&b), 8);
	queue_box_free(&b);
}

/* Passed over many times, then its reader died: it comes again, among those that came meanwhile. */
Test(queue, died_with_a_message_that_was_passed_over)
{
	struct kipc_msg m;
	struct queue_box b;
	int seen = 0;

	make(&b, 4, 1);
	must_eq(queue_box_put(&b, 0, 30, 0, 100), 1);
	must_eq(kipc__queue_peek(&b.end[5], &m, 1), 1);
	for (uint64_t i = 0; i < 21; i++) {
		must_eq(queue_box_put(&b, 0, 20, 0, i), 1);
		queue_box_take(&b, 1, 20, 0, i);
	}
	must_eq(queue_box_put(&b, 0, 20, 0, 21), 1);
	must_eq(queue_box_kill(&b, 5), 1);
	for (int i = 0; i < 2; i++) {
		must_eq(kipc__queue_peek(&b.end[1], &m, 1), 1);
		seen |= m.flags & KIPC_MSG_AGAIN ? 1 : 2;
		must(m.len == (m.flags & KIPC_MSG_AGAIN ? 30 : 20));
		must(content_is(m.data, m.len, 1, m.flags & KIPC_MSG_AGAIN ? 100 : 21));
		must_eq(kipc__queue_release(&b.end[1], 1), 1);
	}
	must_eq(seen, 3);
	must_eq(queue_box_capacity(&b), 4);
	queue_box_free(&b);
}

/* Somebody may have looked at the slot before it became ready again, and is about to move the hint past
 * it: it must not be the word that he saw, even where it stays at the same position.
 */
Test(queue, a_hint_that_stays_is_another_word)
{
	struct kipc_msg m;
	struct queue_box b;
	uint64_t before;

	make(&b, 4, 1);
	for (uint64_t i = 0; i < 2; i++)
		must_eq(queue_box_put(&b, 0, 10, 0, i), 1);
	must_eq(kipc__queue_peek(&b.end[4], &m, 1), 1);
	b.area->classes[0].cons = before = 0;
	must_eq(queue_box_kill(&b, 4), 1);
	must(b.area->classes[0].cons != before);
	must_eq(b.area->classes[0].cons & KIPC_QUEUE_POS_MASK, 0);
	queue_box_take(&b, 1, 10, 0, 0);
	queue_box_take(&b, 1, 10, 0, 1);
	queue_box_free(&b);
}

Test(queue, left_without_releasing)
{
	struct kipc_msg m[3];
	struct queue_box b;

	make(&b, 4, 2);
	for (uint64_t i = 0; i < 3; i++)
		must_eq(queue_box_put(&b, 0, 10, i == 2, i), 1);
	must_eq(kipc__queue_peek(&b.end[4], m, 3), 3);
	must_eq(kipc__queue_return(&b.end[4]), 3);
	must_eq(kipc__queue_return(&b.end[4]), 0);
	queue_box_take(&b, 1, 10, 1, 2);
	queue_box_take(&b, 1, 10, 0, 0);
	queue_box_take(&b, 1, 10, 0, 1);
	must_eq(queue_box_kill(&b, 4), 0);
	queue_box_free(&b);
}

Test(queue, a_thousand_deaths_leak_nothing)
{
	struct queue_box b;
	struct kipc_msg m[3];

	make(&b, 8, 2);
	for (unsigned i = 0; i < 1000; i++) {
		unsigned prio = i % 2;

		for (unsigned k = 0; k < 3; k++)
			m[k] = (struct kipc_msg){ .len = 5, .flags = KIPC_PRIO(prio) };
		must_eq(kipc__queue_reserve(&b.end[1], m, 3), 3);
		must_eq(queue_box_kill(&b, 1), 3);
		must_eq(queue_box_put(&b, 0, 5, prio, i), 1);
		must_eq(kipc__queue_peek(&b.end[2], m, 3), 1);
		must_eq(queue_box_kill(&b, 2), 1);
		queue_box_take(&b, 3, 5, prio, i);
	}
	must_eq(b.area->count.abandoned, 3000);
	must_eq(b.area->count.redelivered, 1000);
	must_eq(queue_box_capacity(&b), 8);
	queue_box_free(&b);
}

/* However far it lies from where the next look begins. */
Test(queue, a_look_at_all_finds_the_last)
{
	struct kipc_msg m[32];
	struct queue_box b;
	uint64_t cons;

	make(&b, 1024, 1);
	for (uint64_t i = 0; i < 1000; i++)
		must_eq(queue_box_put(&b, 0, 10, 0, i), 1);
	for (uint64_t i = 0; i < 990; i++)
		queue_box_take(&b, 1, 10, 0, i);
	must_eq(kipc__queue_peek(&b.end[4], m, 10), 10);
	cons = b.area->classes[0].cons;
	must_eq(queue_box_kill(&b, 4), 10);
	b.area->classes[0].cons = cons;
	must_eq(kipc__queue_ready(&b.end[1]), 0);
	must_eq(kipc__queue_mend(&b.end[1]), 0);
	must_eq(kipc__queue_mend_all(&b.end[1]), 1);
	for (uint64_t i = 990; i < 1000; i++)
		queue_box_take(&b, 1, 10, 0, i);
	must_eq(kipc__queue_mend_all(&b.end[1]), 0);
	queue_box_free(&b);
}

/* Somebody was killed after he made a message available again and before he said where. */
Test(queue, a_message_behind_its_hint_is_found)
{
	struct kipc_msg m;
	struct queue_box b;
	uint64_t cons;

	for (int full = 0; full < 2; full++) {
		make(&b, 4, 1);
		for (uint64_t i = 0; i < 2; i++)
			must_eq(queue_box_put(&b, 0, 10, 0, i), 1);
		must_eq(kipc__queue_peek(&b.end[4], &m, 1), 1);
		queue_box_take(&b, 1, 10, 0, 1);
		cons = b.area->classes[0].cons;
		must_eq(queue_box_kill(&b, 4), 1);
		b.area->classes[0].cons = cons;
		must_eq(kipc__queue_ready(&b.end[1]), 0);
		if (full) { /* the others come round to it */
			for (uint64_t i = 2; i < 4; i++)
				must_eq(queue_box_put(&b, 0, 10, 0, i), 1);
			must_eq(queue_box_put(&b, 0, 10, 0, 4), 0);
			for (uint64_t i = 2; i < 4; i++)
				queue_box_take(&b, 1, 10, 0, i);
		} else {
			must_eq(kipc__queue_mend(&b.end[1]), 1);
		}
		queue_box_take(&b, 1, 10, 0, 0);
		must_eq(kipc__queue_mend(&b.end[1]), 0);
		must_eq(queue_box_capacity(&b), 4);
		queue_box_free(&b);
	}
}
