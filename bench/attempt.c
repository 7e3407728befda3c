// SPDX-License-Identifier: MIT
/* attempt.c - one repetition of one cell in two fresh processes; see attempt.h */
#include "attempt.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "side.h"

#define GRACE_MS 3000 /* for everything but the measuring itself */
#define LOOK_MS  100  /* how often a failure of one side is looked for */

static struct pair *pair;

int attempt_init(void)
{
	pair = mmap(NULL, sizeof(*pair), PROT_READ | PROT_WRITE,
	            MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (pair == MAP_FAILED)
		return -errno;
	/* The second process is a grandchild; if the first one dies it comes to this process. */
	return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
}

/* Waits for the first process; true: it ended by itself. */
static bool await(int pidfd, unsigned int ms)
{
	uint64_t deadline = clock_ns(CLOCK_MONOTONIC) + (ms + GRACE_MS) * 1000000ull;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	bool failed = false;

	while (clock_ns(CLOCK_MONOTONIC) < deadline) {
		if (poll(&p, 1, LOOK_MS) > 0)
			return true;
		/* Who failed has said so and gone; the other one may wait for it for ever. */
		if (failed)
			return false;
		failed = atomic_load(&pair->failed) != 0;
	}
	return false;
}

static void describe_end(int status, bool in_time)
{
	if (!in_time)
		bench_fail(pair, -ETIMEDOUT, "hung: no end within %u ms", pair->cell.ms + GRACE_MS);
	else if (WIFSIGNALED(status))
		bench_fail(pair, -EIO, "the first process died of signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		bench_fail(pair, -EIO, "the first process ended with status %d",
		           WEXITSTATUS(status));
	else if (!pair->sample.ticks && !atomic_load(&pair->failed))
		bench_fail(pair, -EIO, "the second process ended without a result");
}

/* The second process is killed by the kernel when the first one is gone, and reaped here. */
static void reap_rest(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

const struct pair *attempt_run(const struct cell *cell, const int cpu[2], bool *hung)
{
	int status = 0, pidfd;
	pid_t first;

	memset(pair, 0, sizeof(*pair));
	pair->cell = *cell;
	pair->cpu[0] = cpu[0];
	pair->cpu[1] = cell->cpus == CPUS_TWO ? cpu[1] : cpu[0];
	*hung = false;
	first = fork();
	if (first == 0)
		side_first(pair);
	if (first < 0) {
		bench_fail(pair, -errno, "fork: %m");
		return pair;
	}
	pidfd = syscall(SYS_pidfd_open, first, 0);
	*hung = pidfd < 0 || !await(pidfd, cell->ms);
	if (*hung)
		kill(first, SIGKILL); /* not reaped yet, so the number is still its own */
	waitpid(first, &status, 0);
	close(pidfd);
	reap_rest();
	describe_end(status, !*hung);
	if (cell->mech->remove)
		cell->mech->remove(pair);
	return pair;
}
