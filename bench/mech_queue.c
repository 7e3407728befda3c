// SPDX-License-Identifier: MIT
/*
 * mech_queue.c - KIPC_QUEUE, one sender and one receiver or four and four, as fast as it goes
 *
 * One process has all the senders, the other all the receivers, a thread each. The figure is what
 * arrives, all receivers together. Each receiver checks that every message is whole and that those of
 * a sender come in order.
 */
#include <kipc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "message.h"

#define THREADS_MAX 4
#define LOOK_EVERY  64 /* the clock costs as much as a small message */
#define SENDER_BITS 48 /* above them, in a message's number: whose it is */

struct part {
	struct side *side;
	struct kipc_chan *end;
	unsigned int number;
	uint64_t count;
	int result;
	pthread_t thread;
};

struct own {
	struct part part[THREADS_MAX];
	unsigned int n;
};

static int failed(struct pair *p, int err, const char *what)
{
	return bench_fail(p, err, "%s: %s", what, *kipc_why() ? kipc_why() : kipc_strerror(err));
}

static unsigned int threads(const struct cell *c)
{
	return (unsigned int)(strrchr(c->mech->name, '-')[1] - '0');
}

static void uri_of(const struct pair *p, char *uri, size_t size)
{
	snprintf(uri, size, "shm://bench-queue-%d?slots=1024&slot=%zu&wait=%s", p->id[0],
	         p->cell.size, wait_names[p->cell.wait]);
}

static int setup(struct pair *p)
{
	struct kipc_chan *c;
	char uri[100];
	int r;

	p->id[0] = getpid();
	uri_of(p, uri, sizeof(uri));
	r = kipc_chan_open(&c, uri, KIPC_QUEUE | KIPC_CREATE, NULL);
	p->handle[0] = r < 0 ? NULL : c;
	return r < 0 ? failed(p, r, "queue") : 0;
}

static int join(struct side *s)
{
	struct own *own = bench_buffer(s, sizeof(*own));
	char uri[100];
	int r = own ? 0 : -ENOMEM;

	s->own = own;
	uri_of(s->pair, uri, sizeof(uri));
	for (; r == 0 && own->n < threads(s->cell); own->n += r == 0) {
		struct part *p = &own->part[own->n];

		*p = (struct part){ .side = s, .number = own->n };
		r = kipc_chan_open(&p->end, uri, KIPC_QUEUE | (s->who == 0 ? KIPC_SEND : KIPC_RECV),
		                   NULL);
	}
	return r < 0 ? failed(s->pair, r, "kipc_chan_open") : 0;
}

/* The first process keeps the queue until it leaves. */
static void leave(struct side *s)
{
	struct own *own = s->own;

	for (unsigned int i = 0; i < own->n; i++)
		kipc_chan_close(own->part[i].end);
	kipc_chan_close(s->pair->handle[0]);
}

static void *send_messages(void *arg)
{
	struct part *p = arg;
	const struct cell *c = p->side->cell;
	uint64_t end = clock_ticks() + clock_ticks_of_ms(c->ms);
	uint64_t whose = (uint64_t)p->number << SENDER_BITS;
	char msg[c->size];

	while (p->result == 0 && (p->count % LOOK_EVERY || clock_ticks() < end)) {
		message_stamp(msg, c->size, whose | p->count++);
		p->result = kipc_send(p->end, msg, c->size, -1);
	}
	return NULL;
}

static int check(struct part *p, const void *msg, uint64_t *next)
{
	bool whole;
	uint64_t word = message_read(msg, p->side->cell->size, &whole);
	uint64_t from = (word & MESSAGE_SEQ) >> SENDER_BITS;
	uint64_t number = word & ((1ull << SENDER_BITS) - 1);

	if (!whole || from >= THREADS_MAX || number < next[from])
		return bench_fail(p->side->pair, -EBADMSG, "message %llu is broken or too late",
		                  (unsigned long long)word);
	next[from] = number + 1;
	return word & MESSAGE_STOP ? 1 : 0;
}

static void *receive_messages(void *arg)
{
	struct part *p = arg;
	const struct cell *c = p->side->cell;
	uint64_t next[THREADS_MAX] = { 0 };
	char msg[c->size];
	ssize_t r;

	for (;;) {
		r = kipc_recv(p->end, msg, c->size, -1);
		if (r >= 0)
			r = check(p, msg, next);
		if (r != 0)
			break;
		p->count++;
	}
	p->result = r < 0 ? (int)r : 0;
	return NULL;
}

static int run_threads(struct side *s, void *(*run)(void *), uint64_t *count)
{
	struct own *own = s->own;
	unsigned int i, started;
	int r = 0;

	meter_start(&s->pair->sample.meter[s->who]);
	for (started = 0; started < own->n && r == 0; started += r == 0)
		r = -pthread_create(&own->part[started].thread, NULL, run, &own->part[started]);
	for (i = 0; i < started; i++) {
		pthread_join(own->part[i].thread, NULL);
		*count += own->part[i].count;
		if (own->part[i].result < 0 && r == 0)
			r = own->part[i].result;
	}
	meter_stop(&s->pair->sample.meter[s->who]);
	return r < 0 ? failed(s->pair, r, s->who == 0 ? "kipc_send" : "kipc_recv") : 0;
}

static int run_senders(struct side *s)
{
	struct own *own = s->own;
	uint64_t sent = 0;
	char msg[s->cell->size];
	int r = run_threads(s, send_messages, &sent);

	/* Behind all others, one for each receiver; late numbers, whoever they seem to be from. */
	message_stamp(msg, s->cell->size, MESSAGE_STOP | ((1ull << SENDER_BITS) - 1));
	for (unsigned int i = 0; i < own->n && r == 0; i++)
		r = kipc_send(own->part[0].end, msg, s->cell->size, -1);
	return r;
}

static int run_receivers(struct side *s)
{
	struct sample *out = &s->pair->sample;
	uint64_t start = clock_ticks();
	int r = run_threads(s, receive_messages, &out->msgs);

	out->ticks = clock_ticks() - start;
	return r;
}

static const struct bench queueing = { "stream", { run_senders, run_receivers } };

#define QUEUE_MECH(symbol, string, modes, words) \
	const struct mech symbol = {             \
		.name = string,                  \
		.about = words,                  \
		.waits = modes,                  \
		.max_size = 65536,               \
		.max_why = "this bench",         \
		.own_bench = &queueing,          \
		.setup = setup,                  \
		.join = join,                    \
		.leave = leave,                  \
	}

/* Several threads share a CPU here: one that spins for ever would keep the others from it. */
QUEUE_MECH(mech_queue_1, "queue:1-to-1", BIT(WAIT_SPIN), "a queue with 1 sender and 1 receiver");
QUEUE_MECH(mech_queue_4, "queue:4-to-4", BIT(WAIT_ADAPTIVE),
           "a queue with 4 senders and 4 receivers");
