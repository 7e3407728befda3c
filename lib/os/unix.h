/* SPDX-License-Identifier: MIT */
/*
 * unix.h - unix sockets: pairs, who the peer is, descriptors as messages
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

/* Two sockets that are connected to each other; type is SOCK_SEQPACKET, SOCK_DGRAM, ... */
int kipc__unix_pair(int fd[2], int type);

/* Is this a connected unix socket of that type? */
bool kipc__unix_is(int fd, int type);

/* ---- descriptors as messages ------------------------------------------------------------ */

#define KIPC__FDS_MAX 8

/* Send n descriptors (1 .. KIPC__FDS_MAX) with a tag of len bytes (at least one). */
int kipc__fds_send(int sock, const int *fds, unsigned n, const void *tag, size_t len);

/* Receive at most max descriptors and a tag of exactly len bytes, and leave the message where it is; does
 * not wait. Returns how many descriptors came. -EBADMSG: another length of tag, or more descriptors;
 * -EMFILE: there was no place for all of them (none is left open in either case); -EPIPE: end of file;
 * -EAGAIN.
 */
int kipc__fds_peek(int sock, int *fds, unsigned max, void *tag, size_t len);

/* The message that was received so far is done with. */
void kipc__fds_drop(int sock);

/* ---- credentials ------------------------------------------------------------------------ */

/* Who connected, listened or made the pair at the other end: SO_PEERCRED. */
int kipc__unix_peer(int fd, struct ucred *who);

#endif /* KIPC_OS_UNIX_H */
