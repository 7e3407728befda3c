// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include "sys.h"
#include "unix.h"

int kipc__unix_pair(int fd[2], int type)
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd) < 0 ? -errno : 0;
}

bool kipc__unix_is(int fd, int type)
{
	struct sockaddr_un peer;
	socklen_t len = sizeof(int);
	int domain, has;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_UNIX)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &has, &len) < 0 || has != type)
		return false;
	len = sizeof(peer);
	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

int kipc__unix_peer(int fd, struct ucred *who)
{
	socklen_t len = sizeof(*who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &len) < 0 ? -errno : 0;
}

/* ---- descriptors as messages ------------------------------------------------------------ */

union fds_space {
	struct cmsghdr align;
	char space[CMSG_SPACE(KIPC__FDS_MAX * sizeof(int))];
};

int kipc__fds_send(int sock, const int *fds, unsigned n, const void *tag, size_t len)
{
	union fds_space control = { 0 };
	struct iovec iov = { .iov_base = (void *)tag, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = &control,
		              .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t r;

	if (n == 0 || n > KIPC__FDS_MAX || len == 0)
		return -EINVAL;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	r = sendmsg(sock, &msg, MSG_NOSIGNAL);
	if (r < 0)
		return -errno;
	return (size_t)r == len ? 0 : -EMSGSIZE;
}

/* Every descriptor of a message is now in this process, also the unwanted ones. */
static unsigned fds_collect(struct msghdr *msg, int *fds)
{
	struct cmsghdr *c;
	unsigned n = 0;
	size_t bytes;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = c->cmsg_len - CMSG_LEN(0);
		if (n + bytes / sizeof(int) > KIPC__FDS_MAX)
			break;
		memcpy(fds + n, CMSG_DATA(c), bytes);
		n += (unsigned)(bytes / sizeof(int));
	}
	return n;
}

int kipc__fds_peek(int sock, int *fds, unsigned max, void *tag, size_t len)
{
	union fds_space control;
	struct iovec iov = { .iov_base = tag, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = &control,
		              .msg_controllen = sizeof(control) };
	int came[KIPC__FDS_MAX];
	ssize_t r = recvmsg(sock, &msg, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	unsigned n, i;

	if (r < 0)
		return -errno;
	n = fds_collect(&msg, came);
	if (r == (ssize_t)len && n <= max && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		memcpy(fds, came, n * sizeof(int));
		return (int)n;
	}
	for (i = 0; i < n; i++)
		kipc__fd_close(came[i]);
	if (r == (ssize_t)len && (msg.msg_flags & MSG_CTRUNC) && n < KIPC__FDS_MAX)
		return -EMFILE; /* there was space to tell of more */
	return r == 0 && n == 0 ? -EPIPE : -EBADMSG;
}

void kipc__fds_drop(int sock)
{
	(void)!recv(sock, NULL, 0, MSG_DONTWAIT | MSG_TRUNC);
}
