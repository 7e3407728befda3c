// SPDX-License-Identifier: MIT
/*
 * work.c - model of senders and receivers of a queue that sleep, leave and die
 *
 * One is woken for a message and wakes the next, so a wake-up that is lost on the way is one that nobody
 * makes up for. One sends, one receives, and the third does either, and may leave while it holds a message
 * or die before any of its accesses. Right is: each message to one receiver at most, whole; all of them,
 * unless somebody dies, as then the survivor may stop before what comes again; nobody waits for ever.
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
static bool
	holds; /* the third one takes nothing, and leaves while it holds what it has looked at */
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

/* Messages first to last - 1, one or two at a time. */
static void send_some(unsigned e, unsigned first, unsigned last)
{
	struct kipc_chan *c = &kipc__model_hub(e)->base;
	uint64_t word[2];
	struct kipc_msg m[2];
	unsigned i, n;
	int r;

	for (; first < last; first += (unsigned)r) {
		n = first + 1 < last ? 1 + kipc__model_rand(2) : 1;
		for (i = 0; i < n; i++) {
			word[i] = PATTERN(first + i);
			m[i] = (struct kipc_msg){ .data = &word[i], .len = 8 };
		}
		if (n == 1 && kipc__model_rand(2))
			r = c->ops->send_one(c, word, 8, -1) == 0;
		else
			r = c->ops->send(c, m, n, -1);
		kipc__model_assert(r > 0, "send fails");
	}
}

static void third_send(void)
{
	send_some(2, MESSAGES + STOPS, MESSAGES + STOPS + OTHERS);
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
	unsigned i;

	if (!holds) {
		while (!is_stop(take(e)))
			;
		return;
	}
	for (i = 0; i < MESSAGES; i++)
		(void)take(e);
}

static void third_receive(void)
{
	struct kipc_chan *c = &kipc__model_hub(2)->base;
	unsigned tries = 20;
	struct kipc_msg m;

	if (!holds) {
		receive(2);
		return;
	}
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
		send_some(0, 0, MESSAGES + (holds ? 0 : third_sends ? 1 : STOPS));
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
