// SPDX-License-Identifier: MIT
#include "cache.h"

#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include "../core/atomic.h"

#define FAMILY_ZEN  0x17 /* and Zen 2 */
#define FAMILY_ZEN4 0x19 /* and Zen 3; Zen 5 is 0x1a */

#if defined(__x86_64__)
static unsigned ask_family(void)
{
	unsigned a, b, c, d, family;

	if (!__builtin_cpu_is("amd") || !__get_cpuid(1, &a, &b, &c, &d))
		return 0;
	family = (a >> 8 & 0xf) + (a >> 20 & 0xff);
	return family >= FAMILY_ZEN ? family : 0;
}
#endif

/* The family of a Zen processor, 0 for any other. Asked once: a virtual machine stops for each CPUID, which
 * takes longer than all the rest of opening a channel.
 */
static unsigned zen_family(void)
{
#if defined(__x86_64__)
	static unsigned known; /* + 1; 0: not yet */

	if (kipc__load_relaxed(&known) == 0)
		kipc__store_relaxed(&known, ask_family() + 1);
	return kipc__load_relaxed(&known) - 1;
#else
	return 0;
#endif
}

/* In a larger ring the lines have left the cores' own caches when the producer comes round. */
static uint64_t core_cache_bytes(void)
{
	long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);

	return bytes > 0 ? (uint64_t)bytes : 512 << 10;
}

/* A line that one core wrote and another read is owned by the first and shared with the second (MOESI).
 * On Zen the store that wants it back is slow and overlaps with few others: measured on Zen 4, some 10
 * ns a line between near cores and 30 to 40 between far ones, against 2 to 4 for a line that the reader
 * has taken. Zen 5 is the same between far cores, with short messages; long ones go slower there when
 * their lines are taken, wherever the cores are. docs/design.md has the commands that compare. Of other
 * CPUs nothing was measured.
 */
#define ZEN5_MOST 32768

uint64_t kipc__cache_rfo_most(uint64_t ring_bytes)
{
	unsigned family = zen_family();

	if (family == 0 || ring_bytes > core_cache_bytes())
		return 0;
	return family > FAMILY_ZEN4 ? ZEN5_MOST : UINT32_MAX;
}

/* 130 -> 90 ns for a round trip of 8 B between near cores of Zen 4; on Zen 5 64 B between far ones take 400
 * with it and 250 without.
 */
bool kipc__cache_fetch_pays(void)
{
	unsigned family = zen_family();

	return family && family <= FAMILY_ZEN4;
}

/* memcpy() of a C library may be "rep movsb" from some kilobytes on, which on Zen is the fastest there is
 * between caches of the cores, but slower than vectors where one side comes from further away.
 */
struct kipc__copy_ways kipc__cache_copy_ways(uint64_t ring_bytes)
{
	struct kipc__copy_ways ways = { 0 };

#ifdef KIPC__COPY_X86
	bool avx = __builtin_cpu_supports("avx");
	unsigned family = zen_family();

	if (family == 0 || family > FAMILY_ZEN4)
		return ways;
	ways.past = avx ? kipc__copy_past_avx : kipc__copy_past_sse2;
	if (ring_bytes > core_cache_bytes())
		ways.wide = avx ? kipc__copy_wide_avx : kipc__copy_wide_sse2;
#else
	(void)ring_bytes;
#endif
	return ways;
}
