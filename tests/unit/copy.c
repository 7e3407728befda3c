// SPDX-License-Identifier: MIT
/* Copying long payloads: each way at each alignment, and which way is taken. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "core/copy.h"
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
