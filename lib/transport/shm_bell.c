// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "shm_chan.h"

/*
 * The doorbell: one per end, for both of its sides. The peer sends the letter of the side that it finds
 * armed. A side is kept readable when a letter was for the other one, or when the ring is ready already,
 * by asking its epoll whether letters may be sent as well: they may, for an honest peer takes the one or
 * two that it is sent before it arms again, and where it does not it spoils its own messages only.
 */

#define WAY(end)   (2 + (end))
#define LEASH(end) (4 + (end))

static const char letters[2] = { [KIPC_SIDE_DATA] = 'd', [KIPC_SIDE_SPACE] = 's' };

int kipc__shm_bell_fd(const struct kipc__shm_chan *s)
{
	return *s->name ? s->bell : s->sock;
}

/* The peer's FIFO. Both halves of the end may come here at once: the second one closes its own. */
static int peer_bell(struct kipc__shm_chan *s)
{
	unsigned peer = KIPC__RING_PEER(&s->ring);
	int now = kipc__load_acquire(&s->peer_bell);
	int fd;

	if (now >= 0 || kipc__region_bell(&fd, s->name, s->ring.ident.id, peer, false, 0) < 0)
		return now;
	if (kipc__compare_exchange(&s->peer_bell, &now, fd))
		return fd;
	kipc__fd_close(fd);
	return now;
}

/* A full bell rings already, so nothing is lost when no letter fits any more. */
static void ring(struct kipc__shm_chan *s, const char *what, size_t n)
{
	int bell;

	if (!*s->name) {
		(void)!send(s->sock, what, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	}
	bell = peer_bell(s);
	if (bell >= 0)
		(void)!write(bell, what, n);
}

void kipc__shm_bell_ring(struct kipc__shm_chan *s, unsigned side)
{
	ring(s, &letters[side], 1);
}

void kipc__shm_bell_ring_both(struct kipc__shm_chan *s)
{
	ring(s, letters, sizeof(letters));
}

int kipc__shm_bell_watch(struct kipc__shm_chan *s, int epoll)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, kipc__shm_bell_fd(s), &e) == 0 ? 0 : -errno;
}

static void ask_for(struct kipc__shm_chan *s, unsigned side, uint32_t events)
{
	struct epoll_event e = { .events = events };

	(void)epoll_ctl(s->epoll[side], EPOLL_CTL_MOD, kipc__shm_bell_fd(s), &e);
}

/* Both halves of the end may come here at once. The mark follows the change: whoever sees the mark
 * undoes the change, and a change that is not undone leaves the mark.
 */
void kipc__shm_bell_self(struct kipc__shm_chan *s, unsigned side)
{
	if (kipc__load_acquire(&s->epoll[side]) < 0) /* pairs with kipc__shm_fd() */
		return;
	ask_for(s, side, EPOLLIN | EPOLLOUT);
	kipc__store_release(&s->latched[side], true); /* pairs with the exchange in _quiet() */
}

void kipc__shm_bell_quiet(struct kipc__shm_chan *s, unsigned side)
{
	if (kipc__exchange(&s->latched[side], false))
		ask_for(s, side, EPOLLIN);
}

/* Letters for the other side are passed on to it. */
void kipc__shm_bell_drain(struct kipc__shm_chan *s, unsigned side)
{
	char got[64];
	ssize_t n;

	do {
		n = *s->name ? read(s->bell, got, sizeof(got))
		             : recv(s->sock, got, sizeof(got), MSG_DONTWAIT);
		if (n > 0 && memchr(got, letters[1 - side], (size_t)n))
			kipc__shm_bell_self(s, 1 - side);
	} while (n == (ssize_t)sizeof(got));
}

/* One that is made when the peer has gone already has missed the removal of the names. */
int kipc__shm_bell_open(struct kipc__shm_chan *s)
{
	struct kipc__ring_chan *c = &s->ring;
	int r;

	if (!*s->name || s->bell >= 0)
		return 0;
	r = kipc__region_bell(&s->bell, s->name, c->ident.id, c->end, true, s->mode);
	if (kipc__load_acquire(&c->status->ends[KIPC__RING_PEER(c)].state) == KIPC_END_DEAD)
		kipc__region_bell_unlink(s->name, c->ident.id, c->end);
	return r;
}

