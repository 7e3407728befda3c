// SPDX-License-Identifier: MIT
/* The connected socket: how it is set up, how the peer comes, what one polls. */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <kipc_ring.h>
#include "../core/atomic.h"
#include "../os/sys.h"
#include "sock_chan.h"

/* What the kernel keeps back of the send buffer. */
#define SNDBUF_RESERVE 32

static struct kipc__sock *sock_of(struct kipc_chan *c)
{
	return (struct kipc__sock *)c;
}

/* ---- one socket ------------------------------------------------------------------------- */

static int sndbuf_of(int fd)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	(void)getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len);
	return bytes;
}

/* The kernel doubles the figure, for what packets cost beside their payload. Not all may go beyond
 * the system's limit; then as far as it goes.
 */
void kipc__sock_raise(struct kipc__sock *s, int fd)
{
	int want = s->ring_bytes < INT32_MAX / 2 ? (int)s->ring_bytes : INT32_MAX / 2;
	size_t most;

	if (sndbuf_of(fd) < 2 * want &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof(want)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof(want));
	s->sndbuf = sndbuf_of(fd);
	most = (size_t)s->sndbuf - SNDBUF_RESERVE - KIPC_REC_BYTES;
	kipc__store_relaxed(&s->d.max_msg, most < KIPC__SOCK_BOUND ? most : KIPC__SOCK_BOUND);
}

/* Looking starts at the oldest packet. */
int kipc__sock_tune(struct kipc__sock *s, int fd)
{
	int start = 0;

	kipc__sock_raise(s, fd);
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)) < 0 ? -errno : 0;
}

/* Packets that nobody will receive give their memory back, which wakes a sender that waits for it:
 * the kernel does not tell it otherwise that this direction is over.
 */
void kipc__sock_shut(int fd, unsigned dirs)
{
	static const int how[] = {
		[KIPC_IN] = SHUT_RD, [KIPC_OUT] = SHUT_WR, [KIPC__SOCK_BOTH] = SHUT_RDWR
	};

	if (!dirs)
		return;
	(void)shutdown(fd, how[dirs]);
	while (dirs & KIPC_IN && recv(fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
}

bool kipc__sock_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

/* ---- the peer arrives ------------------------------------------------------------------- */

static uint32_t epoll_events(unsigned dir)
{
	return dir == KIPC_IN ? EPOLLIN : EPOLLOUT;
}

static int watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* Under the lock. */
static int admit(struct kipc__sock *s)
{
	unsigned dir;
	int fd, r = kipc__meet_accept(s->name.listener, &fd);

	if (r < 0)
		return r;
	r = kipc__sock_tune(s, fd);
	if (r < 0) {
		kipc__fd_close(fd);
		return r;
	}
	kipc__sock_shut(fd, s->shut);
	for (dir = KIPC_IN; dir <= KIPC_OUT; dir++) {
		int epoll = s->poll[dir - 1];

		if (epoll < 0)
			continue;
		(void)epoll_ctl(epoll, EPOLL_CTL_DEL, s->name.listener, NULL);
		r = watch(epoll, fd, epoll_events(dir));
	}
	kipc__store_release(&s->fd, fd); /* pairs with kipc__sock_now(): what was set up is seen */
	return r < 0 ? r : fd;
}

int kipc__sock_now(struct kipc__sock *s)
{
	int fd = kipc__load_acquire(&s->fd); /* pairs with admit() */

	if (fd >= 0)
		return fd;
	pthread_mutex_lock(&s->lock);
	fd = s->fd >= 0 ? s->fd : admit(s);
	pthread_mutex_unlock(&s->lock);
	return fd;
}

/* The pair is over once the peer is gone, and with it the name. */
void kipc__sock_retire(struct kipc__sock *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->name.path[0] && s->fd >= 0 && kipc__sock_hung_up(s->fd))
		kipc__meet_leave(&s->name, 0); /* this may be a call that does not wait */
	pthread_mutex_unlock(&s->lock);
}

/* ---- descriptors to poll ---------------------------------------------------------------- */

static int latch_on(struct kipc__sock *s, unsigned dir)
{
	if (s->latch < 0)
		s->latch = eventfd(1, EFD_CLOEXEC);
	return s->latch < 0 ? -errno : watch(s->poll[dir - 1], s->latch, EPOLLIN);
}

void kipc__sock_out_over(struct kipc__sock *s)
{
	if (s->poll[KIPC_OUT - 1] >= 0)
		(void)latch_on(s, KIPC_OUT);
}

void kipc__sock_latch(struct kipc__dgram *d, bool on)
{
	struct kipc__sock *s = sock_of(&d->base);

	pthread_mutex_lock(&s->lock);
	if (s->poll[0] >= 0 && on)
		(void)latch_on(s, KIPC_IN);
	else if (s->poll[0] >= 0)
		(void)epoll_ctl(s->poll[0], EPOLL_CTL_DEL, s->latch, NULL);
	s->latched = on;
	pthread_mutex_unlock(&s->lock);
}

/* Under the lock. */
static int poll_make(struct kipc__sock *s, unsigned dir)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int r;

	if (epoll < 0)
		return -errno;
	r = s->fd >= 0 ? watch(epoll, s->fd, epoll_events(dir))
	               : watch(epoll, s->name.listener, EPOLLIN);
	if (r < 0) {
		kipc__fd_close(epoll);
		return r;
	}
	s->poll[dir - 1] = epoll;
	return dir == KIPC_IN && s->latched ? latch_on(s, KIPC_IN) : 0;
}

/* Always an epoll descriptor: it is readable when the socket is writable, and it stays the same when
 * the peer's socket takes the listener's place in it.
 */
int kipc__sock_fd(struct kipc_chan *c, unsigned dir)
{
	struct kipc__sock *s = sock_of(c);
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (s->poll[dir - 1] < 0)
		r = poll_make(s, dir);
	pthread_mutex_unlock(&s->lock);
	return r < 0 ? r : s->poll[dir - 1];
}
