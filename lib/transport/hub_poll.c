// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "hub_chan.h"

/*
 * What a poller sees: one epoll descriptor per side, holding the doorbell of that side and a ticker.
 * Nobody tells of a death in plain shared memory, and those that matter may be many, so a poller is
 * asked to look every 50 ms, as a sleeper does.
 *
 * A side is either armed, or readable. A call that finds nothing drains, arms and looks once more.
 */

#define TICK_NS (50 * 1000 * 1000)

static int ticker_open(struct kipc__hub *h)
{
	struct itimerspec every = { kipc__timespec(TICK_NS), kipc__timespec(TICK_NS) };

	if (h->ticker >= 0)
		return 0;
	h->ticker = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (h->ticker < 0)
		return -errno;
	return timerfd_settime(h->ticker, 0, &every, NULL) == 0 ? 0 : -errno;
}

static void rearm(struct kipc__hub *h, unsigned side)
{
	uint64_t ticks;

	kipc__hub_bell_drain(h, side);
	if (read(h->ticker, &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks))
		kipc__hub_look_in_turn(h);
	(void)kipc__hub_arm(h, side, KIPC_ARMED_POLLED);
	if (h->kind->ready(h, side) != 0) /* (J) */
		kipc__hub_bell_self(h, side);
}

void kipc__hub_idle(struct kipc__hub *h, unsigned side)
{
	if (h->polled[side])
		rearm(h, side);
	else
		kipc__hub_look_sometimes(h);
}

static int epoll_add(int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

static int fill(struct kipc__hub *h, unsigned side)
{
	int r = kipc__hub_bell_open(h, side);

	if (r == 0)
		r = ticker_open(h);
	if (r == 0)
		r = epoll_add(h->epoll[side], h->bell[side]);
	return r < 0 ? r : epoll_add(h->epoll[side], h->ticker);
}

int kipc__hub_fd(struct kipc_chan *c, unsigned dir)
{
	struct kipc__hub *h = (struct kipc__hub *)c;
	unsigned side = dir == KIPC_IN ? KIPC_SIDE_DATA : KIPC_SIDE_SPACE;
	int r;

	if (h->polled[side])
		return h->epoll[side];
	h->epoll[side] = epoll_create1(EPOLL_CLOEXEC);
	if (h->epoll[side] < 0)
		return -errno;
	r = fill(h, side);
	if (r < 0) {
		kipc__fd_close(h->epoll[side]);
		h->epoll[side] = -1;
		return r;
	}
	h->polled[side] = true;
	kipc__hub_idle(h, side);
	return h->epoll[side];
}
