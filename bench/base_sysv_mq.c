// SPDX-License-Identifier: MIT
/* base_sysv_mq.c - two System V message queues, one each way */
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "bench.h"

/* The type that System V puts before each message, and room for the message. */
struct envelope {
	long type;
	char text[];
};

static int setup(struct pair *p)
{
	struct msginfo limits;

	if (msgctl(0, IPC_INFO, (struct msqid_ds *)&limits) < 0)
		return bench_fail(p, -errno, "msgctl: %m");
	if (p->cell.size > (size_t)limits.msgmax)
		return bench_fail(p, -EMSGSIZE, "kernel.msgmax is %d bytes", limits.msgmax);
	for (int from = 0; from < 2; from++) {
		int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

		if (id < 0)
			return bench_fail(p, -errno, "msgget: %m");
		p->id[from] = id + 1;
	}
	return 0;
}

static void remove_queues(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		if (p->id[i])
			msgctl(p->id[i] - 1, IPC_RMID, NULL);
	}
}

static int join(struct side *s)
{
	s->out = s->pair->id[s->who] - 1;
	s->in = s->pair->id[!s->who] - 1;
	s->own = bench_buffer(s, sizeof(struct envelope) + s->cell->size);
	return s->own ? 0 : -ENOMEM;
}

static int again(struct side *s, const char *what)
{
	if (errno == EINTR)
		return 0;
	if ((errno == EAGAIN || errno == ENOMSG) && s->spin) {
		cpu_relax();
		return 0;
	}
	return bench_fail(s->pair, -errno, "%s: %m", what);
}

/* The copy into the envelope is part of what this interface costs. */
static int send_message(struct side *s, const void *buf)
{
	struct envelope *e = s->own;

	e->type = 1;
	memcpy(e->text, buf, s->cell->size);
	while (msgsnd(s->out, e, s->cell->size, s->spin ? IPC_NOWAIT : 0) < 0) {
		if (again(s, "msgsnd") < 0)
			return -EIO;
	}
	return 0;
}

static int recv_message(struct side *s, void *buf)
{
	struct envelope *e = s->own;
	ssize_t n;

	while ((n = msgrcv(s->in, e, s->cell->size, 0, s->spin ? IPC_NOWAIT : 0)) < 0) {
		if (again(s, "msgrcv") < 0)
			return -EIO;
	}
	if (n != (ssize_t)s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "msgrcv: %zd bytes", n);
	memcpy(buf, e->text, n);
	return 0;
}

const struct mech mech_sysv_mq = {
	.name = "stock:sysv-mq",
	.about = "two System V message queues, the system's default limits",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = join,
	.remove = remove_queues,
	.send = send_message,
	.recv = recv_message,
};
