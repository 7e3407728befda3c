// SPDX-License-Identifier: MIT
/* What one can know about an end, and set of it. */
#include <errno.h>
#include "use.h"

uint64_t kipc_chan_caps(const struct kipc_chan *c)
{
	return c ? c->ops->caps : 0;
}

const char *kipc_chan_transport(const struct kipc_chan *c)
{
	return c ? c->ops->scheme : "";
}

int kipc_chan_peer(struct kipc_chan *c, struct kipc_peer *p)
{
	int r;

	if (!p || p->size != sizeof(*p))
		return -EINVAL;
	r = kipc__use_ready(c, 0);
	if (r < 0)
		return r;
	*p = (struct kipc_peer){
		.size = sizeof(*p), .state = KIPC_PEER_ABSENT, .uid = (uid_t)-1, .gid = (gid_t)-1
	};
	return c->ops->peer(c, p);
}

int kipc_chan_stats(const struct kipc_chan *c, struct kipc_stats *s)
{
	if (!c || !s || s->size != sizeof(*s))
		return -EINVAL;
	if (kipc__fork_foreign(&c->owner))
		return -ESTALE;
	*s = c->stats;
	return 0;
}

int kipc_chan_get(const struct kipc_chan *c, enum kipc_opt opt, uint64_t *value)
{
	if (!c || !value)
		return -EINVAL;
	if (kipc__fork_foreign(&c->owner)) /* some stand in memory that a child has not */
		return -ESTALE;
	switch (opt) {
	case KIPC_OPT_WAIT:
		*value = c->wait;
		return 0;
	case KIPC_OPT_SPIN_NS:
		*value = c->spin_ns;
		return 0;
	default:
		return c->ops->get(c, opt, value);
	}
}

int kipc_chan_set(struct kipc_chan *c, enum kipc_opt opt, uint64_t value)
{
	if (!c)
		return -EINVAL;
	if (kipc__fork_foreign(&c->owner))
		return -ESTALE;
	switch (opt) {
	case KIPC_OPT_WAIT:
		if (value < KIPC_WAIT_ADAPTIVE || value > KIPC_WAIT_BLOCK)
			return -EINVAL;
		c->wait = (unsigned)value;
		return 0;
	case KIPC_OPT_SPIN_NS:
		if (!kipc__spin_ok(value))
			return -EINVAL;
		c->spin_ns = value;
		return 0;
	case KIPC_OPT_RING_BYTES:
	case KIPC_OPT_MAX_MSG:
	case KIPC_OPT_NODE:
	case KIPC_OPT_PAGE_BYTES:
	case KIPC_OPT_SLOTS:
	case KIPC_OPT_PRIORITIES:
	case KIPC_OPT_PENDING:
	case KIPC_OPT_REDELIVERED:
	case KIPC_OPT_DROPPED:
	case KIPC_OPT_ABANDONED:
		return -EACCES;
	}
	return -EINVAL;
}

const char *kipc_version(void)
{
	return KIPC_BUILD_VERSION;
}