/* Whatever lies beside a named region. */
void kipc__shm_bell_unlink(const struct kipc__shm_chan *s)
{
	unsigned number;

	for (number = 0; number <= LEASH(1); number++)
		kipc__region_bell_unlink(s->name, s->ring.ident.id, number);
}

void kipc__shm_watch_close(struct kipc__shm_chan *s)
{
	if (s->process)
		kipc__process_leave(s->process);
	else
		kipc__fd_close(s->watch);
	s->process = NULL;
	kipc__store_relaxed(&s->watch, -1);
	s->watch_ticks = false;
}

void kipc__shm_bell_close(struct kipc__shm_chan *s)
{
	unsigned side;

	for (side = 0; side < 2; side++)
		kipc__fd_close(s->epoll[side]);
	kipc__shm_watch_close(s);
	kipc__fd_close(s->bell);
	kipc__fd_close(s->peer_bell);
	kipc__fd_close(s->way);
	kipc__fd_close(s->leash);
}

/* ---- on the way ------------------------------------------------------------------------- */

/*
 * A named end that was handed over has no owner until somebody takes it into use, and is lost when the
 * descriptor is thrown away. So a FIFO beside the region travels with it, open for reading: whoever can
 * open that for writing knows that the end is on its way, and who keeps it open is told of the loss.
 */
int kipc__shm_way_open(struct kipc__shm_chan *s)
{
	return kipc__region_bell(&s->way, s->name, s->ring.ident.id, WAY(s->ring.end), true,
	                         s->mode);
}

/* A descriptor that has EPOLLERR when it is not on its way any more; negative: it is not. */
int kipc__shm_way_watch(const struct kipc__shm_chan *s, unsigned end)
{
	int fd;
	int r = -ENOENT;

	if (*s->name)
		r = kipc__region_bell_watch(&fd, s->name, s->ring.ident.id, WAY(end));
	return r < 0 ? r : fd;
}

bool kipc__shm_way_is(const struct kipc__shm_chan *s, unsigned end)
{
	int fd = kipc__shm_way_watch(s, end);

	kipc__fd_close(fd);
	return fd >= 0;
}

/* It has arrived: its owner holds the life lock, and has said so. */
void kipc__shm_way_end(struct kipc__shm_chan *s)
{
	if (s->way < 0)
		return;
	kipc__region_bell_unlink(s->name, s->ring.ident.id, WAY(s->ring.end));
	kipc__fd_close(s->way);
	s->way = -1;
}

/* ---- the leash -------------------------------------------------------------------------- */

/*
 * exec() takes a named end away, too, and leaves its process alive. So who wakes a peer that sleeps holds
 * a FIFO open for reading, which that one may watch. Both halves of the end may come here at once.
 */
void kipc__shm_leash_make(struct kipc__shm_chan *s)
{
	struct kipc__ring_chan *c = &s->ring;
	int none = -1, fd;

	if (kipc__region_bell(&fd, s->name, c->ident.id, LEASH(c->end), true, s->mode) < 0)
		return;
	if (!kipc__compare_exchange(&s->leash, &none, fd))
		kipc__fd_close(fd);
	/* One that is made when the peer has gone already has missed the removal of the names. */
	if (kipc__load_acquire(&c->status->ends[KIPC__RING_PEER(c)].state) == KIPC_END_DEAD)
		kipc__region_bell_unlink(s->name, c->ident.id, LEASH(c->end));
}

/* The peer's: a descriptor that has EPOLLERR when the peer does not hold it any more. */
int kipc__shm_leash_watch(const struct kipc__shm_chan *s)
{
	const struct kipc__ring_chan *c = &s->ring;
	int fd, r = kipc__region_bell_watch(&fd, s->name, c->ident.id, LEASH(KIPC__RING_PEER(c)));

	return r < 0 ? r : fd;
}
