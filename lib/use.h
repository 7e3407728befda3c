/* SPDX-License-Identifier: MIT */
/*
 * use.h - whose end is this, and may this call go on?
 */
#ifndef KIPC_USE_H
#define KIPC_USE_H

#include "os/fork.h"
#include "transport.h"

/* A fresh handle becomes this process's; one from before a fork is not: -ESTALE. */
int kipc__use_claim(struct kipc_chan *c);

static inline int kipc__use(struct kipc_chan *c)
{
	return __builtin_expect(!kipc__fork_owns(&c->owner), 0) ? kipc__use_claim(c) : 0;
}

/* Is this end in use by this process and open in these directions, whether messages or calls go
 * through them? -EINVAL, -ESTALE, -EACCES, -EPIPE.
 */
int kipc__use_ready(struct kipc_chan *c, unsigned dirs);

#endif /* KIPC_USE_H */
