// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "kill.h"

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

bool step_through(pid_t victim, uint64_t *steps, bool *whole)
{
	uint64_t todo = *steps;
	int sig;

	*whole = false;
	for (*steps = 0; *steps < todo; ++*steps) {
		if (ptrace(PTRACE_SINGLESTEP, victim, NULL, NULL) != 0)
			return false;
		sig = stopped_by(victim);
		*whole = sig == END;
		if (sig == SIGTRAP)
			continue;
		if (!*whole)
			fprintf(stderr, "the victim got signal %d\n", sig);
		return *whole;
	}
	return true;
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
