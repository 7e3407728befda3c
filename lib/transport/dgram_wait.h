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
	bool sleep; /* the back end's verb may sleep */
};

/* Wait, as this channel waits, before the next try. 0: try again; -EAGAIN, -ETIMEDOUT, -EINTR.
 * verb: what will be tried can sleep by itself.
 */
int kipc__dgram_pause(struct kipc__dgram *d, unsigned events, struct kipc__dgram_pause *w,
                      bool verb);

#endif /* KIPC_TRANSPORT_DGRAM_WAIT_H */
