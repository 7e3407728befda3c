/* SPDX-License-Identifier: MIT */
/*
 * sock_chan.h - what a channel over a unix socket consists of
 *
 * sock.c opens and closes it, sock_peer.c lets the peer in, sock_back.c carries the packets.
 */
#ifndef KIPC_TRANSPORT_SOCK_CHAN_H
#define KIPC_TRANSPORT_SOCK_CHAN_H

#include <pthread.h>
#include "../os/guard.h"
#include "../os/meet.h"
#include "dgram_chan.h"

/* The kernel wants most of a packet in one piece of memory, which gets rare above this. */
#define KIPC__SOCK_BOUND (1024 * 1024)

/* How long a sender sleeps at most before it looks by itself. */
#define KIPC__SOCK_SLICE (50 * 1000 * 1000)

/* How long who leaves waits for whoever is taking the path just then. */
#define KIPC__SOCK_LEAVE_NS (100 * 1000 * 1000)

#define KIPC__SOCK_BOTH (KIPC_IN | KIPC_OUT)

struct kipc__sock {
	struct kipc__dgram d;
	struct kipc__meeting name; /* listener: where the peer comes, open as long as the handle */
	struct kipc__guard guard;  /* a forked child has none of all these descriptors */
	int fd;                    /* the connected socket; -1 until the peer is there */
	int poll[2];               /* epoll descriptors for IN and OUT; -1: not asked for */
	int latch; /* always readable: in poll[0] while messages are held, in poll[1] when nothing goes; -1 */
	bool latched;
	unsigned shut; /* directions that are over on this side */
	uint64_t ring_bytes;
	int sndbuf;
	size_t want;          /* memory that the room asked for last needs before its last packet */
	pthread_mutex_t lock; /* the peer's arrival, poll descriptors, shut; not the data path */
};

/* Raise the send buffer of a socket towards ring_bytes; sets sndbuf and max_msg. */
void kipc__sock_raise(struct kipc__sock *s, int fd);

/* Make a connected socket ready for use. */
int kipc__sock_tune(struct kipc__sock *s, int fd);

/* The connected socket; lets the peer in if it is there. -EAGAIN: nobody yet. */
int kipc__sock_now(struct kipc__sock *s);

/* A call found the end: once the peer is gone, so is the name. */
void kipc__sock_retire(struct kipc__sock *s);

/* End directions of a connected socket. */
void kipc__sock_shut(int fd, unsigned dirs);

/* Nothing is sent any more: who polls for room is told, which the kernel does not do. Under the lock. */
void kipc__sock_out_over(struct kipc__sock *s);

/* Is the other end closed? */
bool kipc__sock_hung_up(int fd);

/* kipc__transport.fd and kipc__dgram_back.latch */
int kipc__sock_fd(struct kipc_chan *c, unsigned dir);
void kipc__sock_latch(struct kipc__dgram *d, bool on);

extern const struct kipc__dgram_back kipc__sock_back;

#endif /* KIPC_TRANSPORT_SOCK_CHAN_H */
