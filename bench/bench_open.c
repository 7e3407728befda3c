// SPDX-License-Identifier: MIT
/*
 * bench_open.c - what having a channel costs: the time to open one, and its memory
 *
 * Of libkipc's transports only, with default options. "open" times a pair until both ends have been
 * used once, because an end maps its memory at its first use; closing is outside of it. "memory" opens
 * many, sends through the whole of both rings, so that nothing is left untouched, and counts what the
 * process and its page tables grew by, a pair, beyond the rings themselves.
 */
#include <kipc.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "clock.h"

#define WARM  8
#define PAIRS 32

static int open_pair(struct side *s, struct kipc_chan *chan[2])
{
	char uri[32], word[8];
	int r;

	snprintf(uri, sizeof(uri), "%s://", strchr(s->cell->mech->name, ':') + 1);
	r = kipc_chan_pair(chan, uri, KIPC_PAIR, NULL);
	for (int i = 0; i < 2 && r >= 0; i++) {
		ssize_t n = kipc_recv(chan[i], word, sizeof(word), 0);

		if (n != -EAGAIN)
			r = n < 0 ? n : -EBADMSG;
	}
	return r < 0 ? bench_fail(s->pair, r, "opening: %s", kipc_strerror(r)) : 0;
}

static void close_pair(struct kipc_chan *chan[2])
{
	kipc_chan_close(chan[0]);
	kipc_chan_close(chan[1]);
}

/* The ticks of one opening. */
static int64_t time_opening(struct side *s)
{
	struct kipc_chan *chan[2];
	uint64_t start = clock_ticks(), ticks;
	int r = open_pair(s, chan);

	ticks = clock_ticks() - start;
	if (r < 0)
		return r;
	close_pair(chan);
	return ticks;
}

static int run_open(struct side *s)
{
	struct sample *out = &s->pair->sample;
	uint64_t start, end;
	int64_t r = 0;

	for (int i = 0; i < WARM && r >= 0; i++)
		r = time_opening(s);
	meter_start(&out->meter[0]);
	start = clock_ticks();
	end = start + clock_ticks_of_ms(s->cell->ms);
	while (r >= 0 && (clock_ticks() < end || !out->hist.total)) {
		r = time_opening(s);
		if (r >= 0)
			hist_add(&out->hist, r);
	}
	meter_stop(&out->meter[0]);
	out->ticks = clock_ticks() - start;
	out->msgs = out->hist.total;
	return r < 0 ? r : 0;
}

/* A number of kilobytes in a file of /proc, as bytes; 0 when it is not there. */
static int64_t proc_bytes(const char *path, const char *field)
{
	size_t len = strlen(field);
	unsigned long long kb = 0;
	char line[256];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, field, len) == 0)
			sscanf(line + len, " %llu", &kb);
	}
	if (f)
		fclose(f);
	return kb << 10;
}

/* Each page counts once, however often it is mapped. */
static int64_t memory_used(void)
{
	return proc_bytes("/proc/self/smaps_rollup", "Pss:") +
	       proc_bytes("/proc/self/status", "VmPTE:");
}

/* Until the ring is full; how many messages that were, or a negative errno. */
static int fill(struct kipc_chan *c, const void *msg, size_t len)
{
	int n = 0, r;

	while ((r = kipc_send(c, msg, len, 0)) >= 0)
		n++;
	return r == -EAGAIN ? n : r;
}

static int drain(struct kipc_chan *c, void *msg, size_t len, int n)
{
	ssize_t r = 0;

	while (n-- > 0 && r >= 0)
		r = kipc_recv(c, msg, len, 0);
	return r < 0 ? r : 0;
}

/* Twice, so that the records pass over every byte. */
static int touch(struct side *s, struct kipc_chan *chan[2], void *msg, size_t len)
{
	int r = 0;

	for (int i = 0; i < 4 && r >= 0; i++) {
		r = fill(chan[i % 2], msg, len);
		if (r >= 0)
			r = drain(chan[!(i % 2)], msg, len, r);
	}
	return r < 0 ? bench_fail(s->pair, r, "filling: %s", kipc_strerror(r)) : 0;
}

/* The memory of both rings of a pair, 0 where the transport has none. */
static int64_t rings_bytes(struct kipc_chan *c)
{
	uint64_t bytes = 0;

	return kipc_chan_get(c, KIPC_OPT_RING_BYTES, &bytes) < 0 ? 0 : 2 * bytes;
}

static int run_memory(struct side *s)
{
	static struct kipc_chan *chan[PAIRS][2];
	static char msg[1000];
	struct sample *out = &s->pair->sample;
	int64_t before = 0, grown;
	int r = 0;

	for (int i = -1; i < PAIRS && r >= 0; i++) {
		struct kipc_chan **pair = chan[i < 0 ? 0 : i];

		if (i == 0)
			before = memory_used();
		r = open_pair(s, pair);
		if (r >= 0)
			r = touch(s, pair, msg, sizeof(msg));
		if (i < 0 && r >= 0)
			close_pair(pair); /* what is set up at the first use belongs to no pair */
	}
	if (r < 0)
		return r;
	grown = memory_used() - before;
	for (int i = 0; i < PAIRS; i++) {
		grown -= rings_bytes(chan[i][0]);
		close_pair(chan[i]);
	}
	out->bytes = grown > 0 ? grown / PAIRS : 0;
	out->ticks = out->msgs = 1;
	return 0;
}

const struct bench bench_open = { "open", { run_open, NULL } };
const struct bench bench_memory = { "memory", { run_memory, NULL } };
