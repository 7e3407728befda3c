// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "../os/wake.h"
#include "hub_shm.h"

/*
 * What a poller sees: one epoll descriptor per side, its own, holding the doorbell that all pollers of that side
 * have, and a ticker. Nobody tells of a death in plain shared memory, and those that matter may be many, so a
 * poller is asked to look every 50 ms, as a sleeper does.
 *
 * Letters in the doorbell mean nothing, and nobody reads them; the kernel's edge is the message. A write wakes all
 * epolls that watch the FIFO, whether or not it was empty (fs/pipe.c: poll_usage), and each keeps that for its owner
 * until epoll_wait() takes it, while it looks readable to all who poll it.
 *
 * The doorbell is watched for reading and for writing, because epoll looks again before it says that something is
 * ready, and forgets the edge where it finds nothing (fs/eventpoll.c: ep_item_poll()). A FIFO that is open both ways
 * has letters or room at any instant, so it does not matter who takes letters out meanwhile, and asking for
 * the same once more makes an edge out of nothing.
 *
 * A side is either armed, or readable. A call that finds nothing takes the edge, arms and looks once more. Who
 * was not armed is rung for all the same, and finds out that it was for others.
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

/* What is ready in the epoll of a side. */
enum item { BELL, TICKER };

static const uint32_t wanted[] = { [BELL] = EPOLLIN | EPOLLOUT | EPOLLET, [TICKER] = EPOLLIN };

static int watch(int epoll, int op, enum item item, int fd)
{
	struct epoll_event e = { .events = wanted[item], .data.u32 = item };

	return epoll_ctl(epoll, op, fd, &e) == 0 ? 0 : -errno;
}

/* Take the edge, if there is one. Has the ticker ticked, and does nobody else see to that? */
static bool take_edge(struct kipc__hub_shm *s, unsigned side)
{
	struct epoll_event e[2];
	int n = epoll_wait(s->epoll[side], e, 2, 0);
	uint64_t ticks;

	while (n-- > 0)
		if (e[n].data.u32 == TICKER)
			return read(kipc__load_relaxed(&s->ticker), &ticks, sizeof(ticks)) ==
			       (ssize_t)sizeof(ticks);
	return false;
}

static void rearm(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);

	if (take_edge(s, side))
		kipc__hub_shm_look_in_turn(h);
	(void)kipc__hub_shm_arm(h, side, KIPC_ARMED_POLLED);
	if (h->kind->ready(h, side) != 0) /* (J) */
		(void)watch(s->epoll[side], EPOLL_CTL_MOD, BELL,
		            kipc__load_relaxed(&s->bell[side]));
}

void kipc__hub_shm_idle(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	if (s->polled[side])
		rearm(h, side);
	else
		kipc__hub_shm_look(h, false);
}

static int fill(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	int bell = kipc__hub_shm_bell_make(h, side);
	int r = bell < 0 ? bell : ticker_open(h);

	if (r == 0)
		r = watch(s->epoll[side], EPOLL_CTL_ADD, BELL, bell);
	return r < 0 ? r
	             : watch(s->epoll[side], EPOLL_CTL_ADD, TICKER, kipc__load_relaxed(&s->ticker));
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
