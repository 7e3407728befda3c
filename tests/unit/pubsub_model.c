// SPDX-License-Identifier: MIT
/*
 * Publisher and subscribers in random steps against the plainest model: message i is the i-th that was
 * published, its content follows from i, and a subscriber has seen and missed all up to its next one.
 */
#include <criterion/criterion.h>
#include "pubsub_bed.h"

TestSuite(pubsub, .init = harness_begin, .fini = harness_end);

struct model {
	uint64_t begun; /* number of the first message that it could get */
	uint64_t seen;
};

static void join(struct pubsub_bed *b, struct model *m, unsigned end, bool lossy, bool oldest)
{
	must_eq(kipc__sub_init(&b->sub[end], &b->at, end, lossy, oldest), 0);
	m[end] = (struct model){ .begun = b->sub[end].next };
	if (!oldest)
		must(m[end].begun == b->pub.number);
}

/* Up to n messages; at each loss the count must fit. */
static void take(struct pubsub_bed *b, struct model *m, unsigned end, unsigned n, bool in_place)
{
	struct kipc__sub *s = &b->sub[end];

	while (n--) {
		uint64_t lost = s->lost;
		int r = pubsub_bed_take(b, end, in_place);

		if (r == 0)
			break;
		must(r == 1 || (r == -EOVERFLOW && s->lossy && s->lost > lost));
		m[end].seen += r > 0;
		must(m[end].begun + m[end].seen + s->lost == s->next);
	}
}

static void latest(struct pubsub_bed *b, unsigned end)
{
	uint8_t copy[1 << 16];
	struct kipc_msg m = { .data = copy, .len = sizeof(copy) };
	uint64_t number = 0;
	int r = kipc__sub_latest(&b->sub[end], &m, &number);

	must_eq(r, b->pub.number > 1);
	if (r) {
		must(number == b->pub.number - 1);
		must(pubsub_bed_is(b, copy, m.len, number));
	}
}

static void play(uint64_t bytes, uint32_t align, uint64_t start, uint64_t seed)
{
	struct pubsub_bed *b = pubsub_bed_make(bytes, align, start);
	struct model m[BED_ENDS] = { 0 };
	unsigned steps = harness_rounds(30000);
	uint64_t full = 0, lost = 0;

	for (unsigned end = 1; end < BED_ENDS; end++)
		join(b, m, end, end > 3, end % 2);
	for (unsigned i = 0; i < steps; i++) {
		uint64_t dice = harness_random(&seed);
		unsigned end = 1 + (dice >> 8) % (BED_ENDS - 1);
		int r;

		if (dice % 8 < 3) {
			r = pubsub_bed_put(b, 1 + (dice >> 16) % (dice % 8 ? 1 : 6),
			                   dice >> 32 & 1);
			full += r == 0;
			must(r >= 0 || r == -EMSGSIZE);
		} else if (dice % 8 == 3) {
			latest(b, end);
		} else if (dice % 256 == 4) {
			lost += b->sub[end].lost;
			kipc__sub_unbind(&b->sub[end]);
			join(b, m, end, end > 3, dice >> 33 & 1);
		} else if (dice % 256 == 12) { /* the publisher dies, a new one comes */
			uint64_t prod = b->pub.prod, number = b->pub.number;

			must_eq(kipc__pub_init(&b->pub, &b->at), 0);
			must(b->pub.prod == prod && b->pub.number == number);
		} else {
			take(b, m, end, (dice >> 16) % 12, dice >> 32 & 1);
		}
	}
	for (unsigned end = 1; end < BED_ENDS; end++) {
		take(b, m, end, UINT32_MAX, false);
		must(b->sub[end].next == b->pub.number);
		lost += b->sub[end].lost;
		must(end > 3 || b->sub[end].lost == 0);
	}
	must(full > 0 && lost > 0); /* the test has met both */
	pubsub_bed_free(b);
}

Test(pubsub, model)
{
	play(4096, 8, 0, 1);
	play(65536, 8, 0, 2);
}

Test(pubsub, model_aligned)
{
	play(8192, 64, 64 - KIPC_PUB_BYTES, 3);
	play(4096, 256, 0, 4);
}

Test(pubsub, model_positions_wrap)
{
	play(4096, 8, 0 - (uint64_t)20000, 5);
	play(4096, 16, 0 - (uint64_t)4096, 6);
}

/* ---- overtaken -------------------------------------------------------------------------- */

/* What was peeked and then overwritten is not given back as if it had been whole. */
Test(pubsub, overtaken_while_peeking)
{
	struct pubsub_bed *b = pubsub_bed_make(4096, 8, 0);
	struct kipc__sub *s = &b->sub[1];
	struct kipc_msg m[4];

	must_eq(kipc__sub_init(s, &b->at, 1, true, false), 0);
	for (int i = 0; i < 4; i++)
		must_eq(pubsub_bed_put(b, 1, false), 1);
	must_eq(kipc__sub_peek(s, m, 4), 4);
	while (b->at.ctrl->oldest < s->end[1])
		must_eq(pubsub_bed_put(b, 1, false), 1);
	must_eq(kipc__sub_release(s, 4), -EOVERFLOW);
	must(s->lost >= 2);
	must(s->next == 1 + s->lost);
	must_eq(kipc__sub_release(s, 1), -EINVAL);
	must_eq(pubsub_bed_take(b, 1, true), 1);
	pubsub_bed_free(b);
}

/* A bound one stops the publisher; cut off, it has what is left, then learns of its loss, then is bound
 * again.
 */
