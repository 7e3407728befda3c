/* SPDX-License-Identifier: MIT */
/* helper.h - the test binary as another program: "conformance --helper MODE ARGUMENTS..." */
#ifndef CONFORMANCE_HELPER_H
#define CONFORMANCE_HELPER_H

/*
 *	fds N...              0 when the open descriptors are 0, 1, 2 and those named
 *	echo FD ROUNDS        an end from this descriptor; sends back what it receives
 *	stream URI N          a forked receiver; N messages go over, both sides spinning
 *	self URI N            N messages from one end to the other in one thread, never waiting
 */
int helper_main(int argc, char **argv);

/* Replace this process by the helper; arguments end with NULL. Exits with 127 when it cannot. */
void helper_exec(const char *const *args) __attribute__((noreturn));

/* Run it (under a prefix such as strace, when that is not NULL) and give its exit status. */
int helper_run(const char *const *prefix, const char *const *args);

#endif /* CONFORMANCE_HELPER_H */
