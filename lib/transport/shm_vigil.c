// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include "shm_chan.h"

/*
 * Hearing of the peer's end in one's sleep. A side that sleeps often, or for long, keeps a vigil
 * (os/vigil.h) on
 *
 *   the process   its pidfd, as a poller does: a death
 *   the leash     what is closed by exec() too, and breaks then: the peer's end of the socket pair, or
 *                 a FIFO that it holds open for reading (shm_bell.c)
 *
 * Where one of the two is not to be had there is none. Where both ends are in one process none is needed:
 * the peer does not end but with me, unless it is handed over.
 */

/* A vigil costs as much to set up as so many sleeps with a timer cost more than those without. */
#define SLEEPS 64

static const struct kipc_ring_end *peer_end(const struct kipc__shm_chan *s)
{
	return &s->ring.status->ends[KIPC__RING_PEER(&s->ring)];
}

bool kipc__shm_vigil_kept(const struct kipc__shm_chan *s, unsigned side)
{
	return s->rest[side].vigil || s->rest[side].own;
}

/* Whose lock it is only this process knows, so no word that others may write makes it mine. */
static bool is_own(const struct kipc__shm_chan *s)
{
	return kipc__lockfile_mine(s->file, KIPC__RING_PEER(&s->ring));
}

/* Still of the process that has the peer's end. Asked after arming: who hands its end over says so, and
 * then wakes those who sleep.
 */
bool kipc__shm_vigil_stands(const struct kipc__shm_chan *s, unsigned side)
{
	const struct kipc__shm_rest *rest = &s->rest[side];

	if (!kipc__shm_vigil_kept(s, side) ||
	    kipc__load_acquire(&peer_end(s)->state) != KIPC_END_LIVE ||
	    kipc__load_relaxed(&peer_end(s)->generation) != rest->generation)
		return false;
	return rest->own ? is_own(s) : kipc__vigil_stands(rest->vigil);
}

void kipc__shm_vigil_end(struct kipc__shm_chan *s, unsigned side)
{
	kipc__vigil_close(s->rest[side].vigil);
	s->rest[side].vigil = NULL;
	s->rest[side].own = false;
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
static void begin_on(struct kipc__shm_chan *s, unsigned side, pid_t pid, int leash)
{
	struct kipc__process *p = kipc__process_watch(pid);
	struct pollfd what[] = { { .fd = leash, .events = POLLRDHUP }, { .events = POLLIN } };
	int r;

	if (!p)
		return;
	what[1].fd = kipc__process_fd(p);
	r = kipc__vigil_open(&s->rest[side].vigil, what, 2,
	                     &kipc__shm_my_bell(&s->ring, side)->armed);
	kipc__process_leave(p);
	if (r == -EPERM || r == -ENOSYS || r == -EINVAL)
		s->may_watch = false;
	if (r == 0 && !holds(s, pid))
		kipc__shm_vigil_end(s, side);
}

static void begin(struct kipc__shm_chan *s, unsigned side)
{
	struct kipc__shm_rest *rest = &s->rest[side];
	pid_t pid;
	int leash;

	rest->sleeps = 0;
	rest->generation = kipc__load_acquire(&peer_end(s)->generation);
	rest->own = is_own(s);
	if (rest->own || !s->may_watch)
		return;
	leash = leash_watch(s);
	if (leash < 0)
		return;
	if (kipc__lockfile_held(s->file, KIPC__RING_PEER(&s->ring), &pid) == 1 && pid > 0 &&
	    pid != getpid())
		begin_on(s, side, pid, leash);
	if (*s->name)
		kipc__fd_close(leash);
}

/* A poller has a watch of its own, and flags in the word that are not to be lost. */
void kipc__shm_vigil_consider(struct kipc__shm_chan *s, unsigned side)
{
	struct kipc__shm_rest *rest = &s->rest[side];

	if (!kipc__shm_vigil_kept(s, side) && !s->ring.polled[side] && ++rest->sleeps > SLEEPS)
		begin(s, side);
}

void kipc__shm_vigil_worth(struct kipc__shm_chan *s, unsigned side)
{
	s->rest[side].sleeps = SLEEPS;
}
