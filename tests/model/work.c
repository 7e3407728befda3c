// SPDX-License-Identifier: MIT
/*
 * work.c - model of senders and receivers of a queue that sleep, leave and die
 *
 * One is woken for a message and wakes the next, so a wake-up that is lost on the way is one that nobody
 * makes up for. One sends, one receives, and the third does either, and may leave while it holds a message
 * or die before any of its accesses. Senders copy, or reserve one or two and commit all, the first or none of
 * them; a third receiver may have too small a buffer for anything. Right is: each message to one receiver
 * at most, whole; all of them, unless somebody dies, as then the survivor may stop before what comes again;
 * nobody waits for ever.
 */
#include <errno.h>
#include "core/queue.h"
#include "crowd.h"

#define MESSAGES 4
#define STOPS    2 /* behind them, one for each receiver: it takes one and stops */
#define OTHERS   2 /* of a second sender */
#define ACCESSES 200

#define PATTERN(number) (0xaa00000000000000ULL + (number))

const unsigned kipc__model_threads = CROWD;

static enum { STAY, LEAVE, DIE, HOWS } how;
static bool third_sends;
static bool holds; /* the third one leaves while it holds what it has looked at */
static bool small; /* ... has too small a buffer, and goes without a word */
static bool alone; /* in both cases it takes nothing */
static unsigned got[MESSAGES + STOPS + OTHERS][CROWD];

static void declare(struct kipc_queue_area *a)
{
	unsigned i;

	kipc__model_word(&a->ready.classes, 4, 0);
	kipc__model_word(&a->ready.crowd, 4, 0);
	kipc__model_word(&a->count.redelivered, 8, 0);
	kipc__model_word(&a->count.dropped, 8, 0);
	kipc__model_word(&a->count.abandoned, 8, 0);
	for (i = 0; i < a->geom.classes; i++) {
		kipc__model_word(&a->classes[i].prod, 8, 0);
		kipc__model_word(&a->classes[i].cons, 8, 0);
	}
	kipc__model_area((uint8_t *)a + KIPC_QUEUE_SLOTS_OFF,
	                 (size_t)a->geom.classes * a->geom.slots * a->geom.stride, false);
}

void kipc__model_setup(void)
{
	struct kipc__config cfg = { .given = KIPC__GIVEN_SLOTS | KIPC__GIVEN_SLOT, .node = -1 };
	struct kipc__hub_plan plan = { 0 };
	unsigned e;

	how = kipc__model_rand(HOWS);
	third_sends = kipc__model_rand(2);
	holds = how == LEAVE && !third_sends;
	small = how == STAY && !third_sends && kipc__model_rand(2);
	alone = holds || small;
	/* What a dead receiver held may have nobody to take it: then there is room for all. */
	cfg.slots = how == DIE && !third_sends ? 8 : 2 + 2 * kipc__model_rand(2);
	cfg.slot_bytes = 56;
	kipc__model_assert(kipc__queue_kind.plan(&cfg, &plan) == 0, "no plan");
	kipc__model_crowd_setup(&kipc__queue_kind, &plan, how == DIE);
	declare((struct kipc_queue_area *)kipc__model_hub(0)->data);
	for (e = 0; e < CROWD; e++)
		kipc__model_crowd_join(e, &cfg);
	memset(got, 0, sizeof(got));
}

/* ---- senders ---------------------------------------------------------------------------- */

/* Reserve n and commit so many, or 0: that many went. */
static int put_in_place(struct kipc_chan *c, const uint64_t *word, unsigned n, unsigned commit)
{
	struct kipc_msg m[2] = { { .len = 8 }, { .len = 8 } };
	unsigned i;

	kipc__model_assert(c->ops->reserve(c, m, n, -1) == (int)n, "reserving fails");
	for (i = 0; i < commit; i++)
		kipc__model_copy(m[i].data, &word[i], 8);
	return commit ? c->ops->commit(c, m, commit) : c->ops->discard(c);
}

static int put(struct kipc_chan *c, const uint64_t *word, unsigned n, bool gives_up)
{
	struct kipc_msg m[2] = { { .data = (void *)(uintptr_t)&word[0], .len = 8 },
		                 { .data = (void *)(uintptr_t)&word[1], .len = 8 } };

	if (kipc__model_rand(2))
		return put_in_place(c, word, n, gives_up ? kipc__model_rand(n + 1) : n);
	if (n == 1 && kipc__model_rand(2))
		return c->ops->send_one(c, word, 8, -1) == 0;
	return c->ops->send(c, m, n, -1);
}

