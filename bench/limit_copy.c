// SPDX-License-Identifier: MIT
/*
 * limit_copy.c - what the hardware allows: copying memory
 *
 * limit:copy: the two processes take turns. The first copies messages from its own buffer into shared
 * memory that the second read last, then the second copies them out into its own. A channel that
 * copies in and out with perfect overlap is as fast as the slower of the two. How much lies in the
 * shared memory decides in which cache it is found, and each machine likes another amount, so that
 * several are tried and the best one is the figure.
 *
 * limit:memcpy: one process copies between two buffers that it has in its caches.
 */
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "lines.h"

#define GROUP_BYTES (256 << 10)

static const size_t amounts[] = { 256 << 10, 1 << 20, 4 << 20, 16 << 20 };
#define AMOUNTS (sizeof(amounts) / sizeof(*amounts))

struct shared {
	struct lines lines;
	size_t amount; /* the first side's word to the second, before it passes the line */
	bool counts;   /* not a warming turn */
	uint64_t write_ticks;
	uint64_t read_ticks;
	_Alignas(4096) char data[];
};

/* A whole number of messages, at least one. */
static size_t turn_bytes(size_t amount, size_t size)
{
	return amount < size ? size : amount / size * size;
}

static int setup_shared(struct pair *p)
{
	p->map_bytes = sizeof(struct shared) + turn_bytes(amounts[AMOUNTS - 1], p->cell.size);
	p->map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p->map == MAP_FAILED ? bench_fail(p, -errno, "mmap: %m") : 0;
}

/* The compiler must neither drop a copy nor merge two. */
static inline void copy(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	__asm__ volatile("" : : "r"(to) : "memory");
}

static uint64_t write_turn(struct shared *m, const void *own, size_t size)
{
	uint64_t start = clock_ticks();

	for (size_t at = 0; at < turn_bytes(m->amount, size); at += size)
		copy(m->data + at, own, size);
	atomic_thread_fence(memory_order_seq_cst);
	return clock_ticks() - start;
}

static uint64_t read_turn(struct shared *m, void *own, size_t size)
{
	uint64_t start = clock_ticks();

	for (size_t at = 0; at < turn_bytes(m->amount, size); at += size)
		copy(own, m->data + at, size);
	atomic_thread_fence(memory_order_seq_cst);
	return clock_ticks() - start;
}

/* Turns over one amount for its share of the time; keeps the result if it is the best so far. */
static void try_amount(struct side *s, void *own, size_t amount, uint64_t *turn)
{
	struct sample *out = &s->pair->sample;
	struct shared *m = s->pair->map;
	size_t size = s->cell->size;
	uint64_t end = clock_ticks() + clock_ticks_of_ms((double)s->cell->ms / AMOUNTS);
	uint64_t msgs = 0, ticks;

	m->amount = amount;
	m->write_ticks = m->read_ticks = 0;
	m->counts = false;
	do {
		uint64_t spent = write_turn(m, own, size);

		line_pass(&m->lines, true, ++*turn);
		if (m->counts) {
			m->write_ticks += spent;
			msgs += turn_bytes(amount, size) / size;
		}
		m->counts = true;
	} while (clock_ticks() < end || !msgs);
	ticks = m->write_ticks > m->read_ticks ? m->write_ticks : m->read_ticks;
	if (!out->ticks || (double)msgs / ticks > (double)out->msgs / out->ticks) {
		out->msgs = msgs;
		out->ticks = ticks;
	}
}

static int run_first(struct side *s)
{
	struct shared *m = s->pair->map;
	void *own = bench_buffer(s, s->cell->size);
	uint64_t turn = 0;

	if (!own)
		return -ENOMEM;
	meter_start(&s->pair->sample.meter[0]);
	for (size_t i = 0; i < AMOUNTS; i++)
		try_amount(s, own, amounts[i], &turn);
	meter_stop(&s->pair->sample.meter[0]);
	line_end(&m->lines);
	return 0;
}

static int run_second(struct side *s)
{
	struct shared *m = s->pair->map;
	void *own = bench_buffer(s, s->cell->size);
	uint64_t turn = 0;

	if (!own)
		return -ENOMEM;
	meter_start(&s->pair->sample.meter[1]);
	while (line_await(&m->lines.there, ++turn)) {
		uint64_t spent = read_turn(m, own, s->cell->size);

		if (m->counts)
			m->read_ticks += spent;
		/* Pairs with the acquire load in the first side's line_pass(). */
		atomic_store_explicit(&m->lines.back, turn, memory_order_release);
	}
	meter_stop(&s->pair->sample.meter[1]);
	return 0;
}

static const struct bench copy_stream = { "stream", { run_first, run_second } };

static int setup_nothing(struct pair *p)
{
	(void)p;
	return 0;
}

static int run_memcpy(struct side *s)
{
	struct sample *out = &s->pair->sample;
	size_t size = s->cell->size, group = turn_bytes(GROUP_BYTES, size) / size;
	void *from = bench_buffer(s, size), *to = bench_buffer(s, size);
	uint64_t start, now, end;

	if (!from || !to)
		return -ENOMEM;
	for (size_t i = 0; i < group; i++)
		copy(to, from, size);
	meter_start(&out->meter[0]);
	start = now = clock_ticks();
	end = start + clock_ticks_of_ms(s->cell->ms);
	for (; now < end; now = clock_ticks()) {
		for (size_t i = 0; i < group; i++)
			copy(to, from, size);
		out->msgs += group;
	}
	meter_stop(&out->meter[0]);
	out->ticks = now - start;
	return 0;
}

static const struct bench memcpy_stream = { "stream", { run_memcpy, NULL } };

const struct mech mech_copy = {
	.name = "limit:copy",
	.about = "the slower of copying into and out of memory that the other CPU touched last",
	.waits = BIT(WAIT_SPIN),
	.own_bench = &copy_stream,
	.setup = setup_shared,
};

const struct mech mech_memcpy = {
	.name = "limit:memcpy",
	.about = "memcpy on one CPU, both buffers in its caches",
	.waits = BIT(WAIT_SPIN),
	.own_bench = &memcpy_stream,
	.setup = setup_nothing,
};
