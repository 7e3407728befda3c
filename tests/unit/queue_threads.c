// SPDX-License-Identifier: MIT
/* Threads that send, receive, die and bury each other: each message arrives, exactly once. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include "queue_box.h"

#define MAX_SENDERS 4

struct scene {
	struct queue_box b;
	unsigned senders, receivers, classes, per_sender;
	unsigned deaths;         /* one in so many steps is one; 0: none */
	uint8_t *seen;           /* of each message */
	unsigned left;           /* messages nobody received yet */
	unsigned dead[BOX_ENDS]; /* how often, and in the last 2 bits: undertakers still to come */
	unsigned over;
};

struct actor {
	struct scene *s;
	unsigned end;
	pthread_t thread;
};

TestSuite(queue_threads, .init = harness_begin, .fini = harness_end);

/* Everything that this end holds is as if its process had been killed here. */
static bool die(struct actor *a, uint64_t *random)
{
	struct scene *s = a->s;

	if (!s->deaths || harness_random(random) % s->deaths)
		return false;
	kipc__store_release(&s->dead[a->end], s->dead[a->end] + 4 + 2);
	while (kipc__load_acquire(&s->dead[a->end]) & 3)
		sched_yield();
	must_eq(kipc__queue_init(&s->b.end[a->end], s->b.area, kipc__queue_bytes(&s->b.geom),
	                         a->end),
	        0);
	return true;
}

/* Two of them come to each of the dead, at the same time. */
static void *undertaker(void *arg)
{
	struct actor *a = arg;
	struct scene *s = a->s;
	unsigned done[BOX_ENDS] = { 0 };

	while (!kipc__load_acquire(&s->over)) {
		for (unsigned e = 0; e < BOX_ENDS; e++) {
			unsigned dead = kipc__load_acquire(&s->dead[e]);

			if (done[e] == dead >> 2)
				continue;
			kipc__queue_reap(&s->b.end[a->end], e);
			done[e] = dead >> 2;
			kipc__fetch_add(&s->dead[e], -1U);
		}
		sched_yield();
	}
	return NULL;
}

static void send_batch(struct actor *a, uint64_t *id, unsigned n, uint64_t *random)
{
	struct kipc__queue *q = &a->s->b.end[a->end];
	struct kipc_msg m[4];

	for (unsigned i = 0; i < n; i++)
		m[i] = (struct kipc_msg){ .len = 40,
			                  .flags = KIPC_PRIO((*id + i) % a->s->classes) };
	if (kipc__queue_reserve(q, m, n) <= 0) {
		sched_yield();
		return;
	}
	for (unsigned i = 0; i < n; i++)
		content_fill(m[i].data, 40, a->end + 1, *id + i);
	for (unsigned i = 0; i < n; i++)
		*((uint64_t *)m[i].data) = (uint64_t)a->end << 32 | (*id + i);
	if (die(a, random))
		return;
	must_eq(kipc__queue_commit(q, m, n), n);
	*id += n;
}

static void *sender(void *arg)
{
	struct actor *a = arg;
	uint64_t random = a->end + 1, id = 0;

	while (id < a->s->per_sender) {
		unsigned n = 1 + (unsigned)(harness_random(&random) % 4);

		if (n > a->s->per_sender - id)
			n = (unsigned)(a->s->per_sender - id);
		send_batch(a, &id, n, &random);
	}
	return NULL;
}

static void check(struct actor *a, const struct kipc_msg *m, uint64_t *last)
{
	struct scene *s = a->s;
	uint64_t tag = *(const uint64_t *)m->data, id = tag & 0xffffffff;
	unsigned from = (unsigned)(tag >> 32);
	uint8_t want[40];

	must_eq(m->len, 40);
	must(from < s->senders && id < s->per_sender);
	must_eq(KIPC_PRIO_OF(m->flags), id % s->classes);
	content_fill(want, 40, from + 1, id);
	must(memcmp(want + 8, (const uint8_t *)m->data + 8, 32) == 0);
	must_eq(kipc__fetch_add(&s->seen[from * s->per_sender + id], 1), 0);
	if (s->deaths)
		return;
	must(last[from * 32 + id % s->classes] < id + 1); /* in the order of the sender */
	last[from * 32 + id % s->classes] = id + 1;
}

