// SPDX-License-Identifier: MIT
/* fd.c - what the mechanisms over file descriptors share; see fd.h */
#include "fd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void close_both(int fd[2])
{
	if (fd[0] > 0)
		close(fd[0]);
	if (fd[1] > 0 && fd[1] != fd[0])
		close(fd[1]);
}

static int stop_blocking(struct side *s, int fd)
{
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return bench_fail(s->pair, -errno, "fcntl(O_NONBLOCK): %m");
	return 0;
}

int fd_join(struct side *s)
{
	s->in = s->pair->fd[s->who][0];
	s->out = s->pair->fd[s->who][1];
	close_both(s->pair->fd[!s->who]);
	if (s->spin && (stop_blocking(s, s->in) < 0 || stop_blocking(s, s->out) < 0))
		return -EIO;
	return 0;
}

void fd_leave(struct side *s)
{
	close_both(s->pair->fd[s->who]);
}

/* After a call that moved nothing: 0 when it shall be made again. */
static int again(struct side *s, ssize_t n, const char *what)
{
	if (n == 0)
		return bench_fail(s->pair, -EPIPE, "%s: end of file", what);
	if (errno == EINTR)
		return 0;
	if (errno == EAGAIN && s->spin) {
		cpu_relax();
		return 0;
	}
	return bench_fail(s->pair, -errno, "%s: %m", what);
}

int stream_send(struct side *s, const void *buf)
{
	size_t done = 0;

	while (done < s->cell->size) {
		ssize_t n = write(s->out, (const char *)buf + done, s->cell->size - done);

		if (n > 0)
			done += n;
		else if (again(s, n, "write") < 0)
			return -EIO;
	}
	return 0;
}

int stream_recv(struct side *s, void *buf)
{
	size_t done = 0;

	while (done < s->cell->size) {
		ssize_t n = read(s->in, (char *)buf + done, s->cell->size - done);

		if (n > 0)
			done += n;
		else if (again(s, n, "read") < 0)
			return -EIO;
	}
	return 0;
}

/* ENOBUFS is how some sockets say that the queue is full. */
int packet_send(struct side *s, const void *buf)
{
	for (;;) {
		ssize_t n = send(s->out, buf, s->cell->size, MSG_NOSIGNAL);

		if (n == (ssize_t)s->cell->size)
			return 0;
		if (n >= 0)
			return bench_fail(s->pair, -EIO, "send: short by %zd", s->cell->size - n);
		if (errno != ENOBUFS && again(s, n, "send") < 0)
			return -EIO;
	}
}

/* MSG_TRUNC gives the real length, so that a longer message is seen. */
int packet_recv(struct side *s, void *buf)
{
	for (;;) {
		ssize_t n = recv(s->in, buf, s->cell->size, MSG_TRUNC);

		if (n == (ssize_t)s->cell->size)
			return 0;
		if (n > 0)
			return bench_fail(s->pair, -EBADMSG, "recv: %zd bytes in place of %zu", n,
			                  s->cell->size);
		if (again(s, n, "recv") < 0)
			return -EIO;
	}
}

/* The privileged call goes past the system's limit; without the right the plain one does its best. */
void socket_grow(int fd, size_t bytes)
{
	int size = bytes;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}
