/* SPDX-License-Identifier: MIT */
/* chan.h - what the files of the front door need of each other */
#ifndef KIPC_CHAN_H
#define KIPC_CHAN_H

#include "transport.h"

/* Is this end in use by this process and open in these directions, for calls? Takes a fresh one into
 * use. -EINVAL, -ESTALE, -EACCES, -EPIPE.
 */
int kipc__chan_ready(struct kipc_chan *c, unsigned dirs);

/* lib/call/link.c: is there a request or a reply that no descriptor tells of? */
bool kipc__calls_wait(const struct kipc__calls *calls);

/* Is any call under way, either way? */
bool kipc__calls_busy(const struct kipc__calls *calls);

/* NULL is allowed. */
void kipc__calls_free(struct kipc__calls *calls);

#endif /* KIPC_CHAN_H */
