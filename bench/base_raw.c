// SPDX-License-Identifier: MIT
/*
 * base_raw.c - raw IPv4 sockets over loopback, with a window against loss in the stream
 *
 * The two protocol numbers are those set aside for experiments; the addresses are this process's own
 * pair out of 127.0.0.0/8, so that two benches do not hear each other.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "credit.h"
#include "fd.h"

#define PROTO_DATA  253
#define PROTO_ACK   254
#define PAYLOAD_MAX 65515
#define BUFFER      (4 << 20)

static struct sockaddr_in address_of(int side)
{
	uint32_t own = getpid() & 0xffff;
	struct sockaddr_in at = { .sin_family = AF_INET };

	at.sin_addr.s_addr = htonl(0x7f000000 | own << 8 | (1 + side));
	return at;
}

static int open_socket(struct pair *p, int side, int proto)
{
	struct sockaddr_in from = address_of(side), to = address_of(!side);
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, proto);

	if (fd < 0)
		return bench_fail(p, -errno, "raw sockets need CAP_NET_RAW: %m");
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return bench_fail(p, -errno, "raw socket on loopback: %m");
	socket_grow(fd, BUFFER);
	return fd;
}

static int setup(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		p->fd[i][0] = open_socket(p, i, PROTO_DATA);
		if (p->fd[i][0] < 0)
			return -EIO;
		p->fd[i][1] = open_socket(p, i, PROTO_ACK);
		if (p->fd[i][1] < 0)
			return -EIO;
	}
	return 0;
}

static int send_message(struct side *s, const void *buf)
{
	int r = credit_take(s);

	return r < 0 ? r : packet_send(s, buf);
}

/* The kernel delivers the IP header too; it goes to a place of its own. */
static int recv_message(struct side *s, void *buf)
{
	struct iphdr header;
	struct iovec to[2] = { { &header, sizeof(header) }, { buf, s->cell->size } };
	struct msghdr msg = { .msg_iov = to, .msg_iovlen = 2 };
	ssize_t want = sizeof(header) + s->cell->size, n;

	while ((n = recvmsg(s->in, &msg, MSG_TRUNC)) < 0) {
		if (errno == EAGAIN && s->spin)
			cpu_relax();
		else if (errno != EINTR)
			return bench_fail(s->pair, -errno, "recvmsg: %m");
	}
	if (n != want)
		return bench_fail(s->pair, -EBADMSG, "recvmsg: %zd bytes in place of %zd", n, want);
	return credit_give(s);
}

const struct mech mech_raw = {
	.name = "stock:raw",
	.about = "raw IPv4 on loopback, with a window so that nothing is lost",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.max_size = PAYLOAD_MAX,
	.max_why = "a raw IPv4 packet holds 65515 bytes",
	.setup = setup,
	.join = credit_join,
	.send = send_message,
	.recv = recv_message,
};
