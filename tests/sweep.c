// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include "sweep.h"

static const char *const places[] = { "/dev/shm", "/tmp" };

/* Who only waits to be reaped is dead. */
static bool lives(pid_t pid)
{
	char path[40], text[300] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	state = strrchr(text, ')');
	return state && state[1] && !strchr("ZX", state[2]);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* The process that the name speaks of; 0: it has no mark. The library puts a word of its own in front. */
static pid_t maker_of(const char *name, const char *mark)
{
	const char *at = strncmp(name, "kipc", 4) ? name : strstr(name, mark);
	char *end;
	long pid;

	if (!at || strncmp(at, mark, strlen(mark)) || at[strlen(mark)] != '-')
		return 0;
	pid = strtol(at + strlen(mark) + 1, &end, 10);
	return *end == '-' && pid > 0 ? (pid_t)pid : 0;
}

static void sweep_place(const char *place, const char *mark)
{
	DIR *dir = opendir(place);
	struct dirent *e;
	char path[400];

	while (dir && (e = readdir(dir))) {
		pid_t maker = maker_of(e->d_name, mark);

		if (!maker || lives(maker))
			continue;
		snprintf(path, sizeof(path), "%s/%s", place, e->d_name);
		nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	}
	if (dir)
		closedir(dir);
}

void sweep_names(const char *mark)
{
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++)
		sweep_place(places[i], mark);
}

/* ---- the end before the end --------------------------------------------------------------- */

/* What this process has started in one of its threads; how many of them live. */
static unsigned kill_children_of(const char *thread)
{
	char path[300];
	unsigned n = 0;
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%s/children", thread);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &pid) == 1) {
		kill(pid, SIGKILL);
		n += lives(pid);
	}
	if (f)
		fclose(f);
	return n;
}

static unsigned kill_children(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;
	unsigned n = 0;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			n += kill_children_of(e->d_name);
	if (dir)
		closedir(dir);
	return n;
}

/* Grandchildren die with their parents. */
static void *await_sigterm(void *mark)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	while (sigwait(&set, &sig) != 0)
		;
	while (kill_children())
		nanosleep(&pause, NULL);
	sweep_names(mark);
	_exit(128 + SIGTERM);
}

void sweep_on_sigterm(const char *mark)
{
	pthread_t thread;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&thread, NULL, await_sigterm, (void *)(uintptr_t)mark) == 0)
		pthread_detach(thread);
	else
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
