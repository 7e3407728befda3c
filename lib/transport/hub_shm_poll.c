// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "../os/wake.h"
#include "hub_shm.h"

/*
 * What a poller sees: one epoll descriptor per side, holding the doorbell of that side and a ticker.
 * Nobody tells of a death in plain shared memory, and those that matter may be many, so a poller is
 * asked to look every 50 ms, as a sleeper does.
 *
 * A side is either armed, or readable. A call that finds nothing drains, arms and looks once more.
 */

#define TICK_NS (50 * 1000 * 1000)

/* A sleeper looks who lives this often; the promise is 100 ms. */
#define NAP_NS (50 * 1000 * 1000)

static int vigil_or_nap(struct kipc__hub *h, unsigned side, uint32_t armed, int64_t deadline)
{
	unsigned *naps = &kipc__hub_shm_of(h)->rest[side].naps;
	int r = kipc__hub_shm_vigil_sleep(h, side, armed, deadline);

	if (r != -EAGAIN)
		return r;
	r = kipc__futex_wait(&kipc__hub_bell(h, side)->armed, armed, deadline, NAP_NS);
	*naps = r == -ETIMEDOUT ? *naps + 1 : 0;
	if (r != -ETIMEDOUT)
		return r;
	kipc__hub_shm_leash_make(h); /* others that sleep for long may wait for me, too */
	kipc__hub_shm_look_in_turn(h);
	return deadline != KIPC__NEVER && kipc__now() >= deadline ? -ETIMEDOUT : 0;
}

int kipc__hub_shm_sleep(struct kipc__hub *h, unsigned side, uint32_t armed, int64_t deadline)
{
	int r = vigil_or_nap(h, side, armed, deadline);

	kipc__hub_shm_answer(h, side);
	return r;
}

/* Both halves of the end may come here at once: one ticker will do. */
static int ticker_open(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	struct itimerspec every = { kipc__timespec(TICK_NS), kipc__timespec(TICK_NS) };
	int none = -1, fd, r = 0;

	if (kipc__load_acquire(&s->ticker) >= 0) /* pairs with the exchange below */
		return 0;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) != 0)
		r = -errno;
	if (r < 0 || !kipc__compare_exchange(&s->ticker, &none, fd))
		kipc__fd_close(fd);
	return r;
}

static void rearm(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	uint64_t ticks;

	kipc__hub_shm_bell_drain(h, side);
	if (read(kipc__load_relaxed(&s->ticker), &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks))
		kipc__hub_shm_look_in_turn(h);
	(void)kipc__hub_shm_arm(h, side, KIPC_ARMED_POLLED);
	if (h->kind->ready(h, side) != 0) /* (J) */
		kipc__hub_shm_bell_self(h, side);
}

void kipc__hub_shm_idle(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	if (s->polled[side])
		rearm(h, side);
	else
		kipc__hub_shm_look(h, false);
}

static int epoll_add(int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

static int fill(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	int r = kipc__hub_shm_bell_open(h, side);

	if (r == 0)
		r = ticker_open(h);
	if (r == 0)
		r = epoll_add(s->epoll[side], s->bell[side]);
	return r < 0 ? r : epoll_add(s->epoll[side], kipc__load_relaxed(&s->ticker));
}

int kipc__hub_shm_fd(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	int r;

	if (s->polled[side])
		return s->epoll[side];
	s->epoll[side] = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll[side] < 0)
		return -errno;
	r = fill(h, side);
	if (r < 0) {
		kipc__fd_close(s->epoll[side]);
		s->epoll[side] = -1;
		return r;
	}
	s->polled[side] = true;
	kipc__hub_shm_idle(h, side);
	return s->epoll[side];
}
