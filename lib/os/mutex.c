// SPDX-License-Identifier: MIT
#include <pthread.h>
#include "mutex.h"

#define FIRST_OF_MEMORY KIPC__MUTEX_LOCKFILES

static pthread_mutex_t mutex[KIPC__MUTEXES] = {
	[KIPC__MUTEX_NAMES] = PTHREAD_MUTEX_INITIALIZER,
	[KIPC__MUTEX_LOCKFILES] = PTHREAD_MUTEX_INITIALIZER,
	[KIPC__MUTEX_PROCESSES] = PTHREAD_MUTEX_INITIALIZER,
};

static void before_fork(void)
{
	unsigned m;

	for (m = FIRST_OF_MEMORY; m < KIPC__MUTEXES; m++)
		pthread_mutex_lock(&mutex[m]);
}

static void in_parent(void)
{
	unsigned m;

	for (m = KIPC__MUTEXES; m > FIRST_OF_MEMORY; m--)
		pthread_mutex_unlock(&mutex[m - 1]);
}

static void in_child(void)
{
	in_parent();
	(void)pthread_mutex_init(&mutex[KIPC__MUTEX_NAMES], NULL);
}

/* Without memory for it a fork is as safe as in most programs that have threads. */
static void watch_forks(void)
{
	(void)pthread_atfork(before_fork, in_parent, in_child);
}

/* Registered while no lock is held, for fork() may hold its own while it waits for one of these. */
void kipc__mutex_lock(enum kipc__mutex m)
{
	static pthread_once_t watched = PTHREAD_ONCE_INIT;

	pthread_once(&watched, watch_forks);
	pthread_mutex_lock(&mutex[m]);
}

bool kipc__mutex_try(enum kipc__mutex m)
{
	return pthread_mutex_trylock(&mutex[m]) == 0;
}

void kipc__mutex_unlock(enum kipc__mutex m)
{
	pthread_mutex_unlock(&mutex[m]);
}
