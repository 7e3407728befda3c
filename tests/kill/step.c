// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include "kill.h"
#include "path.h"

/* Signals that the victim sends to itself; it never gets them, the tracer does. */
#define BEGIN SIGUSR1
#define END   SIGUSR2

static void mark(int sig)
{
	pid_t pid = getpid();

	(void)syscall(SYS_tgkill, pid, pid, sig);
}

void mark_begin(void)
{
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	mark(BEGIN);
}

void mark_end(void)
{
	mark(END);
}

/* The signal that stopped it; 0: it is no more. */
static int stopped_by(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return 0;
	return WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

bool step_to_act(pid_t victim)
{
	return stopped_by(victim) == BEGIN &&
	       ptrace(PTRACE_SETOPTIONS, victim, NULL, (void *)PTRACE_O_EXITKILL) == 0;
}

/* One more, or what is left of it when it comes to a breakpoint. false: it does not go on. */
static bool go_on(pid_t victim, int request, bool *whole)
{
	int sig;

	if (ptrace(request, victim, NULL, NULL) != 0)
		return false;
	sig = stopped_by(victim);
	*whole = sig == END;
	if (sig != SIGTRAP && !*whole)
		fprintf(stderr, "the victim got signal %d\n", sig);
	return sig == SIGTRAP || *whole;
}

bool step_through(pid_t victim, uint64_t *steps, bool *whole)
{
	uint64_t todo = *steps;

	*whole = false;
	for (*steps = 0; *steps < todo; ++*steps) {
		if (!go_on(victim, PTRACE_SINGLESTEP, whole))
			return false;
		if (*whole)
			break;
	}
	return true;
}

#if defined(__x86_64__)
static uintptr_t next_of(pid_t victim)
{
	return (uintptr_t)ptrace(PTRACE_PEEKUSER, victim, offsetof(struct user, regs.rip), NULL);
}

/* The CPU stops it before the instruction at this address; 0: no more. */
static bool breakpoint(pid_t victim, uintptr_t at)
{
	const size_t address = offsetof(struct user, u_debugreg[0]);
	const size_t control = offsetof(struct user, u_debugreg[7]);

	if (at && ptrace(PTRACE_POKEUSER, victim, address, at) != 0)
		return false;
	return ptrace(PTRACE_POKEUSER, victim, control, at ? 1L : 0L) == 0;
}
#else
static uintptr_t next_of(pid_t victim)
{
	(void)victim;
	return 0;
}

static bool breakpoint(pid_t victim, uintptr_t at)
{
	(void)victim;
	(void)at;
	return false;
}
#endif

bool step_recording(pid_t victim, uint64_t *steps, bool *whole, struct path *path)
{
	uint64_t one;

	*whole = false;
	path_clear(path);
	for (*steps = 0; !*whole; ++*steps) {
		path_add(path, next_of(victim));
		one = 1;
		if (!step_through(victim, &one, whole))
			return false;
	}
	--*steps;
	path_end(path);
	return true;
}

bool step_along(pid_t victim, const struct path *path, uint64_t k, bool *whole)
{
	size_t from = path->step[k].from;
	uint64_t rest = k - from;
	uint32_t n;

	*whole = false;
	if (from && !breakpoint(victim, path->step[from].at))
		rest = k, from = 0; /* this machine has none */
	for (n = 0; from && n < path->step[from].nth; n++) {
		if (!go_on(victim, PTRACE_CONT, whole))
			return false;
		if (*whole)
			return true;
	}
	return (!from || breakpoint(victim, 0)) && step_through(victim, &rest, whole);
}

/* 'S' sleeping, 't' stopped by its tracer, ... */
static char state_of(pid_t pid)
{
	char path[32], text[512];
	const char *after;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 'X';
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	after = strrchr(text, ')');
	return after && after[1] == ' ' ? after[2] : 'X';
}

void await_sleep(pid_t pid)
{
	const struct timespec turn = { .tv_nsec = 100 * 1000 };

	while (!strchr("SXZt", state_of(pid)))
		nanosleep(&turn, NULL);
}

bool step_into_sleep(pid_t victim)
{
	if (ptrace(PTRACE_CONT, victim, NULL, NULL) != 0)
		return false;
	await_sleep(victim);
	return state_of(victim) == 'S';
}

void step_kill(pid_t victim)
{
	kill(victim, SIGKILL);
	while (stopped_by(victim) != 0)
		;
}
