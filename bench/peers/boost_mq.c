// SPDX-License-Identifier: MIT
/* boost_mq.c - Boost.Interprocess's message_queue: a mutex and conditions in shared memory */
#include "boost_mq.h"

#include <stdio.h>

#include "../bench.h"
#include "../slots.h"

static int setup(struct pair *p)
{
	char name[64], why[96];

	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "kipc-bench-%d-%d", (int)p->pid[0], i);
		p->handle[i] = boost_mq_new(name, slots_depth(p->cell.size), p->cell.size, why,
		                            sizeof(why));
		if (!p->handle[i])
			return bench_fail(p, -EIO, "message_queue: %s", why);
	}
	return 0;
}

static int send_message(struct side *s, const void *buf)
{
	int r;

	while (!(r = boost_mq_put(s->pair->handle[s->who], buf, s->cell->size, !s->spin)))
		cpu_relax();
	return r < 0 ? bench_fail(s->pair, -EIO, "message_queue: send failed") : 0;
}

static int recv_message(struct side *s, void *buf)
{
	long n;

	while (!(n = boost_mq_take(s->pair->handle[!s->who], buf, s->cell->size, !s->spin)))
		cpu_relax();
	if (n != (long)s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "message_queue: received %ld bytes", n);
	return 0;
}

extern const struct mech peer_boost_mq;
const struct mech peer_boost_mq = {
	.name = "peer:boost-mq", .setup = setup, .send = send_message, .recv = recv_message
};
