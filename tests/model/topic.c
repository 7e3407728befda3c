// SPDX-License-Identifier: MIT
/*
 * topic.c - model of a publisher and two subscribers that sleep, leave and die
 *
 * All sleep on two bells; one of them leaves at some moment, politely or killed before any of its accesses,
 * or none does, so that nothing else makes up for a wake-up that is lost. Of those who sleep for a message one
 * is woken, and has to wake the other (KIPC__HUB_CHOSEN is 1 here). Right is: a subscriber gets every message
 * whose send had returned, in order or counted as lost, and then -EPIPE; the publisher does not wait for one
 * that is gone; nobody waits for ever.
 */
#include <errno.h>
#include "crowd.h"

#define BYTES    128
#define MESSAGES 8
#define ACCESSES 250 /* that many a dying end gets to, at most */

#define PATTERN(number) (0xaa00000000000000ULL + (number))

const unsigned kipc__model_threads = CROWD;

enum how { STAY, SHUT, CLOSE, DIE, HOWS };

static enum how how;
static bool early; /* the second subscriber leaves, not the publisher in the end */
static bool stays; /* the publisher does not leave in the end, which would wake all */
static bool lossy;
static unsigned messages;
static unsigned published;
static uint64_t seen[CROWD];

void kipc__model_setup(void)
{
	static const struct kipc__hub_plan plan = { .nr_ends = CROWD,
		                                    .data_bytes = BYTES,
		                                    .geom = { { .bytes = BYTES, .align = 8 } } };
	struct kipc__config cfg = { .patience = -1 };
	const struct kipc_ring_pub *pub;
	unsigned e;

	how = kipc__model_rand(HOWS);
	early = how != STAY && kipc__model_rand(2);
	stays = how == STAY || (early && kipc__model_rand(2));
	lossy = !early && kipc__model_rand(2);
	messages = kipc__model_rand(2) ? MESSAGES : 1 + kipc__model_rand(2);
	kipc__model_crowd_setup(&kipc__pubsub_kind, &plan, how == DIE);
	pub = (const struct kipc_ring_pub *)kipc__hub_ctrl(kipc__model_hub(0), 0);
	kipc__model_area(kipc__model_hub(0)->data, BYTES, true);
	kipc__model_word(&pub->prod, 8, pub->prod);
	kipc__model_word(&pub->last, 8, pub->last);
	kipc__model_word(&pub->claim, 8, pub->claim);
	kipc__model_word(&pub->oldest, 8, pub->oldest);
	kipc__model_word(&pub->hints.space_at, 8, 0);
	for (e = 1; e < CROWD; e++) {
		kipc__model_word(&kipc__hub_ctrl(kipc__model_hub(0), e)->cons.pos, 8, 0);
		kipc__model_word(&kipc__hub_ctrl(kipc__model_hub(0), e)->hints.joined, 8, 0);
	}
	for (e = 0; e < 2; e++)
		kipc__model_word(&kipc__model_hub(0)->status->sets.bound[e], 8, 0);
	for (e = 0; e < CROWD; e++) {
		cfg.lossy = e == 2 && lossy;
		kipc__model_crowd_join(e, &cfg);
		seen[e] = 0;
	}
	published = 0;
}

/* Where two do not fit one may: what the publisher is woken for becomes less. */
static void try_two(struct kipc_chan *c)
{
	struct kipc_msg m[2] = { { .len = 8 }, { .len = 8 } };

	if (c->ops->reserve(c, m, 2, 0) == 2)
		(void)c->ops->discard(c);
}

static void publish(void)
{
	struct kipc_chan *c = &kipc__model_hub(0)->base;

	while (published < messages) {
		uint64_t word = PATTERN(published);
		struct kipc_msg m = { .data = &word, .len = 8 };

		if (kipc__model_rand(3) == 0)
			try_two(c);
		kipc__model_assert(c->ops->send(c, &m, 1, -1) == 1, "publishing fails");
		published++;
	}
}

/* One message; 1, or the error. */
static int take(unsigned e)
{
	struct kipc_chan *c = &kipc__model_hub(e)->base;
	uint64_t word = 0, lost = 0;
	struct kipc_msg m = { .data = &word, .len = 8 };
	int r = c->ops->recv(c, &m, 1, -1);

	(void)c->ops->lost(c, &lost);
	kipc__model_assert(lost == 0 || lossy, "who is waited for has lost something");
	if (r == 1)
		kipc__model_assert(word == PATTERN(seen[e]++ + lost), "not what was published");
	kipc__model_assert(r == 1 || r == -EPIPE || (r == -EOVERFLOW && lossy), "taking fails");
	return r;
}

static void subscribe(unsigned e)
{
	struct kipc_chan *c = &kipc__model_hub(e)->base;
	uint64_t lost = 0;

	while (!stays || seen[e] + lost < messages) {
		if (take(e) == -EPIPE)
			break;
		(void)c->ops->lost(c, &lost);
	}
	(void)c->ops->lost(c, &lost);
	seen[e] += lost;
}

static void leave(unsigned e)
{
	struct kipc_chan *c = &kipc__model_hub(e)->base;

	if (how == STAY)
		return;
	if (how == SHUT)
		(void)c->ops->shutdown(c, e == 0 ? KIPC_OUT : KIPC_IN);
	else
		kipc__model_crowd_leave(e);
}

static void take_few(void)
{
	unsigned n = kipc__model_rand(2) ? kipc__model_rand(3) : messages;

	n = n < messages ? n : messages; /* nobody tells it that no more comes */
	while (n-- && take(2) == 1)
		;
}

/* The one that leaves: the publisher in the end, or the second subscriber in the middle. */
static void use_and_leave(unsigned e, void (*use)(void))
{
	if (how == DIE) {
		(void)kipc__model_mortal(use, ACCESSES);
		kipc__model_crowd_die(e);
	} else {
		use();
		leave(e);
	}
}

void kipc__model_thread(unsigned i)
{
	if (kipc__model_rand(2))
		kipc__model_sluggish(150); /* the publisher has to wait, or all the others */
	if (i == 0 && early) {
		publish();
		if (!stays)
			kipc__model_crowd_leave(0);
	} else if (i == 0) {
		use_and_leave(0, publish);
	} else if (i == 2 && early) {
		use_and_leave(2, take_few);
	} else {
		subscribe(i);
	}
}

void kipc__model_after(void)
{
	unsigned e;

	for (e = 1; e < CROWD; e++) {
		if (e == 2 && early)
			continue;
		kipc__model_assert(seen[e] >= published, "what was committed is lost");
		kipc__model_assert(seen[e] <= published + 1, "more than was published");
	}
}
