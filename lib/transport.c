// SPDX-License-Identifier: MIT
#include <errno.h>
#include "transport.h"

int kipc__no_open(struct kipc_chan **out, const struct kipc__config *cfg)
{
	(void)out;
	(void)cfg;
	kipc__why_set("this transport has no names");
	return -EOPNOTSUPP;
}

int kipc__no_pair(struct kipc_chan *out[2], const struct kipc__config *cfg)
{
	(void)out;
	(void)cfg;
	kipc__why_set("this transport has no channels without a name");
	return -EOPNOTSUPP;
}

/* Not "decided": another transport may know the descriptor. */
int kipc__no_from_fd(struct kipc_chan **out, int fd, const struct kipc__config *cfg)
{
	(void)out;
	(void)fd;
	(void)cfg;
	return -ENOTTY;
}

int kipc__no_handover(struct kipc_chan *c)
{
	(void)c;
	return -EOPNOTSUPP;
}

int kipc__no_fd(struct kipc_chan *c, unsigned dir)
{
	(void)c;
	(void)dir;
	return -EOPNOTSUPP;
}
