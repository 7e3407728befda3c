// SPDX-License-Identifier: MIT
/* base_udp.c - UDP over loopback, with a window against loss in the stream */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "credit.h"
#include "fd.h"

#define PAYLOAD_MAX 65507
#define BUFFER      (4 << 20)

static int bind_socket(struct pair *p, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET };
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)at, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)at, &len) < 0)
		return bench_fail(p, -errno, "socket on 127.0.0.1: %m");
	socket_grow(fd, BUFFER);
	return fd;
}

/* Two sockets that talk only to each other. */
static int setup_one(struct pair *p, int slot)
{
	struct sockaddr_in at[2];

	for (int i = 0; i < 2; i++) {
		p->fd[i][slot] = bind_socket(p, &at[i]);
		if (p->fd[i][slot] < 0)
			return -EIO;
	}
	for (int i = 0; i < 2; i++) {
		if (connect(p->fd[i][slot], (struct sockaddr *)&at[!i], sizeof(at[0])) < 0)
			return bench_fail(p, -errno, "connect to 127.0.0.1: %m");
	}
	return 0;
}

static int setup(struct pair *p)
{
	return setup_one(p, 0) < 0 || setup_one(p, 1) < 0 ? -EIO : 0;
}

static int send_message(struct side *s, const void *buf)
{
	int r = credit_take(s);

	return r < 0 ? r : packet_send(s, buf);
}

static int recv_message(struct side *s, void *buf)
{
	int r = packet_recv(s, buf);

	return r < 0 ? r : credit_give(s);
}

const struct mech mech_udp = {
	.name = "stock:udp",
	.about = "UDP on loopback, with a window so that nothing is lost",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.max_size = PAYLOAD_MAX,
	.max_why = "a UDP datagram holds 65507 bytes",
	.setup = setup,
	.join = credit_join,
	.send = send_message,
	.recv = recv_message,
};
