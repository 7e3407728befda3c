// SPDX-License-Identifier: MIT
/* A long message that is received while it is sent. */
#include <errno.h>
#include "core/ring.h"
#include "hostile.h"

#define BYTES 131072
#define LEN   (KIPC__RING_LONG + 1000)

static struct {
	struct kipc__ring_tx tx;
	struct kipc__ring_rx rx;
} own;

static uint8_t letter[LEN];
static struct {
	uint8_t bytes[LEN + 2000], canary[64];
} tray;

static struct kipc_ring_ctrl *producer(void)
{
	return (struct kipc_ring_ctrl *)hostile_ctrl;
}

static struct kipc_ring_ctrl *consumer(void)
{
	return (struct kipc_ring_ctrl *)hostile_ctrl + 1;
}

/* Two thirds of it are there. */
static void make(void)
{
	const struct kipc_ring_geom geom = { .bytes = BYTES, .align = 8 };

	must(kipc__ring_tx_init(&own.tx, &geom, hostile_data, &producer()->prod.pos,
	                        &consumer()->cons.pos) == 0);
	must(kipc__ring_rx_init(&own.rx, &geom, hostile_data, &producer()->prod.pos,
	                        &consumer()->cons.pos) == 0);
	own.tx.growth = &producer()->growth;
	own.rx.growth = &producer()->growth;
	fill_letter(letter, LEN, 1);
	kipc__ring_announce(&own.tx, 0, LEN);
	__builtin_memcpy(hostile_data + KIPC_REC_BYTES, letter, LEN);
	producer()->growth.done = LEN / 3 * 2;
}

static unsigned list(struct word *w)
{
	unsigned n = 0;

	w[n++] = (struct word){ "prod", &producer()->prod.pos, false };
	w[n++] = (struct word){ "cons", &consumer()->cons.pos, false };
	w[n++] = (struct word){ "growth.at", &producer()->growth.at, false };
	w[n++] = (struct word){ "growth.len", &producer()->growth.len, false };
	w[n++] = (struct word){ "growth.done", &producer()->growth.done, false };
	w[n++] = (struct word){ "growth.follows", &consumer()->growth.follows, false };
	w[n++] = (struct word){ "the header", hostile_data, true };
	w[n++] = (struct word){ "what follows", hostile_data + KIPC_REC_BYTES + LEN, true };
	return n;
}

/* As a receiver does it; the sender publishes on the way. Also what lies about its progress is no more
 * than advice: all the payload lies there, so whatever comes as a message is that letter.
 */
static void act_follow(bool forged)
{
	uint64_t len = kipc__ring_growing(&own.rx), have = 0;
	int64_t got;

	__builtin_memset(tray.canary, 0x5a, sizeof(tray.canary));
	must(len <= kipc_ring_max_len(BYTES, 8));
	if (len == 0 || len > sizeof(tray.bytes))
		return;
	have = kipc__ring_follow(&own.rx, tray.bytes, len, have);
	have = kipc__ring_follow(&own.rx, tray.bytes, len, have);
	must(have <= len);
	if (*(uint64_t *)hostile_data == 0)
		*(uint64_t *)hostile_data = LEN + 1;
	got = lawful(kipc__ring_follow_end(&own.rx, tray.bytes, len, have));
	must(tray.canary[0] == 0x5a && tray.canary[63] == 0x5a);
	must(got < 0 || (uint64_t)got == len);
	must(got < 0 || forged || (got == LEN && is_letter(tray.bytes, LEN, 1)));
}

static void after_follow(void)
{
	struct kipc_msg m = { .data = tray.bytes, .len = sizeof(tray.bytes) };

	(void)lawful(kipc__ring_recv(&own.rx, &m, 1));
}

static void act_send(bool forged)
{
	struct kipc_msg m = { .data = letter, .len = LEN };

	(void)forged;
	(void)lawful(kipc__ring_send(&own.tx, &m, 1));
}

static void after_send(void)
{
	act_send(true);
}

static const struct subject subjects[] = {
	{ "long: follow", make, list, act_follow, after_follow },
	{ "long: send", make, list, act_send, after_send },
};

const struct core long_core = {
	.subjects = subjects,
	.nr = sizeof(subjects) / sizeof(subjects[0]),
	.own = &own,
	.own_bytes = sizeof(own),
	.data_bytes = BYTES,
	.mirrored = true,
};
