// SPDX-License-Identifier: MIT
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <kipc_ring.h>
#include "../core/atomic.h"
#include "../os/sys.h"
#include "sock_chan.h"

/* What the kernel may take for one packet beside the power of two that holds the payload. */
#define PACKET_HEAD   512
#define PACKET_PAGES  (72 * 1024)
#define PACKET_LINEAR (16 * 1024)

static struct kipc__sock *sock_of(struct kipc__dgram *d)
{
	return (struct kipc__sock *)d;
}

static int result(struct kipc__sock *s, int err)
{
	if (err == EPIPE || err == ECONNRESET || err == ENOTCONN) {
		kipc__sock_retire(s);
		return -EPIPE;
	}
	return err == ENOBUFS ? -ENOMEM : -err;
}

/* ---- waiting ---------------------------------------------------------------------------- */

static short poll_events(unsigned events)
{
	return (short)((events & KIPC_IN ? POLLIN | POLLRDHUP : 0) |
	               (events & KIPC_OUT ? POLLOUT : 0));
}

/* The time until the deadline, at most a slice for those who wait for room. false: it is over. */
static bool time_left(unsigned events, int64_t deadline, struct timespec *left)
{
	int64_t ns = KIPC__NEVER;

	if (deadline != KIPC__NEVER)
		ns = deadline - kipc__now();
	if (ns <= 0)
		return false;
	if (events & KIPC_OUT && ns > KIPC__SOCK_SLICE)
		ns = KIPC__SOCK_SLICE;
	*left = kipc__timespec(ns);
	return true;
}

static int sock_await(struct kipc__dgram *d, unsigned events, int64_t deadline)
{
	struct kipc__sock *s = sock_of(d);
	struct pollfd p = { .fd = kipc__sock_now(s), .events = poll_events(events) };
	struct timespec left;

	if (p.fd == -EAGAIN)
		p = (struct pollfd){ .fd = s->name.listener, .events = POLLIN };
	else if (p.fd < 0)
		return p.fd;
	if (!time_left(events, deadline, &left))
		return -ETIMEDOUT;
	return ppoll(&p, 1, &left, NULL) < 0 ? -errno : 0;
}

/* Memory that is queued, and what is asked for, against the buffer: as the kernel decides. */
static bool has_room(const struct kipc__sock *s, int fd)
{
	int queued;

	return ioctl(fd, SIOCOUTQ, &queued) == 0 && (size_t)queued + s->want < (size_t)s->sndbuf;
}

static int sock_events(struct kipc__dgram *d, unsigned events)
{
	struct kipc__sock *s = sock_of(d);
	int fd = kipc__sock_now(s);
	struct pollfd p = { .fd = fd, .events = poll_events(events) };
	int now = 0;

	if (fd < 0)
		return fd == -EAGAIN ? 0 : fd;
	if (poll(&p, 1, 0) < 0)
		return -errno;
	if (p.revents & (POLLHUP | POLLERR))
		return (int)events | KIPC_HUP;
	if (p.revents & (POLLIN | POLLRDHUP))
		now |= KIPC_IN;
	if (events & kipc__load_relaxed(&s->shut) & KIPC_OUT) /* of which poll does not tell */
		now |= KIPC_OUT | KIPC_HUP;
	else if (events & KIPC_OUT && (p.revents & POLLOUT || has_room(s, fd)))
		now |= KIPC_OUT;
	return now;
}

/* ---- room ------------------------------------------------------------------------------- */

/* At most this much does the kernel count for a packet. */
static size_t packet_cost(size_t payload)
{
	size_t len = payload + KIPC_REC_BYTES + PACKET_HEAD;
	size_t cost = PACKET_HEAD;

	while (cost < len)
		cost *= 2;
	return cost + PACKET_HEAD + (len > PACKET_LINEAR ? PACKET_PAGES : 0);
}

/*
 * A packet goes while less than the whole buffer is in use, so that the last one of a batch always
 * goes if those before it fitted. Nobody else takes the room: only this end fills its buffer. More
 * than three quarters are refused, so that a writable socket (one quarter used) means room.
 */
static int sock_room(struct kipc__dgram *d, const struct kipc_msg *m, unsigned n)
{
	struct kipc__sock *s = sock_of(d);
	struct pollfd p = { .events = POLLOUT };
	unsigned i;
	int r;

	s->want = 0;
	for (i = 0; i + 1 < n; i++)
		s->want += packet_cost(m[i].len);
	if (s->want >= (size_t)s->sndbuf / 4 * 3)
		return -EMSGSIZE;
	p.fd = kipc__sock_now(s);
	if (p.fd < 0)
		return p.fd == -EAGAIN ? 0 : p.fd;
	if (poll(&p, 1, 0) < 0)
		return -errno;
	if (p.revents & (POLLHUP | POLLERR) || kipc__load_relaxed(&s->shut) & KIPC_OUT)
		return result(s, EPIPE);
	r = p.revents & POLLOUT || has_room(s, p.fd);
	if (r)
		s->want = 0;
	return r;
}

