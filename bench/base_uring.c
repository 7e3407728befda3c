// SPDX-License-Identifier: MIT
/* base_uring.c - io_uring over a unix stream socket, one ring in each process */
#include <liburing.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"

static int setup(struct pair *p)
{
	struct io_uring ring;
	int fd[2], r = io_uring_queue_init(8, &ring, 0);

	if (r < 0)
		return bench_fail(p, r, "io_uring is not permitted here: %s", strerror(-r));
	io_uring_queue_exit(&ring);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		return bench_fail(p, -errno, "socketpair: %m");
	for (int i = 0; i < 2; i++)
		p->fd[i][0] = p->fd[i][1] = fd[i];
	return 0;
}

/* Where the side spins, completions wait for its next look instead of interrupting its CPU; kernels
 * before 5.19 do not have that.
 */
static int open_ring(struct side *s, struct io_uring *ring)
{
	unsigned int look = s->spin ? IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG : 0;
	int r = io_uring_queue_init(8, ring, look);

	return r == -EINVAL ? io_uring_queue_init(8, ring, 0) : r;
}

/* The socket itself stays blocking: who waits is the ring. */
static int join(struct side *s)
{
	struct io_uring *ring = bench_buffer(s, sizeof(*ring));
	int r;

	if (!ring)
		return -ENOMEM;
	s->in = s->out = s->pair->fd[s->who][0];
	close(s->pair->fd[!s->who][0]);
	r = open_ring(s, ring);
	if (r < 0)
		return bench_fail(s->pair, r, "io_uring_queue_init: %s", strerror(-r));
	s->own = ring;
	return 0;
}

static void leave(struct side *s)
{
	io_uring_queue_exit(s->own);
}

/* Submits what is prepared and waits for its result: bytes, or a negative errno. */
static int complete(struct side *s)
{
	struct io_uring *ring = s->own;
	struct io_uring_cqe *cqe;
	int r = s->spin ? io_uring_submit(ring) : io_uring_submit_and_wait(ring, 1);

	while (r == -EINTR)
		r = io_uring_submit_and_wait(ring, 1);
	while (r >= 0 && (r = io_uring_peek_cqe(ring, &cqe)) == -EAGAIN) {
		r = s->spin ? 0 : io_uring_wait_cqe(ring, &cqe);
		cpu_relax();
	}
	if (r < 0)
		return r;
	r = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return r;
}

static int moved(struct side *s, int r, const char *what)
{
	if (r == 0)
		return bench_fail(s->pair, -EPIPE, "io_uring %s: end of file", what);
	if (r < 0)
		return bench_fail(s->pair, r, "io_uring %s: %s", what, strerror(-r));
	return r;
}

static int send_message(struct side *s, const void *buf)
{
	for (size_t done = 0; done < s->cell->size;) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(s->own);
		int n;

		io_uring_prep_send(sqe, s->out, (const char *)buf + done, s->cell->size - done,
		                   MSG_NOSIGNAL);
		n = moved(s, complete(s), "send");
		if (n < 0)
			return n;
		done += n;
	}
	return 0;
}

static int recv_message(struct side *s, void *buf)
{
	for (size_t done = 0; done < s->cell->size;) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(s->own);
		int n;

		io_uring_prep_recv(sqe, s->in, (char *)buf + done, s->cell->size - done, 0);
		n = moved(s, complete(s), "recv");
		if (n < 0)
			return n;
		done += n;
	}
	return 0;
}

const struct mech mech_uring_unix = {
	.name = "stock:io_uring-unix",
	.about = "io_uring send and recv on a unix stream socket pair",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = join,
	.leave = leave,
	.send = send_message,
	.recv = recv_message,
};
