// SPDX-License-Identifier: MIT
/*
 * sock.c - transport unix: packets over a SOCK_SEQPACKET socket
 *
 * By name: the creator listens under a path, the second end connects. The creator accepts when one of
 * its calls next needs the peer; from then on others are refused. Messages that the creator sends
 * before that have nowhere to go: they wait, or get -EAGAIN. What the second end sends meanwhile is
 * kept by the kernel. The path is free when one of the two closes, hands over or dies (os/meet.h).
 *
 * Death shows as the end of the socket. Forked children close their copies of it as long as the end
 * is in use, so that they hide nothing.
 *
 * The kernel counts what is queued by memory, not by payload, and calls a socket writable again when
 * a quarter of its send buffer is in use or less, which saves wake-ups. A sender that sleeps looks by
 * itself after a while, so that it goes on as soon as there is room at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../core/atomic.h"
#include "../os/sys.h"
#include "../os/unix.h"
#include "byte_stream.h"
#include "dgram_base.h"
#include "dgram_in.h"
#include "sock_chan.h"

static struct kipc__sock *sock_of(struct kipc_chan *c)
{
	return (struct kipc__sock *)c;
}

/* ---- opening ---------------------------------------------------------------------------- */

/* Descriptors to poll before the socket: what is registered in them goes with them. */
static void close_all(struct kipc__sock *s)
{
	int *const fds[] = { &s->poll[0], &s->poll[1], &s->latch, &s->fd, &s->name.listener };
	size_t i;

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		kipc__fd_close(*fds[i]);
		*fds[i] = -1;
	}
	kipc__meet_close(&s->name);
}

static void in_child(struct kipc__guard *g)
{
	close_all((struct kipc__sock *)((char *)g - offsetof(struct kipc__sock, guard)));
}

