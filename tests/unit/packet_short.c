// SPDX-License-Identifier: MIT
/* Transport unix while the kernel has no memory for packets. */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include "../harness.h"
#include "transport/dgram_chan.h"

TestSuite(packet_short, .init = harness_begin, .fini = harness_end);

static const struct kipc__dgram_back *kernel;
static struct kipc__dgram_back scarce;
static unsigned credit; /* packets that it takes */

static int send_on_credit(struct kipc__dgram *d, struct kipc__packet *p, unsigned n)
{
	int r;

	if (credit == 0)
		return -ENOMEM;
	r = kernel->send(d, p, n < credit ? n : credit);
	credit -= r > 0 ? (unsigned)r : 0;
	return r;
}

/* What this end sends goes on credit. */
static void make_scarce(struct kipc_chan *c)
{
	struct kipc__dgram *d = (struct kipc__dgram *)c;

	kernel = d->back;
	scarce = *kernel;
	scarce.send = send_on_credit;
	d->back = &scarce;
}

static void pair_make(struct kipc_chan *end[2])
{
	must_ok(kipc_chan_pair(end, "unix://", KIPC_PAIR, NULL));
}

static void pair_free(struct kipc_chan *end[2])
{
	kipc_chan_close(end[0]);
	kipc_chan_close(end[1]);
}

/* The server never saw it, so nothing is to be waited for before its place is free again. */
Test(packet_short, a_call_that_did_not_go_is_none)
{
	struct kipc_chan *end[2];
	struct kipc_request q;
	int64_t id;

	pair_make(end);
	make_scarce(end[0]);
	credit = 0;
	for (unsigned i = 0; i < 2 * KIPC_CALL_MAX; i++) {
		must_eq(kipc_call(end[0], "x", 1, NULL, 0, SEC), -ENOMEM);
		must_eq(kipc_call_begin(end[0], "x", 1, SEC), -ENOMEM);
	}
	credit = UINT_MAX;
	id = must_ok(kipc_call_begin(end[0], "x", 1, -1));
	must_eq(kipc_call_next(end[1], &q, 0), 0);
	must_eq(q.id, id);
	must_eq(kipc_call_next(end[1], &q, 0), -EAGAIN);
	pair_free(end);
}

Test(packet_short, an_answer_that_did_not_go_is_still_due)
{
	struct kipc_chan *end[2];
	struct kipc_request q;
	int64_t id;
	char byte;

	pair_make(end);
	make_scarce(end[1]);
	for (int next = 0; next < 2; next++) {
		id = must_ok(kipc_call_begin(end[0], "x", 1, -1));
		must_eq(kipc_call_next(end[1], &q, 0), 0);
		must_eq(q.id, id);
		credit = 0;
		if (next) {
			must_eq(kipc_reply_next(end[1], id, "y", 1, &q, 0), -ENOMEM);
			must_eq(q.id, id);
		} else {
			must_eq(kipc_reply(end[1], id, "y", 1, 0), -ENOMEM);
		}
		must_eq(kipc_call_end(end[0], id, &byte, 1, 0), -EAGAIN);
		credit = 1;
		must_eq(kipc_reply(end[1], id, "y", 1, 0), 0);
		must_eq(kipc_call_end(end[0], id, &byte, 1, 0), 1);
	}
	pair_free(end);
}

Test(packet_short, a_commit_tells_how_many_went)
{
	struct kipc_msg m[3] = { { .len = 10 }, { .len = 20 }, { .len = 30 } };
	struct kipc_chan *end[2];
	uint8_t buf[100];

	pair_make(end);
	make_scarce(end[0]);
	credit = 2;
	must_eq(kipc_reserve(end[0], m, 3, 0), 3);
	for (int i = 0; i < 3; i++)
		memset(m[i].data, i, m[i].len);
	must_eq(kipc_commit(end[0], m, 3), 2);
	must_eq(kipc_recv(end[1], buf, sizeof(buf), 0), 10);
	must_eq(kipc_recv(end[1], buf, sizeof(buf), 0), 20);
	must_eq(kipc_recv(end[1], buf, sizeof(buf), 0), -EAGAIN);
	must_eq(kipc_reserve(end[0], m, 1, 0), 1);
	must_eq(kipc_commit(end[0], m, 1), -ENOMEM);
	pair_free(end);
}
