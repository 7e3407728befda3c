/* SPDX-License-Identifier: MIT */
/*
 * calls.h - what an end that is used for calls means to the front door (lib/call/link.c)
 */
#ifndef KIPC_CALLS_H
#define KIPC_CALLS_H

#include <stdbool.h>

struct kipc__calls;

/* Is there a request or a reply that no descriptor tells of? 1, 0; -EBADMSG: the calls are over. */
int kipc__calls_wait(const struct kipc__calls *calls);

/* Is any call under way, either way? */
bool kipc__calls_busy(const struct kipc__calls *calls);

/* NULL is allowed. */
void kipc__calls_free(struct kipc__calls *calls);

#endif /* KIPC_CALLS_H */
