/* SPDX-License-Identifier: MIT */
/*
 * sweep.h - what test programs that were killed have left behind
 *
 * Every name that a test program makes up holds a mark and the number of its process: "kt-4711-3". A
 * program that is killed cannot tidy up, so the next one does.
 */
#ifndef TESTS_SWEEP_H
#define TESTS_SWEEP_H

/* Remove what the dead have left under "MARK-PID-..." in /dev/shm and /tmp. */
void sweep_names(const char *mark);

/* From now on SIGTERM ends this program in order: first its children, then sweep_names(mark). Call it
 * before there are threads or children. Children have the signal blocked.
 */
void sweep_on_sigterm(const char *mark);

#endif /* TESTS_SWEEP_H */
