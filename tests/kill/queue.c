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

/* What it held and had not released is dropped and counted; those behind come. */
static void check_dropped(const struct round *r, unsigned here)
{
	const struct ledger *l = r->stage->ledger;
	unsigned first = r->back ? (unsigned)__builtin_ctz(r->back) : here;
	uint64_t dropped;

	must_eq(r->back, ((1U << here) - 1) & ~((1U << first) - 1));
	must_eq(kipc_chan_get(r->chan, KIPC_OPT_DROPPED, &dropped), 0);
	must(dropped <= first - l->taken && dropped + l->taken + l->taking >= first);
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
		must(i < l->taken + l->taking || came || r->stage->scene->drops);
		l->got += came; /* what the runner compares with what the act takes */
	}
	if (r->stage->scene->drops)
		check_dropped(r, here);
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

/* ---- priorities --------------------------------------------------------------------------- */

#define CLASSES 4

/* Within a class in order; of what stood together in the queue the highest class first, which only who comes
 * when all is there can tell.
 */
static void take_class(struct stage *s, uint32_t *next, const struct kipc_msg *m)
{
	uint32_t n = next[KIPC_PRIO_OF(m->flags)];

	must(letter_is(m->data, m->len, VICTIM, n));
	must_eq(KIPC_PRIO_OF(m->flags), n % CLASSES);
	next[n % CLASSES] += CLASSES;
	s->ledger->got++;
}

/* What arrived are the first ones. */
static void check_classes(const struct stage *s, const uint32_t *next)
{
	const struct ledger *l = s->ledger;
	unsigned i, n;

	for (i = 0; i < CLASSES; i++) {
		n = l->got > i ? (l->got - i + CLASSES - 1) / CLASSES : 0;
		must_eq(next[i], i + n * CLASSES);
	}
	must(l->got >= l->sent && l->got <= l->sent + l->trying);
}

void classes_survive(struct stage *s, struct kipc_chan *c)
{
	uint32_t next[CLASSES] = { 0, 1, 2, 3 }, last = CLASSES;
	struct letter l;
	struct kipc_msg m;

	say(s);
	if (s->mood == AWAY)
		hear(s);
	for (;;) {
		m = (struct kipc_msg){ .data = l.body, .len = sizeof(l.body) };
		if (kipc_recv_n(c, &m, 1, s->mood == POLLING ? 0 : -1) == -EAGAIN) {
			poll_for(c, KIPC_IN);
			continue;
		}
		if (letter_author(m.data, m.len) == NEWCOMER)
			break;
		must(s->mood != AWAY || KIPC_PRIO_OF(m.flags) <= last);
		last = KIPC_PRIO_OF(m.flags);
		take_class(s, next, &m);
	}
	check_classes(s, next);
}
