// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "sys.h"
#include "unix.h"

/* How long the lock of a path is waited for, and how long between two tries. */
#define LOCK_NS (1000 * 1000 * 1000)
#define NAP_NS  (1000 * 1000)

#define SUFFIX_BORN ".new"  /* a socket that has no permissions yet, or does not listen */
#define SUFFIX_LOCK ".lock" /* held by whoever takes the path */

int kipc__unix_pair(int fd[2], int type)
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd) < 0 ? -errno : 0;
}

bool kipc__unix_is(int fd, int type)
{
	struct sockaddr_un peer;
	socklen_t len = sizeof(int);
	int domain, has;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_UNIX)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &has, &len) < 0 || has != type)
		return false;
	len = sizeof(peer);
	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

int kipc__unix_peer(int fd, struct ucred *who)
{
	socklen_t len = sizeof(*who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &len) < 0 ? -errno : 0;
}

/* ---- addresses -------------------------------------------------------------------------- */

static int address(struct sockaddr_un *a, const char *path, const char *suffix)
{
	int n;

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(a->sun_path, sizeof(a->sun_path), "%s%s", path, suffix);
	return n < (int)sizeof(a->sun_path) ? 0 : -ENAMETOOLONG;
}

static int try_connect(int *fd, const struct sockaddr_un *a, int type)
{
	int r = 0;

	*fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return -errno;
	if (connect(*fd, (const struct sockaddr *)a, sizeof(*a)) < 0) {
		r = -errno;
		kipc__fd_close(*fd);
	}
	return r;
}

/*
 * What has the path? -ENOENT: nothing; -ECONNREFUSED: a socket that nobody has open; -EEXIST: a
 * living one; -EBADMSG: no socket at all; -EACCES.
 *
 * Asking must not use up the listener's only place, so it is asked with another type of socket: the
 * kernel looks first whether any socket lives behind the file, then at its type.
 */
