// SPDX-License-Identifier: MIT
/* How kipc cat ends, whichever half it is. */
#include <errno.h>
#include "cat.h"

bool cat_peer_gone(struct cat *t)
{
	struct kipc_peer p = { .size = sizeof(p) };

	return kipc_chan_peer(t->c, &p) < 0 || p.state == KIPC_PEER_GONE;
}

int cat_ended(struct cat *t, int err)
{
	if (err == -EPIPE && cat_peer_gone(t))
		complain(t->uri, "the other side died or left before the end of the data");
	else if (err == -EPIPE)
		complain(t->uri, "the other side does not %s",
		         t->dir == KIPC_SEND ? "receive" : "send");
	else if (err == -ETIMEDOUT || err == -EAGAIN)
		complain(t->uri, "the other side did not move for %g s", (double)t->timeout / 1e9);
	else
		complain(t->uri, "%s", kipc_strerror(err));
	return status_of(err);
}

int cat_interrupted(void)
{
	return stop_asked() ? STATUS_BAD : 0;
}
