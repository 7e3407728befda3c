// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include "victim.h"

/* Messages that are received while they are sent: whole or not at all. */

#define LONG_BYTES 70000

struct longer {
	uint64_t word[LONG_BYTES / 8];
};

static void long_write(struct longer *l, uint32_t number)
{
	for (unsigned i = 0; i < LONG_BYTES / 8; i++)
		l->word[i] = (uint64_t)number << 32 | i;
}

static bool long_is(const struct longer *l, uint32_t number)
{
	for (unsigned i = 0; i < LONG_BYTES / 8; i++)
		if (l->word[i] != ((uint64_t)number << 32 | i))
			return false;
	return true;
}

static struct longer mine;

static void prepare_to_send(struct victim *v)
{
	long_write(&mine, v->ledger->sent);
}

static void send_long(struct victim *v)
{
	trying(v, 1);
	must_eq(kipc_send(v->chan, &mine, LONG_BYTES, -1), 0);
	committed(v, 1);
}

static void receive_one(struct victim *v, uint32_t number)
{
	must_eq(kipc_recv(v->chan, &mine, LONG_BYTES, -1), LONG_BYTES);
	must(mine.word[0] == (uint64_t)number << 32);
}

/* Then the survivor, who stood before a full ring, sends the second one. */
static void prepare_to_receive(struct victim *v)
{
	receive_one(v, 0);
}

static void receive_long(struct victim *v)
{
	receive_one(v, 1);
}

static void receive_survive(struct stage *s, struct kipc_chan *c)
{
	struct ledger *l = s->ledger;
	ssize_t r;

	say(s);
	if (s->mood == AWAY)
		hear(s);
	for (;;) {
		memset(&mine, 0xa5, sizeof(mine));
		r = kipc_recv(c, &mine, LONG_BYTES, s->mood == POLLING ? 0 : -1);
		if (r == -EPIPE)
			break;
		if (r == -EAGAIN) {
			poll_for(c, KIPC_IN);
			continue;
		}
		must_eq(r, LONG_BYTES);
		must(long_is(&mine, l->got));
		l->got++;
	}
	if (s->mood != AWAY)
		hear(s);
	must(l->got == l->sent || l->got == l->sent + l->trying);
	check_gone(c, KIPC_IN | KIPC_OUT);
}

static int send_next(struct kipc_chan *c, uint32_t number, int64_t timeout)
{
	long_write(&mine, number);
	return kipc_send(c, &mine, LONG_BYTES, timeout);
}

static void send_survive(struct stage *s, struct kipc_chan *c)
{
	uint32_t number = 0;
	int r;

	while ((r = send_next(c, number, 0)) == 0)
		number++;
	must_eq(r, -EAGAIN);
	say(s);
	if (s->mood == AWAY)
		hear(s);
	for (;; number += r == 0) {
		r = send_next(c, number, s->mood == POLLING ? 0 : -1);
		if (r == -EAGAIN)
			poll_for(c, KIPC_OUT);
		else if (r < 0)
			break;
	}
	must_eq(r, -EPIPE);
	if (s->mood != AWAY)
		hear(s);
	check_gone(c, KIPC_IN | KIPC_OUT);
}

const struct scene long_scenes[] = {
	{ .name = "long: send",
	  .prepare = prepare_to_send,
	  .act = send_long,
	  .survive = receive_survive,
	  .slow = true,
	  .options = "size=128K",
	  .commits = 1 },
	{ .name = "long: recv",
	  .prepare = prepare_to_receive,
	  .act = receive_long,
	  .survive = send_survive,
	  .talks = true,
	  .slow = true,
	  .options = "size=128K" },
	{ .name = NULL },
};
