/* SPDX-License-Identifier: MIT */
/*
 * lock.h - "I live": record locks that belong to the process
 *
 * An end in plain shared memory is alive as long as its owner holds a byte of the region locked with
 * fcntl(F_SETLK). Such a lock is not inherited over fork, is gone with the process however it ends,
 * and is seen through F_GETLK from any pid namespace. (A lock of the open file description would be
 * kept by a forked copy of the descriptor.)
 *
 * The kernel drops all of a process's locks on an inode when it closes any descriptor of that inode.
 * So there is one struct kipc__lockfile per inode and process, which keeps every descriptor that was
 * given to it until the last user is gone, as SQLite does. So that these do not become more and more, who
 * knows the inode before he has a descriptor joins by that, and opens nothing. Any thread.
 */
#ifndef KIPC_OS_LOCK_H
#define KIPC_OS_LOCK_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#define KIPC__LOCKFILE_BYTES 192 /* that can be locked */

struct kipc__lockfile;

/* Join or make the entry of fd's inode. Takes fd over, in success and in failure. */
int kipc__lockfile_get(struct kipc__lockfile **out, int fd);

/* Join the entry of the inode that st tells of, if this process has one; otherwise NULL. */
struct kipc__lockfile *kipc__lockfile_join(const struct stat *st);

/* Join it once more. 0. */
int kipc__lockfile_ref(struct kipc__lockfile *f);

/* Leave it; the last one closes the descriptors. NULL is allowed. */
void kipc__lockfile_put(struct kipc__lockfile *f);

/* A descriptor of the inode, borrowed. */
int kipc__lockfile_fd(const struct kipc__lockfile *f);

/* Does this process have a single handle on the inode? */
bool kipc__lockfile_alone(const struct kipc__lockfile *f);

/* Lock a byte. -EBUSY: another process or another user in this one has it. */
int kipc__lockfile_take(struct kipc__lockfile *f, unsigned byte);
void kipc__lockfile_drop(struct kipc__lockfile *f, unsigned byte);

/* Does anybody hold it? 1: yes, *pid is who (0: not visible from here); 0: nobody; negative errno. *pid is 0
 * otherwise.
 */
int kipc__lockfile_held(struct kipc__lockfile *f, unsigned byte, pid_t *pid);

/* The same for who may be a signal handler. -EAGAIN: another one is at it, or who was interrupted: no news.
 * After another answer nobody who was interrupted is.
 */
int kipc__lockfile_glance(struct kipc__lockfile *f, unsigned byte, pid_t *pid);

/* Does this process? No system call. */
bool kipc__lockfile_mine(struct kipc__lockfile *f, unsigned byte);

/* Does anybody hold one of the n bytes from this one on? What cannot be found out counts as held. */
bool kipc__lockfile_any(struct kipc__lockfile *f, unsigned byte, unsigned n);

#endif /* KIPC_OS_LOCK_H */
