/* SPDX-License-Identifier: MIT */
/*
 * guard.h - descriptors that a forked child must not keep
 *
 * The kernel tells the other end of a socket that this one is gone when the last copy of its
 * descriptor is closed. A child that happens to be forked has such a copy, and would hide its
 * parent's death. Whoever owns descriptors of that sort is therefore called in every child, before
 * fork() returns there, to close them. (A child of vfork() or of a bare clone() is expected to call
 * exec(), which closes what is close-on-exec.) Any thread.
 */
#ifndef KIPC_OS_GUARD_H
#define KIPC_OS_GUARD_H

struct kipc__guard {
	struct kipc__guard *next, **at;           /* NULL: not on the list */
	void (*in_child)(struct kipc__guard *me); /* may only close descriptors and change memory */
};

/* in_child is set. -ENOMEM */
int kipc__guard_add(struct kipc__guard *g);

/* Nothing happens when it was not added. */
void kipc__guard_remove(struct kipc__guard *g);

#endif /* KIPC_OS_GUARD_H */
