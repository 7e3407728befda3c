// SPDX-License-Identifier: MIT
/* Copying long payloads: each way at each alignment, what is seen after it, and which way is taken. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "core/atomic.h"
#include "core/copy.h"
#include "os/cache.h"
#include "../harness.h"

TestSuite(copy, .init = harness_begin, .fini = harness_end);

#define ROOM 12288

#ifdef KIPC__COPY_X86
static uint8_t from[ROOM], to[ROOM], want[ROOM];

static void try_one(kipc__copy_fn copy, size_t to_off, size_t from_off, size_t len)
{
	memset(to, 0xa5, sizeof(to));
	memset(want, 0xa5, sizeof(want));
	memcpy(want + to_off, from + from_off, len);
	copy(to + to_off, from + from_off, len);
	must(memcmp(to, want, sizeof(to)) == 0);
}

/* Nothing is missing, and nothing is written outside. */
static void try_way(kipc__copy_fn copy)
{
	static const size_t lens[] = { 255, 256, 257, 4095, 4096, 4097, 8192 };
	size_t t, f, i;

	content_fill(from, sizeof(from), 1, 0);
	for (t = 0; t < 64; t++)
		for (i = 0; i < 200; i++)
			try_one(copy, 64 + t, 64 + i * 7 % 64, i);
	for (t = 0; t < 64; t += 3)
		for (f = 0; f < 64; f += 5)
			for (i = 0; i < sizeof(lens) / sizeof(*lens); i++)
				try_one(copy, 64 + t, 64 + f, lens[i]);
}

Test(copy, sse2)
{
	try_way(kipc__copy_wide_sse2);
	try_way(kipc__copy_past_sse2);
}

Test(copy, avx)
{
	if (!__builtin_cpu_supports("avx"))
		cr_skip_test("this CPU has no AVX");
	try_way(kipc__copy_wide_avx);
	try_way(kipc__copy_past_avx);
}

/* ---- what is stored after a copy is seen after it ---------------------------------------- */

#define WORDS (KIPC__COPY_LONG / sizeof(uint64_t))
#define STEP  8 /* words in a line */

static struct {
	uint64_t word[WORDS] __attribute__((aligned(64)));
	uint64_t told __attribute__((aligned(64))); /* round that was copied */
	uint64_t seen __attribute__((aligned(64))); /* round that was looked at */
	uint64_t last;
	unsigned early; /* rounds that were told before they were there */
} order;

/* Who yields at once looks too late to see anything; who never does waits for who is not running. */
static void await_round(const uint64_t *word, uint64_t round)
{
	unsigned spins = 0;

	while (kipc__load_acquire(word) < round) /* pairs with the stores of told and seen */
		if (++spins % 4096 == 0)
			sched_yield();
}

