// SPDX-License-Identifier: MIT
/* mech_kipc.c - libkipc's transports, through its public interface */
#include <kipc.h>
#include "kipc_pair.h"

struct own {
	struct kipc_chan *chan;
	struct kipc_msg out[BENCH_BATCH_MAX];
	struct kipc_msg in[BENCH_BATCH_MAX];
};

static int join(struct side *s)
{
	struct own *own = bench_buffer(s, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->chan = kipc_pair_end(s);
	s->own = own;
	return 0;
}

static void leave(struct side *s)
{
	kipc_chan_close(((struct own *)s->own)->chan);
}

static int send_message(struct side *s, const void *buf)
{
	struct own *own = s->own;
	int r = kipc_send(own->chan, buf, s->cell->size, -1);

	return r < 0 ? kipc_pair_failed(s->pair, r, "kipc_send") : 0;
}

static int recv_message(struct side *s, void *buf)
{
	struct own *own = s->own;
	ssize_t n = kipc_recv(own->chan, buf, s->cell->size, -1);

	if (n == (ssize_t)s->cell->size)
		return 0;
	if (n < 0)
		return kipc_pair_failed(s->pair, n, "kipc_recv");
	return bench_fail(s->pair, -EBADMSG, "kipc_recv: %zd bytes", n);
}

static void describe(struct side *s, struct kipc_msg *m, const char *base, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		m[i].data = (void *)(base + i * s->cell->size);
		m[i].len = s->cell->size;
	}
}

static int send_many(struct side *s, const void *base, unsigned int n)
{
	struct own *own = s->own;
	unsigned int done = 0;

	describe(s, own->out, base, n);
	while (done < n) {
		int r = kipc_send_n(own->chan, own->out + done, n - done, -1);

		if (r < 0)
			return kipc_pair_failed(s->pair, r, "kipc_send_n");
		done += r;
	}
	return 0;
}

static int lengths_agree(struct side *s, const struct kipc_msg *m, int n)
{
	for (int i = 0; i < n; i++) {
		if (m[i].len != s->cell->size)
			return bench_fail(s->pair, -EBADMSG, "a message of %zu bytes", m[i].len);
	}
	return n;
}

static int recv_many(struct side *s, void *base, unsigned int n)
{
	struct own *own = s->own;
	int r;

	describe(s, own->in, base, n);
	r = kipc_recv_n(own->chan, own->in, n, -1);
	return r < 0 ? kipc_pair_failed(s->pair, r, "kipc_recv_n") : lengths_agree(s, own->in, r);
}

static int reserve(struct side *s, void **at, unsigned int n)
{
	struct own *own = s->own;
	int r;

	for (unsigned int i = 0; i < n; i++)
		own->out[i].len = s->cell->size;
	r = kipc_reserve(own->chan, own->out, n, -1);
	if (r < 0)
		return kipc_pair_failed(s->pair, r, "kipc_reserve");
	for (unsigned int i = 0; i < n; i++)
		at[i] = own->out[i].data;
	return 0;
}

static int commit(struct side *s, unsigned int n)
{
	struct own *own = s->own;
	int r = kipc_commit(own->chan, own->out, n);

	return r < 0 ? kipc_pair_failed(s->pair, r, "kipc_commit") : 0;
}

static int peek(struct side *s, void **at, unsigned int n)
{
	struct own *own = s->own;
	int r = kipc_peek(own->chan, own->in, n, -1);

	if (r < 0)
		return kipc_pair_failed(s->pair, r, "kipc_peek");
	for (int i = 0; i < r; i++)
		at[i] = own->in[i].data;
	return lengths_agree(s, own->in, r);
}

static int release(struct side *s, unsigned int n)
{
	struct own *own = s->own;
	int r = kipc_release(own->chan, n);

	return r < 0 ? kipc_pair_failed(s->pair, r, "kipc_release") : 0;
}

#define KIPC_MECH(symbol, string, words)                                        \
	const struct mech symbol = {                                            \
		.name = string,                                                 \
		.about = words,                                                 \
		.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK) | BIT(WAIT_ADAPTIVE), \
		.variants = BIT(VARIANT_COPY) | BIT(VARIANT_INPLACE),           \
		.setup = kipc_pair_setup,                                       \
		.join = join,                                                   \
		.leave = leave,                                                 \
		.send = send_message,                                           \
		.recv = recv_message,                                           \
		.send_many = send_many,                                         \
		.recv_many = recv_many,                                         \
		.reserve = reserve,                                             \
		.commit = commit,                                               \
		.peek = peek,                                                   \
		.release = release,                                             \
	}

KIPC_MECH(mech_kipc_kmod, "kipc:kmod", "libkipc, rings in the kernel module's memory");
KIPC_MECH(mech_kipc_shm, "kipc:shm", "libkipc, rings in shared memory");
KIPC_MECH(mech_kipc_unix, "kipc:unix", "libkipc over a unix seqpacket socket");
