// SPDX-License-Identifier: MIT
/* Watching other processes: what is shared, and that it ends with the last one. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include "os/process.h"
#include "../harness.h"

#define USERS 40
#define SHARE 16

static void linger(struct peer *me, void *arg)
{
	(void)arg;
	peer_expect(me, 'e');
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

Test(process, few_share_a_descriptor, .init = harness_begin, .fini = harness_end)
{
	struct kipc__process *p[USERS], *late;
	struct peer peer;
	int fd[USERS];

	peer_start(&peer, linger, NULL);
	for (int i = 0; i < USERS; i++) {
		p[i] = kipc__process_watch(peer.pid);
		must(p[i]);
		fd[i] = kipc__process_fd(p[i]);
		must(!readable(fd[i]));
		if (i > 0)
			must_eq(p[i] == p[i - 1], i % SHARE != 0);
	}
	peer_tell(&peer, 'e');
	for (int i = 0; i < USERS; i++)
		must_eq(poll(&(struct pollfd){ .fd = fd[i], .events = POLLIN }, 1, -1), 1);
	/* A zombie can still be named, but nobody joins those who watched it alive. */
	late = kipc__process_watch(peer.pid);
	must(late && late != p[USERS - 1]);
	kipc__process_leave(late);
	peer_end(&peer);
	must(!kipc__process_watch(peer.pid));
	for (int i = 0; i < USERS; i++)
		kipc__process_leave(p[i]);
	for (int i = 0; i < USERS; i++)
		must(fcntl(fd[i], F_GETFD) < 0);
}
