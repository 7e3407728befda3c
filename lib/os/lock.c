// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fork.h"
#include "lock.h"
#include "mutex.h"
#include "sys.h"

#define BUCKETS 1024
#define WORDS   (KIPC__LOCKFILE_BYTES / 64)

struct kipc__lockfile {
	struct kipc__lockfile *next;
	dev_t dev;
	ino_t ino;
	unsigned refs;
	int64_t generation;    /* of the process that the taken bits speak of */
	uint64_t taken[WORDS]; /* bytes that this process holds */
	int fd;                /* the one that is worked with */
	int *kept;             /* further ones, closed only with the entry */
	unsigned nr_kept;
};

static struct kipc__lockfile *files[BUCKETS]; /* by inode: a process may have many channels */

static struct kipc__lockfile **bucket(ino_t ino)
{
	return &files[ino % BUCKETS];
}

static struct kipc__lockfile *find(const struct stat *st)
{
	struct kipc__lockfile *f;

	for (f = *bucket(st->st_ino); f; f = f->next)
		if (f->dev == st->st_dev && f->ino == st->st_ino)
			return f;
	return NULL;
}

/* Without memory to remember it by, it stays open for good: closing it would drop the locks. */
static void keep(struct kipc__lockfile *f, int fd)
{
	int *more = realloc(f->kept, (f->nr_kept + 1) * sizeof(*more));

	f->refs++;
	if (!more)
		return;
	more[f->nr_kept++] = fd;
	f->kept = more;
}

static struct kipc__lockfile *add(const struct stat *st, int fd)
{
	struct kipc__lockfile *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	f->fd = fd;
	f->refs = 1;
	f->next = *bucket(f->ino);
	*bucket(f->ino) = f;
	return f;
}

int kipc__lockfile_get(struct kipc__lockfile **out, int fd)
{
	struct stat st;
	int r = 0;

	if (fstat(fd, &st) != 0) {
		r = -errno;
		kipc__fd_close(fd);
		return r;
	}
	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	*out = find(&st);
	if (*out) {
		keep(*out, fd);
	} else {
		*out = add(&st, fd);
		if (!*out) {
			kipc__fd_close(fd);
			r = -ENOMEM;
		}
	}
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
	return r;
}

struct kipc__lockfile *kipc__lockfile_join(const struct stat *st)
{
	struct kipc__lockfile *f;

	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	f = find(st);
	if (f)
		f->refs++;
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
	return f;
}

int kipc__lockfile_ref(struct kipc__lockfile *f)
{
	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	f->refs++;
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
	return 0;
}

void kipc__lockfile_put(struct kipc__lockfile *f)
{
	struct kipc__lockfile **at;
	unsigned i;

	if (!f)
		return;
	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	if (--f->refs == 0) {
		for (at = bucket(f->ino); *at != f; at = &(*at)->next)
			;
		*at = f->next;
		for (i = 0; i < f->nr_kept; i++)
			kipc__fd_close(f->kept[i]);
		kipc__fd_close(f->fd);
		free(f->kept);
		free(f);
	}
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
}

int kipc__lockfile_fd(const struct kipc__lockfile *f)
{
	return f->fd;
}

bool kipc__lockfile_alone(const struct kipc__lockfile *f)
{
	bool alone;

	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	alone = f->refs == 1;
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
	return alone;
}

/* After a fork the bits speak of the parent: the child holds nothing. Under the mutex. */
static uint64_t *taken_here(struct kipc__lockfile *f, unsigned byte)
{
	int64_t now = kipc__fork_generation();

	if (f->generation != now) {
		f->generation = now;
		memset(f->taken, 0, sizeof(f->taken));
	}
	return &f->taken[byte / 64];
}

static uint64_t bit_of(unsigned byte)
{
	return UINT64_C(1) << (byte % 64);
}

static int set_lock(int fd, unsigned byte, short type)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return fcntl(fd, F_SETLK, &fl) == 0 ? 0 : -errno;
}

int kipc__lockfile_take(struct kipc__lockfile *f, unsigned byte)
{
	int r = -EBUSY;

	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	if (!(*taken_here(f, byte) & bit_of(byte))) {
		r = set_lock(f->fd, byte, F_WRLCK);
		if (r == 0)
			*taken_here(f, byte) |= bit_of(byte);
		else if (r == -EAGAIN || r == -EACCES)
			r = -EBUSY;
	}
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
	return r;
}

void kipc__lockfile_drop(struct kipc__lockfile *f, unsigned byte)
{
	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	if (*taken_here(f, byte) & bit_of(byte)) {
		*taken_here(f, byte) &= ~bit_of(byte);
		(void)set_lock(f->fd, byte, F_UNLCK);
	}
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
}

bool kipc__lockfile_mine(struct kipc__lockfile *f, unsigned byte)
{
	bool mine;

	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	mine = *taken_here(f, byte) & bit_of(byte);
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
	return mine;
}

/* Does another process hold one of n bytes? 1: yes, *pid is one that does; 0; negative errno. */
static int held_elsewhere(int fd, unsigned byte, unsigned n, pid_t *pid)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = n };

	if (fcntl(fd, F_GETLK, &fl) != 0)
		return -errno;
	if (fl.l_type == F_UNLCK)
		return 0;
	*pid = fl.l_pid > 0 ? fl.l_pid : 0;
	return 1;
}

/* Under the mutex. */
static int held(struct kipc__lockfile *f, unsigned byte, pid_t *pid)
{
	*pid = 0;
	if (!(*taken_here(f, byte) & bit_of(byte)))
		return held_elsewhere(f->fd, byte, 1, pid);
	*pid = getpid();
	return 1;
}

int kipc__lockfile_held(struct kipc__lockfile *f, unsigned byte, pid_t *pid)
{
	int r;

	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	r = held(f, byte, pid);
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
	return r;
}

int kipc__lockfile_glance(struct kipc__lockfile *f, unsigned byte, pid_t *pid)
{
	int r;

	if (!kipc__mutex_try(KIPC__MUTEX_LOCKFILES))
		return -EAGAIN;
	r = held(f, byte, pid);
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
	return r;
}

bool kipc__lockfile_any(struct kipc__lockfile *f, unsigned byte, unsigned n)
{
	bool mine = false;
	unsigned i;
	pid_t pid;
	int r;

	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	for (i = byte; i < byte + n && !mine; i++)
		mine = *taken_here(f, i) & bit_of(i);
	r = mine ? 1 : held_elsewhere(f->fd, byte, n, &pid);
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
	return r != 0;
}
