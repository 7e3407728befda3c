// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "../core/atomic.h"
#include "region.h"
#include "sys.h"

#define SHM_DIR     "/dev/shm"
#define NEW_SECONDS 10
#define PREFIX      "kipc."
#define BELL_TRIES  8
#define SEALS       (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Bytes of nothing, and how often they are written with one call. */
#define ZEROS         4096
#define ZEROS_AT_ONCE 128

#define STRICT '2' /* vm.overcommit_memory: what was promised is there, or refused */

#define KNOWN_NS (1000 * 1000 * 1000)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

struct path {
	char s[160];
};

static struct path region_path(const char *name)
{
	struct path p;

	snprintf(p.s, sizeof(p.s), SHM_DIR "/" PREFIX "%s", name);
	return p;
}

/* The id is in it, so that a bell of a former region of this name is never taken for ours. */
static struct path bell_path(const char *name, const __u64 id[2], unsigned end)
{
	struct path p;

	snprintf(p.s, sizeof(p.s), SHM_DIR "/" PREFIX "%s.%016llx%016llx.bell%u", name, id[0],
	         id[1], end);
	return p;
}

int kipc__region_name_check(const char *name)
{
	size_t len = strlen(name);

	if (len >= KIPC__REGION_NAME_MAX)
		return -ENAMETOOLONG;
	if (len == 0 || name[0] == '.' ||
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
	            len)
		return -EINVAL;
	return 0;
}

/* Asked before, because who exceeds it gets SIGXFSZ, which kills. */
static bool limit_allows(uint64_t bytes)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
	       bytes <= limit.rlim_cur;
}

static int resize(int *fd, uint64_t bytes)
{
	int r = limit_allows(bytes) ? 0 : -EFBIG;

	if (r == 0 && ftruncate(*fd, (off_t)bytes) == 0)
		return 0;
	if (r == 0)
		r = -errno;
	kipc__fd_close(*fd);
	return r;
}

int kipc__region_memfd(int *fd, uint64_t bytes)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	/* Kernels before 6.3 do not know NOEXEC_SEAL; without it the file is merely executable. */
	*fd = memfd_create("kipc", flags | MFD_NOEXEC_SEAL);
	if (*fd < 0 && errno == EINVAL)
		*fd = memfd_create("kipc", flags);
	return *fd < 0 ? -errno : resize(fd, bytes);
}

int kipc__region_nameless(int *fd, uint64_t bytes, mode_t mode)
{
	int r;

	*fd = open(SHM_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd < 0)
		return -errno;
	if (fchmod(*fd, mode) != 0) { /* the mode as asked for, not as the umask cuts it */
		r = -errno;
		kipc__fd_close(*fd);
		return r;
	}
	return resize(fd, bytes);
}

/* By writing: fallocate() leaves pages that are cleared one by one when they are first touched, a fault
 * each. What was written comes in by 16 pages a fault, so both together take half of the time.
 */
int kipc__region_reserve(int fd, uint64_t bytes)
{
	static char zeros[ZEROS];
	struct iovec all[ZEROS_AT_ONCE];
	uint64_t done = 0;
	unsigned i;

	for (i = 0; i < ZEROS_AT_ONCE; i++)
		all[i] = (struct iovec){ zeros, ZEROS };
	while (done < bytes) {
		/* In whole pieces, but for the last one. */
		uint64_t left = bytes - done;
		unsigned n = left / ZEROS < ZEROS_AT_ONCE ? (unsigned)(left / ZEROS)
		                                          : ZEROS_AT_ONCE;
		ssize_t r = n ? pwritev(fd, all, (int)n, (off_t)done)
		              : pwrite(fd, zeros, left, (off_t)done);

		if (r > 0)
			done += (uint64_t)r;
		else if (r == 0 || errno != EINTR)
			return r == 0 ? -ENOSPC : -errno;
	}
	return 0;
}

static bool accounting_is_strict(void)
{
	int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
	char mode = STRICT;

	if (fd < 0)
		return true;
	(void)!read(fd, &mode, 1);
	kipc__fd_close(fd);
	return mode == STRICT;
}

