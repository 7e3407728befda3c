/* SPDX-License-Identifier: MIT */
/*
 * region.h - the files behind shared memory
 *
 * Anonymous: a memfd, sealed against shrinking and growing. Named: a file in /dev/shm that gets its
 * name only when it is complete. Where a page can be refused all of them are reserved, so that a full
 * /dev/shm is an error at creation and not a SIGBUS later. Results are 0 or a negative errno.
 */
#ifndef KIPC_OS_REGION_H
#define KIPC_OS_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <linux/types.h>

#define KIPC__REGION_NAME_MAX 64 /* with the NUL, as KIPC_NAME_MAX of the module */

/* Is this a name: 1 to 63 of [A-Za-z0-9._-], no dot in front? 0, -EINVAL or -ENAMETOOLONG. */
int kipc__region_name_check(const char *name);

/* A nameless file of this size, its pages not yet reserved (so that a NUMA node can be set first). -EFBIG:
 * this process may not have files of that size.
 */
int kipc__region_memfd(int *fd, uint64_t bytes);
int kipc__region_nameless(int *fd, uint64_t bytes, mode_t mode);

/* Reserve all pages of a new file, which read zero. -ENOSPC: no room. */
int kipc__region_reserve(int fd, uint64_t bytes);

/* Can a page of a memfd still be refused when it is first touched, which is a SIGBUS? */
bool kipc__region_memfd_limited(void);

/* Seal a memfd; and is it sealed as it must be? */
int kipc__region_seal(int fd);
bool kipc__region_sealed(int fd);

int kipc__region_bytes(int fd, uint64_t *bytes);

/* Does it lie where named regions do? A memfd does not. */
bool kipc__region_in_place(int fd);

/* Its permission bits. */
mode_t kipc__region_mode(int fd);

/* Give a nameless file its name, complete at once. -EEXIST. */
int kipc__region_publish(int fd, const char *name);

/* What file the name stands for. 0, or a negative errno; -EACCES: one that this user may not open (any more). */
int kipc__region_stat(const char *name, struct stat *st);

/* Open an existing one. -ENOENT, -EACCES; -EBADMSG: not a regular file. */
int kipc__region_open(int *fd, const char *name);

/* Does the name (still) stand for this file? */
bool kipc__region_is(int fd, const char *name);

void kipc__region_unlink(const char *name);

/* The doorbell of one end of a named region: a FIFO beside it. make: create and open both ways (its
 * owner); otherwise open for writing: -ENOENT or -ENXIO when nobody listens.
 */
int kipc__region_bell(int *fd, const char *name, const __u64 id[2], unsigned end, bool make,
                      mode_t mode);

/* Make one that is nobody's own, unless it is there: complete at once, for whoever may open the region, which is
 * open. mine: a number that only the caller uses meanwhile.
 */
int kipc__region_bell_share(const char *name, const __u64 id[2], unsigned number, unsigned mine,
                            int region);

/* One that somebody else made, both ways, as long as there is one by that number. */
int kipc__region_bell_join(int *fd, const char *name, const __u64 id[2], unsigned number);

/* Is it open for reading anywhere? -ENXIO: it is not; otherwise the descriptor has EPOLLERR when it is not
 * any more. Not for writing: that would raise SIGPIPE.
 */
int kipc__region_bell_watch(int *fd, const char *name, const __u64 id[2], unsigned number);
void kipc__region_bell_unlink(const char *name, const __u64 id[2], unsigned end);

/* Call each for the name of every named region that exists, and remove doorbells that nobody has open, unless
 * there still exists a region of that name and id.
 */
void kipc__region_each(void (*each)(const char *name),
                       bool (*exists)(const char *name, const __u64 id[2]));

/* Can named regions live here at all? 0 or the reason. */
int kipc__region_probe(void);

#endif /* KIPC_OS_REGION_H */
