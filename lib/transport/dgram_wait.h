/* SPDX-License-Identifier: MIT */
/*
 * dgram_wait.h - how a verb over packets waits
 */
#ifndef KIPC_TRANSPORT_DGRAM_WAIT_H
#define KIPC_TRANSPORT_DGRAM_WAIT_H

#include "dgram_chan.h"

/* What a verb that found nothing to do has to remember while it waits. */
struct kipc__dgram_pause {
	int64_t timeout;
	int64_t deadline;
	bool begun;
};

/* Wait, as this channel waits, before the next try. 0: try again; -EAGAIN, -ETIMEDOUT, -EINTR. */
int kipc__dgram_pause(struct kipc__dgram *d, unsigned events, struct kipc__dgram_pause *w);

#endif /* KIPC_TRANSPORT_DGRAM_WAIT_H */