/* ---- packets ---------------------------------------------------------------------------- */

static void headers(struct mmsghdr *h, struct kipc__packet *p, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		h[i].msg_hdr = (struct msghdr){ .msg_iov = p[i].iov, .msg_iovlen = p[i].parts };
		h[i].msg_len = 0;
	}
}

static int send_some(int fd, struct mmsghdr *h, unsigned n, int flags)
{
	if (n == 1)
		return sendmsg(fd, &h->msg_hdr, flags) < 0 ? -1 : 1;
	return sendmmsg(fd, h, n, flags);
}

static int sock_send(struct kipc__dgram *d, struct kipc__packet *p, unsigned n)
{
	struct kipc__sock *s = sock_of(d);
	struct mmsghdr h[KIPC_BATCH_MAX];
	int fd = kipc__sock_now(s);
	int r;

	if (fd < 0)
		return fd;
	headers(h, p, n);
	r = send_some(fd, h, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	return r < 0 ? result(s, errno) : r;
}

static int recv_some(int fd, struct mmsghdr *h, unsigned n, int flags)
{
	ssize_t len;

	if (n > 1)
		return recvmmsg(fd, h, n, flags | MSG_WAITFORONE, NULL);
	len = recvmsg(fd, &h->msg_hdr, flags);
	h->msg_len = (unsigned)len;
	return len < 0 ? -1 : 1;
}

/* How many bytes of packets lie in front of where the next look starts; a take starts at none. */
static int looked_past(int fd, enum kipc__dgram_how how)
{
	int offset = 0;
	socklen_t len = sizeof(offset);

	if (how == KIPC__DGRAM_LOOK)
		(void)getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, &len);
	return offset;
}

/* A length of 0 is the end, or a stranger's empty packet. -EPIPE, or -EBADMSG. */
static int why_nothing(struct kipc__sock *s, int fd, enum kipc__dgram_how how)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	int queued = 0;

	if (kipc__load_relaxed(&s->shut) & KIPC_IN)
		return -EPIPE;
	if (poll(&p, 1, 0) <= 0 || ioctl(fd, SIOCINQ, &queued) < 0 || queued > looked_past(fd, how))
		return -EBADMSG;
	kipc__sock_retire(s);
	return -EPIPE;
}

/* An unread message of ours at the peer's end comes back as ECONNRESET, once and before what the
 * peer sent: that is delivered all the same.
 */
static int sock_recv(struct kipc__dgram *d, struct kipc__packet *p, unsigned n,
                     enum kipc__dgram_how how)
{
	struct kipc__sock *s = sock_of(d);
	struct mmsghdr h[KIPC_BATCH_MAX];
	int flags = MSG_TRUNC | MSG_DONTWAIT | (how == KIPC__DGRAM_LOOK ? MSG_PEEK : 0);
	int fd = kipc__sock_now(s);
	int i, r;

	if (fd < 0)
		return fd;
	headers(h, p, n);
	do
		r = recv_some(fd, h, n, flags);
	while (r < 0 && errno == ECONNRESET);
	if (r < 0)
		return result(s, errno);
	for (i = 0; i < r; i++) {
		p[i].len = h[i].msg_len;
		if (p[i].len == 0 && (i + 1 == r || h[i + 1].msg_len == 0) &&
		    why_nothing(s, fd, how) == -EPIPE)
			return i ? i : -EPIPE;
	}
	return r;
}

/* Looking passes by a stranger's empty packets; dropping does not. */
static int sock_drop(struct kipc__dgram *d, unsigned n)
{
	struct kipc__sock *s = sock_of(d);
	struct mmsghdr h[KIPC_BATCH_MAX];
	int i, r, result = 0;

	memset(h, 0, n * sizeof(*h));
	while (n > 0) {
		r = recv_some(s->fd, h, n, MSG_DONTWAIT | MSG_TRUNC);
		if (r < 0 && errno != ECONNRESET && errno != EINTR)
			return -EBADMSG;
		for (i = 0; i < r; i++, n--)
			if (h[i].msg_len == 0)
				result = -EBADMSG;
	}
	return result;
}

static void sock_rewind(struct kipc__dgram *d, size_t bytes)
{
	int offset = (int)bytes;

	(void)setsockopt(sock_of(d)->fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset));
}

static void sock_end(struct kipc__dgram *d)
{
	kipc__sock_shut(sock_of(d)->fd, KIPC__SOCK_BOTH);
}

const struct kipc__dgram_back kipc__sock_back = {
	.send = sock_send,
	.recv = sock_recv,
	.drop = sock_drop,
	.rewind = sock_rewind,
	.room = sock_room,
	.events = sock_events,
	.await = sock_await,
	.latch = kipc__sock_latch,
	.end = sock_end,
	.bound = KIPC__SOCK_BOUND,
};
