/* SPDX-License-Identifier: MIT */
/*
 * process.h - the end of another process
 *
 * A descriptor that is readable once the process is dead. Those in this process who watch the same one
 * share it, some to each: thousands of channels may lead to one peer. Any thread.
 */
#ifndef KIPC_OS_PROCESS_H
#define KIPC_OS_PROCESS_H

#include <sys/types.h>

struct kipc__process;

/* Watch it. NULL: it is gone, or not visible from here, or there is no descriptor left. */
struct kipc__process *kipc__process_watch(pid_t pid);

/* The descriptor, borrowed. */
int kipc__process_fd(const struct kipc__process *p);

/* Watch it no longer; the last one closes the descriptor. NULL is allowed. */
void kipc__process_leave(struct kipc__process *p);

#endif /* KIPC_OS_PROCESS_H */
