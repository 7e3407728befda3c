// SPDX-License-Identifier: MIT
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "ring_wait.h"
#include "shm_chan.h"

/*
 * What a poller sees. One epoll descriptor per side holds
 *
 *   the doorbell  one for both sides (shm_bell.c)
 *   the watch     the peer's pidfd, shared by all channels of this process that lead to it: a death is
 *                 told without anybody looking
 *
 * A side is either armed, or readable. A call that finds nothing drains, arms and looks once more.
 */

#define TICK_NS (50 * 1000 * 1000)

/* ---- the watch -------------------------------------------------------------------------- */

static int epoll_add(int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

/* A pid can be reused, but not while its first owner still holds the lock. */
static int process_of(struct kipc__shm_chan *s, unsigned peer, pid_t pid)
{
	struct kipc__process *p = kipc__process_watch(pid);
	pid_t again;

	if (p && (kipc__lockfile_held(s->file, peer, &again) != 1 || again != pid)) {
		kipc__process_leave(p);
		p = NULL;
	}
	s->process = p;
	return p ? kipc__process_fd(p) : -1;
}

static int ticker(void)
{
	struct itimerspec every = { kipc__timespec(TICK_NS), kipc__timespec(TICK_NS) };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

static void unwatch(struct kipc__shm_chan *s)
{
	unsigned side;

	/* Closing is not enough where others use it, or a forked child has a copy. */
	for (side = 0; side < 2; side++)
		if (s->epoll[side] >= 0)
			(void)epoll_ctl(s->epoll[side], EPOLL_CTL_DEL, s->watch, NULL);
	kipc__shm_watch_close(s);
}

/* Is that why there is none, or is there nobody to watch? */
static bool is_short(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOSPC;
}

/* In both: 0; or there is no watch. */
static int watch_in(struct kipc__shm_chan *s, int fd)
{
	int r = epoll_add(s->epoll[0], fd);

	if (r == 0)
		r = epoll_add(s->epoll[1], fd);
	if (r < 0)
		unwatch(s);
	return r;
}

/* Watch the process that has the peer's end: from the moment that it holds the lock, for it may die
 * before it gets any further; another one once it was handed over. Where there is nothing to watch it with,
 * a poller would not hear of its end: it is kept awake, and kipc_chan_fd() says so.
 */
static void watch(struct kipc__shm_chan *s)
{
	unsigned peer = KIPC__RING_PEER(&s->ring);
	const struct kipc_ring_end *end = &s->ring.status->ends[peer];
	uint32_t generation = kipc__load_relaxed(&end->generation);
	uint32_t state = kipc__load_acquire(&end->state);
	pid_t pid;
	int fd, r;

	if (s->watch >= 0 && state != KIPC_END_FREE && s->watched == generation)
		return;
	if (s->watch >= 0)
		unwatch(s);
	if (kipc__lockfile_held(s->file, peer, &pid) != 1)
		pid = -1;
	kipc__store_relaxed(&s->blind, 0);
	s->watch_ticks = false;
	if (pid == getpid())
		return;
	s->watched = generation;
	fd = pid > 0 ? process_of(s, peer, pid) : -1;
	if (pid < 0)
		fd = kipc__shm_way_watch(s, peer); /* handed over, perhaps */
	if (fd < 0 && pid >= 0) {
		fd = ticker();
		s->watch_ticks = fd >= 0;
	}
	kipc__store_relaxed(&s->watch, fd < 0 ? -1 : fd);
	r = fd < 0 ? fd : watch_in(s, fd);
	if (is_short(r) && (pid >= 0 || generation))
		kipc__store_relaxed(&s->blind, r);
}

/* One half of the end at a time. The other one need not wait: whatever it was rung for is told to both
 * sides, so who has the mutex now comes here once more. And a signal handler may not wait.
 */
static void watch_once(struct kipc__shm_chan *s)
{
	uint64_t ticks;

	if (pthread_mutex_trylock(&s->mutex) != 0)
		return;
	if (s->watch_ticks)
		(void)!read(s->watch, &ticks, sizeof(ticks));
	watch(s);
	pthread_mutex_unlock(&s->mutex);
}

/* ---- the two slots ---------------------------------------------------------------------- */

static void rearm(struct kipc__shm_chan *s, unsigned side)
{
	struct kipc__ring_chan *c = &s->ring;

	kipc__shm_bell_drain(s, side);
	kipc__shm_bell_quiet(s, side);
	(void)kipc__shm_arm(c, side, kipc__ring_wait_target(c, side), KIPC_ARMED_POLLED);
	watch_once(s); /* armed first: a peer that comes after this look rings */
	if (kipc__ring_wait_ready(c, side) != 0 || kipc__ring_wait_gone(c, side) ||
	    kipc__shm_is_shut(c, side) || kipc__load_relaxed(&s->blind))
		kipc__shm_bell_self(s, side);
}

void kipc__shm_idle(struct kipc__ring_chan *c, unsigned side)
{
	struct kipc__shm_chan *s = (struct kipc__shm_chan *)c;
	int64_t due = c->polled[side] ? 1 : TICK_NS / 2;

	if (c->polled[side]) {
		kipc__shm_vigil_end(s, side);
		rearm(s, side);
		/* A peer that came and died within one tick of the clock can not be watched any more. */
		if (kipc__load_relaxed(&s->watch) < 0)
			due = 0;
	}
	if (kipc__now_coarse() - kipc__load_relaxed(&s->looked_at) < due)
		return;
	if (c->polled[side]) /* a poller will not ask again by itself */
		kipc__shm_look(c);
	else
		kipc__shm_glance(c);
}

static int make_pollable(struct kipc__shm_chan *s, unsigned side)
{
	int fd, r = kipc__shm_bell_open(s);

	if (r < 0)
		return r;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = kipc__shm_bell_watch(s, fd);
	if (r < 0) {
		kipc__fd_close(fd);
		return r;
	}
	r = s->watch >= 0 ? epoll_add(fd, s->watch) : 0;
	if (r < 0) {
		kipc__fd_close(fd);
		return r;
	}
	/* Both pair with what the other half does when it has something to tell this side. */
	kipc__store_release(&s->epoll[side], fd);
	kipc__store_release(&s->ring.polled[side], true);
	return 0;
}

int kipc__shm_fd(struct kipc__ring_chan *c, unsigned side)
{
	struct kipc__shm_chan *s = (struct kipc__shm_chan *)c;
	int r = 0;

	if (s->epoll[side] >= 0 && !kipc__load_relaxed(&s->blind))
		return s->epoll[side];
	pthread_mutex_lock(&s->mutex);
	if (s->epoll[side] < 0)
		r = make_pollable(s, side);
	pthread_mutex_unlock(&s->mutex);
	if (r < 0)
		return r;
	kipc__shm_idle(c, side);
	r = kipc__load_relaxed(&s->blind);
	return r < 0 ? r : s->epoll[side];
}
