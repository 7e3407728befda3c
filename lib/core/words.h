/* SPDX-License-Identifier: MIT */
/* words.h - copying short payloads into a ring and out of it */
#ifndef KIPC_CORE_WORDS_H
#define KIPC_CORE_WORDS_H

#include <stdint.h>
#include <string.h>
#include <kipc_ring.h>
#include "atomic.h"
#include "compiler.h"

/* Copy a payload into the ring or out of it. Records are aligned to 8, so the wide stores of memcpy()
 * would lie across cache lines, and one of those waits until both lines are taken from the consumer;
 * words never do, nor do pairs of words where they are aligned. Beyond this length it makes no
 * difference.
 */
#define KIPC__RING_WORDWISE 256

/* Copies n bytes at an offset, or the compiler makes wide stores of several again. */
#define KIPC__RING_COPY_AT(at, n)              \
	do {                                   \
		memcpy(t + (at), f + (at), n); \
		kipc__fence_compiler();        \
	} while (0)

/* Less than a word. */
static inline void kipc__ring_copy_tail(uint8_t *t, const uint8_t *f, size_t len)
{
	if (len & 4)
		KIPC__RING_COPY_AT(0, 4);
	if (len & 2)
		KIPC__RING_COPY_AT(len & 4, 2);
	if (len & 1)
		KIPC__RING_COPY_AT(len & 6, 1);
}

/* A line at most, from both ends towards the middle, where they overlap: few branches, for behind a spin
 * loop each of them is mispredicted easily, and a jump by a table always.
 */
static kipc__inline void kipc__ring_copy_line(void *to, const void *from, size_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (len >= 32) {
		KIPC__RING_COPY_AT(0, 8);
		KIPC__RING_COPY_AT(8, 8);
		KIPC__RING_COPY_AT(16, 8);
		KIPC__RING_COPY_AT(24, 8);
		KIPC__RING_COPY_AT(len - 32, 8);
		KIPC__RING_COPY_AT(len - 24, 8);
		KIPC__RING_COPY_AT(len - 16, 8);
		KIPC__RING_COPY_AT(len - 8, 8);
	} else if (len >= 16) {
		KIPC__RING_COPY_AT(0, 8);
		KIPC__RING_COPY_AT(8, 8);
		KIPC__RING_COPY_AT(len - 16, 8);
		KIPC__RING_COPY_AT(len - 8, 8);
	} else if (len >= 8) {
		KIPC__RING_COPY_AT(0, 8);
		KIPC__RING_COPY_AT(len - 8, 8);
	} else {
		kipc__ring_copy_tail(t, f, len);
	}
}

/* The same out of the ring, by pairs of words, for loads may lie across lines; and nothing is stored twice:
 * who reads it at once would have to wait until both stores are done.
 */
static kipc__inline void kipc__ring_copy_line_out(void *to, const void *from, size_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (len & 64) {
		KIPC__RING_COPY_AT(0, 16);
		KIPC__RING_COPY_AT(16, 16);
		KIPC__RING_COPY_AT(32, 16);
		KIPC__RING_COPY_AT(48, 16);
		return;
	}
	if (len & 32) {
		KIPC__RING_COPY_AT(0, 16);
		KIPC__RING_COPY_AT(16, 16);
		t += 32, f += 32;
	}
	if (len & 16) {
		KIPC__RING_COPY_AT(0, 16);
		t += 16, f += 16;
	}
	if (len & 8) {
		KIPC__RING_COPY_AT(0, 8);
		t += 8, f += 8;
	}
	if (len & 7)
		kipc__ring_copy_tail(t, f, len & 7);
}

/* The same into the ring, one of many of a length: no branch is a surprise then, and pairs are half the stores. */
static kipc__inline void kipc__ring_copy_line_in(void *to, const void *from, size_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (len < 32) {
		kipc__ring_copy_line(to, from, len);
		return;
	}
	if ((uintptr_t)t & 8) {
		KIPC__RING_COPY_AT(0, 8);
		t += 8, f += 8, len -= 8;
	}
	kipc__ring_copy_line_out(t, f, len);
}

/* at: the one of both that lies in the ring. */
static kipc__inline void kipc__ring_copy_words(void *to, const void *from, size_t len,
                                               const void *at)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (len > KIPC_RING_LINE && ((uintptr_t)at & 8)) {
		KIPC__RING_COPY_AT(0, 8);
		t += 8, f += 8, len -= 8;
	}
	for (; len > KIPC_RING_LINE; t += 64, f += 64, len -= 64) {
		KIPC__RING_COPY_AT(0, 16);
		KIPC__RING_COPY_AT(16, 16);
		KIPC__RING_COPY_AT(32, 16);
		KIPC__RING_COPY_AT(48, 16);
	}
	kipc__ring_copy_line(t, f, len);
}

static inline void kipc__ring_copy_in(void *to, const void *from, size_t len)
{
	if (len > KIPC__RING_WORDWISE)
		memcpy(to, from, len);
	else
		kipc__ring_copy_words(to, from, len, to);
}

static inline void kipc__ring_copy_out(void *to, const void *from, size_t len)
{
	if (len > KIPC_RING_LINE) /* also: memcpy() may not be given NULL, not even for nothing */
		memcpy(to, from, len);
	else
		kipc__ring_copy_line_out(to, from, len);
}

#endif /* KIPC_CORE_WORDS_H */
