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