/* Messages first to last - 1, one or two at a time. Who gives up slots gets them back only where others receive. */
static void send_some(unsigned e, unsigned first, unsigned last)
{
	uint64_t word[2];
	unsigned n;
	int r;

	for (; first < last; first += (unsigned)r) {
		n = first + 1 < last ? 1 + kipc__model_rand(2) : 1;
		word[0] = PATTERN(first);
		word[1] = PATTERN(first + 1);
		r = put(&kipc__model_hub(e)->base, word, n, e == 0 || how != DIE);
		kipc__model_assert(r >= 0, "sending fails");
	}
}

/* The last thing it does may be to give up what it has reserved. */
static void third_send(void)
{
	send_some(2, MESSAGES + STOPS, MESSAGES + STOPS + OTHERS);
	if (how != DIE && kipc__model_rand(2))
		(void)put_in_place(&kipc__model_hub(2)->base, NULL, 1 + kipc__model_rand(2), 0);
}

/* ---- receivers -------------------------------------------------------------------------- */

/* One message: its number. */
static unsigned take(unsigned e)
{
	struct kipc_chan *c = &kipc__model_hub(e)->base;
	bool in_place = kipc__model_rand(2);
	uint64_t word = 0;
	struct kipc_msg m = { .data = &word, .len = 8 };
	int r;

	if (in_place)
		r = c->ops->peek(c, &m, 1, -1);
	else if (kipc__model_rand(2))
		r = c->ops->recv_one(c, &word, 8, -1) == 8;
	else
		r = c->ops->recv(c, &m, 1, -1);
	kipc__model_assert(r == 1 && m.len == 8, "taking fails");
	if (in_place)
		kipc__model_copy(&word, m.data, 8);
	kipc__model_assert(word - PATTERN(0) < MESSAGES + STOPS + OTHERS, "not what was sent");
	kipc__model_assert(!in_place || c->ops->release(c, 1) == 1, "release fails");
	got[word - PATTERN(0)][e]++;
	return (unsigned)(word - PATTERN(0));
}

static bool is_stop(unsigned number)
{
	return number >= MESSAGES && number < MESSAGES + STOPS;
}

static void receive(unsigned e)
{
	unsigned i, n = MESSAGES + (third_sends ? 1 + OTHERS : 0);

	/* Where another one receives, or a sender dies, nobody knows how many it will be. */
	if (!alone && (!third_sends || how == DIE)) {
		while (!is_stop(take(e)))
			;
		return;
	}
	for (i = 0; i < n; i++)
		(void)take(e);
}

/* It is woken for something that it cannot take, or finds nothing any more. */
static void receive_too_little(struct kipc_chan *c)
{
	uint32_t word;
	struct kipc_msg m = { .data = &word, .len = sizeof(word) };
	int r = kipc__model_rand(2) ? c->ops->recv(c, &m, 1, -1)
	                            : (int)c->ops->recv_one(c, &word, sizeof(word), -1);

	kipc__model_assert(r == -EMSGSIZE, "a part of a message");
}

static void third_receive(void)
{
	struct kipc_chan *c = &kipc__model_hub(2)->base;
	unsigned tries = 20;
	struct kipc_msg m;

	if (small)
		receive_too_little(c);
	else if (!holds)
		receive(2);
	if (!holds)
		return;
	while (tries-- && c->ops->peek(c, &m, 1, 0) != 1)
		kipc__model_yield();
}

/* ---- the threads ------------------------------------------------------------------------ */

static void third_thread(void)
{
	void (*use)(void) = third_sends ? third_send : third_receive;

	if (how == DIE) {
		(void)kipc__model_mortal(use, ACCESSES);
		kipc__model_crowd_die(2);
		return;
	}
	use();
	if (how == LEAVE)
		kipc__model_crowd_leave(2);
}

void kipc__model_thread(unsigned i)
{
	if (i && kipc__model_rand(2))
		kipc__model_sluggish(100);
	if (i == 0)
		send_some(0, 0, MESSAGES + (holds ? 0 : small || third_sends ? 1 : STOPS));
	else if (i == 1)
		receive(1);
	else
		third_thread();
}

void kipc__model_after(void)
{
	unsigned i, n;

	for (i = 0; i < MESSAGES + STOPS + OTHERS; i++) {
		n = got[i][1] + got[i][2];
		kipc__model_assert(n <= 1, "a message was received twice");
		kipc__model_assert(n == 1 || how == DIE || i >= MESSAGES, "a message is lost");
	}
}
