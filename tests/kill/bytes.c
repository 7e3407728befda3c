// SPDX-License-Identifier: MIT
#include <errno.h>
#include "victim.h"

/* A stream of bytes: the survivor reads a first part of what was written, or goes on writing to one who
 * reads. The ledger counts bytes here, behind the rounds of the beginning.
 */

#define BYTES_MOST 2000

static const uint16_t pieces[] = { 100, 1500, 1 };

#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

static uint8_t byte_at(uint32_t position)
{
	return (uint8_t)(position * 167 ^ position >> 8);
}

static void bytes_fill(uint8_t *to, uint32_t position, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = byte_at(position + (uint32_t)i);
}

static bool bytes_are(const uint8_t *at, uint32_t position, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] != byte_at(position + (uint32_t)i))
			return false;
	return true;
}

/* ---- victims ------------------------------------------------------------------------------ */

static uint8_t victims[BYTES_MOST];

static void prepare(struct victim *v)
{
	bytes_fill(victims, v->ledger->sent, sizeof(victims));
}

static void write_some(struct victim *v)
{
	const uint8_t *at = victims;

	for (unsigned i = 0; i < PIECES; at += pieces[i++]) {
		trying(v, pieces[i]);
		must_eq(kipc_write(v->chan, at, pieces[i], -1), pieces[i]);
		committed(v, pieces[i]);
	}
}

/* Three times, the second time across the borders of what was written. */
static void read_some(struct victim *v)
{
	uint32_t position = WARM_ROUNDS;

	for (unsigned i = 0; i < PIECES; position += pieces[i++]) {
		must_eq(kipc_read(v->chan, victims, pieces[i], -1), pieces[i]);
		must(bytes_are(victims, position, pieces[i]));
	}
}

/* ---- survivors ---------------------------------------------------------------------------- */

static ssize_t more(struct stage *s, struct kipc_chan *c, uint8_t *to, size_t cap)
{
	ssize_t r;

	while ((r = kipc_read(c, to, cap, s->mood == POLLING ? 0 : -1)) == -EAGAIN)
		poll_for(c, KIPC_IN);
	return r;
}

static void read_survive(struct stage *s, struct kipc_chan *c)
{
	struct ledger *l = s->ledger;
	uint8_t part[333];
	ssize_t r;

	say(s);
	if (s->mood == AWAY)
		hear(s);
	while ((r = more(s, c, part, sizeof(part))) > 0) {
		must(bytes_are(part, l->got, (size_t)r));
		l->got += (uint32_t)r;
	}
	must_eq(r, -EPIPE);
	if (s->mood != AWAY)
		hear(s);
	must(l->got >= l->sent && l->got <= l->sent + l->trying);
	check_gone(c, KIPC_IN | KIPC_OUT);
}

static ssize_t write_at(struct kipc_chan *c, uint32_t position, int64_t timeout)
{
	uint8_t part[333];

	bytes_fill(part, position, sizeof(part));
	return kipc_write(c, part, sizeof(part), timeout);
}

static void write_survive(struct stage *s, struct kipc_chan *c)
{
	uint32_t position = WARM_ROUNDS;
	ssize_t r;

	while ((r = write_at(c, position, 0)) > 0)
		position += (uint32_t)r;
	must_eq(r, -EAGAIN);
	say(s);
	if (s->mood == AWAY)
		hear(s);
	for (;;) {
		r = write_at(c, position, s->mood == POLLING ? 0 : -1);
		if (r == -EAGAIN)
			poll_for(c, KIPC_OUT);
		else if (r < 0)
			break;
		else
			position += (uint32_t)r;
	}
	must_eq(r, -EPIPE);
	if (s->mood != AWAY)
		hear(s);
	check_gone(c, KIPC_IN | KIPC_OUT);
}

const struct scene bytes_scenes[] = {
	{ .name = "bytes: write",
	  .prepare = prepare,
	  .act = write_some,
	  .survive = read_survive,
	  .commits = 100 + 1500 + 1 },
	{ .name = "bytes: read", .act = read_some, .survive = write_survive },
	{ .name = NULL },
};
