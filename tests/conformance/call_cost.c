// SPDX-License-Identifier: MIT
/*
 * What a call costs in system calls where both sides sleep. Over the module each leg, waking the other
 * side and lying down, is one; the library's calls of it are counted in the place of libc's ioctl().
 */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "form.h"

/* What starting and ending takes. */
#define OVERHEAD 50

static unsigned *ioctls; /* shared with the peer; NULL: nobody counts */

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (ioctls)
		__atomic_fetch_add(ioctls, 1, __ATOMIC_RELAXED);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

static void answer(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	struct kipc_request q;
	int r;

	(void)me;
	chan_set_wait(c, KIPC_WAIT_BLOCK);
	for (r = kipc_call_next(c, &q, -1); r == 0;)
		r = kipc_reply_next(c, q.id, q.data, q.len, &q, -1);
	must_eq(r, -EPIPE);
	kipc_chan_close(c);
}

EACH_ANON(call_of_sleepers_costs_a_system_call_for_each)
{
	unsigned n = harness_rounds(5000);
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;

	if (strcmp(f->scheme, "kmod"))
		return; /* two futexes, or two packets, are two system calls */
	ioctls = mmap(NULL, sizeof(*ioctls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	must(ioctls != MAP_FAILED);
	form_pin(0); /* both */
	duo_make(&d, f, "");
	peer_start(&peer, answer, &d);
	c = duo_mine(&d);
	chan_set_wait(c, KIPC_WAIT_BLOCK);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t got = 0;

		must_eq(kipc_call(c, &i, sizeof(i), &got, sizeof(got), -1), sizeof(got));
		must(got == i);
	}
	kipc_chan_close(c);
	peer_end(&peer);
	fprintf(stderr, "%s: %u system calls for %u calls\n", f->id, *ioctls, n);
	must(*ioctls <= 2 * n + n / 10 + OVERHEAD);
}
