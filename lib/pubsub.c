// SPDX-License-Identifier: MIT
#include <errno.h>
#include "use.h"

/* The front door of what only a subscriber can ask. */
static int subscriber(struct kipc_chan *c)
{
	int r = kipc__use_ready(c, KIPC_IN);

	if (r < 0)
		return r;
	return c->kind == KIPC_PUBSUB ? 0 : -EOPNOTSUPP;
}

ssize_t kipc_latest(struct kipc_chan *c, void *buf, size_t cap, uint64_t *number)
{
	uint64_t unused;
	int r = subscriber(c);

	if (r < 0)
		return r;
	if (!buf && cap)
		return -EINVAL;
	return c->ops->latest(c, buf, cap, number ? number : &unused);
}

int kipc_lost(struct kipc_chan *c, uint64_t *n)
{
	int r = subscriber(c);

	if (r < 0)
		return r;
	return n ? c->ops->lost(c, n) : -EINVAL;
}
