// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "meet.h"
#include "sys.h"

/* How long the lock of a path is waited for, and how long between two tries. */
#define LOCK_NS (1000 * 1000 * 1000)
#define NAP_NS  (1000 * 1000)

#define SUFFIX_BORN ".new"  /* a socket that has no permissions yet, or does not listen */
#define SUFFIX_LOCK ".lock" /* held by whoever takes or removes the path */

typedef char lock_path[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(SUFFIX_LOCK)];

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
		*fd = -1;
	}
	return r;
}

/* Connect to the very file that is open, whatever its path has become. Where /proc is missing, to
 * what has the path now.
 */
static int connect_file(int *fd, const struct kipc__meeting *m, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int r;

	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d", m->file);
	r = try_connect(fd, &a, type);
	if (r == -ENOENT) {
		(void)address(&a, m->path, "");
		r = try_connect(fd, &a, type);
	}
	return r;
}

/* Does any process have the socket of this file? Asking must not use up the listener's only place, so
 * it is asked with another type of socket: the kernel looks first whether a socket lives behind the
 * file, then at its type. 1, 0, or a negative errno.
 */
static int owner_lives(const struct kipc__meeting *m)
{
	int fd;
	int r = connect_file(&fd, m, SOCK_DGRAM);

	if (r == 0)
		kipc__fd_close(fd);
	if (r == -ECONNREFUSED)
		return 0;
	return r == 0 || r == -EPROTOTYPE ? 1 : r;
}

/* ---- the file and the mark -------------------------------------------------------------- */

void kipc__meet_close(struct kipc__meeting *m)
{
	kipc__fd_close(m->mark);
	kipc__fd_close(m->file);
	m->mark = m->file = -1;
}

static int file_open(struct kipc__meeting *m, const char *path)
{
	struct stat st;

	kipc__meet_close(m);
	m->file = open(path, O_PATH | O_CLOEXEC);
	if (m->file < 0 || fstat(m->file, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EBADMSG;
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	return 0;
}

static bool file_has_path(const struct kipc__meeting *m)
{
	struct stat st;

	return m->file >= 0 && lstat(m->path, &st) == 0 && st.st_dev == m->dev &&
	       st.st_ino == m->ino;
}

static struct flock mark_range(const struct kipc__meeting *m, short type)
{
	return (struct flock){ .l_type = type,
		               .l_whence = SEEK_SET,
		               .l_start = (off_t)(m->ino & INT64_MAX),
		               .l_len = 1 };
}

/* A lock of the open file description: closing another descriptor of the directory somewhere else in
 * this process does not end it.
 */
static void mark_set(struct kipc__meeting *m)
{
	struct flock range = mark_range(m, F_RDLCK);
	const char *slash = strrchr(m->path, '/');
	char dir[sizeof(m->path)] = ".";

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - m->path) + 1, m->path);
	m->mark = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->mark >= 0)
		(void)fcntl(m->mark, F_OFD_SETLK, &range);
}

/* Has somebody else a mark? Who cannot tell believes it. */
static bool peer_lives(const struct kipc__meeting *m)
{
	struct flock range = mark_range(m, F_WRLCK);

	return m->mark < 0 || fcntl(m->mark, F_OFD_GETLK, &range) < 0 || range.l_type != F_UNLCK;
}

/* ---- joining ---------------------------------------------------------------------------- */

/* The mark comes before the connection, so that nobody finds a meeting of two with only one alive. */
static int connect_marked(struct kipc__meeting *m)
{
	int r;

	mark_set(m);
	r = connect_file(&m->sock, m, SOCK_SEQPACKET);
	if (r == 0)
		return fcntl(m->sock, F_SETFL, 0) < 0 ? -errno : 0;
	if (r == -EPROTOTYPE)
		return -EBADMSG;
	if (r == -ECONNREFUSED) { /* a leftover, or the peer has come */
		r = owner_lives(m);
		if (r == 0)
			return -ENOENT;
	} else if (r == -EAGAIN) { /* the peer waits to be accepted */
		r = 1;
	}
	if (r == 1)
		r = peer_lives(m) ? -EBUSY : -ENOENT;
	return r;
}

static int join(struct kipc__meeting *m)
{
	int r = file_open(m, m->path);

	if (r == 0)
		r = connect_marked(m);
	if (r < 0) {
		kipc__fd_close(m->mark);
		m->mark = -1;
	}
	return r;
}

