/* SPDX-License-Identifier: MIT */
/*
 * fd.h - what the mechanisms over file descriptors share
 *
 * Byte streams are written and read until a message is whole. Where the side spins, its descriptors do
 * not block and a call that would is made again.
 */
#ifndef FD_H
#define FD_H

#include "bench.h"

/* s->in and s->out from pair->fd, the other side's closed, and no blocking where s->spin. */
int fd_join(struct side *s);
void fd_leave(struct side *s);

/* A whole message over a byte stream. */
int stream_send(struct side *s, const void *buf);
int stream_recv(struct side *s, void *buf);

/* A whole message in one datagram or record. */
int packet_send(struct side *s, const void *buf);
int packet_recv(struct side *s, void *buf);

/* Buffers of a socket that hold at least bytes, as far as this process may. */
void socket_grow(int fd, size_t bytes);

#endif /* FD_H */
