// SPDX-License-Identifier: MIT
/* side.c - the life of the two processes of a repetition; see bench.h and side.h */
#include "side.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu.h"
#include "clock.h"

static int schedstat = -1;

int bench_fail(struct pair *p, int err, const char *format, ...)
{
	int none = 0;
	va_list args;

	if (err >= 0)
		err = -EIO;
	if (!atomic_compare_exchange_strong(&p->failed, &none, err))
		return err;
	va_start(args, format);
	vsnprintf(p->why, sizeof(p->why), format, args);
	va_end(args);
	return err;
}

void *bench_buffer(struct side *s, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p != MAP_FAILED)
		return p;
	bench_fail(s->pair, -errno, "no memory for a buffer of %zu bytes", bytes);
	return NULL;
}

/* The second number is the time that this process was ready and another one ran. */
static uint64_t delay_ns(void)
{
	char text[96] = "";
	unsigned long long delay = 0;

	if (schedstat >= 0 && pread(schedstat, text, sizeof(text) - 1, 0) > 0)
		sscanf(text, "%*u %llu", &delay);
	return delay;
}

void meter_start(struct meter *m)
{
	m->delay_ns = delay_ns();
	m->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	m->wall_ns = clock_ns(CLOCK_MONOTONIC);
}

void meter_stop(struct meter *m)
{
	m->wall_ns = clock_ns(CLOCK_MONOTONIC) - m->wall_ns;
	m->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - m->cpu_ns;
	m->delay_ns = delay_ns() - m->delay_ns;
}

/* Both have to get here before either goes on. Yields, because they may share a CPU. */
static int meet(struct pair *p, int barrier)
{
	int parties = p->cell.bench->run[1] ? 2 : 1;

	atomic_fetch_add(&p->arrived[barrier], 1);
	while (atomic_load(&p->arrived[barrier]) < parties) {
		if (atomic_load(&p->failed))
			return -EPIPE;
		sched_yield();
	}
	return 0;
}

/* The last barrier is slept at: the other side may still be measuring on this very CPU. */
static void part(struct pair *p)
{
	const struct timespec pause = { 0, 200 * 1000 };
	int parties = p->cell.bench->run[1] ? 2 : 1;

	atomic_fetch_add(&p->arrived[1], 1);
	while (atomic_load(&p->arrived[1]) < parties && !atomic_load(&p->failed))
		nanosleep(&pause, NULL);
}

static int run_side(struct pair *p, int who)
{
	const struct mech *m = p->cell.mech;
	struct side s = {
		.pair = p,
		.cell = &p->cell,
		.who = who,
		.spin = p->cell.wait == WAIT_SPIN,
	};
	int r = cpu_pin(p->cpu[who]);

	if (r < 0)
		return bench_fail(p, r, "CPU %d is not permitted", p->cpu[who]);
	schedstat = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	if (m->join && (r = m->join(&s)) < 0)
		return bench_fail(p, r, "join failed (%d)", r);
	r = meet(p, 0);
	if (r == 0)
		r = p->cell.bench->run[who](&s);
	if (r >= 0 && m->finish)
		r = m->finish(&s);
	if (r < 0)
		return bench_fail(p, r, "run failed (%d)", r);
	part(p);
	if (m->leave)
		m->leave(&s);
	return 0;
}

/* A library that has to take leave of a daemon does so when the process ends in order. */
static _Noreturn void end(int r)
{
	if (r < 0)
		_exit(1);
	exit(0);
}

static _Noreturn void second(struct pair *p, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	p->pid[1] = getpid();
	if (getppid() != parent)
		_exit(1); /* it died before the signal was asked for */
	end(run_side(p, 1));
}

static struct pair *mine;

/*
 * Runs in the first process. When the second one is gone for a bad reason, nobody will answer this one
 * any more, and it ends at once. After a good end nothing is left to wait for.
 */
static void second_ended(int sig)
{
	int status, saved = errno;

	(void)sig;
	if (waitpid(-1, &status, WNOHANG) > 0 && status != 0) {
		if (WIFSIGNALED(status))
			bench_fail(mine, -EIO, "the second process died of signal %d",
			           WTERMSIG(status));
		_exit(1);
	}
	errno = saved;
}

static void watch_second(struct pair *p)
{
	struct sigaction act = { .sa_handler = second_ended, .sa_flags = SA_RESTART };

	mine = p;
	sigaction(SIGCHLD, &act, NULL);
}

_Noreturn void side_first(struct pair *p)
{
	pid_t self = getpid(), child = -1;
	int r;

	p->pid[0] = self;
	cpu_pin(p->cpu[0]); /* memory that setup() touches lies near the first CPU */
	r = p->cell.mech->setup(p);
	if (r < 0) {
		bench_fail(p, r, "setup failed (%d)", r);
		_exit(1);
	}
	if (p->cell.bench->run[1]) {
		watch_second(p);
		child = fork();
		if (child == 0)
			second(p, self);
		if (child < 0) {
			bench_fail(p, -errno, "fork: %m");
			_exit(1);
		}
	}
	r = run_side(p, 0);
	if (r == 0 && p->cell.bench->run[1])
		waitpid(child, NULL, 0);
	end(r);
}
