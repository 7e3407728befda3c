// SPDX-License-Identifier: MIT
/*
 * queue.c - model of the queue's slots: claims by compare-and-swap, and the undoing of a dead end's
 *
 * A sender, a receiver, and a third end that is a second one of either kind and may die before any of
 * its accesses; the receiver then clears it away. One or two classes of two slots each. Right is: each
 * message to exactly one, whole, without a data race, in order where one sends and one receives; what
 * a dead sender had sent is received, and of what a dead receiver held at most one message is gone,
 * which it had released and nobody counted.
 */
#include "core/queue.h"

#define MESSAGES 3
#define SLOTS    2
#define STRIDE   128
#define WORDS    8 /* of a long message, which lies in two cache lines; a short one has one */
#define ACCESSES 60

#define PATTERN(number) (0xaa00000000000000ULL + (number))

const unsigned kipc__model_threads = 3;

static uint8_t memory[KIPC_QUEUE_SLOTS_OFF + 2 * 2 * SLOTS * STRIDE] __attribute__((aligned(64)));
static struct kipc__queue ends[3];
static uint32_t left[3]; /* 1: done, 2: dead */
static bool third_sends, third_may_die, third_died;
static unsigned words;                /* of each message */
static unsigned sent[3];              /* how many of an end's messages have been sent */
static unsigned got[3][2 * MESSAGES]; /* by receiver and number */
static unsigned last;                 /* number + 1 that the receiver got from end 0 */

static void declare(struct kipc_queue_area *a, unsigned classes)
{
	unsigned i;

	kipc__model_word(&a->ready.classes, 4, 0);
	kipc__model_word(&a->ready.crowd, 4, 0);
	kipc__model_word(&a->count.redelivered, 8, 0);
	kipc__model_word(&a->count.dropped, 8, 0);
	kipc__model_word(&a->count.abandoned, 8, 0);
	for (i = 0; i < classes; i++) {
		kipc__model_word(&a->classes[i].prod, 8, 0);
		kipc__model_word(&a->classes[i].cons, 8, 0);
	}
	for (i = 0; i < 3; i++)
		kipc__model_word(&left[i], 4, 0);
	kipc__model_area(memory + KIPC_QUEUE_SLOTS_OFF, (size_t)classes * SLOTS * STRIDE, false);
}

void kipc__model_setup(void)
{
	struct kipc_queue_geom g = {
		.slots = SLOTS, .stride = STRIDE, .classes = 1 + kipc__model_rand(2), .nr_ends = 3
	};
	unsigned i;

	declare((struct kipc_queue_area *)memory, g.classes);
	kipc__queue_format(memory, &g);
	for (i = 0; i < 3; i++) {
		kipc__model_assert(kipc__queue_init(&ends[i], memory, kipc__queue_bytes(&g), i) ==
		                           0,
		                   "the queue does not begin");
		ends[i].rfo = true;
	}
	words = kipc__model_rand(2) ? 1 : WORDS;
	third_sends = kipc__model_rand(2);
	third_may_die = kipc__model_rand(2);
	third_died = false;
	memset(sent, 0, sizeof(sent));
	memset(got, 0, sizeof(got));
	last = 0;
}

/* ---- senders ---------------------------------------------------------------------------- */

static void send_all(unsigned e)
{
	struct kipc__queue *q = &ends[e];
	unsigned base = e ? MESSAGES : 0;
	unsigned i;
	int r;

	while (sent[e] < MESSAGES) {
		uint64_t payload[WORDS];
		struct kipc_msg m = { .data = payload,
			              .len = 8 * words,
			              .flags = e ? q->geom.classes - 1 : 0 };

		for (i = 0; i < words; i++)
			payload[i] = PATTERN(base + sent[e]);
		r = m.flags == 0 && kipc__model_rand(2) ? kipc__queue_put(q, payload, m.len)
		                                        : kipc__queue_send(q, &m, 1);
		kipc__model_assert(r >= 0, "send fails");
		sent[e] += (unsigned)r;
		if (r == 0)
			kipc__model_yield();
	}
}

