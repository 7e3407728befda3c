// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stddef.h>
#include "guard.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kipc__guard *guards;
static int refused; /* why forks are not watched, if they are not */

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	struct kipc__guard *g;

	for (g = guards; g; g = g->next)
		g->in_child(g);
	pthread_mutex_unlock(&lock);
}

static void watch_forks(void)
{
	refused = -pthread_atfork(before_fork, in_parent, in_child);
}

/* Registered while no lock is held: a fork that comes meanwhile waits for nobody, and its child would have
 * found it held for ever.
 */
int kipc__guard_add(struct kipc__guard *g)
{
	static pthread_once_t watched = PTHREAD_ONCE_INIT;

	pthread_once(&watched, watch_forks);
	if (refused)
		return refused;
	pthread_mutex_lock(&lock);
	g->next = guards;
	g->at = &guards;
	if (guards)
		guards->at = &g->next;
	guards = g;
	pthread_mutex_unlock(&lock);
	return 0;
}

void kipc__guard_remove(struct kipc__guard *g)
{
	pthread_mutex_lock(&lock);
	if (g->at) {
		*g->at = g->next;
		if (g->next)
			g->next->at = g->at;
		g->at = NULL;
	}
	pthread_mutex_unlock(&lock);
}
