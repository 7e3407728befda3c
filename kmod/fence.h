/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fence.h - the fences between arming and looking
 */
#ifndef KIPC_FENCE_H
#define KIPC_FENCE_H

struct kipc_bell;

/* (I) On our CPU, and on the mover's where it leaves out its own. */
void kipc_fence_run(struct kipc_bell *bell);

#endif /* KIPC_FENCE_H */