/* -ENOENT: the path may be taken. */
static int must_be_free(struct kipc__meeting *m)
{
	int r = file_open(m, m->path);

	if (r == 0)
		r = owner_lives(m);
	return r == 0 ? -ENOENT : r == 1 ? -EEXIST : r;
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

/* Another user's lock file may be closed to us: it is there for a moment only. One that is no file is
 * nobody's lock, and opening it must not wait for anything.
 */
static int lock_open(const char *file)
{
	int fd = open(file, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
	              0644);
	struct stat st;

	if (fd < 0)
		return errno == EACCES && access(file, F_OK) == 0 ? -EAGAIN : -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	kipc__fd_close(fd);
	return -EBADMSG;
}

static int lock_take(const char *file, int64_t patience)
{
	struct timespec nap = kipc__timespec(NAP_NS);
	int64_t end = kipc__now() + patience;
	int fd, r;

	do {
		fd = lock_open(file);
		if (fd == -EAGAIN && patience)
			nanosleep(&nap, NULL);
		if (fd == -EAGAIN)
			continue;
		if (fd < 0)
			return fd;
		r = lock_hold(fd, end);
		if (r == 0 && lock_is_current(fd, file))
			return fd;
		kipc__fd_close(fd);
		if (r < 0)
			return r;
	} while (kipc__now() < end);
	return -EBUSY;
}

static int lock_path_of(const struct kipc__meeting *m, lock_path file, int64_t patience)
{
	snprintf(file, sizeof(lock_path), "%s%s", m->path, SUFFIX_LOCK);
	return lock_take(file, patience);
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
static int publish(struct kipc__meeting *m, const struct sockaddr_un *from)
{
	int r = file_open(m, from->sun_path);

	if (r == 0 && link(from->sun_path, m->path) < 0)
		r = -errno;
	unlink(from->sun_path);
	return r;
}

/* Under the lock, the path being free or a leftover. */
static int listen_at(struct kipc__meeting *m, mode_t mode)
{
	struct sockaddr_un new;
	int r = address(&new, m->path, SUFFIX_BORN);

	if (r < 0)
		return r;
	if (file_has_path(m) && unlink(m->path) < 0)
		return -errno;
	m->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->listener < 0)
		return -errno;
	r = born(m->listener, &new, mode);
	return r < 0 ? r : publish(m, &new);
}

/* ---- the whole -------------------------------------------------------------------------- */

static int meet_locked(struct kipc__meeting *m, enum kipc__meet_how how, mode_t mode)
{
	lock_path file;
	int lock = lock_path_of(m, file, LOCK_NS);
	int r;

	if (lock < 0)
		return lock;
	r = how == KIPC__MEET_LISTEN ? must_be_free(m) : join(m);
	if (r == -ENOENT)
		r = listen_at(m, mode);
	lock_drop(lock, file);
	return r;
}

int kipc__meet(struct kipc__meeting *m, const char *path, enum kipc__meet_how how, mode_t mode)
{
	struct sockaddr_un a;
	int r = address(&a, path, "");

	*m = (struct kipc__meeting){ .sock = -1, .listener = -1, .mark = -1, .file = -1 };
	if (r < 0)
		return r;
	memcpy(m->path, a.sun_path, sizeof(m->path));
	r = how == KIPC__MEET_LISTEN ? -ENOENT : join(m);
	if (r == -ENOENT && how != KIPC__MEET_JOIN)
		r = meet_locked(m, how, mode);
	if (r < 0) {
		kipc__fd_close(m->sock);
		kipc__fd_close(m->listener);
		kipc__meet_close(m);
		m->sock = m->listener = -1;
		m->path[0] = '\0';
	}
	return r;
}

/*
 * The order makes "one peer" exact. The backlog holds a single connection; when there is one, the
 * listener is shut, so that nobody can follow it, and only then the place in the backlog is freed.
 */
int kipc__meet_accept(int listener, int *fd)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	if (poll(&p, 1, 0) <= 0)
		return -EAGAIN;
	if (shutdown(listener, SHUT_RD) < 0)
		return -errno;
	*fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

/* Who may not take the lock may not remove the path either. */
void kipc__meet_leave(struct kipc__meeting *m, int64_t patience)
{
	lock_path file;
	int lock;

	if (!m->path[0] || !file_has_path(m))
		return;
	lock = lock_path_of(m, file, patience);
	if (lock < 0)
		return;
	if (file_has_path(m))
		unlink(m->path);
	lock_drop(lock, file);
	m->path[0] = '\0';
}
