// SPDX-License-Identifier: MIT
/* mech_bytes.c - the same pairs as streams of bytes: what a pipe does, beside the pipe */
#include <kipc.h>
#include "kipc_pair.h"

static int join(struct side *s)
{
	s->own = kipc_pair_end(s);
	return 0;
}

static void leave(struct side *s)
{
	kipc_chan_close(s->own);
}

static int write_bytes(struct side *s, const void *buf)
{
	ssize_t n = kipc_write(s->own, buf, s->cell->size, -1);

	if (n == (ssize_t)s->cell->size)
		return 0;
	if (n < 0)
		return kipc_pair_failed(s->pair, n, "kipc_write");
	return bench_fail(s->pair, -EIO, "kipc_write: %zd bytes", n);
}

/* A stream has no borders: the reader collects as many bytes as one write had. */
static int read_bytes(struct side *s, void *buf)
{
	char *at = buf, *end = at + s->cell->size;

	while (at < end) {
		ssize_t n = kipc_read(s->own, at, end - at, -1);

		if (n < 0)
			return kipc_pair_failed(s->pair, n, "kipc_read");
		at += n;
	}
	return 0;
}

#define BYTES_MECH(symbol, string, words)                                       \
	const struct mech symbol = {                                            \
		.name = string,                                                 \
		.about = words,                                                 \
		.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK) | BIT(WAIT_ADAPTIVE), \
		.setup = kipc_pair_setup,                                       \
		.join = join,                                                   \
		.leave = leave,                                                 \
		.send = write_bytes,                                            \
		.recv = read_bytes,                                             \
	}

BYTES_MECH(mech_bytes_kmod, "bytes:kmod", "kipc_write and kipc_read over the kernel module");
BYTES_MECH(mech_bytes_shm, "bytes:shm", "kipc_write and kipc_read over shared memory");
BYTES_MECH(mech_bytes_unix, "bytes:unix", "kipc_write and kipc_read over a unix socket");
