// SPDX-License-Identifier: MIT
/* What else a pair carries: calls, several of them in flight, and a stream of bytes. */
#include <errno.h>
#include <string.h>
#include "tsan.h"

/* ---- calls ---------------------------------------------------------------------------------- */

#define IN_FLIGHT 8

static int64_t begin_call(struct kipc_chan *c, uint64_t number)
{
	struct letter l;
	int64_t id;

	letter_write(&l, number);
	id = kipc_call_begin(c, &l, length_of(number), -1);
	must(id > 0);
	return id;
}

static void end_call(struct kipc_chan *c, int64_t id, uint64_t number)
{
	struct letter l;
	ssize_t len = kipc_call_end(c, id, &l, sizeof(l), -1);

	must(len >= 0);
	letter_check(&l, (size_t)len, number);
}

/* Several at once, ended in another order than they were begun in, and some not at all. */
static void *call_several(void *arg)
{
	struct table *t = arg;
	int64_t id[IN_FLIGHT];
	unsigned i, done;

	for (done = 0; done < t->rounds; done += IN_FLIGHT) {
		for (i = 0; i < IN_FLIGHT; i++)
			id[i] = begin_call(t->end[0], done + i);
		for (i = IN_FLIGHT; i-- > 0;)
			if (i % 4 == 3)
				must(kipc_call_cancel(t->end[0], id[i]) == 0);
			else
				end_call(t->end[0], id[i], done + i);
	}
	kipc_chan_close(t->end[0]);
	t->end[0] = NULL;
	return NULL;
}

static void *call_each(void *arg)
{
	struct table *t = arg;
	struct letter l;
	unsigned i;
	ssize_t len;

	for (i = 0; i < t->rounds; i++) {
		letter_write(&l, i);
		len = kipc_call(t->end[0], &l, length_of(i), &l, sizeof(l), -1);
		must(len >= 0);
		letter_check(&l, (size_t)len, i);
	}
	kipc_chan_close(t->end[0]);
	t->end[0] = NULL;
	return NULL;
}

/* Until the caller has left. */
static void *serve(void *arg)
{
	struct table *t = arg;
	struct kipc_request q;
	struct letter l;
	int r = kipc_call_next(t->end[1], &q, -1);

	while (r == 0) {
		must(q.len <= sizeof(l));
		memcpy(&l, q.data, q.len);
		r = l.number % 2 ? kipc_reply(t->end[1], q.id, &l, q.len, -1)
		                 : kipc_reply_next(t->end[1], q.id, &l, q.len, &q, -1);
		if (r == 0 && l.number % 2)
			r = kipc_call_next(t->end[1], &q, -1);
	}
	must(r == -EPIPE);
	return NULL;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

#define CHUNK 1500

static size_t some_length(unsigned i)
{
	static const size_t lengths[] = { 1, 7, 64, 40, CHUNK, 333, 8, 0 };

	return lengths[i % 8];
}

static void *write_bytes(void *arg)
{
	struct table *t = arg;
	uint8_t bytes[CHUNK], next = 0;
	size_t len, k;
	unsigned i;

	for (i = 0; i < t->rounds; i++) {
		len = some_length(i);
		for (k = 0; k < len; k++)
			bytes[k] = next++;
		must(kipc_write(t->end[0], bytes, len, -1) == (ssize_t)len);
	}
	kipc_chan_close(t->end[0]);
	t->end[0] = NULL;
	return NULL;
}

static void *read_bytes(void *arg)
{
	struct table *t = arg;
	uint8_t bytes[CHUNK], next = 0;
	ssize_t len = 0, k;
	unsigned i;

	for (i = 0; len >= 0; i++) {
		len = kipc_read(t->end[1], bytes, 1 + some_length(3 * i) / 2, -1);
		for (k = 0; k < len; k++)
			must(bytes[k] == next++);
	}
	must(len == -EPIPE);
	return NULL;
}

const struct scene call_scenes[] = {
	{ .name = "calls", .side = { call_each, serve } },
	{ .name = "calls in flight", .side = { call_several, serve } },
	{ .name = "bytes", .side = { write_bytes, read_bytes } },
};

const unsigned nr_call_scenes = sizeof(call_scenes) / sizeof(call_scenes[0]);
