// SPDX-License-Identifier: MIT
/* Record locks of the process, and the descriptors that must stay open for them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../harness.h"
#include "os/lock.h"

TestSuite(lock, .init = harness_begin, .fini = harness_end);

/* ---- without memory --------------------------------------------------------------------- */

/* The sanitizer has a realloc() of its own. */
#ifndef __SANITIZE_ADDRESS__
static _Thread_local bool refuse;

void *__libc_realloc(void *p, size_t n);

void *realloc(void *p, size_t n)
{
	return refuse ? NULL : __libc_realloc(p, n);
}

static void look_from_outside(struct peer *me, void *arg)
{
	pid_t pid;

	(void)me;
	must_eq(kipc__lockfile_held(arg, 5, &pid), 1);
	must_eq(pid, getppid());
}

/* A further descriptor of an inode that could not be remembered: what others hold is not disturbed. */
Test(lock, a_further_one_without_memory)
{
	int fd = (int)must_sys(memfd_create("lock", 0));
	struct kipc__lockfile *first, *second = NULL;
	struct peer peer;
	int again;

	must_eq(kipc__lockfile_get(&first, fd), 0);
	must_eq(kipc__lockfile_take(first, 5), 0);
	again = (int)must_sys(dup(fd));
	refuse = true;
	(void)kipc__lockfile_get(&second, again);
	refuse = false;
	kipc__lockfile_put(second);
	must(kipc__lockfile_alone(first));
	must(kipc__lockfile_mine(first, 5));
	peer_start(&peer, look_from_outside, first);
	peer_end(&peer);
	kipc__lockfile_put(first);
	close(again);
}
#endif
