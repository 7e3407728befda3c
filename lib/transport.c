// SPDX-License-Identifier: MIT
#include <errno.h>
#include "transport.h"

int kipc__send_as_batch(struct kipc_chan *c, const void *data, size_t len, int64_t timeout)
{
	struct kipc_msg m = { .data = (void *)(uintptr_t)data, .len = len };
	int r = c->ops->send(c, &m, 1, timeout);

	return r < 0 ? r : 0;
}

ssize_t kipc__recv_as_batch(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout)
{
	struct kipc_msg m = { .data = buf, .len = cap };
	int r = c->ops->recv(c, &m, 1, timeout);

	return r < 0 ? r : (ssize_t)m.len;
}

int kipc__turn_apart(struct kipc_chan *c, const struct kipc_msg *m, struct kipc_msg *in,
                     int64_t timeout)
{
	int r = c->ops->commit(c, m, 1);

	return r < 0 ? r : c->ops->peek(c, in, 1, timeout);
}

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

ssize_t kipc__no_write(struct kipc_chan *c, const void *buf, size_t len, int64_t timeout)
{
	(void)c;
	(void)buf;
	(void)len;
	(void)timeout;
	return -EOPNOTSUPP;
}

ssize_t kipc__no_read(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout)
{
	(void)c;
	(void)buf;
	(void)cap;
	(void)timeout;
	return -EOPNOTSUPP;
}
