/* SPDX-License-Identifier: MIT */
/*
 * credit.h - flow control for the mechanisms that drop what does not fit
 *
 * UDP and raw sockets lose a datagram when the receiver's buffer is full. In a stream the sender may
 * therefore be at most a window of messages ahead; the receiver says how far it is over a second
 * socket, twice a window. A round trip needs none of this and does not use it.
 *
 * pair->fd[side] holds { data socket, acknowledgement socket }.
 */
#ifndef CREDIT_H
#define CREDIT_H

#include "bench.h"

int credit_join(struct side *s);

/* Before a send: waits until there is room in the window. After a receive: tells, when it is time. */
int credit_take(struct side *s);
int credit_give(struct side *s);

#endif /* CREDIT_H */
