// SPDX-License-Identifier: MIT
/* base_fifo.c - two FIFOs in the file system, one each way */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"

/* Opened for both first, because an open for one direction waits for the other. */
static int open_ends(struct pair *p, int from, const char *path)
{
	int both = open(path, O_RDWR | O_CLOEXEC);

	if (both < 0)
		return bench_fail(p, -errno, "open of a FIFO: %m");
	p->fd[!from][0] = open(path, O_RDONLY | O_CLOEXEC);
	p->fd[from][1] = open(path, O_WRONLY | O_CLOEXEC);
	if (p->cell.size >= 65536)
		fcntl(both, F_SETPIPE_SZ, 1 << 20);
	close(both);
	if (p->fd[!from][0] < 0 || p->fd[from][1] < 0)
		return bench_fail(p, -errno, "open of a FIFO: %m");
	return 0;
}

static int setup(struct pair *p)
{
	char dir[] = "/tmp/kipc-bench-XXXXXX", path[64];
	int r = 0;

	if (!mkdtemp(dir))
		return bench_fail(p, -errno, "mkdtemp: %m");
	snprintf(path, sizeof(path), "%s/fifo", dir);
	for (int from = 0; from < 2 && r == 0; from++) {
		if (mkfifo(path, 0600) < 0)
			r = bench_fail(p, -errno, "mkfifo: %m");
		else
			r = open_ends(p, from, path);
		unlink(path);
	}
	rmdir(dir);
	return r;
}

const struct mech mech_fifo = {
	.name = "stock:fifo",
	.about = "two FIFOs, 1 MiB buffers from 64 KiB messages on",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = fd_join,
	.leave = fd_leave,
	.send = stream_send,
	.recv = stream_recv,
};
