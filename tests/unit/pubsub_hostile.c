// SPDX-License-Identifier: MIT
/*
 * What somebody who writes nonsense anywhere can do: an error or a message that is wrong, never a read
 * or a write outside, never a loop without end.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include "pubsub_bed.h"

TestSuite(pubsub_hostile, .init = harness_begin, .fini = harness_end);

static bool inside(const struct pubsub_bed *b, const struct kipc_msg *m)
{
	const uint8_t *at = m->data;

	return at >= b->at.data + KIPC_PUB_BYTES && at + m->len <= b->at.data + 2 * b->at.bytes &&
	       m->len <= kipc__pubsub_max_len(b->at.bytes, b->at.align);
}

static bool lawful(int r)
{
	return r >= 0 || r == -EOVERFLOW || r == -EBADMSG || r == -EMSGSIZE || r == -EINVAL;
}

/* Everything that an end does; each result must be a lawful one. */
static void do_all(struct pubsub_bed *b, unsigned end)
{
	static uint8_t copy[8192];
	struct kipc__sub *s = &b->sub[end];
	struct kipc_msg m[4], one = { .data = copy, .len = sizeof(copy) };
	uint64_t number;
	int n;

	must(lawful(pubsub_bed_put(b, 2, true)));
	must(lawful(pubsub_bed_put(b, 3, false)));
	must(lawful(kipc__sub_ready(s)));
	must(lawful(kipc__sub_latest(s, &one, &number)));
	n = kipc__sub_peek(s, m, 4);
	must(lawful(n));
	for (int i = 0; i < n; i++)
		must(inside(b, &m[i]));
	if (n > 0)
		must(lawful(kipc__sub_release(s, (unsigned)n)));
	one.len = sizeof(copy);
	must(lawful(kipc__sub_recv(s, &one, 1)));
	if (kipc__pub_room(&b->pub, 500) == 0)
		(void)kipc__pub_cut(&b->pub, 500);
}

/* The words that more than one end may write, and any of the data. */
static uint64_t *word(struct pubsub_bed *b, unsigned i, uint64_t random)
{
	uint64_t *words[] = { (uint64_t *)&b->at.ctrl->prod,  (uint64_t *)&b->at.ctrl->last,
		              (uint64_t *)&b->at.ctrl->claim, (uint64_t *)&b->at.ctrl->oldest,
		              (uint64_t *)&b->ctrl[1].cons,   (uint64_t *)&b->ctrl[2].cons,
		              (uint64_t *)&b->bound[0],       (uint64_t *)&b->bound[1] };

	if (i < sizeof(words) / sizeof(*words))
		return words[i];
	return (uint64_t *)b->at.data + random % (b->at.bytes / 8);
}

#define WORDS 9

static void begin(struct pubsub_bed *b)
{
	must_eq(kipc__sub_init(&b->sub[1], &b->at, 1, false, true), 0);
	must_eq(kipc__sub_init(&b->sub[2], &b->at, 2, true, true), 0);
}

/* One word, one bit or one strange value, in each of many states. */
Test(pubsub_hostile, each_word_changed)
{
	static const uint64_t strange[] = { 0,    1,          7,          8,         4095,
		                            4096, 1ULL << 32, 1ULL << 63, UINT64_MAX };
	uint64_t random = 99;
	unsigned rounds = harness_rounds(6);

	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < WORDS; i++)
			for (unsigned v = 0; v < 64 + 9; v++) {
				struct pubsub_bed *b = pubsub_bed_make(4096, 8, 0);
				uint64_t *at = word(b, i, harness_random(&random));

				begin(b);
				for (unsigned k = 0; k < 7 * round; k++)
					must(lawful(pubsub_bed_put(b, 1, false)));
				*at = v < 64 ? *at ^ 1ULL << v : strange[v - 64];
				do_all(b, 1);
				do_all(b, 2);
				(void)kipc__sub_init(&b->sub[3], &b->at, 3, v % 2, v % 4 < 2);
				(void)kipc__pub_init(&b->pub, &b->at);
				pubsub_bed_free(b);
			}
}

/* All of it, all the time, by another thread. */
struct scribbler {
	struct pubsub_bed *bed;
	uint32_t stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	uint64_t random = 4711;

	while (!kipc__load_relaxed(&s->stop)) {
		uint64_t dice = harness_random(&random);
		uint64_t *at = word(s->bed, dice % (2 * WORDS), dice >> 8);
		uint64_t value = dice >> 40 & 1 ? dice : *at + (dice >> 48 & 0xff8);

		kipc__store_relaxed(at, value);
	}
	return NULL;
}

Test(pubsub_hostile, words_changed_all_the_time)
{
	unsigned rounds = harness_rounds(3000);
	struct scribbler s = { .bed = pubsub_bed_make(4096, 8, 0) };
	pthread_t t;

	begin(s.bed);
	must_eq(pthread_create(&t, NULL, scribble, &s), 0);
	for (unsigned i = 0; i < rounds; i++) {
		do_all(s.bed, 1 + i % 2);
		if (i % 16 == 0) {
			(void)kipc__sub_init(&s.bed->sub[1], &s.bed->at, 1, false, i % 32);
			(void)kipc__sub_init(&s.bed->sub[2], &s.bed->at, 2, true, i % 32);
			(void)kipc__pub_init(&s.bed->pub, &s.bed->at);
		}
	}
	kipc__store_relaxed(&s.stop, 1);
	pthread_join(t, NULL);
	pubsub_bed_free(s.bed);
}

Test(pubsub_hostile, geometry_is_checked)
{
	struct kipc_ring_geom g = { .bytes = 4096, .align = 256, .start = 0 };

	must(kipc__pubsub_geom_valid(&g));
	g.align = 512;
	must(!kipc__pubsub_geom_valid(&g));
	g.align = 8;
	g.bytes = 4096 + 8;
	must(!kipc__pubsub_geom_valid(&g));
}

/* A subscriber that says to be where nobody can be does not stop the publisher. */
Test(pubsub_hostile, a_position_that_is_none)
{
	static const uint64_t lies[] = { 8, 4, 4096, 1ULL << 32, 1ULL << 63, -4104ULL, -9ULL };

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct pubsub_bed *b = pubsub_bed_make(4096, 8, 0);

		must_eq(kipc__sub_init(&b->sub[1], &b->at, 1, false, true), 0);
		b->bound[0] |= 1 | 1ULL << 60; /* and ends that are none */
		while (pubsub_bed_put(b, 1, false) == 1)
			;
		b->ctrl[1].cons.pos = b->pub.prod + lies[i];
		must_eq(pubsub_bed_put(b, 1, false), 1);
		must(b->bound[0] == 0 && b->pub.cut == 1);
		pubsub_bed_free(b);
	}
}
