// SPDX-License-Identifier: MIT
/*
 * ring.c - model of publishing and taking: (A) to (D), and headers that are cleared ahead of time
 *
 * lib/core/ring.c itself, one producer and one consumer, a ring of two cache lines, so that space
 * is used again all the time. The producer takes all ways in by turns, the consumer all ways out. Right
 * is: every message once, in order, whole; no data race; nobody waits for ever.
 */
#include "core/ring.h"

#define BYTES    128
#define MESSAGES 7
#define WORDS    5 /* of the longest message */

/* As a header it would be one that no honest producer writes. */
#define PATTERN(number, word) (0xaa00000000000000ULL + (number)*256ULL + (word))

const unsigned kipc__model_threads = 2;

static uint8_t data[2 * BYTES];
static __u64 prod_word, cons_word;
static struct kipc__ring_tx tx;
static struct kipc__ring_rx rx;

static uint64_t start(void)
{
	return kipc__model_rand(2) ? 0 : (uint64_t)0 - 64; /* about to pass 2^64 */
}

void kipc__model_setup(void)
{
	uint64_t first = start();
	struct kipc_ring_geom g = { .bytes = BYTES, .align = 8, .start = first };

	memset(&tx, 0, sizeof(tx));
	kipc__model_area(data, BYTES, false);
	kipc__model_word(&prod_word, 8, first);
	kipc__model_word(&cons_word, 8, first);
	kipc__model_assert(kipc__ring_tx_init(&tx, &g, data, &prod_word, &cons_word) == 0 &&
	                           kipc__ring_rx_init(&rx, &g, data, &prod_word, &cons_word) == 0,
	                   "the ring does not begin");
}

/* ---- the producer ----------------------------------------------------------------------- */

static size_t some_length(void)
{
	static const unsigned words[] = { 1, 1, 3, WORDS };

	return 8 * (size_t)words[kipc__model_rand(4)];
}

static void fill(uint64_t *payload, unsigned number)
{
	unsigned i;

	for (i = 0; i < WORDS; i++)
		payload[i] = PATTERN(number, i);
}

static unsigned send_some(unsigned number)
{
	uint64_t payload[2][WORDS];
	struct kipc_msg m[2];
	unsigned n = number + 1 < MESSAGES ? 1 + kipc__model_rand(2) : 1;
	unsigned i;
	int r;

	for (i = 0; i < n; i++) {
		fill(payload[i], number + i);
		m[i] = (struct kipc_msg){ .data = payload[i], .len = some_length() };
	}
	if (n == 1 && kipc__ring_put(&tx, payload[0], m[0].len))
		return 1;
	while ((r = kipc__ring_send(&tx, m, n)) == 0)
		kipc__model_yield();
	kipc__model_assert(r > 0, "send fails");
	return (unsigned)r;
}

/* In place: all that was reserved is written, and all of it or less is committed. */
static unsigned commit_some(unsigned number)
{
	uint64_t payload[WORDS];
	struct kipc_msg m[2] = { { .len = 8 * WORDS }, { .len = 8 } };
	unsigned n = number + 1 < MESSAGES ? 2 : 1;
	unsigned i;
	int r;

	while ((r = kipc__ring_reserve(&tx, m, n)) == 0)
		kipc__model_yield();
	kipc__model_assert(r == (int)n, "reserve fails");
	for (i = 0; i < n; i++) {
		size_t len = some_length();

		fill(payload, number + i);
		kipc__model_copy(m[i].data, payload, m[i].len);
		m[i].len = len < m[i].len ? len : m[i].len;
	}
	n -= kipc__model_rand(n);
	kipc__model_assert(kipc__ring_commit(&tx, m, n) == (int)n, "commit fails");
	return n;
}

static void produce(void)
{
	unsigned number = 0;

	while (number < MESSAGES)
		number += kipc__model_rand(2) ? send_some(number) : commit_some(number);
}

/* ---- the consumer ----------------------------------------------------------------------- */

static void check(const uint64_t *payload, size_t len, unsigned number)
{
	unsigned i;

	kipc__model_assert(len && len % 8 == 0 && len <= 8 * WORDS, "a length that nobody sent");
	for (i = 0; i < len / 8; i++)
		kipc__model_assert(payload[i] == PATTERN(number, i), "not what was sent");
}

static unsigned take_one(unsigned number)
{
	uint64_t payload[WORDS];
	struct kipc_msg m = { .data = payload, .len = sizeof(payload) };
	int64_t len;
	int r;

	while (kipc__ring_look(&rx, rx.cons) == 0)
		kipc__model_yield();
	len = kipc__ring_take(&rx, payload, sizeof(payload));
	if (len < 0) {
		while ((r = kipc__ring_recv(&rx, &m, 1)) == 0)
			kipc__model_yield();
		kipc__model_assert(r == 1, "recv fails");
		len = (int64_t)m.len;
	}
	check(payload, (size_t)len, number);
	return 1;
}

static unsigned peek_some(unsigned number)
{
	uint64_t payload[WORDS];
	struct kipc_msg m[2];
	int i, r;

	while ((r = kipc__ring_peek(&rx, m, 2)) == 0)
		kipc__model_yield();
	kipc__model_assert(r > 0, "peek fails");
	for (i = 0; i < r; i++) {
		kipc__model_assert(m[i].len <= sizeof(payload), "a length that nobody sent");
		kipc__model_copy(payload, m[i].data, m[i].len);
		check(payload, m[i].len, number + (unsigned)i);
	}
	kipc__model_assert(kipc__ring_release(&rx, (unsigned)r) == r, "release fails");
	return (unsigned)r;
}

static void consume(void)
{
	unsigned number = 0;

	while (number < MESSAGES)
		number += kipc__model_rand(2) ? take_one(number) : peek_some(number);
	kipc__model_assert(number == MESSAGES, "more than was sent");
}

void kipc__model_thread(unsigned i)
{
	if (i == 0)
		produce();
	else
		consume();
}

void kipc__model_after(void)
{
	kipc__model_assert(rx.cons == tx.prod, "the ring is not empty");
}
