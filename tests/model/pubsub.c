// SPDX-License-Identifier: MIT
/*
 * pubsub.c - model of overwriting, being overtaken, the newest value, and binding: (K) to (T)
 *
 * lib/core/pubsub_*.c themselves over a ring of two cache lines, which is nearly full to begin with: so the
 * publisher overwrites what a subscriber is about to read. That one is lossy, or looks at the newest
 * message, or comes now and is waited for, or is cut off now and then. Right is: what comes is whole and
 * the next one, losses are counted exactly, who is bound loses nothing, has its messages to itself and
 * finds the newest in three tries, nobody waits for ever.
 */
#include "core/pubsub.h"

#define BYTES    128
#define MESSAGES 9
#define ENDS     2

/* The only word of a message; as a header it would be one that no honest publisher writes. */
#define PATTERN(number) (0xaa00000000000000ULL + (number))

const unsigned kipc__model_threads = ENDS;

static uint8_t data[2 * BYTES];
static struct kipc_ring_ctrl ctrl[ENDS];
static __u64 bound[2];
static struct kipc__pubsub at;
static struct kipc__pub pub;
static struct kipc__sub sub;

static enum { LOSSY, NEWEST, BOUND, BOUND_NEWEST, CUT, ACTS } act;

static void publish_some(void);

static uint64_t start(void)
{
	return kipc__model_rand(2) ? 0 : (uint64_t)0 - 64; /* about to pass 2^64 */
}

void kipc__model_setup(void)
{
	struct kipc_ring_pub *pc = (struct kipc_ring_pub *)&ctrl[0];
	uint64_t first = start();
	unsigned i;

	at = (struct kipc__pubsub){ .data = data,
		                    .ctrl = pc,
		                    .ctrls = (uint8_t *)ctrl,
		                    .ctrl_bytes = sizeof(ctrl[0]),
		                    .nr_ends = ENDS,
		                    .bound = bound,
		                    .bytes = BYTES,
		                    .align = 8 };
	act = (unsigned)kipc__model_rand(ACTS);
	kipc__model_area(data, BYTES, act != BOUND);
	kipc__model_word(&pc->prod, 8, first);
	kipc__model_word(&pc->last, 8, KIPC_PUB_NONE);
	kipc__model_word(&pc->claim, 8, first);
	kipc__model_word(&pc->oldest, 8, first);
	for (i = 0; i < 2; i++)
		kipc__model_word(&bound[i], 8, 0);
	for (i = 1; i < ENDS; i++)
		kipc__model_word(&ctrl[i].cons.pos, 8, 0);
	kipc__model_assert(kipc__pub_init(&pub, &at) == 0, "the publisher does not begin");
	kipc__model_assert(act == BOUND || act == BOUND_NEWEST ||
	                           kipc__sub_init(&sub, &at, 1, act != CUT, false) == 0,
	                   "the subscriber does not begin");
	for (i = kipc__model_rand(4); i; i--)
		publish_some();
}

/* ---- the publisher ---------------------------------------------------------------------- */

/* One or two at once, copied or in place. */
static void publish_some(void)
{
	uint64_t words[2] = { PATTERN(pub.number), PATTERN(pub.number + 1) };
	struct kipc_msg m[2] = { { .data = &words[0], .len = 8 }, { .data = &words[1], .len = 8 } };
	unsigned n = pub.number < MESSAGES ? 1 + kipc__model_rand(2) : 1;
	bool in_place = kipc__model_rand(2);
	unsigned i;
	int r;

	while ((r = in_place ? kipc__pub_reserve(&pub, m, n) : kipc__pub_send(&pub, m, n)) == 0)
		if (act == CUT && kipc__model_rand(2))
			(void)kipc__pub_cut(&pub, kipc__pub_extent(&pub, m, n));
		else
			kipc__model_yield();
	kipc__model_assert(r > 0, "publishing fails");
	if (!in_place)
		return;
	for (i = 0; i < n; i++)
		kipc__model_copy(m[i].data, &words[i], 8);
	kipc__model_assert(kipc__pub_commit(&pub, m, n) == (int)n, "commit fails");
}

static void publish(void)
{
	while (pub.number <= MESSAGES)
		publish_some();
}

/* ---- the subscribers -------------------------------------------------------------------- */

/* One message, copied or in place: 1: it is the next one and whole; 0: none; -EOVERFLOW. */
static int take_one(struct kipc__sub *s)
{
	uint64_t word = 0, next = s->next;
	struct kipc_msg m = { .data = &word, .len = 8 };
	bool in_place = kipc__model_rand(2);
	int r = in_place ? kipc__sub_peek(s, &m, 1) : kipc__sub_recv(s, &m, 1);

	if (r == 1 && in_place) {
		kipc__model_assert(m.len == 8, "a length that nobody sent");
		kipc__model_copy(&word, m.data, 8);
		r = kipc__sub_release(s, 1);
	}
	kipc__model_assert(r == 1 || r == 0 || r == -EOVERFLOW, "taking fails");
	if (r == 1) {
		kipc__model_assert(word == PATTERN(next), "not what was published");
		kipc__model_assert(s->next == next + 1, "not the next one");
	}
	return r;
}

static void take_with_losses(struct kipc__sub *s)
{
	uint64_t seen = 0;
	int r;

	while (s->next <= MESSAGES) {
		r = take_one(s);
		seen += r == 1;
		kipc__model_assert(seen + s->lost + 1 == s->next, "a loss is not counted");
		if (r == 0)
			kipc__model_yield();
	}
}

static uint64_t look_at_latest(struct kipc__sub *s, uint64_t before)
{
	uint64_t word = 0, number = 0;
	struct kipc_msg m = { .data = &word, .len = 8 };
	int r = kipc__sub_latest(s, &m, &number);

	kipc__model_assert(r == 0 || r == 1, "the newest one is damaged");
	kipc__model_assert(r == 1 || act == NEWEST, "the newest one is not found");
	if (r == 0)
		return before;
	kipc__model_assert(word == PATTERN(number), "the newest one is torn");
	kipc__model_assert(number >= before, "the newest one is older than before");
	return number;
}

static void take_bound(struct kipc__sub *s)
{
	int r = kipc__sub_init(s, &at, 1, false, kipc__model_rand(2));

	kipc__model_assert(r == 0, "a late subscriber does not begin");
	while (s->next <= MESSAGES) {
		r = take_one(s);
		kipc__model_assert(r != -EOVERFLOW && s->lost == 0,
		                   "who is bound has lost something");
		if (r == 0)
			kipc__model_yield();
		if (r == 1 && act == BOUND_NEWEST)
			(void)look_at_latest(s, s->next - 1);
	}
}

static void watch_newest(struct kipc__sub *s)
{
	uint64_t newest = 0;

	while (newest < MESSAGES) {
		newest = look_at_latest(s, newest);
		kipc__model_yield();
	}
}

void kipc__model_thread(unsigned i)
{
	if (i == 1 && kipc__model_rand(2))
		kipc__model_sluggish(200);
	if (i == 0)
		publish();
	else if (act == LOSSY || act == CUT)
		take_with_losses(&sub);
	else if (act == NEWEST)
		watch_newest(&sub);
	else
		take_bound(&sub);
}

void kipc__model_after(void)
{
	kipc__model_assert(pub.number == MESSAGES + 1, "not all was published");
}
