// SPDX-License-Identifier: MIT
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "mutex.h"
#include "process.h"
#include "sys.h"

#define BUCKETS 1024

/* So many share a descriptor. The kernel limits the ways from a file through epolls in epolls: 500 through
 * two of them, 100 through three, 50 through four. Each of us may have it in two, one for each direction.
 */
#define USERS 16

struct kipc__process {
	struct kipc__process *next;
	pid_t pid;
	unsigned users;
	int fd;
};

static struct kipc__process *watched[BUCKETS];

static struct kipc__process **bucket(pid_t pid)
{
	return &watched[(unsigned)pid % BUCKETS];
}

/* A pid can be used again, but not while the first one who had it lives. */
static bool lives(const struct kipc__process *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 0;
}

static struct kipc__process *find(pid_t pid)
{
	struct kipc__process *p;

	for (p = *bucket(pid); p; p = p->next)
		if (p->pid == pid && p->users < USERS && lives(p))
			return p;
	return NULL;
}

static struct kipc__process *add(pid_t pid)
{
	struct kipc__process *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct kipc__process){
		.next = *bucket(pid),
		.pid = pid,
		.fd = (int)syscall(SYS_pidfd_open, pid, 0),
	};
	if (p->fd < 0) {
		free(p);
		return NULL;
	}
	*bucket(pid) = p;
	return p;
}

struct kipc__process *kipc__process_watch(pid_t pid)
{
	struct kipc__process *p;

	kipc__mutex_lock(KIPC__MUTEX_PROCESSES);
	p = find(pid);
	if (!p)
		p = add(pid);
	if (p)
		p->users++;
	kipc__mutex_unlock(KIPC__MUTEX_PROCESSES);
	return p;
}

int kipc__process_fd(const struct kipc__process *p)
{
	return p->fd;
}

void kipc__process_leave(struct kipc__process *p)
{
	struct kipc__process **at;

	if (!p)
		return;
	kipc__mutex_lock(KIPC__MUTEX_PROCESSES);
	if (--p->users == 0) {
		for (at = bucket(p->pid); *at != p; at = &(*at)->next)
			;
		*at = p->next;
		kipc__fd_close(p->fd);
		free(p);
	}
	kipc__mutex_unlock(KIPC__MUTEX_PROCESSES);
}
