// SPDX-License-Identifier: MIT
/*
 * limit_slots.c - what the hardware allows: a stream of 64-byte slots
 *
 * Number and payload share one cache line: the sender fills the line and stores the number last, the
 * receiver watches the number and reads the line where it is. The receiver says how far it is once in
 * a quarter of the ring.
 */
#include <sys/mman.h>

#include "bench.h"
#include "clock.h"

#define SLOTS      4096
#define GIVE_BACK  (SLOTS / 4)
#define WARM_SLOTS (4 * SLOTS)

struct slot {
	_Alignas(64) _Atomic uint64_t number; /* from 1; 0: not yet */
	uint64_t payload[7];
};

struct ring {
	_Alignas(128) _Atomic uint64_t taken;
	_Alignas(128) _Atomic uint64_t end; /* the number after which it is over; 0: not known */
	_Alignas(128) struct slot slot[SLOTS];
};

static int setup(struct pair *p)
{
	p->map_bytes = sizeof(struct ring);
	p->map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p->map == MAP_FAILED ? bench_fail(p, -errno, "mmap: %m") : 0;
}

static void put(struct ring *r, uint64_t n)
{
	struct slot *slot = &r->slot[n % SLOTS];

	for (int i = 0; i < 7; i++)
		slot->payload[i] = n + i;
	/* Pairs with the acquire load in run_second(). */
	atomic_store_explicit(&slot->number, n, memory_order_release);
}

static int run_first(struct side *s)
{
	struct ring *r = s->pair->map;
	uint64_t n = 0, end = clock_ticks() + clock_ticks_of_ms(s->cell->ms + 3);

	meter_start(&s->pair->sample.meter[0]);
	do {
		/* Pairs with the release store of taken in run_second(). */
		while (n + GIVE_BACK - atomic_load_explicit(&r->taken, memory_order_acquire) >
		       SLOTS)
			cpu_relax();
		for (int i = 0; i < GIVE_BACK; i++)
			put(r, ++n);
	} while (clock_ticks() < end || n < 2 * WARM_SLOTS);
	/* Pairs with the acquire load in ended(). */
	atomic_store_explicit(&r->end, n, memory_order_release);
	meter_stop(&s->pair->sample.meter[0]);
	return 0;
}

static bool ended(struct ring *r, uint64_t n)
{
	uint64_t end = atomic_load_explicit(&r->end, memory_order_acquire);

	return end && n > end;
}

/* Reads the whole line: the numbers of all payload words have to agree with the slot's. */
static int take(struct side *s, const struct slot *slot, uint64_t n)
{
	uint64_t sum = 0;

	for (int i = 0; i < 7; i++)
		sum += slot->payload[i];
	if (sum != 7 * n + 21)
		return bench_fail(s->pair, -EBADMSG, "slot %llu arrived torn",
		                  (unsigned long long)n);
	return 0;
}

static int await_slot(struct ring *r, struct slot *slot, uint64_t n)
{
	/* Pairs with the release store in put(). */
	while (atomic_load_explicit(&slot->number, memory_order_acquire) != n) {
		if (ended(r, n))
			return 0;
		cpu_relax();
	}
	return 1;
}

static int run_second(struct side *s)
{
	struct sample *out = &s->pair->sample;
	struct ring *r = s->pair->map;
	uint64_t n = 1, start = 0;

	while (await_slot(r, &r->slot[n % SLOTS], n)) {
		if (take(s, &r->slot[n % SLOTS], n) < 0)
			return -EBADMSG;
		/* Pairs with the acquire load in run_first(). */
		if (n % GIVE_BACK == 0)
			atomic_store_explicit(&r->taken, n, memory_order_release);
		if (n++ == WARM_SLOTS) {
			meter_start(&out->meter[1]);
			start = clock_ticks();
		}
	}
	out->ticks = clock_ticks() - start;
	meter_stop(&out->meter[1]);
	out->msgs = n - 1 - WARM_SLOTS;
	return 0;
}

static const struct bench bare_stream = { "stream", { run_first, run_second } };

const struct mech mech_slot_stream = {
	.name = "limit:slot-stream",
	.about = "64-byte slots, number and payload in one line, no copy out",
	.waits = BIT(WAIT_SPIN),
	.own_bench = &bare_stream,
	.setup = setup,
};
