// SPDX-License-Identifier: MIT
/* Subscribers that look for their place again, and what the publisher is told of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "pubsub_bed.h"
#include "transport/hub_chan.h"

TestSuite(pubsub_place, .init = harness_begin, .fini = harness_end);

static bool goes_on; /* the publisher, before the next bit is set */

static void bind(void *arg, unsigned end, bool on)
{
	struct pubsub_bed *b = arg;
	uint64_t all = b->pub.prod + b->at.bytes;

	while (on && goes_on && b->pub.claim <= all)
		must(pubsub_bed_put(b, 1, false) == 1);
	goes_on = goes_on && !on;
	if (on)
		b->bound[0] |= 1U << end;
	else
		b->bound[0] &= ~(1ULL << end);
}

/* It was cut off, has read what was whole, and is overtaken before it stands again. The publisher does not wait
 * for it until it has been told of its loss.
 */
Test(pubsub_place, overtaken_before_it_stands)
{
	struct pubsub_bed *b = pubsub_bed_make(4096, 8, 0);
	struct kipc__sub *s = &b->sub[1];
	struct kipc_msg m;

	must_eq(kipc__sub_init(s, &b->at, 1, false, false), 0);
	s->at.bind = bind;
	s->at.bind_arg = b;
	must_eq(pubsub_bed_put(b, 1, false), 1);
	must_eq(kipc__sub_peek(s, &m, 1), 1);
	b->bound[0] = 0;
	goes_on = true;
	must_eq(kipc__sub_release(s, 1), 1);
	must(!goes_on && b->bound[0] == 0 && s->lost == 0);
	must_eq(kipc__sub_peek(s, &m, 1), -EOVERFLOW);
	must(b->bound[0] == 2 && s->lost > 0);
	pubsub_bed_free(b);
}

static struct kipc_chan *must_open(const char *uri, unsigned flags)
{
	struct kipc_chan *c = NULL;

	must_eq(kipc_chan_open(&c, uri, KIPC_PUBSUB | KIPC_CREATE | flags, NULL), 0);
	return c;
}

/* Cut off behind a message, where one stands that became shorter and was overtaken: nothing is lost, but it has
 * no place for a moment, and is in the way of whatever the publisher wants then.
 */
Test(pubsub_place, who_lost_nothing_tells_the_publisher)
{
	struct kipc_msg m[2] = { { .len = 600 }, { .len = 8 } };
	struct kipc_chan *pub, *sub;
	struct kipc_ring_status *st;
	char uri[128], buf[16];
	uint32_t *armed;

	snprintf(uri, sizeof(uri), "shm://%s?size=4K", harness_name());
	sub = must_open(uri, KIPC_RECV);
	snprintf(uri + strlen(uri), sizeof(uri) - strlen(uri), "&patience=0");
	pub = must_open(uri, KIPC_SEND);
	st = ((struct kipc__hub *)sub)->status;
	armed = &st->bells[0].space.armed;
	must_eq(kipc_reserve(pub, m, 2, 0), 2);
	m[0].len = 10;
	must_eq(kipc_commit(pub, m, 2), 2);
	must_eq(kipc_recv(sub, buf, sizeof(buf), 0), 10);
	while (kipc__load_relaxed(&st->sets.bound[0]))
		must_eq(kipc_send(pub, "x", 1, 0), 0);
	kipc__fetch_or(
		armed,
		KIPC_ARMED_PARKED); /* a publisher that sleeps since the moment in question */
	must_eq(kipc_peek(sub, m, 1, 0), 1);
	must_eq(m[0].len, 8);
	must_eq(kipc__load_relaxed(armed) & KIPC_ARMED_FLAGS, 0);
	kipc_chan_close(sub);
	kipc_chan_close(pub);
}
