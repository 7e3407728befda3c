/* SPDX-License-Identifier: MIT */
/*
 * mutex.h - locks among the threads of a process, which no forked child finds held
 *
 * A child has the one thread that forked. What another one held at that moment, nobody would ever let go
 * there, and what it was about to change may be half changed. So fork() waits until nobody holds a lock
 * that stands for memory; no call that may take long is made under one of those. A lock that
 * only keeps threads from each other's way is simply free in a child. (A child of vfork() or of a bare
 * clone() is expected to call exec().)
 *
 * pthread_once() needs none of this: a child that finds it half done does it again. Nor does the lock of
 * a channel, which only the process takes that has the channel in use. Any thread.
 */
#ifndef KIPC_OS_MUTEX_H
#define KIPC_OS_MUTEX_H

#include <stdbool.h>

/* Who holds one takes only later ones. */
enum kipc__mutex {
	KIPC__MUTEX_NAMES,     /* opening by a name; stands for no memory, and may take long */
	KIPC__MUTEX_LOCKFILES, /* lock.c */
	KIPC__MUTEX_PROCESSES, /* process.c */
	KIPC__MUTEXES
};

void kipc__mutex_lock(enum kipc__mutex m);

/* Where that would wait: false. For who may be a signal handler, and have interrupted the holder. */
bool kipc__mutex_try(enum kipc__mutex m);
void kipc__mutex_unlock(enum kipc__mutex m);

#endif /* KIPC_OS_MUTEX_H */
