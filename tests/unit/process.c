// SPDX-License-Identifier: MIT
/* Watching other processes: what is shared, and that it ends with the last one; what the library shares among
 * threads, in a process that is forked meanwhile.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/atomic.h"
#include "os/fork.h"
#include "os/lock.h"
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

/* ---- forked while another thread is inside ------------------------------------------------ */

struct inside {
	pid_t pid;
	uint32_t stop;
};

static int file_make(void)
{
	return (int)must_sys(memfd_create("process", MFD_CLOEXEC));
}

/* Into and out of everything that has a lock of its own. */
static void go_round(pid_t pid)
{
	struct kipc__process *p = kipc__process_watch(pid);
	struct kipc__lockfile *f;

	must(p);
	must_eq(kipc__lockfile_get(&f, file_make()), 0);
	must_eq(kipc__lockfile_take(f, 0), 0);
	kipc__lockfile_drop(f, 0);
	kipc__lockfile_put(f);
	kipc__process_leave(p);
	must(kipc__fork_generation() > 0);
}

static void *go_round_and_round(void *arg)
{
	struct inside *in = arg;

	while (!kipc__load_relaxed(&in->stop))
		go_round(in->pid);
	return NULL;
}

static void go_round_once(struct peer *me, void *arg)
{
	(void)me;
	go_round(((struct inside *)arg)->pid);
}

/* A child has only the thread that forked: what the others held, nobody would ever let go there. */
Test(process, forked_while_a_thread_is_inside, .init = harness_begin, .fini = harness_end)
{
	struct inside in = { 0 };
	struct peer peer, child;
	pthread_t thread[2];

	peer_start(&peer, linger, NULL);
	in.pid = peer.pid;
	for (int i = 0; i < 2; i++)
		must_eq(pthread_create(&thread[i], NULL, go_round_and_round, &in), 0);
	for (unsigned i = 0; i < harness_rounds(1000); i++) {
		peer_start(&child, go_round_once, &in);
		peer_end(&child);
	}
	kipc__store_relaxed(&in.stop, 1);
	for (int i = 0; i < 2; i++)
		must_eq(pthread_join(thread[i], NULL), 0);
	peer_tell(&peer, 'e');
	peer_end(&peer);
}