static void *receiver(void *arg)
{
	struct actor *a = arg;
	struct kipc__queue *q = &a->s->b.end[a->end];
	uint64_t random = a->end + 1;
	uint64_t *last = calloc(32 * MAX_SENDERS, sizeof(*last));
	struct kipc_msg m[4];

	while (kipc__load_acquire(&a->s->left)) {
		int n = kipc__queue_peek(q, m, 1 + (unsigned)(harness_random(&random) % 4));

		must(n >= 0);
		if (n == 0) {
			sched_yield();
			continue;
		}
		if (die(a, &random))
			continue;
		for (int i = 0; i < n; i++)
			check(a, &m[i], last);
		must_eq(kipc__queue_release(q, (unsigned)n), n);
		kipc__fetch_add(&a->s->left, -(unsigned)n);
	}
	free(last);
	return NULL;
}

static void start(struct scene *s, struct actor *a, unsigned end, void *(*run)(void *))
{
	*a = (struct actor){ .s = s, .end = end };
	must_eq(pthread_create(&a->thread, NULL, run, a), 0);
}

static void play(unsigned senders, unsigned receivers, uint32_t slots, unsigned classes,
                 unsigned deaths)
{
	struct scene s = { .senders = senders,
		           .receivers = receivers,
		           .classes = classes,
		           .deaths = deaths,
		           .per_sender = harness_rounds(deaths ? 20000 : 60000) };
	struct actor a[BOX_ENDS];
	unsigned n = senders + receivers;

	harness_note("%u senders, %u receivers, %u slots, %u classes", senders, receivers, slots,
	             classes);
	s.left = senders * s.per_sender;
	s.seen = calloc(s.left, 1);
	queue_box_make(&s.b, slots, 64, classes, (1ULL << 48) - 1000);
	for (unsigned e = 0; e < BOX_ENDS; e++)
		start(&s, &a[e], e, e < senders ? sender : e < n ? receiver : undertaker);
	for (unsigned e = 0; e < n; e++)
		must_eq(pthread_join(a[e].thread, NULL), 0);
	kipc__store_release(&s.over, 1);
	for (unsigned e = n; e < BOX_ENDS; e++)
		must_eq(pthread_join(a[e].thread, NULL), 0);
	for (uint64_t i = 0; i < (uint64_t)senders * s.per_sender; i++)
		must_eq(s.seen[i], 1);
	for (unsigned prio = 0; prio < classes; prio++) { /* no slot is lost */
		must_eq(kipc__queue_room(&s.b.end[0], prio, slots), 1);
	}
	queue_box_free(&s.b);
	free(s.seen);
}

Test(queue_threads, one_to_one)
{
	play(1, 1, 4, 1, 0);
	play(1, 1, 64, 3, 0);
}

Test(queue_threads, many_to_many)
{
	play(4, 2, 4, 1, 0);
	play(2, 4, 16, 1, 0);
	play(3, 3, 8, 32, 0);
}

Test(queue_threads, with_deaths)
{
	play(3, 3, 4, 1, 50);
	play(3, 3, 16, 4, 20);
	play(1, 5, 8, 1, 10);
	play(4, 2, 64, 2, 100);
}

/* ---- the bit of a class ----------------------------------------------------------------- */

/* The next message is sent just when the receiver of the last one finds the class empty. */
static void *answer(void *arg)
{
	struct actor *a = arg;
	struct scene *s = a->s;
	struct kipc_msg m;
	uint8_t buf[8];

	while (!kipc__load_acquire(&s->over)) {
		m = (struct kipc_msg){ .data = buf, .len = sizeof(buf) };
		if (kipc__queue_recv(&s->b.end[a->end], &m, 1) == 1)
			kipc__fetch_add(&s->left, -1U);
	}
	return NULL;
}

Test(queue_threads, no_message_without_its_bit)
{
	struct kipc_msg m = { .data = "", .flags = KIPC_PRIO(1) };
	unsigned rounds = harness_rounds(150000);
	struct scene s = { .left = 0 };
	struct actor a;

	queue_box_make(&s.b, 4, 64, 2, 0);
	start(&s, &a, 1, answer);
	for (unsigned i = 0; i < rounds; i++) {
		kipc__fetch_add(&s.left, 1);
		must_eq(kipc__queue_send(&s.b.end[0], &m, 1), 1);
		for (unsigned k = 0; kipc__load_acquire(&s.left); k++)
			if (k % 1024 == 1023)
				sched_yield();
	}
	kipc__store_release(&s.over, 1);
	must_eq(pthread_join(a.thread, NULL), 0);
	queue_box_free(&s.b);
}
