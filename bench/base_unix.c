// SPDX-License-Identifier: MIT
/* base_unix.c - unix domain sockets: stream, seqpacket, datagram */
#include <sys/socket.h>
#include <sys/un.h>

#include "fd.h"

static int open_pair(struct pair *p, int type)
{
	int fd[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd) < 0)
		return bench_fail(p, -errno, "socketpair: %m");
	for (int i = 0; i < 2; i++)
		p->fd[i][0] = p->fd[i][1] = fd[i];
	return 0;
}

static int setup_stream(struct pair *p)
{
	return open_pair(p, SOCK_STREAM);
}

/* A record must fit the send buffer whole; the default is left alone where it does. */
static int setup_records(struct pair *p, int type)
{
	int r = open_pair(p, type), have;
	socklen_t len = sizeof(have);

	for (int i = 0; i < 2 && r == 0; i++) {
		if (p->cell.size >= 65536)
			socket_grow(p->fd[i][0], 2 * p->cell.size);
		if (getsockopt(p->fd[i][0], SOL_SOCKET, SO_SNDBUF, &have, &len) < 0)
			r = bench_fail(p, -errno, "getsockopt: %m");
		else if ((size_t)have < p->cell.size + 1024)
			r = bench_fail(p, -EMSGSIZE,
			               "net.core.wmem_max permits records of %d bytes", have);
	}
	return r;
}

static int setup_seqpacket(struct pair *p)
{
	return setup_records(p, SOCK_SEQPACKET);
}

static int setup_dgram(struct pair *p)
{
	return setup_records(p, SOCK_DGRAM);
}

const struct mech mech_unix_stream = {
	.name = "stock:unix-stream",
	.about = "unix stream socket pair, default buffers",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup_stream,
	.join = fd_join,
	.leave = fd_leave,
	.send = stream_send,
	.recv = stream_recv,
};

const struct mech mech_unix_seqpacket = {
	.name = "stock:unix-seqpacket",
	.about = "unix seqpacket socket pair",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup_seqpacket,
	.join = fd_join,
	.leave = fd_leave,
	.send = packet_send,
	.recv = packet_recv,
};

const struct mech mech_unix_dgram = {
	.name = "stock:unix-dgram",
	.about = "unix datagram socket pair",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup_dgram,
	.join = fd_join,
	.leave = fd_leave,
	.send = packet_send,
	.recv = packet_recv,
};