static void third_send(void)
{
	send_all(2);
}

/* ---- receivers -------------------------------------------------------------------------- */

static int copy_one(struct kipc__queue *q, struct kipc_msg *m)
{
	int64_t len = kipc__model_rand(2) ? kipc__queue_get(q, m->data, m->len) : -EAGAIN;

	if (len == -EAGAIN)
		return kipc__queue_recv(q, m, 1);
	m->len = (size_t)len;
	return len < 0 ? (int)len : 1;
}

/* One message, in place or copied, if there is one. */
static bool receive(unsigned e)
{
	struct kipc__queue *q = &ends[e];
	bool in_place = kipc__model_rand(2);
	uint64_t payload[WORDS] = { 0 }, number;
	struct kipc_msg m = { .data = payload, .len = sizeof(payload) };
	int r = in_place ? kipc__queue_peek(q, &m, 1) : copy_one(q, &m);

	kipc__model_assert(r >= 0, "receiving fails");
	if (r == 0)
		return false;
	if (in_place) {
		kipc__model_copy(payload, m.data, m.len);
		kipc__model_assert(kipc__queue_release(q, 1) == 1, "release fails");
	}
	number = payload[0] - PATTERN(0);
	kipc__model_assert(m.len == 8 * words && number < 2 * MESSAGES &&
	                           payload[words - 1] == payload[0],
	                   "not what was sent");
	got[e][number]++;
	if (number < MESSAGES && third_sends) {
		kipc__model_assert(number >= last, "a sender's messages out of order");
		last = (unsigned)number + 1;
	}
	return true;
}

static void third_receive(void)
{
	unsigned i;

	for (i = 0; i < MESSAGES; i++)
		if (!receive(2))
			kipc__model_yield();
}

/* Until the others are done and there is nothing; the dead are cleared away, once noticed. */
static void receive_all(void)
{
	bool reaped = false, over;
	uint32_t third;

	for (;;) {
		third = kipc__load_acquire(&left[2]);
		if (third == 2 && !reaped) {
			kipc__queue_reap(&ends[1], 2);
			reaped = true;
		}
		over = third != 0 && kipc__load_acquire(&left[0]) != 0;
		if (receive(1))
			continue;
		if (over)
			return;
		kipc__model_yield();
	}
}

/* ---- the threads ------------------------------------------------------------------------ */

static void third_thread(void)
{
	void (*use)(void) = third_sends ? third_send : third_receive;

	if (third_may_die)
		third_died = kipc__model_mortal(use, ACCESSES);
	else
		use();
	if (third_died)
		kipc__model_fence(KIPC__SEQ_CST); /* a process that ends goes through the kernel */
	kipc__store_release(&left[2], third_died ? 2 : 1);
}

void kipc__model_thread(unsigned i)
{
	if (i == 1) {
		receive_all();
	} else if (i == 2) {
		third_thread();
	} else {
		send_all(0);
		kipc__store_release(&left[0], 1);
	}
}

void kipc__model_after(void)
{
	const struct kipc__queue *q = &ends[1];
	unsigned lost = 0, i, n;

	for (i = 0; i < q->geom.classes * SLOTS; i++)
		kipc__model_assert(kipc__slot_state(kipc__load_relaxed(kipc__queue_slot(
					   q, i / SLOTS, i % SLOTS))) == KIPC_SLOT_FREE,
		                   "a slot is left");
	for (i = 0; i < 2 * MESSAGES; i++) {
		n = got[1][i] + got[2][i];
		kipc__model_assert(n <= 1, "a message was received twice");
		lost += n == 0 && i < (i < MESSAGES ? sent[0] : MESSAGES + sent[2]);
	}
	kipc__model_assert(lost <= (unsigned)(third_died && !third_sends), "a message is lost");
}
