/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fence.h - the fences between arming and looking
 */
#ifndef KIPC_FENCE_H
#define KIPC_FENCE_H

struct kipc_bell;

/* Before (H), in a state in which it may sleep: sees to it that the mover is not disturbed too often. */
void kipc_fence_pace(struct kipc_bell *bell);

/* (I) On our CPU, and for the owner of the sleeping end on the mover's, where that leaves out its own. */
void kipc_fence_run(struct kipc_bell *bell);

#endif /* KIPC_FENCE_H */
