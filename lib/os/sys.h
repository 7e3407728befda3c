/* SPDX-License-Identifier: MIT */
/* sys.h - raw system calls that return a negative errno, and the clock. */
#ifndef KIPC_OS_SYS_H
#define KIPC_OS_SYS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define KIPC__NEVER INT64_MAX

/* Now, CLOCK_MONOTONIC, in nanoseconds. The coarse one costs a quarter and ticks every few ms. */
int64_t kipc__now(void);
int64_t kipc__now_coarse(void);

/* Absolute deadline of a relative timeout: negative is never, an overflow too. */
int64_t kipc__deadline(int64_t timeout);

/* The timespec of a duration or of an absolute time. */
struct timespec kipc__timespec(int64_t ns);

/* Is this one of the last quarter of what the process may open, which is left to the others? */
bool kipc__fd_scarce(int fd);

/* Close a descriptor if there is one (>= 0); errno is not touched. */
void kipc__fd_close(int fd);

#endif /* KIPC_OS_SYS_H */
