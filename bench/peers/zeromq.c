// SPDX-License-Identifier: MIT
/* zeromq.c - ZeroMQ's PAIR sockets over ipc:// */
#include <stdio.h>
#include <zmq.h>

#include "../bench.h"
#include "../peers.h"

struct own {
	void *context, *socket;
};

static int failed(struct side *s, const char *what)
{
	return bench_fail(s->pair, -zmq_errno(), "%s: %s", what, zmq_strerror(zmq_errno()));
}

/* A context has threads, which no fork copies: each process makes its own. */
static int join(struct side *s)
{
	struct own *own = bench_buffer(s, sizeof(*own));
	char path[64], address[80];

	if (!own)
		return -ENOMEM;
	peers_socket(s->pair, path, sizeof(path));
	snprintf(address, sizeof(address), "ipc://%s", path);
	own->context = zmq_ctx_new();
	own->socket = own->context ? zmq_socket(own->context, ZMQ_PAIR) : NULL;
	if (!own->socket)
		return failed(s, "zmq_socket");
	if (s->who == 0 && zmq_bind(own->socket, address) < 0)
		return failed(s, "zmq_bind");
	if (s->who == 1 && zmq_connect(own->socket, address) < 0)
		return failed(s, "zmq_connect");
	s->own = own;
	return 0;
}

static void leave(struct side *s)
{
	struct own *own = s->own;
	int none = 0;

	zmq_setsockopt(own->socket, ZMQ_LINGER, &none, sizeof(none));
	zmq_close(own->socket);
	zmq_ctx_term(own->context);
}

static int send_message(struct side *s, const void *buf)
{
	struct own *own = s->own;

	while (zmq_send(own->socket, buf, s->cell->size, s->spin ? ZMQ_DONTWAIT : 0) < 0) {
		if (zmq_errno() != EAGAIN && zmq_errno() != EINTR)
			return failed(s, "zmq_send");
		cpu_relax();
	}
	return 0;
}

static int recv_message(struct side *s, void *buf)
{
	struct own *own = s->own;
	int n;

	while ((n = zmq_recv(own->socket, buf, s->cell->size, s->spin ? ZMQ_DONTWAIT : 0)) < 0) {
		if (zmq_errno() != EAGAIN && zmq_errno() != EINTR)
			return failed(s, "zmq_recv");
		cpu_relax();
	}
	if (n != (int)s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "zmq_recv: %d bytes", n);
	return 0;
}

extern const struct mech peer_zeromq;
const struct mech peer_zeromq = { .name = "peer:zeromq",
	                          .join = join,
	                          .leave = leave,
	                          .send = send_message,
	                          .recv = recv_message };
