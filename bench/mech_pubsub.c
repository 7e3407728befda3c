// SPDX-License-Identifier: MIT
/*
 * mech_pubsub.c - what publishing costs: KIPC_PUBSUB with lossy subscribers, as fast as it goes
 *
 * The figure is the publisher's. The second process has all the subscribers and takes from each in turn
 * what it can get; it checks what it gets, and that each loss is counted exactly.
 */
#include <kipc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "message.h"

#define SUBSCRIBERS_MAX 8
#define LOOK_EVERY      64 /* the clock costs as much as a small message */

struct own {
	struct kipc_chan *sub[SUBSCRIBERS_MAX];
	uint64_t next[SUBSCRIBERS_MAX];
	unsigned int n;
};

static int failed(struct pair *p, int err, const char *what)
{
	return bench_fail(p, err, "%s: %s", what, *kipc_why() ? kipc_why() : kipc_strerror(err));
}

static void uri_of(const struct pair *p, char *uri, size_t size)
{
	snprintf(uri, size, "shm://bench-pubsub-%d?wait=spin%s", p->id[0],
	         p->cell.size < 4096 ? "" : "&size=8M");
}

static int setup(struct pair *p)
{
	struct kipc_chan *pub;
	char uri[100];
	int r;

	p->id[0] = getpid();
	uri_of(p, uri, sizeof(uri));
	r = kipc_chan_open(&pub, uri, KIPC_PUBSUB | KIPC_SEND | KIPC_CREATE, NULL);
	p->handle[0] = r < 0 ? NULL : pub;
	return r < 0 ? failed(p, r, "publisher") : 0;
}

static unsigned int subscribers(const struct cell *c)
{
	return (unsigned int)(strrchr(c->mech->name, '-')[1] - '0');
}

static int join(struct side *s)
{
	struct own *own = bench_buffer(s, sizeof(*own));
	char uri[120];
	int r = own ? 0 : -ENOMEM;

	s->own = own;
	if (!own || s->who == 0)
		return r;
	kipc_chan_close(s->pair->handle[0]);
	uri_of(s->pair, uri, sizeof(uri));
	strcat(uri, "&loss=1");
	for (; r == 0 && own->n < subscribers(s->cell); own->n += r == 0)
		r = kipc_chan_open(&own->sub[own->n], uri, KIPC_PUBSUB | KIPC_RECV, NULL);
	return r < 0 ? failed(s->pair, r, "subscriber") : 0;
}

static void leave(struct side *s)
{
	struct own *own = s->own;

	for (unsigned int i = 0; i < own->n; i++)
		kipc_chan_close(own->sub[i]);
	if (s->who == 0)
		kipc_chan_close(s->pair->handle[0]);
}

static int run_publisher(struct side *s)
{
	struct sample *out = &s->pair->sample;
	void *msg = bench_buffer(s, s->cell->size);
	uint64_t n = 0, start = clock_ticks(), end = start + clock_ticks_of_ms(s->cell->ms);
	int r = msg ? 0 : -ENOMEM;

	meter_start(&out->meter[0]);
	while (r == 0 && (n % LOOK_EVERY || clock_ticks() < end)) {
		message_stamp(msg, s->cell->size, n++);
		r = kipc_send(s->pair->handle[0], msg, s->cell->size, -1);
	}
	meter_stop(&out->meter[0]);
	out->ticks = clock_ticks() - start;
	out->msgs = n;
	if (r == 0)
		r = kipc_shutdown(s->pair->handle[0], KIPC_OUT);
	return r < 0 ? failed(s->pair, r, "kipc_send") : 0;
}

/* One message of one subscriber; -EPIPE at the end. */
static int take(struct side *s, unsigned int i, void *buf)
{
	struct own *own = s->own;
	ssize_t r = kipc_recv(own->sub[i], buf, s->cell->size, 0);
	uint64_t lost = 0, word;
	bool whole;

	if (r == -EOVERFLOW || r == -EAGAIN || r == -EPIPE)
		return (int)r;
	if (r < 0)
		return failed(s->pair, (int)r, "kipc_recv");
	word = message_read(buf, s->cell->size, &whole);
	kipc_lost(own->sub[i], &lost);
	if (!whole || word != own->next[i]++ + lost)
		return bench_fail(s->pair, -EBADMSG, "message %llu is not message %llu",
		                  (unsigned long long)word,
		                  (unsigned long long)(own->next[i] - 1 + lost));
	return 0;
}

static int run_subscribers(struct side *s)
{
	struct own *own = s->own;
	void *buf = bench_buffer(s, s->cell->size);
	unsigned int over = 0;
	int r = buf ? 0 : -ENOMEM;

	meter_start(&s->pair->sample.meter[1]);
	while (r != -ENOMEM && over < own->n) {
		over = 0;
		for (unsigned int i = 0; i < own->n; i++) {
			for (int k = 0; k < BENCH_BATCH_MAX; k++) {
				r = take(s, i, buf);
				if (r < 0)
					break;
			}
			over += r == -EPIPE;
			if (r < 0 && r != -EPIPE && r != -EAGAIN && r != -EOVERFLOW)
				return r;
		}
	}
	meter_stop(&s->pair->sample.meter[1]);
	return r == -ENOMEM ? r : 0;
}

static const struct bench publish = { "stream", { run_publisher, run_subscribers } };

#define PUBSUB_MECH(symbol, string, words) \
	const struct mech symbol = {       \
		.name = string,            \
		.about = words,            \
		.waits = BIT(WAIT_SPIN),   \
		.own_bench = &publish,     \
		.setup = setup,            \
		.join = join,              \
		.leave = leave,            \
	}

PUBSUB_MECH(mech_pubsub_1, "pubsub:1-to-1", "what a publisher sends, to 1 lossy subscriber");
PUBSUB_MECH(mech_pubsub_8, "pubsub:1-to-8", "what a publisher sends, to 8 lossy subscribers");