/* The n-th of the CPUs that the test may use, if there are so many: on one nothing is out of order. */
static void pin_to(const cpu_set_t *all, int n)
{
	cpu_set_t one;
	int cpu;

	CPU_ZERO(&one);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, all) && n-- == 0)
			CPU_SET(cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

/* The line that was stored last is the one that is looked at first. */
static void *look_at_rounds(void *arg)
{
	uint64_t round;
	size_t i;

	pin_to(arg, 1);
	for (round = 1; round <= order.last; round++) {
		await_round(&order.told, round);
		for (i = WORDS; i > 0; i -= STEP)
			if (kipc__load_relaxed(&order.word[i - STEP]) != round) {
				order.early++;
				break;
			}
		kipc__store_release(&order.seen, round); /* pairs with await_round() */
	}
	return NULL;
}

/* Without the fence behind the copy some of a hundred rounds are told too early. */
static void try_order(kipc__copy_fn copy)
{
	uint64_t source[WORDS], round;
	cpu_set_t all;
	pthread_t reader;
	size_t i;

	memset(&order, 0, sizeof(order));
	order.last = harness_rounds(20000);
	must_sys(sched_getaffinity(0, sizeof(all), &all));
	must_eq(pthread_create(&reader, NULL, look_at_rounds, &all), 0);
	pin_to(&all, 0);
	for (round = 1; round <= order.last; round++) {
		for (i = 0; i < WORDS; i++)
			source[i] = round;
		copy(order.word, source, sizeof(source));
		kipc__store_release(&order.told, round); /* pairs with await_round() */
		await_round(&order.seen, round);
	}
	pthread_join(reader, NULL);
	must_sys(sched_setaffinity(0, sizeof(all), &all));
	must_eq(order.early, 0);
}

Test(copy, order_sse2)
{
	try_order(kipc__copy_wide_sse2);
	try_order(kipc__copy_past_sse2);
}

Test(copy, order_avx)
{
	if (!__builtin_cpu_supports("avx"))
		cr_skip_test("this CPU has no AVX");
	try_order(kipc__copy_wide_avx);
	try_order(kipc__copy_past_avx);
}

/* ---- the ways of this CPU ---------------------------------------------------------------- */

#define SMALL 4096
#define LARGE (1ULL << 40)

/* Only what it can execute, and only on Zen; a way of its own through the caches where the ring does not
 * fit into them.
 */
Test(copy, ways_of_this_cpu)
{
	bool zen = __builtin_cpu_is("amdfam17h") || __builtin_cpu_is("amdfam19h");
	bool avx = __builtin_cpu_supports("avx");
	struct kipc__copy_ways small = kipc__cache_copy_ways(SMALL);
	struct kipc__copy_ways large = kipc__cache_copy_ways(LARGE);
	kipc__copy_fn past = avx ? kipc__copy_past_avx : kipc__copy_past_sse2;
	kipc__copy_fn wide = avx ? kipc__copy_wide_avx : kipc__copy_wide_sse2;

	must(small.past == (zen ? past : NULL));
	must(large.past == small.past);
	must(small.wide == NULL);
	must(large.wide == (zen ? wide : NULL));
}
#endif

/* ---- which way: with a clock that says what it is told ----------------------------------- */

static int64_t clock_now, clock_step;
static unsigned past_calls;
static size_t past_bytes;

static int64_t tell(void)
{
	return clock_now += clock_step;
}

static void past(void *t, const void *f, size_t len)
{
	past_calls++;
	past_bytes += len;
	memcpy(t, f, len);
}

static uint8_t *source, *sink;

static void copy_some(struct kipc__copy *c, size_t len, unsigned n)
{
	while (n--) {
		memset(sink, 0, len);
		kipc__copy_in(c, sink, source, len);
		must(memcmp(sink, source, len) == 0);
	}
}

#define FAST 100
#define SLOW 100000

Test(copy, way_follows_what_was_measured)
{
	struct kipc__copy_ways ways = { .past = past };
	struct kipc__copy c;

	source = malloc(65536);
	sink = malloc(65536);
	content_fill(source, 65536, 1, 0);
	kipc__copy_init(&c, &ways, tell, 262144);
	clock_step = SLOW; /* the first time round is not looked at */
	copy_some(&c, 65536, 3);
	must(clock_now == 0);
	copy_some(&c, 65536, 2); /* one slow look, or two, change nothing */
	must_eq(past_calls, 0);
	clock_step = FAST;
	copy_some(&c, 65536, 10);
	must_eq(past_calls, 0);
	clock_step = SLOW; /* three do */
	copy_some(&c, 65536, 10);
	must(c.past && past_calls > 0 && past_bytes > 0);
	copy_some(&c, KIPC__COPY_LONG, 1500);
	must(c.past);
	clock_step = FAST;
	copy_some(&c, 65536, 100);
	must(!c.past);
	past_calls = 0;
	copy_some(&c, 65536, 100);
	must_eq(past_calls, 0);
	free(source);
	free(sink);
}

/* Where there is no other way nobody asks the clock. */
Test(copy, one_way)
{
	struct kipc__copy_ways ways = { 0 };
	struct kipc__copy c;

	source = malloc(65536);
	sink = malloc(65536);
	content_fill(source, 65536, 1, 0);
	kipc__copy_init(&c, &ways, tell, 4096);
	clock_step = SLOW;
	copy_some(&c, 65536, 10);
	must(clock_now == 0 && !c.past);
	free(source);
	free(sink);
}
