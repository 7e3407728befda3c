// SPDX-License-Identifier: MIT
/* Two senders and two receivers of a queue, several messages at a time, in two priorities. */
#include <errno.h>
#include <string.h>
#include "tsan.h"

#define BATCH 3
#define PRIOS 2

/* Message i of a sender: its low bit says whose it is. */
static uint64_t number_of(unsigned i, unsigned sender)
{
	return 2 * (uint64_t)i + sender;
}

static unsigned prio_of(uint64_t number)
{
	return number / 2 % 5 == 0;
}

static void send_all(struct table *t, unsigned sender)
{
	struct kipc_chan *c = t->end[sender];
	struct letter l[BATCH];
	struct kipc_msg m[BATCH];
	unsigned i, n, done;
	int r;

	for (done = 0; done < t->rounds; done += (unsigned)r) {
		n = t->rounds - done < BATCH ? t->rounds - done : BATCH;
		for (i = 0; i < n; i++) {
			uint64_t number = number_of(done + i, sender);

			letter_write(&l[i], number);
			m[i] = (struct kipc_msg){ .data = &l[i],
				                  .len = length_of(number),
				                  .flags = KIPC_PRIO(prio_of(number)) };
		}
		if (done % 2) {
			r = kipc_send_n(c, m, n, -1);
		} else {
			r = kipc_reserve(c, m, n, -1);
			for (i = 0; i < n; i++)
				memcpy(m[i].data, &l[i], m[i].len);
			r = r > 0 ? kipc_commit(c, m, n) : r;
		}
		must(r > 0);
	}
}

static void *send_even(void *arg)
{
	send_all(arg, 0);
	return NULL;
}

static void *send_odd(void *arg)
{
	send_all(arg, 1);
	return NULL;
}

/* Of one sender and one priority the numbers rise; last: the one before, + 1. */
static void check(const struct kipc_msg *m, int n, uint64_t last[2][PRIOS])
{
	const struct letter *l;
	uint64_t *before;
	int i;

	for (i = 0; i < n; i++) {
		l = m[i].data;
		letter_check(l, m[i].len, l->number);
		must(KIPC_PRIO_OF(m[i].flags) == prio_of(l->number));
		before = &last[l->number % 2][prio_of(l->number)];
		must(l->number >= *before);
		*before = l->number + 1;
	}
}

static unsigned count(struct table *t, int n)
{
	return __atomic_add_fetch(&t->counted, n > 0 ? (unsigned)n : 0, __ATOMIC_RELAXED);
}

/* Not for ever: the other one may take the last message. */
#define PATIENCE (1000 * 1000)

static void *take_copies(void *arg)
{
	struct table *t = arg;
	uint64_t last[2][PRIOS] = { 0 };
	struct letter l[BATCH];
	struct kipc_msg m[BATCH];
	int i, r = 0;

	while (count(t, r) < 2 * t->rounds) {
		for (i = 0; i < BATCH; i++)
			m[i] = (struct kipc_msg){ .data = &l[i], .len = sizeof(l[i]) };
		r = kipc_recv_n(t->end[2], m, BATCH, PATIENCE);
		must(r > 0 || r == -ETIMEDOUT);
		check(m, r, last);
	}
	return NULL;
}

static void *take_in_place(void *arg)
{
	struct table *t = arg;
	uint64_t last[2][PRIOS] = { 0 };
	struct kipc_msg m[BATCH];
	int r = 0;

	while (count(t, r) < 2 * t->rounds) {
		r = kipc_peek(t->end[3], m, BATCH, PATIENCE);
		must(r > 0 || r == -ETIMEDOUT);
		check(m, r, last);
		must(r < 0 || kipc_release(t->end[3], (unsigned)r) == r);
	}
	must(count(t, 0) == 2 * t->rounds);
	return NULL;
}

/* ---- one at a time ----------------------------------------------------------------------- */

static void send_singly(struct table *t, unsigned sender)
{
	struct letter l;
	unsigned i;

	for (i = 0; i < t->rounds; i++) {
		letter_write(&l, number_of(i, sender));
		must(kipc_send(t->end[sender], &l, length_of(l.number), -1) == 0);
	}
}

static void *send_even_singly(void *arg)
{
	send_singly(arg, 0);
	return NULL;
}

static void *send_odd_singly(void *arg)
{
	send_singly(arg, 1);
	return NULL;
}

static void take_singly(struct table *t, struct kipc_chan *end)
{
	uint64_t last[2] = { 0 };
	struct letter l;
	ssize_t r = 0;

	while (count(t, r > 0) < 2 * t->rounds) {
		r = kipc_recv(end, &l, sizeof(l), PATIENCE);
		must(r > 0 || r == -ETIMEDOUT);
		if (r < 0)
			continue;
		letter_check(&l, (size_t)r, l.number);
		must(l.number >= last[l.number % 2]);
		last[l.number % 2] = l.number + 1;
	}
}

static void *take_some(void *arg)
{
	struct table *t = arg;

	take_singly(t, t->end[2]);
	return NULL;
}

static void *take_others(void *arg)
{
	struct table *t = arg;

	take_singly(t, t->end[3]);
	return NULL;
}

#define FORM "&slots=4&slot=640&prio=2"

/* Those who have caught up keep away only where there is room for it. */
#define WIDE "&slots=64&slot=640&rfo=1"

const struct scene queue_scenes[] = {
	{ "two senders, two receivers",
	  { send_even, send_odd, take_copies, take_in_place },
	  KIPC_QUEUE,
	  { { KIPC_SEND, FORM, false },
	    { KIPC_SEND, FORM, false },
	    { KIPC_RECV, FORM, false },
	    { KIPC_RECV, FORM, false } } },
	{ "the same, one message at a time",
	  { send_even_singly, send_odd_singly, take_some, take_others },
	  KIPC_QUEUE,
	  { { KIPC_SEND, WIDE, false },
	    { KIPC_SEND, WIDE, false },
	    { KIPC_RECV, WIDE, false },
	    { KIPC_RECV, WIDE, false } } },
};

const unsigned nr_queue_scenes = sizeof(queue_scenes) / sizeof(queue_scenes[0]);
