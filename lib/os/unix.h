/* SPDX-License-Identifier: MIT */
/*
 * unix.h - unix sockets: meeting under a path, telling who the peer is, passing descriptors
 *
 * Descriptors that come out are close-on-exec. Results are 0 or a positive count, or a negative
 * errno.
 */
#ifndef KIPC_OS_UNIX_H
#define KIPC_OS_UNIX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* Two sockets that are connected to each other; type is SOCK_SEQPACKET, SOCK_DGRAM, ... */
int kipc__unix_pair(int fd[2], int type);

/* Is this a connected unix socket of that type? */
bool kipc__unix_is(int fd, int type);

/* ---- meeting under a path --------------------------------------------------------------- */

/* A path as its owner knows it. */
struct kipc__unix_name {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev;
	ino_t ino;
};

/*
 * Join whoever listens (SOCK_SEQPACKET). -ENOENT: nobody, or a leftover of a process that died;
 * -EBUSY: its owner lives and expects nobody more; -EBADMSG: no socket, or one of another type;
 * -EACCES; -ENAMETOOLONG.
 */
int kipc__unix_join(int *fd, const char *path);

/*
 * Take the path and listen for one peer. The name appears with its permissions set and ready to be
 * joined; a leftover of a process that died is removed. *fd: the listener, not blocking.
 * -EEXIST: a living socket has it; -EBADMSG: no socket has it; -EACCES; -ENAMETOOLONG; -ENOENT: no
 * such directory; -EBUSY: others are taking and leaving it all the time.
 */
int kipc__unix_listen(int *fd, struct kipc__unix_name *name, const char *path, mode_t mode);

/* The peer that has come: from now on others are refused. -EAGAIN: nobody yet. */
int kipc__unix_accept(int listener, int *fd);

/* Remove the path if it is still ours. */
void kipc__unix_leave(const struct kipc__unix_name *name);

/* ---- descriptors as messages ------------------------------------------------------------ */

#define KIPC__FDS_MAX 8

/* Send n descriptors (1 .. KIPC__FDS_MAX) with a tag of len bytes (at least one). */
int kipc__fds_send(int sock, const int *fds, unsigned n, const void *tag, size_t len);

/* Receive at most max descriptors and a tag of exactly len bytes; does not wait. Returns how many
 * descriptors came. -EBADMSG: another length of tag, or more descriptors (all are closed); -EPIPE:
 * end of file; -EAGAIN.
 */
int kipc__fds_recv(int sock, int *fds, unsigned max, void *tag, size_t len);

/* ---- credentials ------------------------------------------------------------------------ */

/* Who connected, listened or made the pair at the other end: SO_PEERCRED. */
int kipc__unix_peer(int fd, struct ucred *who);

#endif /* KIPC_OS_UNIX_H */
