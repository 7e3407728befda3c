// SPDX-License-Identifier: MIT
#include "queue_ends.h"

struct kipc_chan *queue_end(const char *uri, unsigned dirs)
{
	struct kipc_chan *c = NULL;
	int r = kipc_chan_open(&c, uri, KIPC_QUEUE | KIPC_CREATE | dirs, NULL);

	if (r < 0)
		harness_fail(__FILE__, __LINE__, "open %s: %s (%s)", uri, kipc_strerror(r),
		             kipc_why());
	return c;
}

int queue_send(struct kipc_chan *c, size_t len, unsigned prio, uint64_t seed, uint64_t i,
               int64_t timeout)
{
	struct kipc_msg m = { .data = malloc(len + 1), .len = len, .flags = KIPC_PRIO(prio) };
	int r;

	content_fill(m.data, len, seed, i);
	r = kipc_send_n(c, &m, 1, timeout);
	free(m.data);
	return r;
}

void queue_recv(struct kipc_chan *c, size_t len, unsigned prio, uint64_t seed, uint64_t i)
{
	struct kipc_msg m = { .data = malloc(len + 1), .len = len };

	must_eq(kipc_recv_n(c, &m, 1, -1), 1);
	must_eq(m.len, len);
	must_eq(m.flags, KIPC_PRIO(prio));
	must(content_is(m.data, len, seed, i));
	free(m.data);
}

unsigned queue_capacity(struct kipc_chan *c)
{
	unsigned n = fill_up(c, 1, 1);
	char byte;

	for (unsigned i = 0; i < n; i++)
		must_eq(kipc_recv(c, &byte, 1, 0), 1);
	must_eq(kipc_recv(c, &byte, 1, 0), -EAGAIN);
	return n;
}