static int examine(const struct sockaddr_un *a)
{
	struct stat st;
	int fd, r;

	if (stat(a->sun_path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EBADMSG;
	r = try_connect(&fd, a, SOCK_DGRAM);
	if (r == 0)
		kipc__fd_close(fd);
	return r == 0 || r == -EPROTOTYPE ? -EEXIST : r;
}

/* ---- joining ---------------------------------------------------------------------------- */

/* Refused: by a file, by a dead owner's leftover, or by an owner whose peer has come. */
static int why_refused(const struct sockaddr_un *a)
{
	int r = examine(a);

	return r == -ECONNREFUSED ? -ENOENT : r == -EEXIST ? -EBUSY : r;
}

int kipc__unix_join(int *fd, const char *path)
{
	struct sockaddr_un a;
	int r = address(&a, path, "");

	if (r == 0)
		r = try_connect(fd, &a, SOCK_SEQPACKET);
	switch (r) {
	case 0:
		return fcntl(*fd, F_SETFL, 0) < 0 ? -errno : 0;
	case -EAGAIN: /* somebody else waits to be accepted */
		return -EBUSY;
	case -EPROTOTYPE:
		return -EBADMSG;
	case -ECONNREFUSED:
		return why_refused(&a);
	default:
		return r;
	}
}

/* ---- the lock of a path ----------------------------------------------------------------- */

static int lock_hold(int fd, int64_t end)
{
	struct timespec nap = kipc__timespec(NAP_NS);

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (kipc__now() >= end)
			return -EBUSY;
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* A lock file is removed while it is held. Whoever then gets the lock of the removed one finds that
 * the name stands for another file, or for none.
 */
static bool lock_is_current(int fd, const char *file)
{
	struct stat mine, now;

	return fstat(fd, &mine) == 0 && stat(file, &now) == 0 && mine.st_dev == now.st_dev &&
	       mine.st_ino == now.st_ino;
}

static int lock_take(const char *file, mode_t mode)
{
	int64_t end = kipc__deadline(LOCK_NS);
	int fd, r;

	do {
		fd = open(file, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd < 0)
			return -errno;
		r = lock_hold(fd, end);
		if (r == 0 && lock_is_current(fd, file))
			return fd;
		kipc__fd_close(fd);
	} while (r == 0 && kipc__now() < end);
	return r < 0 ? r : -EBUSY;
}

static void lock_drop(int fd, const char *file)
{
	unlink(file);
	kipc__fd_close(fd);
}

/* ---- listening -------------------------------------------------------------------------- */

/* The permissions of a socket file are those of the socket, less the umask: never too many. What the
 * umask took away is given back before the name appears.
 */
static int bind_with_mode(int fd, const struct sockaddr_un *a, mode_t mode)
{
	struct stat st;

	if (fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 ||
	    lstat(a->sun_path, &st) < 0)
		return -errno;
	if ((st.st_mode & 07777) == mode)
		return 0;
	return fchmodat(AT_FDCWD, a->sun_path, mode, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* A backlog of 0 has room for one who waits to be accepted: the peer. */
static int born(int fd, const struct sockaddr_un *a, mode_t mode)
{
	int r;

	unlink(a->sun_path);
	r = bind_with_mode(fd, a, mode);
	return r == 0 && listen(fd, 0) < 0 ? -errno : r;
}

/* link() and not rename(): it does not replace what a stranger put there meanwhile. */
static int publish(struct kipc__unix_name *name, const char *path, const char *from)
{
	struct stat st;
	int r = lstat(from, &st) < 0 || link(from, path) < 0 ? -errno : 0;

	unlink(from);
	if (r == 0) {
		snprintf(name->path, sizeof(name->path), "%s", path);
		name->dev = st.st_dev;
		name->ino = st.st_ino;
	}
	return r;
}

/* Under the lock: nobody else removes a leftover or publishes, so what was found stays true. */
static int take_path(int *fd, struct kipc__unix_name *name, const struct sockaddr_un *at,
                     const struct sockaddr_un *new, mode_t mode)
{
	int r = examine(at);

	if (r == -ECONNREFUSED)
		r = unlink(at->sun_path) < 0 ? -errno : -ENOENT;
	if (r != -ENOENT)
		return r;
	*fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return -errno;
	r = born(*fd, new, mode);
	if (r == 0)
		r = publish(name, at->sun_path, new->sun_path);
	if (r < 0)
		kipc__fd_close(*fd);
	return r;
}

int kipc__unix_listen(int *fd, struct kipc__unix_name *name, const char *path, mode_t mode)
{
	char file[sizeof(name->path) + sizeof(SUFFIX_LOCK)];
	struct sockaddr_un at, new;
	int lock, r;

	if (address(&at, path, "") < 0 || address(&new, path, SUFFIX_BORN) < 0)
		return -ENAMETOOLONG;
	snprintf(file, sizeof(file), "%s%s", path, SUFFIX_LOCK);
	lock = lock_take(file, mode);
	if (lock < 0)
		return lock;
	r = take_path(fd, name, &at, &new, mode);
	lock_drop(lock, file);
	return r;
}

/*
 * The order makes "one peer" exact. The backlog holds a single connection; when there is one, the
 * listener is shut, so that nobody can follow it, and only then the place in the backlog is freed.
 */
int kipc__unix_accept(int listener, int *fd)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	if (poll(&p, 1, 0) <= 0)
		return -EAGAIN;
	if (shutdown(listener, SHUT_RD) < 0)
		return -errno;
	*fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

/* While our socket lives, nobody of us takes the path away; a stranger's file is left alone. */
void kipc__unix_leave(const struct kipc__unix_name *name)
{
	struct stat st;

	if (lstat(name->path, &st) == 0 && st.st_dev == name->dev && st.st_ino == name->ino)
		unlink(name->path);
}

/* ---- descriptors as messages ------------------------------------------------------------ */

union fds_space {
	struct cmsghdr align;
	char space[CMSG_SPACE(KIPC__FDS_MAX * sizeof(int))];
};

int kipc__fds_send(int sock, const int *fds, unsigned n, const void *tag, size_t len)
{
	union fds_space control = { 0 };
	struct iovec iov = { .iov_base = (void *)tag, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = &control,
		              .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t r;

	if (n == 0 || n > KIPC__FDS_MAX || len == 0)
		return -EINVAL;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	r = sendmsg(sock, &msg, MSG_NOSIGNAL);
	if (r < 0)
		return -errno;
	return (size_t)r == len ? 0 : -EMSGSIZE;
}

/* Every descriptor of a message is now in this process, also the unwanted ones. */
static unsigned fds_collect(struct msghdr *msg, int *fds)
{
	struct cmsghdr *c;
	unsigned n = 0;
	size_t bytes;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = c->cmsg_len - CMSG_LEN(0);
		if (n + bytes / sizeof(int) > KIPC__FDS_MAX)
			break;
		memcpy(fds + n, CMSG_DATA(c), bytes);
		n += (unsigned)(bytes / sizeof(int));
	}
	return n;
}

int kipc__fds_recv(int sock, int *fds, unsigned max, void *tag, size_t len)
{
	union fds_space control;
	struct iovec iov = { .iov_base = tag, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = &control,
		              .msg_controllen = sizeof(control) };
	int came[KIPC__FDS_MAX];
	ssize_t r = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	unsigned n, i;

	if (r < 0)
		return -errno;
	n = fds_collect(&msg, came);
	if (r == (ssize_t)len && n <= max && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		memcpy(fds, came, n * sizeof(int));
		return (int)n;
	}
	for (i = 0; i < n; i++)
		kipc__fd_close(came[i]);
	return r == 0 && n == 0 ? -EPIPE : -EBADMSG;
}
