// SPDX-License-Identifier: MIT
/* base_tcp.c - TCP over loopback, without Nagle's delay */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"

static int connect_pair(struct pair *p, int listener, int fd[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&at, len) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) < 0)
		return bench_fail(p, -errno, "bind to 127.0.0.1: %m");
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[0] < 0 || connect(fd[0], (struct sockaddr *)&at, len) < 0)
		return bench_fail(p, -errno, "connect to 127.0.0.1: %m");
	fd[1] = accept(listener, NULL, NULL);
	if (fd[1] < 0)
		return bench_fail(p, -errno, "accept: %m");
	return 0;
}

static int setup(struct pair *p)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd[2], one = 1, r;

	if (listener < 0)
		return bench_fail(p, -errno, "socket: %m");
	r = connect_pair(p, listener, fd);
	close(listener);
	for (int i = 0; i < 2 && r == 0; i++) {
		setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		p->fd[i][0] = p->fd[i][1] = fd[i];
	}
	return r;
}

const struct mech mech_tcp = {
	.name = "stock:tcp",
	.about = "TCP on loopback, TCP_NODELAY",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = fd_join,
	.leave = fd_leave,
	.send = stream_send,
	.recv = stream_recv,
};
