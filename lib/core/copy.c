// SPDX-License-Identifier: MIT
#include "copy.h"

#include <string.h>
#include "atomic.h"

/* ---- which way --------------------------------------------------------------------------- */

/* A page goes through the caches and is timed: longer than 14 ns a line is what only far cores need,
 * and there it is several times that.
 */
#define LOOK    4096
#define LOOK_NS (LOOK / 64 * 14)

/* So often, in bytes; where the page would be a slow one, less often. */
#define EVERY_NEAR (256 << 10)
#define EVERY_PAST (2 << 20)

/* A look may have been interrupted: so many in a row decide. */
#define VOTES 3

void kipc__copy_init(struct kipc__copy *c, const struct kipc__copy_ways *ways, int64_t (*now)(void),
                     uint64_t bytes)
{
	/* The first time round there are page faults. */
	*c = (struct kipc__copy){ .ways = *ways, .now = now, .left = bytes };
}

static void copy_through(const struct kipc__copy *c, void *to, const void *from, size_t len)
{
	if (c->ways.wide)
		c->ways.wide(to, from, len);
	else
		memcpy(to, from, len);
}

static void look(struct kipc__copy *c, void *to, const void *from)
{
	int64_t start = c->now();
	bool slow;

	copy_through(c, to, from, LOOK);
	kipc__fence_full(); /* for the time: stores may still wait for their lines */
	slow = c->now() - start > LOOK_NS;
	c->votes = slow == c->past ? 0 : c->votes + 1;
	c->left = 0;
	if (c->votes == VOTES) {
		c->past = slow;
		c->votes = 0;
	}
	if (c->votes == 0)
		c->left = c->past ? EVERY_PAST : EVERY_NEAR;
}

void kipc__copy_in(struct kipc__copy *c, void *to, const void *from, size_t len)
{
	size_t done = 0;

	if (c->left > len) {
		c->left -= len;
	} else if (c->ways.past) {
		look(c, to, from);
		done = LOOK;
	}
	to = (uint8_t *)to + done;
	from = (const uint8_t *)from + done;
	if (c->past)
		c->ways.past(to, from, len - done);
	else
		copy_through(c, to, from, len - done);
}

/* ---- the ways ---------------------------------------------------------------------------- */

#ifdef KIPC__COPY_X86
#include <immintrin.h>

#define LINE 64

/* What is before the first whole line of to, at most all. */
static size_t before_line(const void *to, size_t len)
{
	size_t n = -(uintptr_t)to % LINE;

	return n < len ? n : len;
}

/* Copy the lines of to one by one; what is before the first and behind the last has none to itself. The
 * compiler must not make a memcpy() of it again.
 */
#define COPY_LINES(copy_line)                        \
	do {                                         \
		size_t n = before_line(to, len);     \
		const uint8_t *f = from;             \
		uint8_t *t = to;                     \
		memcpy(t, f, n);                     \
		for (; len - n >= LINE; n += LINE) { \
			copy_line(t + n, f + n);     \
			kipc__fence_compiler();      \
		}                                    \
		memcpy(t + n, f + n, len - n);       \
	} while (0)

#define LINE_SSE2(store, to, from)                                        \
	do {                                                              \
		__m128i a = _mm_loadu_si128((const __m128i *)(from) + 0); \
		__m128i b = _mm_loadu_si128((const __m128i *)(from) + 1); \
		__m128i c = _mm_loadu_si128((const __m128i *)(from) + 2); \
		__m128i d = _mm_loadu_si128((const __m128i *)(from) + 3); \
		store((__m128i *)(to) + 0, a);                            \
		store((__m128i *)(to) + 1, b);                            \
		store((__m128i *)(to) + 2, c);                            \
		store((__m128i *)(to) + 3, d);                            \
	} while (0)

#define LINE_AVX(store, to, from)                                            \
	do {                                                                 \
		__m256i a = _mm256_loadu_si256((const __m256i *)(from) + 0); \
		__m256i b = _mm256_loadu_si256((const __m256i *)(from) + 1); \
		store((__m256i *)(to) + 0, a);                               \
		store((__m256i *)(to) + 1, b);                               \
	} while (0)

#define WIDE_SSE2(to, from) LINE_SSE2(_mm_store_si128, to, from)
#define PAST_SSE2(to, from) LINE_SSE2(_mm_stream_si128, to, from)
#define WIDE_AVX(to, from)  LINE_AVX(_mm256_store_si256, to, from)
#define PAST_AVX(to, from)  LINE_AVX(_mm256_stream_si256, to, from)

void kipc__copy_wide_sse2(void *to, const void *from, size_t len)
{
	COPY_LINES(WIDE_SSE2);
}

/* Stores past the caches are ordered with nothing but by a fence. */
void kipc__copy_past_sse2(void *to, const void *from, size_t len)
{
	COPY_LINES(PAST_SSE2);
	_mm_sfence();
}

__attribute__((target("avx"))) void kipc__copy_wide_avx(void *to, const void *from, size_t len)
{
	COPY_LINES(WIDE_AVX);
}

__attribute__((target("avx"))) void kipc__copy_past_avx(void *to, const void *from, size_t len)
{
	COPY_LINES(PAST_AVX);
	_mm_sfence();
}
#endif
