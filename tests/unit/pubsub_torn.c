// SPDX-License-Identifier: MIT
/* A publisher that overwrites all the time, and readers that copy meanwhile: whole or not at all. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include "pubsub_bed.h"

TestSuite(pubsub_torn, .init = harness_begin, .fini = harness_end);

struct race {
	struct pubsub_bed *bed;
	uint32_t stop;
	unsigned end;
	uint64_t seen, lost;
};

static void *publish_for_ever(void *arg)
{
	struct race *r = arg;

	for (unsigned i = 0; !kipc__load_relaxed(&r->stop); i++)
		must(pubsub_bed_put(r->bed, 1 + i % 3, i % 2) >= 0);
	return NULL;
}

/* Lossy: every message that comes is whole and where the counts say. */
static void *read_lossy(void *arg)
{
	struct race *r = arg;
	struct kipc__sub *s = &r->bed->sub[r->end];
	uint64_t first = s->next;
	static _Thread_local uint8_t copy[1 << 16];

	while (!kipc__load_relaxed(&r->stop)) {
		struct kipc_msg m = { .data = copy, .len = sizeof(copy) };
		uint64_t next = s->next;
		int got = kipc__sub_recv(s, &m, 1);

		if (got == 1) {
			must(pubsub_bed_is(r->bed, copy, m.len, next));
			r->seen++;
		} else {
			must(got == 0 || got == -EOVERFLOW);
		}
		must(first + r->seen + s->lost == s->next);
	}
	r->lost = s->lost;
	return NULL;
}

static void *read_latest(void *arg)
{
	struct race *r = arg;
	static _Thread_local uint8_t copy[1 << 16];
	uint64_t before = 0, number;

	while (!kipc__load_relaxed(&r->stop)) {
		struct kipc_msg m = { .data = copy, .len = sizeof(copy) };

		if (kipc__sub_latest(&r->bed->sub[r->end], &m, &number) != 1)
			continue;
		must(number >= before && pubsub_bed_is(r->bed, copy, m.len, number));
		before = number;
		r->seen++;
	}
	return NULL;
}

static void race(uint64_t bytes)
{
	struct pubsub_bed *b = pubsub_bed_make(bytes, 8, 0 - bytes * 3);
	struct race r[3] = { { .bed = b }, { .bed = b, .end = 1 }, { .bed = b, .end = 2 } };
	pthread_t t[3];
	int64_t until = harness_now() + (int64_t)harness_rounds(700) * MSEC;

	must_eq(kipc__sub_init(&b->sub[1], &b->at, 1, true, false), 0);
	must_eq(kipc__sub_init(&b->sub[2], &b->at, 2, true, false), 0);
	must_eq(pubsub_bed_put(b, 1, false), 1);
	pthread_create(&t[0], NULL, publish_for_ever, &r[0]);
	pthread_create(&t[1], NULL, read_lossy, &r[1]);
	pthread_create(&t[2], NULL, read_latest, &r[2]);
	while (harness_now() < until)
		sched_yield();
	for (int i = 0; i < 3; i++)
		kipc__store_relaxed(&r[i].stop, 1);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	must(r[1].seen > 0 && r[2].seen > 0);
	pubsub_bed_free(b);
}

Test(pubsub_torn, small_ring)
{
	race(4096);
}

Test(pubsub_torn, larger_ring)
{
	race(32768);
}
