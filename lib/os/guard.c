// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include "guard.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kipc__guard *guards;
static bool registered;

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

int kipc__guard_add(struct kipc__guard *g)
{
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!registered)
		r = -pthread_atfork(before_fork, in_parent, in_child);
	if (r == 0) {
		registered = true;
		g->next = guards;
		g->at = &guards;
		if (guards)
			guards->at = &g->next;
		guards = g;
	}
	pthread_mutex_unlock(&lock);
	return r;
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
