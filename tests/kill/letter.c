// SPDX-License-Identifier: MIT
#include <string.h>
#include "kill.h"

/* Twice the same length takes the short way through the ring, the others do not. */
static const uint16_t lengths[] = { 40, 40, 24, 200, 200, LETTER_MAX };

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

void letter_write(struct letter *l, enum author author, uint32_t number)
{
	uint64_t word = (uint64_t)author << 32 | number;
	size_t at;

	l->len = lengths[number % (sizeof(lengths) / sizeof(lengths[0]))];
	for (at = 0; at < l->len; at += sizeof(word)) {
		memcpy(l->body + at, &word, sizeof(word));
		word = mix(word + at + 1);
	}
}

bool letter_is(const void *body, size_t len, enum author author, uint32_t number)
{
	struct letter want;

	letter_write(&want, author, number);
	return len == want.len && memcmp(body, want.body, len) == 0;
}

enum author letter_author(const void *body, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, body, len < sizeof(word) ? len : sizeof(word));
	return (enum author)(word >> 32);
}
