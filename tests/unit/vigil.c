// SPDX-License-Identifier: MIT
/* A word that the kernel changes: when it does, for whom, and not after the end. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>
#include "os/sys.h"
#include "os/vigil.h"
#include "os/wake.h"
#include "../harness.h"

#define ARMED 0x01010101u

static uint32_t word;

/* On the reading ends of two pipes. */
static struct kipc__vigil *keep(int pipes[2][2])
{
	struct pollfd what[2];
	struct kipc__vigil *v;
	int r;

	for (int i = 0; i < 2; i++) {
		must_sys(pipe(pipes[i]));
		what[i] = (struct pollfd){ .fd = pipes[i][0], .events = POLLIN };
	}
	word = ARMED;
	r = kipc__vigil_open(&v, what, 2, &word);
	if (r == -EPERM || r == -ENOSYS)
		harness_skip("io_uring", "it is not allowed here");
	must_eq(r, 0);
	must(kipc__vigil_stands(v));
	return v;
}

static void pipes_close(int pipes[2][2])
{
	for (int i = 0; i < 4; i++)
		close(pipes[i / 2][i % 2]);
}

static void write_later(struct peer *me, void *arg)
{
	(void)me;
	await_asleep(getppid());
	must_eq(write(*(int *)arg, "x", 1), 1);
}

Test(vigil, ends_a_sleep, .init = harness_begin, .fini = harness_end)
{
	struct kipc__vigil *v;
	struct peer peer;
	int pipes[2][2];

	for (int i = 0; i < 2; i++) {
		v = keep(pipes);
		peer_start(&peer, write_later, &pipes[i][1]);
		must_eq(kipc__futex_wait(&word, ARMED, KIPC__NEVER, KIPC__NEVER), 0);
		must_eq(word, 0);
		must(!kipc__vigil_stands(v));
		peer_end(&peer);
		kipc__vigil_close(v);
		pipes_close(pipes);
	}
}

/* Nobody sleeps: the next one who wants to must not. */
Test(vigil, is_seen_before_a_sleep, .init = harness_begin, .fini = harness_end)
{
	int pipes[2][2];
	struct kipc__vigil *v = keep(pipes);

	must_eq(write(pipes[1][1], "x", 1), 1);
	while (kipc__vigil_stands(v))
		(void)getppid(); /* the kernel does it on the way */
	word = ARMED;
	must(!kipc__vigil_stands(v));
	must_eq(write(pipes[0][1], "x", 1), 1);
	kipc__vigil_close(v);
	pipes_close(pipes);
}

Test(vigil, leaves_the_word_alone_once_closed, .init = harness_begin, .fini = harness_end)
{
	for (unsigned i = 0; i < harness_rounds(500); i++) {
		int pipes[2][2];
		struct kipc__vigil *v = keep(pipes);

		if (i % 3 == 1)
			must_eq(write(pipes[i % 2][1], "x", 1), 1);
		kipc__vigil_close(v);
		word = ARMED;
		must_eq(write(pipes[0][1], "x", 1), 1);
		must_eq(write(pipes[1][1], "x", 1), 1);
		must(getppid() > 0);
		must_eq(word, ARMED);
		pipes_close(pipes);
	}
}

static void *close_it(void *v)
{
	must(!kipc__vigil_stands(v));
	kipc__vigil_close(v);
	return NULL;
}

static void *keep_it(void *pipes)
{
	return keep(pipes);
}

/* Also where that one has ended, and was told of everything that it had asked for. */
Test(vigil, is_closed_by_another_thread, .init = harness_begin, .fini = harness_end)
{
	int pipes[2][2];
	struct kipc__vigil *v = keep(pipes);
	pthread_t t;
	void *theirs;

	must_eq(pthread_create(&t, NULL, close_it, v), 0);
	must_eq(pthread_join(t, NULL), 0);
	must_eq(word, ARMED);
	pipes_close(pipes);

	must_eq(pthread_create(&t, NULL, keep_it, pipes), 0);
	must_eq(pthread_join(t, &theirs), 0);
	close_it(theirs);
	must_eq(word, ARMED);
	pipes_close(pipes);
}

/* A child frees its copy, and the parent's goes on. */
static void close_copy(struct peer *me, void *v)
{
	(void)me;
	kipc__vigil_close(v);
}

Test(vigil, stays_the_parents, .init = harness_begin, .fini = harness_end)
{
	int pipes[2][2];
	struct kipc__vigil *v = keep(pipes);
	struct peer peer;

	peer_start(&peer, close_copy, v);
	peer_end(&peer);
	must(kipc__vigil_stands(v));
	must_eq(write(pipes[0][1], "x", 1), 1);
	while (kipc__vigil_stands(v))
		(void)getppid();
	must_eq(word, 0);
	kipc__vigil_close(v);
	pipes_close(pipes);
}

/* The other descriptors of a process are more important than this one. */
Test(vigil, leaves_the_last_descriptors, .init = harness_begin, .fini = harness_end)
{
	struct rlimit most;
	int pipes[2][2], spare;
	struct pollfd what;
	struct kipc__vigil *v = keep(pipes);

	kipc__vigil_close(v);
	spare = dup(0);
	close(spare);
	must_sys(getrlimit(RLIMIT_NOFILE, &most));
	most.rlim_cur = (rlim_t)spare + 2;
	must_sys(setrlimit(RLIMIT_NOFILE, &most));
	what = (struct pollfd){ .fd = pipes[0][0], .events = POLLIN };
	must_eq(kipc__vigil_open(&v, &what, 1, &word), -EMFILE);
	must_eq(dup(0), spare);
	close(spare);
	most.rlim_cur = 2 * (rlim_t)spare + 8;
	must_sys(setrlimit(RLIMIT_NOFILE, &most));
	must_eq(kipc__vigil_open(&v, &what, 1, &word), 0);
	kipc__vigil_close(v);
	pipes_close(pipes);
}
