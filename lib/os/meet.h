/* SPDX-License-Identifier: MIT */
/*
 * meet.h - two processes meet under a path: a socket that listens for one peer
 *
 * The first one listens, the second one connects. The path stands for their meeting as long as both
 * live; then whoever comes may take it for another one, also when those two ended without a chance to
 * clean up. Descriptors are close-on-exec. Results are 0 or a negative errno.
 *
 * How a path is judged. That the first one lives is seen from the socket: a connection attempt finds
 * the file's socket, or finds that nobody has it any more. That the second one lives is seen from its
 * mark: it holds a record lock on the directory at the offset that is the inode number of the socket.
 * Both are gone with the descriptors, however their owner ended. Whoever may not read the directory
 * leaves no mark.
 *
 * Whoever takes or removes a path holds its lock file, and removes that file, too. So a leftover can
 * be removed without removing what somebody else just put there. Each side keeps its socket's file
 * from being freed, so that an inode number means one file.
 */
#ifndef KIPC_OS_MEET_H
#define KIPC_OS_MEET_H

#include <sys/types.h>
#include <sys/un.h>

struct kipc__meeting {
	int sock;     /* connected to the one who listens; -1; the caller's */
	int listener; /* not blocking; -1; the caller's */
	int mark;     /* the directory, locked; -1 */
	int file;     /* the socket's file, O_PATH; -1 */
	dev_t dev;    /* which file that is */
	ino_t ino;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "": nothing to leave */
};

enum kipc__meet_how { KIPC__MEET_JOIN, KIPC__MEET_JOIN_OR_LISTEN, KIPC__MEET_LISTEN };

/*
 * Meet. 0: either sock or listener is set. mode: permissions of the socket's file, set before its
 * name appears.
 * JOIN: -ENOENT: nobody listens. JOIN, JOIN_OR_LISTEN: -EBUSY: two have met there and live.
 * LISTEN: -EEXIST: somebody lives there.
 * All: -EBADMSG: there is no socket, or one of another type, or its lock is no file; -EACCES; -ENAMETOOLONG; -ENOENT: no such
 * directory; -EBUSY: the lock is held for long.
 */
int kipc__meet(struct kipc__meeting *m, const char *path, enum kipc__meet_how how, mode_t mode);

/* The peer that has come: from now on others are refused. -EAGAIN: nobody yet. */
int kipc__meet_accept(int listener, int *fd);

/* Remove the path if it still stands for this meeting, while the own socket is still open. Who holds its
 * lock is waited for as many ns at most; then the path stays, for a later call or whoever comes.
 */
void kipc__meet_leave(struct kipc__meeting *m, int64_t patience);

/* Close mark and file. */
void kipc__meet_close(struct kipc__meeting *m);

#endif /* KIPC_OS_MEET_H */
