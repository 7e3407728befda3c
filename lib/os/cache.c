// SPDX-License-Identifier: MIT
#include "cache.h"

#include <unistd.h>

/* A line that one core wrote and another read is owned by the first and shared with the second (MOESI).
 * On Zen the store that wants it back is slow and overlaps with few others: measured on Zen 4, some 10
 * ns a line between near cores and 30 to 40 between far ones, against 2 to 4 for a line that the reader
 * has taken; docs/design.md has the commands that compare. Of other CPUs nothing was measured.
 */
static bool shared_lines_are_slow(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_is("amdfam17h") || __builtin_cpu_is("amdfam19h");
#else
	return false;
#endif
}

/* In a larger ring the lines have left the cores' own caches when the producer comes round. */
static uint64_t core_cache_bytes(void)
{
	long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);

	return bytes > 0 ? (uint64_t)bytes : 512 << 10;
}

bool kipc__cache_rfo_pays(uint64_t ring_bytes)
{
	return shared_lines_are_slow() && ring_bytes <= core_cache_bytes();
}

/* memcpy() of a C library may be "rep movsb" from some kilobytes on, which on Zen is the fastest there is
 * between caches of the cores, but slower than vectors where one side comes from further away.
 */
struct kipc__copy_ways kipc__cache_copy_ways(uint64_t ring_bytes)
{
	struct kipc__copy_ways ways = { 0 };

#ifdef KIPC__COPY_X86
	bool avx = __builtin_cpu_supports("avx");

	if (!shared_lines_are_slow())
		return ways;
	ways.past = avx ? kipc__copy_past_avx : kipc__copy_past_sse2;
	if (ring_bytes > core_cache_bytes())
		ways.wide = avx ? kipc__copy_wide_avx : kipc__copy_wide_sse2;
#else
	(void)ring_bytes;
#endif
	return ways;
}
