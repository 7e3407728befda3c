// SPDX-License-Identifier: MIT
/* base_posix_mq.c - two POSIX message queues, one each way */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fd.h"

static const int depths[] = { 10, 4, 1 };

/* As deep as the system's limits permit. */
static mqd_t open_queue(struct pair *p, const char *name)
{
	mqd_t q = -1;

	for (unsigned int i = 0; i < sizeof(depths) / sizeof(*depths) && q < 0; i++) {
		struct mq_attr attr = { .mq_maxmsg = depths[i], .mq_msgsize = p->cell.size };

		q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	}
	if (q < 0 && errno == EINVAL)
		bench_fail(p, -errno, "messages of %zu bytes are over fs.mqueue.msgsize_max",
		           p->cell.size);
	else if (q < 0 && errno == EMFILE)
		bench_fail(p, -errno, "queues of %zu-byte messages are over RLIMIT_MSGQUEUE",
		           p->cell.size);
	else if (q < 0)
		bench_fail(p, -errno, "mq_open: %m");
	return q;
}

static int setup(struct pair *p)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	char name[64];

	setrlimit(RLIMIT_MSGQUEUE,
	          &all); /* permitted to a privileged user only; the rest does without */
	for (int from = 0; from < 2; from++) {
		mqd_t q;

		snprintf(name, sizeof(name), "/kipc-bench-%d", getpid());
		q = open_queue(p, name);
		if (q < 0)
			return -EIO;
		mq_unlink(name);
		p->fd[from][1] = q;
		p->fd[!from][0] = dup(q);
	}
	return 0;
}

static int again(struct side *s, const char *what)
{
	if (errno == EINTR)
		return 0;
	if (errno == EAGAIN && s->spin) {
		cpu_relax();
		return 0;
	}
	return bench_fail(s->pair, -errno, "%s: %m", what);
}

static int send_message(struct side *s, const void *buf)
{
	while (mq_send(s->out, buf, s->cell->size, 0) < 0) {
		if (again(s, "mq_send") < 0)
			return -EIO;
	}
	return 0;
}

static int recv_message(struct side *s, void *buf)
{
	ssize_t n;

	while ((n = mq_receive(s->in, buf, s->cell->size, NULL)) < 0) {
		if (again(s, "mq_receive") < 0)
			return -EIO;
	}
	if (n != (ssize_t)s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "mq_receive: %zd bytes", n);
	return 0;
}

const struct mech mech_posix_mq = {
	.name = "stock:posix-mq",
	.about = "two POSIX message queues, 10 messages deep where permitted",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = fd_join,
	.leave = fd_leave,
	.send = send_message,
	.recv = recv_message,
};
