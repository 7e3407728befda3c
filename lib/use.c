// SPDX-License-Identifier: MIT
#include <errno.h>
#include "use.h"

int kipc__use_claim(struct kipc_chan *c)
{
	int r = kipc__fork_claim(&c->owner);

	if (r <= 0)
		return r;
	r = c->ops->use(c);
	kipc__fork_settle(&c->owner, r == 0);
	return r;
}

int kipc__use_ready(struct kipc_chan *c, unsigned dirs)
{
	int r = c ? kipc__use(c) : -EINVAL;

	if (r < 0 || (c->open & dirs) == dirs)
		return r;
	return (c->granted & dirs) == dirs ? -EPIPE : -EACCES;
}