/* A memfd lives in a tmpfs of the kernel that has no size. What it takes is counted like private memory:
 * there is always more of it, until processes are killed; unless the accounting is strict. That is
 * read from a file, which is a tenth of what opening a channel takes, and changes once in a
 * machine's life: so it is read again after a second only.
 */
bool kipc__region_memfd_limited(void)
{
	static int64_t known_until; /* odd: it is strict */
	int64_t now = kipc__now_coarse(), known = kipc__load_relaxed(&known_until);

	if (now >= known) {
		known = (now + KNOWN_NS) & ~1LL;
		known |= accounting_is_strict();
		kipc__store_relaxed(&known_until, known);
	}
	return known & 1;
}

int kipc__region_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, SEALS) == 0 ? 0 : -errno;
}

bool kipc__region_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 &&
	       (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) == (F_SEAL_SHRINK | F_SEAL_GROW);
}

int kipc__region_bytes(int fd, uint64_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	*bytes = (uint64_t)st.st_size;
	return 0;
}

bool kipc__region_in_place(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && S_ISREG(a.st_mode) && stat(SHM_DIR, &b) == 0 &&
	       a.st_dev == b.st_dev;
}

mode_t kipc__region_mode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_mode & 0777 : 0600;
}

int kipc__region_publish(int fd, const char *name)
{
	struct path to = region_path(name);
	char from[40];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, to.s, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

int kipc__region_stat(const char *name, struct stat *st)
{
	struct path p = region_path(name);

	if (lstat(p.s, st) != 0 ||
	    faccessat(AT_FDCWD, p.s, R_OK | W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	return 0;
}

int kipc__region_open(int *fd, const char *name)
{
	struct path p = region_path(name);
	struct stat st;

	*fd = open(p.s, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return errno == ELOOP || errno == ENXIO || errno == EISDIR ? -EBADMSG : -errno;
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	kipc__fd_close(*fd);
	return -EBADMSG;
}

bool kipc__region_is(int fd, const char *name)
{
	struct path p = region_path(name);
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(p.s, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

void kipc__region_unlink(const char *name)
{
	struct path p = region_path(name);

	(void)unlink(p.s);
}

/* Whoever rings has it open for reading too: a bell whose owner is gone is no SIGPIPE then. */
static int bell_file(const char *path, bool make)
{
	int fd;

	if (make && mkfifo(path, 0600) != 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* A peer that leaves removes the bells of both, perhaps one that I have made and not opened yet. */
int kipc__region_bell(int *fd, const char *name, const __u64 id[2], unsigned end, bool make,
                      mode_t mode)
{
	struct path p = bell_path(name, id, end);
	struct stat st;
	unsigned i;
	int r;

	*fd = bell_file(p.s, make);
	for (i = 0; make && *fd == -ENOENT && i < BELL_TRIES; i++)
		*fd = bell_file(p.s, make);
	if (*fd < 0)
		return *fd;
	if (fstat(*fd, &st) == 0 && S_ISFIFO(st.st_mode) && (!make || fchmod(*fd, mode) == 0))
		return 0;
	r = -EBADMSG;
	kipc__fd_close(*fd);
	return r;
}

/* One that somebody else made. */
static int bell_open(int *fd, const struct path *p, int access)
{
	struct stat st;

	*fd = open(p->s, access | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		return -errno;
	if (fstat(*fd, &st) == 0 && S_ISFIFO(st.st_mode))
		return 0;
	kipc__fd_close(*fd);
	return -EBADMSG;
}

int kipc__region_bell_watch(int *fd, const char *name, const __u64 id[2], unsigned number)
{
	struct path p = bell_path(name, id, number);

	return bell_open(fd, &p, O_WRONLY);
}

/* Open both ways: a bell whose owner has gone swallows what it is sent, and raises no SIGPIPE. */
int kipc__region_bell_join(int *fd, const char *name, const __u64 id[2], unsigned number)
{
	struct path p = bell_path(name, id, number);

	return bell_open(fd, &p, O_RDWR);
}

/* To whoever may open the region, as far as this user can give it away. By a descriptor: who owns the file now may
 * put another one in its place.
 */
static int bell_give(const struct path *path, int region)
{
	struct stat st;
	int fd, r = bell_open(&fd, path, O_RDWR);

	if (r < 0)
		return r;
	if (fstat(region, &st) != 0 || fchmod(fd, st.st_mode & 0777) != 0)
		r = -errno;
	else if (fchown(fd, st.st_uid, st.st_gid) != 0)
		(void)!fchown(fd, (uid_t)-1, st.st_gid);
	kipc__fd_close(fd);
	return r;
}

/* Under a name of my own first: others must not find one that they may not open yet, and that stays so when I
 * am killed.
 */
int kipc__region_bell_share(const char *name, const __u64 id[2], unsigned number, unsigned mine,
                            int region)
{
	struct path to = bell_path(name, id, number), from = bell_path(name, id, mine);
	int r;

	(void)unlink(from.s);
	if (mkfifo(from.s, 0600) != 0)
		return -errno;
	r = bell_give(&from, region);
	if (r == 0 && link(from.s, to.s) != 0 && errno != EEXIST)
		r = -errno;
	(void)unlink(from.s);
	return r;
}

void kipc__region_bell_unlink(const char *name, const __u64 id[2], unsigned end)
{
	struct path p = bell_path(name, id, end);

	(void)unlink(p.s);
}

#define BELL_ID 32 /* letters of an id */

/* Whose bell a file is, as bell_path() has it. */
static bool bell_of(const char *file, char name[KIPC__REGION_NAME_MAX], __u64 id[2])
{
	const char *end = strrchr(file, '.');
	size_t len = end ? (size_t)(end - file) : 0;
	const size_t around = strlen(PREFIX) + 1 + BELL_ID;
	unsigned number;

	if (len <= around || len - around >= KIPC__REGION_NAME_MAX ||
	    sscanf(end - 1 - BELL_ID, ".%16llx%16llx.bell%u", &id[0], &id[1], &number) != 3)
		return false;
	snprintf(name, KIPC__REGION_NAME_MAX, "%.*s", (int)(len - around), file + strlen(PREFIX));
	return true;
}

/* Who has use for a doorbell has it open for reading too: no reader, nobody. One that was made just now is
 * about to be opened. And where the region is still there somebody may come by its name at any moment; the bell
 * goes with the region.
 */
static void bell_sweep(int dir, const char *file,
                       bool (*exists)(const char *name, const __u64 id[2]))
{
	char name[KIPC__REGION_NAME_MAX];
	struct timespec now;
	struct stat st;
	__u64 id[2];
	int fd;

	clock_gettime(CLOCK_REALTIME, &now);
	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    now.tv_sec - st.st_ctim.tv_sec < NEW_SECONDS)
		return;
	fd = openat(dir, file, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENXIO && !(bell_of(file, name, id) && exists(name, id)))
		(void)unlinkat(dir, file, 0);
	kipc__fd_close(fd);
}

void kipc__region_each(void (*each)(const char *name),
                       bool (*exists)(const char *name, const __u64 id[2]))
{
	DIR *dir = opendir(SHM_DIR);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		if (e->d_type == DT_FIFO)
			bell_sweep(dirfd(dir), e->d_name, exists);
		else if (e->d_type == DT_REG)
			each(e->d_name + strlen(PREFIX));
	}
	closedir(dir);
}

/* That it may be used is asked once in a second. */
int kipc__region_probe(void)
{
	static int64_t known_until;
	int64_t now = kipc__now_coarse();

	if (now < kipc__load_relaxed(&known_until))
		return 0;
	if (access(SHM_DIR, W_OK | X_OK) != 0)
		return -errno;
	kipc__store_relaxed(&known_until, now + KNOWN_NS);
	return 0;
}
