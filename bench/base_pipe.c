// SPDX-License-Identifier: MIT
/* base_pipe.c - two unnamed pipes, one each way */
#include <fcntl.h>
#include <unistd.h>

#include "fd.h"

/* The default of 64 KiB for messages that fit; 1 MiB, where it is permitted, for those that do not. */
static void grow(int fd, size_t size)
{
	if (size >= 65536)
		fcntl(fd, F_SETPIPE_SZ, 1 << 20);
}

static int setup(struct pair *p)
{
	for (int from = 0; from < 2; from++) {
		int fd[2];

		if (pipe(fd) < 0)
			return bench_fail(p, -errno, "pipe: %m");
		grow(fd[1], p->cell.size);
		p->fd[!from][0] = fd[0];
		p->fd[from][1] = fd[1];
	}
	return 0;
}

const struct mech mech_pipe = {
	.name = "stock:pipe",
	.about = "two pipes, 1 MiB buffers from 64 KiB messages on",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = fd_join,
	.leave = fd_leave,
	.send = stream_send,
	.recv = stream_recv,
};
