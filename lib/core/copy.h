/* SPDX-License-Identifier: MIT */
/*
 * copy.h - copying payloads of kilobytes into a ring that another core reads
 *
 * Stores past the caches cost the same wherever the reader is; what was stored so comes to it from
 * memory. Stores through the caches are twice as fast between cores that share one, and several times
 * slower between others, which nobody tells a program: so it is measured now and then.
 */
#ifndef KIPC_CORE_COPY_H
#define KIPC_CORE_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies as memcpy() does, and whatever is stored after it is visible after it. */
typedef void (*kipc__copy_fn)(void *to, const void *from, size_t len);

/* NULL: memcpy(), or never. */
struct kipc__copy_ways {
	kipc__copy_fn wide; /* through the caches, for the longest payloads */
	kipc__copy_fn past; /* past them */
};

/* How a producer copies, from this length on. */
#define KIPC__COPY_LONG 4096

struct kipc__copy {
	struct kipc__copy_ways ways;
	int64_t (*now)(void); /* ns; with ways.past */
	uint64_t left;        /* bytes until it is looked again whether this way is the right one */
	unsigned votes;       /* looks in a row that spoke against it */
	bool past;            /* this way: past the caches */
};

/* To a ring of that many bytes. */
void kipc__copy_init(struct kipc__copy *c, const struct kipc__copy_ways *ways, int64_t (*now)(void),
                     uint64_t bytes);

/* len is at least KIPC__COPY_LONG. */
void kipc__copy_in(struct kipc__copy *c, void *to, const void *from, size_t len);

/* ThreadSanitizer does not see what is stored past the caches. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define KIPC__COPY_X86 1

void kipc__copy_wide_sse2(void *to, const void *from, size_t len);
void kipc__copy_past_sse2(void *to, const void *from, size_t len);

/* Where the CPU has AVX. */
void kipc__copy_wide_avx(void *to, const void *from, size_t len);
void kipc__copy_past_avx(void *to, const void *from, size_t len);
#endif

#endif /* KIPC_CORE_COPY_H */
