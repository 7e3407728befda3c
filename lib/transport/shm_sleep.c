// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include "../os/wake.h"
#include "ring_wait.h"
#include "shm_chan.h"

/*
 * Sleeping, and hearing of the peer's end meanwhile. A side that sleeps often, or for long, keeps a vigil
 * (os/vigil.h) on
 *
 *   the process   its pidfd, as a poller does: a death
 *   the leash     what is closed by exec() too, and breaks then: the peer's end of the socket pair, or
 *                 a FIFO that it holds open for reading (shm_bell.c)
 *
 * Otherwise, and where one of the two is not to be had, it gets up in time to look at the peer's lock.
 */

/* A sleeper looks whether the peer lives this often; the promise is 100 ms. */
#define NAP_NS (50 * 1000 * 1000)

/* A vigil costs as much to set up as so many sleeps with a timer cost more than those without. */
#define SLEEPS 64

/* ---- the vigil -------------------------------------------------------------------------- */

static const struct kipc_ring_end *peer_end(const struct kipc__shm_chan *s)
{
	return &s->ring.status->ends[KIPC__RING_PEER(&s->ring)];
}

/* Still of the process that has the peer's end. Asked after arming: who hands its end over says so, and
 * then wakes those who sleep.
 */
static bool stands(const struct kipc__shm_chan *s, const struct kipc__shm_rest *rest)
{
	return rest->vigil && kipc__load_acquire(&peer_end(s)->state) == KIPC_END_LIVE &&
	       kipc__load_relaxed(&peer_end(s)->generation) == rest->generation &&
	       kipc__vigil_stands(rest->vigil);
}

static void give_up(struct kipc__shm_rest *rest)
{
	kipc__vigil_close(rest->vigil);
	rest->vigil = NULL;
}

void kipc__shm_rest_end(struct kipc__shm_chan *s, unsigned side)
{
	give_up(&s->rest[side]);
}

/* A copy of the peer's socket in this very process would keep it from breaking. */
static int leash_watch(const struct kipc__shm_chan *s)
{
	if (*s->name)
		return kipc__shm_leash_watch(s);
	return kipc__lockfile_alone(s->file) ? s->sock : -EBUSY;
}

static bool holds(const struct kipc__shm_chan *s, pid_t pid)
{
	pid_t now;

	return kipc__lockfile_held(s->file, KIPC__RING_PEER(&s->ring), &now) == 1 && now == pid;
}

/* A pid can be used again, but not while its first owner still holds the lock. */
static void vigil_on(struct kipc__shm_chan *s, unsigned side, pid_t pid, int leash)
{
	struct kipc__process *p = kipc__process_watch(pid);
	struct kipc__shm_rest *rest = &s->rest[side];
	struct pollfd what[] = { { .fd = leash, .events = POLLRDHUP }, { .events = POLLIN } };
	int r;

	if (!p)
		return;
	what[1].fd = kipc__process_fd(p);
	r = kipc__vigil_open(&rest->vigil, what, 2, &kipc__shm_my_bell(&s->ring, side)->armed);
	kipc__process_leave(p);
	if (r == -EPERM || r == -ENOSYS || r == -EINVAL)
		s->may_watch = false;
	if (r == 0 && !holds(s, pid))
		give_up(rest);
}

static void vigil_begin(struct kipc__shm_chan *s, unsigned side)
{
	struct kipc__shm_rest *rest = &s->rest[side];
	int leash = leash_watch(s);
	pid_t pid;

	rest->sleeps = 0;
	rest->generation = kipc__load_acquire(&peer_end(s)->generation);
	if (leash < 0)
		return;
	if (kipc__lockfile_held(s->file, KIPC__RING_PEER(&s->ring), &pid) == 1 && pid > 0 &&
	    pid != getpid())
		vigil_on(s, side, pid, leash);
	if (*s->name)
		kipc__fd_close(leash);
}

/* A poller has a watch of its own, and flags in the word that are not to be lost. */
static void vigil_consider(struct kipc__shm_chan *s, unsigned side)
{
	struct kipc__shm_rest *rest = &s->rest[side];

	if (!rest->vigil && s->may_watch && !s->ring.polled[side] && ++rest->sleeps > SLEEPS)
		vigil_begin(s, side);
}

/* ---- sleeping --------------------------------------------------------------------------- */

/* (J) */
static bool moved(struct kipc__ring_chan *c, unsigned side, uint64_t position)
{
	const __u64 *word = side == KIPC_SIDE_DATA ? c->rx.prod_word : c->tx.cons_word;

	return kipc_ring_due(kipc__load_acquire(word), position) || /* (J) pairs with (E), (C) */
	       kipc__ring_wait_gone(c, side);
}

int kipc__shm_park(struct kipc__ring_chan *c, unsigned side, uint64_t position, int64_t deadline)
{
	struct kipc_ring_bell *bell = kipc__shm_my_bell(c, side);
	struct kipc__shm_chan *s = (struct kipc__shm_chan *)c;
	struct kipc__shm_rest *rest = &s->rest[side];
	uint32_t armed;
	int r = 0;

	vigil_consider(s, side);
	armed = kipc__shm_arm(c, side, position, KIPC_ARMED_PARKED);
	if (!moved(c, side, position) && (!rest->vigil || stands(s, rest)))
		r = kipc__futex_wait(&bell->armed, armed, deadline,
		                     rest->vigil ? KIPC__NEVER : NAP_NS);
	if (r == -ETIMEDOUT)
		rest->sleeps = SLEEPS; /* this is a long one */
	if (r == -ETIMEDOUT || (rest->vigil && !stands(s, rest))) {
		give_up(rest);
		kipc__shm_look(c);
	}
	if (r == -ETIMEDOUT)
		r = deadline != KIPC__NEVER && kipc__now() >= deadline ? -ETIMEDOUT : 0;
	if (kipc__load_relaxed(&bell->armed) & KIPC_ARMED_PARKED)
		kipc__fetch_and(&bell->armed, ~KIPC_ARMED_PARKED); /* nobody sleeps here any more */
	return r;
}
