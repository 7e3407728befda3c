// SPDX-License-Identifier: MIT
/* nng.c - nng's pair0 sockets over ipc:// */
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>

#include "../bench.h"
#include "../peers.h"

static int failed(struct side *s, const char *what, int err)
{
	return bench_fail(s->pair, -EIO, "%s: %s", what, nng_strerror(err));
}

/* The library's threads are not copied by a fork: each process opens its own socket. */
static int join(struct side *s)
{
	nng_socket *socket = bench_buffer(s, sizeof(*socket));
	char path[64], address[80];
	int r;

	if (!socket)
		return -ENOMEM;
	peers_socket(s->pair, path, sizeof(path));
	snprintf(address, sizeof(address), "ipc://%s", path);
	s->own = socket;
	r = nng_pair0_open(socket);
	if (r == 0)
		r = nng_socket_set_size(*socket, NNG_OPT_RECVMAXSZ, 0); /* no limit */
	if (r == 0)
		r = s->who == 0 ? nng_listen(*socket, address, NULL, 0)
		                : nng_dial(*socket, address, NULL, NNG_FLAG_NONBLOCK);
	return r ? failed(s, s->who ? "nng_dial" : "nng_listen", r) : 0;
}

static void leave(struct side *s)
{
	nng_close(*(nng_socket *)s->own);
}

static int send_message(struct side *s, const void *buf)
{
	nng_socket *socket = s->own;
	int r;

	while ((r = nng_send(*socket, (void *)buf, s->cell->size,
	                     s->spin ? NNG_FLAG_NONBLOCK : 0)) == NNG_EAGAIN)
		cpu_relax();
	return r ? failed(s, "nng_send", r) : 0;
}

static int recv_message(struct side *s, void *buf)
{
	nng_socket *socket = s->own;
	size_t n;
	int r;

	do {
		n = s->cell->size;
		r = nng_recv(*socket, buf, &n, s->spin ? NNG_FLAG_NONBLOCK : 0);
		if (r == NNG_EAGAIN)
			cpu_relax();
	} while (r == NNG_EAGAIN);
	if (r)
		return failed(s, "nng_recv", r);
	if (n != s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "nng_recv: %zu bytes", n);
	return 0;
}

extern const struct mech peer_nng;
const struct mech peer_nng = {
	.name = "peer:nng", .join = join, .leave = leave, .send = send_message, .recv = recv_message
};
