// SPDX-License-Identifier: MIT
/* credit.c - flow control for the mechanisms that drop; see credit.h */
#include "credit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW_MAX 128

/* Each datagram is charged to the buffer with its management; large ones up to twice their size. */
static unsigned int window_of(int fd, size_t size)
{
	int buffer = 0;
	socklen_t len = sizeof(buffer);
	size_t fits;

	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, &len);
	fits = buffer / 2 / (2 * size + 2048);
	if (fits < 1)
		return 1;
	return fits < WINDOW_MAX ? fits : WINDOW_MAX;
}

struct own {
	unsigned int window;
	uint32_t acked;
	uint32_t told;
};

int credit_join(struct side *s)
{
	int *mine = s->pair->fd[s->who], *other = s->pair->fd[!s->who];
	struct own *own;

	s->in = s->out = mine[0];
	close(other[0]);
	close(other[1]);
	if (s->spin &&
	    (fcntl(mine[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(mine[1], F_SETFL, O_NONBLOCK) < 0))
		return bench_fail(s->pair, -errno, "fcntl(O_NONBLOCK): %m");
	if (s->cell->bench != &bench_stream)
		return 0;
	own = bench_buffer(s, sizeof(*own));
	if (!own)
		return -ENOMEM;
	own->window = window_of(mine[0], s->cell->size);
	s->own = own;
	return 0;
}

/* The number is the last thing in the packet: a raw socket delivers the IP header before it. */
static int read_ack(struct side *s, uint32_t *acked)
{
	unsigned char packet[64];
	ssize_t n = recv(s->pair->fd[s->who][1], packet, sizeof(packet), 0);

	if (n < 0 && (errno == EINTR || (errno == EAGAIN && s->spin)))
		return 0;
	if (n < (ssize_t)sizeof(*acked))
		return bench_fail(s->pair, -EIO, "recv of an acknowledgement: %m");
	__builtin_memcpy(acked, packet + n - sizeof(*acked), sizeof(*acked));
	return 0;
}

int credit_take(struct side *s)
{
	struct own *own = s->own;

	while (own && s->sent - own->acked >= own->window) {
		if (read_ack(s, &own->acked) < 0)
			return -EIO;
	}
	s->sent++;
	return 0;
}

int credit_give(struct side *s)
{
	struct own *own = s->own;

	s->received++;
	if (!own || s->received - own->told < (own->window + 1) / 2)
		return 0;
	own->told = s->received;
	while (send(s->pair->fd[s->who][1], &own->told, sizeof(own->told), 0) < 0) {
		if (errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
			return bench_fail(s->pair, -errno, "send of an acknowledgement: %m");
	}
	return 0;
}