Test(pubsub, cut_off_and_bound_again)
{
	struct pubsub_bed *b = pubsub_bed_make(4096, 8, 0);
	struct kipc__sub *s = &b->sub[1];
	uint64_t lost;
	int r;

	must_eq(kipc__sub_init(s, &b->at, 1, false, false), 0);
	while ((r = pubsub_bed_put(b, 1, false)) == 1)
		;
	must_eq(r, 0);
	must_eq(kipc__pub_cut(&b->pub, 1000), 1);
	must(b->bound[0] == 0);
	must_eq(pubsub_bed_take(b, 1, false), 1); /* nothing is overwritten yet */
	must(b->bound[0] == 2);
	while ((r = pubsub_bed_put(b, 1, false)) == 1)
		;
	must_eq(r, 0);
	must_eq(kipc__pub_cut(&b->pub, 1000), 1);
	for (int i = 0; i < 100; i++)
		must_eq(pubsub_bed_put(b, 1, false), 1);
	must_eq(pubsub_bed_take(b, 1, true), -EOVERFLOW);
	lost = s->lost;
	must(lost > 0 && b->bound[0] == 2);
	while ((r = pubsub_bed_take(b, 1, false)) == 1)
		;
	must_eq(r, 0);
	must(s->lost == lost && s->next == b->pub.number);
	pubsub_bed_free(b);
}

/* A subscriber binds itself between the claim and the look at who is bound: nothing may be written. */
Test(pubsub, bound_behind_a_claim)
{
	struct pubsub_bed *b = pubsub_bed_make(4096, 8, 0);
	uint64_t granted;

	for (int i = 0; i < 200; i++)
		must_eq(pubsub_bed_put(b, 1, false), 1);
	must_eq(kipc__sub_init(&b->sub[1], &b->at, 1, false, true), 0);
	granted = b->pub.granted;
	b->pub.claim += 512; /* as if it had stored the claim before it saw the bit */
	must_eq(kipc__pub_room(&b->pub, b->pub.claim - b->pub.prod - 8), 0);
	must(b->pub.granted == granted);
	while (pubsub_bed_take(b, 1, false) > 0)
		;
	must_eq(kipc__pub_room(&b->pub, b->pub.claim - b->pub.prod - 8), 1);
	pubsub_bed_free(b);
}

/* The publisher tells where the newest is behind its header: who has received it finds it all the same. */
Test(pubsub, latest_is_no_older_than_what_was_received)
{
	struct pubsub_bed *b = pubsub_bed_make(4096, 8, 0);
	uint8_t copy[2048];
	uint64_t number, before = KIPC_PUB_NONE;

	must_eq(kipc__sub_init(&b->sub[1], &b->at, 1, false, false), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct kipc_msg m = { .data = copy, .len = sizeof(copy) };

		must_eq(pubsub_bed_put(b, 1 + i % 3, i % 2), 1 + i % 3);
		while (pubsub_bed_take(b, 1, false) == 1)
			;
		b->at.ctrl->last = before; /* as it is until the next step of the publisher */
		must_eq(kipc__sub_latest(&b->sub[1], &m, &number), 1);
		must_eq(number, b->pub.number - 1);
		must(pubsub_bed_is(b, copy, m.len, number));
		must_eq(pubsub_bed_put(b, 1, false), 1);
		before = b->at.ctrl->last;
		must_eq(pubsub_bed_take(b, 1, true), 1);
	}
	pubsub_bed_free(b);
}

/* While it looks for its place nothing is claimed: also where nothing has ever been published. */
Test(pubsub, a_newcomer_holds_the_publisher)
{
	for (int before = 0; before < 200; before += 7) {
		struct pubsub_bed *b = pubsub_bed_make(4096, 8, 0);
		uint64_t claim;

		for (int i = 0; i < before; i++)
			must_eq(pubsub_bed_put(b, 1, false), 1);
		b->ctrl[1].cons.pos = KIPC_PUB_NONE;
		b->bound[0] = 2;
		claim = b->at.ctrl->claim;
		while (pubsub_bed_put(b, 1, false) == 1)
			;
		must(b->at.ctrl->claim == claim && b->bound[0] == 2 && b->pub.cut == 0);
		pubsub_bed_free(b);
	}
}

/* Killed anywhere inside a commit: what has no header does not exist, and the next one goes on. */
Test(pubsub, a_new_publisher_finds_what_is_whole)
{
	struct pubsub_bed *b = pubsub_bed_make(4096, 8, 0);
	struct kipc_msg m[3] = { { .len = 50 }, { .len = 60 }, { .len = 70 } };
	uint64_t prod, number;

	must_eq(kipc__sub_init(&b->sub[1], &b->at, 1, false, false), 0);
	for (unsigned i = 0; i < 300; i++) {
		must_eq(pubsub_bed_put(b, 1, i % 2), 1);
		prod = b->pub.prod;
		number = b->pub.number;
		must_eq(pubsub_bed_take(b, 1, false), 1);
		if (kipc__pub_reserve(&b->pub, m, 3) == 3)
			memset(m[0].data, 0x77, 50 + 60 + 70);
		if (i % 3)
			b->at.ctrl->prod = b->at.ctrl->last = 0; /* stored last, if at all */
		must_eq(kipc__pub_init(&b->pub, &b->at), 0);
		must(b->pub.prod == prod && b->pub.number == number);
		must_eq(pubsub_bed_take(b, 1, true), 0);
	}
	pubsub_bed_free(b);
}