static void sock_free(struct kipc__sock *s)
{
	kipc__guard_remove(&s->guard);
	close_all(s);
	kipc__dgram_base_free(&s->d);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct kipc__sock *sock_new(const struct kipc__config *cfg)
{
	struct kipc__sock *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	kipc__dgram_base_init(&s->d, &kipc__transport_unix, &kipc__sock_back, cfg);
	s->fd = s->latch = s->poll[0] = s->poll[1] = -1;
	s->name = (struct kipc__meeting){ .sock = -1, .listener = -1, .mark = -1, .file = -1 };
	s->guard.in_child = in_child;
	s->ring_bytes = cfg->ring_bytes;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

/* The directions that an end with these flags does not have. */
static unsigned refused(unsigned flags)
{
	unsigned dirs = (flags & KIPC_SEND ? KIPC_OUT : 0) | (flags & KIPC_RECV ? KIPC_IN : 0);

	return dirs ? KIPC__SOCK_BOTH & ~dirs : 0;
}

/* A connected socket becomes the channel's; on failure it stays the caller's. */
static int adopt(struct kipc__sock *s, int fd, unsigned flags)
{
	int r = kipc__sock_tune(s, fd);

	if (r < 0)
		return r;
	s->shut = refused(flags);
	kipc__sock_shut(fd, s->shut);
	s->fd = fd;
	return 0;
}

/* The listener has the same limits as the socket that it will give. */
static int begin(struct kipc__sock *s, const struct kipc__config *cfg)
{
	int r;

	if (s->name.sock >= 0) {
		r = adopt(s, s->name.sock, cfg->flags);
		if (r < 0)
			kipc__fd_close(s->name.sock);
	} else {
		s->shut = refused(cfg->flags);
		kipc__sock_raise(s, s->name.listener);
		r = 0;
	}
	if (r == 0)
		r = kipc__guard_add(&s->guard);
	if (r < 0)
		kipc__meet_leave(&s->name, KIPC__SOCK_LEAVE_NS);
	return r;
}

static int meet(struct kipc__sock *s, const struct kipc__config *cfg)
{
	enum kipc__meet_how how = KIPC__MEET_JOIN;
	int r;

	if (cfg->flags & KIPC_CREATE)
		how = cfg->flags & KIPC_EXCL ? KIPC__MEET_LISTEN : KIPC__MEET_JOIN_OR_LISTEN;
	r = kipc__meet(&s->name, cfg->name, how, cfg->mode);
	return r < 0 ? r : begin(s, cfg);
}

static void explain(int r, const struct kipc__config *cfg)
{
	static const struct {
		int err;
		const char *why;
	} whys[] = {
		{ -ENOENT, "nobody listens there" },
		{ -EEXIST, "somebody listens there" },
		{ -EBUSY, "both ends are taken" },
		{ -EBADMSG, "that is no socket, or one of another type, or its .lock is no file" },
		{ -ENAMETOOLONG, "a path of a socket has at most 103 bytes" },
	};
	const char *why = strerrordesc_np(-r);
	size_t i;

	for (i = 0; i < sizeof(whys) / sizeof(whys[0]); i++)
		if (whys[i].err == r)
			why = whys[i].why;
	if (r == -ENOENT && cfg->flags & KIPC_CREATE)
		why = "there is no such directory";
	kipc__why_set("%s", why ? why : "it cannot be opened");
}

static int sock_open(struct kipc_chan **out, const struct kipc__config *cfg)
{
	struct kipc__sock *s;
	int r;

	if (cfg->name[0] != '/') {
		kipc__why_set("\"%s\" is no absolute path, as in unix:///run/x.sock", cfg->name);
		return -EINVAL;
	}
	s = sock_new(cfg);
	r = s ? meet(s, cfg) : -ENOMEM;
	if (r < 0) {
		explain(r, cfg);
		if (s)
			sock_free(s);
		return r;
	}
	*out = &s->d.base;
	return 0;
}

static int sock_pair(struct kipc_chan *out[2], const struct kipc__config *cfg)
{
	struct kipc__sock *s[2] = { sock_new(cfg), sock_new(cfg) };
	int fd[2] = { -1, -1 };
	int r = s[0] && s[1] ? kipc__unix_pair(fd, SOCK_SEQPACKET) : -ENOMEM;
	int i;

	for (i = 0; i < 2 && r == 0; i++)
		r = adopt(s[i], fd[i], i == 0 ? cfg->flags : 0);
	for (i = 0; i < 2; i++) {
		if (r == 0) {
			out[i] = &s[i]->d.base;
			continue;
		}
		if (s[i] && s[i]->fd < 0)
			kipc__fd_close(fd[i]);
		if (s[i])
			sock_free(s[i]);
	}
	if (r < 0)
		kipc__why_set("%s", kipc_strerror(r));
	return r;
}

/* Other transports hand over in sockets of other types. */
static int sock_from_fd(struct kipc_chan **out, int fd, const struct kipc__config *cfg)
{
	struct kipc__sock *s;
	int r;

	if (!kipc__unix_is(fd, SOCK_SEQPACKET))
		return -ENOTTY;
	s = sock_new(cfg);
	r = s ? adopt(s, fd, cfg->flags) : -ENOMEM;
	if (r == 0 && (fcntl(fd, F_SETFL, 0) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)) {
		r = -errno;
		s->fd = -1;
	}
	if (r < 0) {
		kipc__why_set("%s", kipc_strerror(r));
		if (s)
			sock_free(s);
		return r;
	}
	*out = &s->d.base;
	return 0;
}

/* ---- life ------------------------------------------------------------------------------- */

static int sock_use(struct kipc_chan *c)
{
	return kipc__guard_add(&sock_of(c)->guard);
}

static void sock_close(struct kipc_chan *c, bool in_use)
{
	struct kipc__sock *s = sock_of(c);

	if (in_use)
		kipc__meet_leave(&s->name, KIPC__SOCK_LEAVE_NS);
	sock_free(s);
}

/* -EBUSY: nobody is at the other end yet, or a message is held here that did not fit its
 * buffer or was read in part, which the socket cannot carry: receive it first.
 */
static int sock_handover(struct kipc_chan *c)
{
	struct kipc__sock *s = sock_of(c);
	int fd = kipc__sock_now(s);

	if (fd == -EAGAIN || (fd >= 0 && kipc__dgram_keeps(&s->d)))
		return -EBUSY;
	if (fd < 0)
		return fd;
	kipc__meet_leave(&s->name, KIPC__SOCK_LEAVE_NS);
	s->fd = -1;
	sock_free(s);
	return fd;
}

static int sock_shutdown(struct kipc_chan *c, unsigned dirs)
{
	struct kipc__sock *s = sock_of(c);

	(void)kipc__sock_now(s); /* a peer that came and waits is to hear of it */
	pthread_mutex_lock(&s->lock);
	kipc__store_relaxed(&s->shut, s->shut | dirs);
	if (s->fd >= 0)
		kipc__sock_shut(s->fd, dirs);
	if (dirs & KIPC_OUT)
		kipc__sock_out_over(s);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int sock_peer(struct kipc_chan *c, struct kipc_peer *p)
{
	struct kipc__sock *s = sock_of(c);
	struct ucred who;
	int fd = kipc__sock_now(s);
	int r;

	if (fd < 0)
		return fd == -EAGAIN ? 0 : fd;
	r = kipc__unix_peer(fd, &who);
	if (r < 0)
		return r;
	p->state = kipc__sock_hung_up(fd) ? KIPC_PEER_GONE : KIPC_PEER_ALIVE;
	p->pid = who.pid;
	p->uid = who.uid;
	p->gid = who.gid;
	return 0;
}

static void sock_probe(struct kipc__verdict *v)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		kipc__fd_close(fd);
		return;
	}
	v->status = errno == EMFILE || errno == ENFILE ? -errno : -ENODEV;
	snprintf(v->why, sizeof(v->why), "no unix sockets of type SOCK_SEQPACKET: %s",
	         strerrordesc_np(errno));
	snprintf(v->cure, sizeof(v->cure), "allow unix sockets in this sandbox or kernel");
}

const struct kipc__transport kipc__transport_unix = {
	.scheme = "unix",
	.about =
		"packets over a unix socket, copied by the kernel; a creator's messages wait for its peer",
	.caps = KIPC_CAP_MSG_BORDERS | KIPC_CAP_ORDERED | KIPC_CAP_RELIABLE | KIPC_CAP_POLL_FD |
	        KIPC_CAP_DEATH_NOTICE | KIPC_CAP_HOSTILE_SAFE | KIPC_CAP_PEER_CRED |
	        KIPC_CAP_HANDOVER | KIPC_CAP_NAMED,
	.automatic = false,
	.probe = sock_probe,
	.open = sock_open,
	.pair = sock_pair,
	.from_fd = sock_from_fd,
	.use = sock_use,
	.handover = sock_handover,
	.close = sock_close,
	.reserve = kipc__dgram_base_reserve,
	.commit = kipc__dgram_base_commit,
	.discard = kipc__dgram_base_discard,
	.peek = kipc__dgram_in_peek,
	.release = kipc__dgram_in_release,
	.send = kipc__dgram_base_send,
	.recv = kipc__dgram_in_recv,
	.turn = kipc__turn_apart,
	.send_one = kipc__send_as_batch,
	.recv_one = kipc__recv_as_batch,
	.write = kipc__byte_stream_write,
	.read = kipc__dgram_in_read,
	.wait = kipc__dgram_base_wait,
	.fd = kipc__sock_fd,
	.shutdown = sock_shutdown,
	.peer = sock_peer,
	.get = kipc__dgram_base_get,
};
