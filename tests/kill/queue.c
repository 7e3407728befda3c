// SPDX-License-Identifier: MIT
#include <errno.h>
#include "kill.h"

/* The survivor of a queue: what the victim had committed arrives, what it had taken and not released
 * arrives again, and every slot can be used afterwards.
 */

#define PLUG 1000 /* letters from this number on only fill the queue */

struct round {
	struct stage *stage;
	struct kipc_chan *chan;
	uint32_t back;    /* of the letters for the victim: a bit for each that was received here */
	bool met;         /* the newcomer's letter has come */
	unsigned plugs;   /* in the queue */
	uint32_t plugged; /* ever, and taken out again */
	uint32_t unplugged;
};

/* One for the victim, not twice. What it held comes when its death is noticed, others may come before. */
static void take_back(struct round *r, const void *body, size_t len)
{
	unsigned i;

	for (i = 0; i < QUEUE_LETTERS; i++)
		if (letter_is(body, len, SURVIVOR, WARM_ROUNDS + i))
			break;
	must(i < QUEUE_LETTERS && !(r->back & 1U << i));
	r->back |= 1U << i;
}

static void take(struct round *r, const void *body, size_t len)
{
	struct ledger *ledger = r->stage->ledger;

	if (letter_is(body, len, NEWCOMER, 0)) {
		must(!r->met);
		r->met = true;
	} else if (letter_author(body, len) == VICTIM) {
		must(letter_is(body, len, VICTIM, ledger->got));
		ledger->got++;
	} else if (r->plugs && letter_is(body, len, SURVIVOR, PLUG + r->unplugged)) {
		r->unplugged++;
		r->plugs--;
	} else {
		take_back(r, body, len);
	}
}

static bool receive(struct round *r, int64_t timeout)
{
	struct letter l;
	ssize_t len = kipc_recv(r->chan, l.body, sizeof(l.body), timeout);

	if (len == -EAGAIN)
		return false;
	must(len >= 0);
	take(r, l.body, (size_t)len);
	return true;
}

/* The newcomer's letter stands behind all that the victim has sent. */
static void drain(struct round *r)
{
	bool polling = r->stage->mood == POLLING;

	while (!r->met)
		if (!receive(r, polling ? 0 : -1))
			poll_for(r->chan, KIPC_IN);
}

/* Until as many letters stand in the queue as it has slots: a lost one would keep us here for ever. What
 * the victim held may come between, as soon as its death is noticed.
 */
static void plug(struct round *r)
{
	struct letter l;
	int sent;

	while (r->plugs < QUEUE_SLOTS) {
		letter_write(&l, SURVIVOR, PLUG + r->plugged);
		sent = kipc_send(r->chan, l.body, l.len, 0);
		must(sent == 0 || sent == -EAGAIN);
		if (sent == 0) {
			r->plugged++;
			r->plugs++;
		} else {
			(void)receive(r, 0);
		}
	}
	while (r->plugs)
		must(receive(r, -1));
	must(!receive(r, 0));
}

/* The first letters that the victim took do not come back, the last ones that it did not, do. */
static void check(const struct round *r)
{
	struct ledger *l = r->stage->ledger;
	unsigned here = r->stage->scene->full ? QUEUE_LETTERS : 0;
	unsigned i, came;

	must(l->got >= l->sent && l->got <= l->sent + l->trying);
	for (i = 0; i < here; i++) {
		came = r->back >> i & 1;
		must(i >= l->taken || !came);
		must(i < l->taken + l->taking || came);
		l->got += came; /* what the runner compares with what the act takes */
	}
}

void queue_survive(struct stage *s, struct kipc_chan *c)
{
	struct round r = { .stage = s, .chan = c };
	struct letter l;
	unsigned i;

	for (i = 0; s->scene->full && i < QUEUE_LETTERS; i++) {
		letter_write(&l, SURVIVOR, WARM_ROUNDS + i);
		must_eq(kipc_send(c, l.body, l.len, -1), 0);
	}
	say(s);
	if (s->mood == AWAY)
		hear(s);
	drain(&r);
	plug(&r);
	check(&r);
}
