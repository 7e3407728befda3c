// SPDX-License-Identifier: MIT
/* Content that can be told from any other, and its hash. */
#include <string.h>
#include "session.h"

/* xorshift64* */
uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

uint64_t random_below(uint64_t *state, uint64_t n)
{
	return (random_next(state) >> 16) % n;
}

static uint64_t stir(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 29);
}

static uint64_t digest(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t word;

	hash = stir(hash, len + 1);
	for (; len >= 8; at += 8, len -= 8) {
		memcpy(&word, at, 8);
		hash = stir(hash, word);
	}
	word = 0;
	memcpy(&word, at, len);
	return stir(hash, word);
}

static void count(struct flow *f, const void *data, size_t len)
{
	f->hash = digest(f->hash, data, len);
	f->n++;
}

/* The number and the hash so far in front of it, where there is room for both. */
void content_make(struct flow *f, uint64_t *random, void *data, size_t len)
{
	uint8_t *at = data;
	size_t left = len;
	uint64_t word;

	if (len >= sizeof(*f)) {
		memcpy(at, f, sizeof(*f));
		at += sizeof(*f);
		left -= sizeof(*f);
	}
	for (; left >= 8; at += 8, left -= 8) {
		word = random_next(random);
		memcpy(at, &word, 8);
	}
	word = random_next(random);
	memcpy(at, &word, left);
	count(f, data, len);
}

bool content_take(struct flow *f, const void *data, size_t len)
{
	bool right = len < sizeof(*f) || memcmp(data, f, sizeof(*f)) == 0;

	count(f, data, len);
	return right;
}

uint64_t content_word(uint64_t seed)
{
	seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9ULL;
	seed = (seed ^ seed >> 27) * 0x94d049bb133111ebULL;
	return seed ^ seed >> 31;
}

void content_fill(void *data, size_t len, uint64_t seed)
{
	uint64_t state = content_word(seed) | 1, word;
	uint8_t *at = data;

	for (; len >= 8; at += 8, len -= 8) {
		word = random_next(&state);
		memcpy(at, &word, 8);
	}
	word = random_next(&state);
	memcpy(at, &word, len);
}
