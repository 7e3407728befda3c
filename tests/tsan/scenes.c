// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "tsan.h"

#define BATCH 5
static void send_letter(struct kipc_chan *c, uint64_t number)
{
	struct letter l;

	letter_write(&l, number);
	must(kipc_send(c, &l, length_of(number), -1) == 0);
}

static void recv_letter(struct kipc_chan *c, uint64_t number)
{
	struct letter l;
	ssize_t len = kipc_recv(c, &l, sizeof(l), -1);

	must(len >= 0);
	letter_check(&l, (size_t)len, number);
}

/* ---- one by one --------------------------------------------------------------------------- */

static void *send_each(void *arg)
{
	struct table *t = arg;
	unsigned i;

	for (i = 0; i < t->rounds; i++)
		send_letter(t->end[0], i);
	return NULL;
}

static void *recv_each(void *arg)
{
	struct table *t = arg;
	unsigned i;

	for (i = 0; i < t->rounds; i++)
		recv_letter(t->end[1], i);
	return NULL;
}

static void *recv_back(void *arg)
{
	struct table *t = arg;
	unsigned i;

	for (i = 0; i < t->rounds; i++)
		recv_letter(t->end[0], i);
	return NULL;
}

static void *send_back(void *arg)
{
	struct table *t = arg;
	unsigned i;

	for (i = 0; i < t->rounds; i++)
		send_letter(t->end[1], i);
	return NULL;
}

static void *ask(void *arg)
{
	struct table *t = arg;
	unsigned i;

	for (i = 0; i < t->rounds; i++) {
		send_letter(t->end[0], i);
		recv_letter(t->end[0], i);
	}
	return NULL;
}

static void *answer(void *arg)
{
	struct table *t = arg;
	unsigned i;

	for (i = 0; i < t->rounds; i++) {
		recv_letter(t->end[1], i);
		send_letter(t->end[1], i);
	}
	return NULL;
}

/* ---- several at a time ---------------------------------------------------------------------- */

static void *send_batches(void *arg)
{
	struct table *t = arg;
	struct letter l[BATCH];
	struct kipc_msg m[BATCH];
	unsigned i, done;
	int r;

	for (done = 0; done < t->rounds * BATCH; done += (unsigned)r) {
		for (i = 0; i < BATCH; i++) {
			letter_write(&l[i], done + i);
			m[i] = (struct kipc_msg){ .data = &l[i], .len = length_of(done + i) };
		}
		r = kipc_send_n(t->end[0], m, BATCH, -1);
		must(r > 0);
	}
	return NULL;
}

/* As many as were asked for or fewer: the last batch of the sender may be longer than the rounds. */
static void *recv_batches(void *arg)
{
	struct table *t = arg;
	struct letter l[BATCH];
	struct kipc_msg m[BATCH];
	unsigned i, done;
	int r;

	for (done = 0; done < t->rounds * BATCH; done += (unsigned)r) {
		for (i = 0; i < BATCH; i++)
			m[i] = (struct kipc_msg){ .data = &l[i], .len = sizeof(l[i]) };
		r = kipc_recv_n(t->end[1], m, BATCH, -1);
		must(r > 0);
		for (i = 0; i < (unsigned)r; i++)
			letter_check(&l[i], m[i].len, done + i);
	}
	return NULL;
}

static void *write_in_place(void *arg)
{
	struct table *t = arg;
	struct kipc_msg m[BATCH];
	unsigned i, done;

	for (done = 0; done < t->rounds; done += BATCH) {
		for (i = 0; i < BATCH; i++)
			m[i] = (struct kipc_msg){ .len = sizeof(struct letter) };
		must(kipc_reserve(t->end[0], m, BATCH, -1) == BATCH);
		for (i = 0; i < BATCH; i++) {
			m[i].len = length_of(done + i);
			memset(m[i].data, (int)(done + i), m[i].len);
			((struct letter *)m[i].data)->number = done + i;
		}
		if (done % 3 == 0) {
			must(kipc_discard(t->end[0]) == 0);
			for (i = 0; i < BATCH; i++)
				send_letter(t->end[0], done + i);
		} else {
			must(kipc_commit(t->end[0], m, BATCH) == BATCH);
		}
	}
	return NULL;
}

static void *read_in_place(void *arg)
{
	struct table *t = arg;
	struct kipc_msg m[BATCH];
	unsigned i, done;
	int r;

	for (done = 0; done < t->rounds; done += (unsigned)r) {
		r = kipc_peek(t->end[1], m, BATCH, -1);
		must(r > 0);
		for (i = 0; i < (unsigned)r; i++)
			letter_check(m[i].data, m[i].len, done + i);
		must(kipc_release(t->end[1], (unsigned)r) == r);
	}
	return NULL;
}

/* ---- not for ever --------------------------------------------------------------------------- */

static void *recv_impatiently(void *arg)
{
	static const int64_t patience[] = { 0, 1, 1000, 50 * 1000 };
	struct table *t = arg;
	struct letter l;
	unsigned i, tries = 0;
	ssize_t len;

	for (i = 0; i < t->rounds;) {
		len = kipc_recv(t->end[1], &l, sizeof(l), patience[tries++ % 4]);
		must(len >= 0 || len == -EAGAIN || len == -ETIMEDOUT);
		if (len >= 0)
			letter_check(&l, (size_t)len, i++);
	}
	return NULL;
}

static void *send_impatiently(void *arg)
{
	static const int64_t patience[] = { 0, 1, 1000, 50 * 1000 };
	struct table *t = arg;
	struct letter l;
	unsigned i, tries = 0;
	int r;

	for (i = 0; i < t->rounds;) {
		letter_write(&l, i);
		r = kipc_send(t->end[0], &l, length_of(i), patience[tries++ % 4]);
		must(r == 0 || r == -EAGAIN || r == -ETIMEDOUT);
		i += r == 0;
	}
	return NULL;
}

static void poll_for(struct kipc_chan *c, unsigned dir)
{
	struct pollfd p = { .fd = kipc_chan_fd(c, dir), .events = POLLIN };

	must(p.fd >= 0 && poll(&p, 1, -1) == 1);
}

static void recv_polling_on(struct kipc_chan *c, unsigned rounds)
{
	struct letter l;
	unsigned i;
	ssize_t len;

	for (i = 0; i < rounds;) {
		len = kipc_recv(c, &l, sizeof(l), 0);
		if (len == -EAGAIN)
			poll_for(c, KIPC_IN);
		else
			letter_check(&l, (size_t)len, i++);
	}
}

static void send_polling_on(struct kipc_chan *c, unsigned rounds)
{
	struct letter l;
	unsigned i;
	int r;

	for (i = 0; i < rounds;) {
		letter_write(&l, i);
		r = kipc_send(c, &l, length_of(i), 0);
		must(r == 0 || r == -EAGAIN);
		if (r == 0)
			i++;
		else
			poll_for(c, KIPC_OUT);
	}
}

static void *send_polling(void *arg)
{
	struct table *t = arg;

	send_polling_on(t->end[0], t->rounds);
	return NULL;
}

static void *recv_polling(void *arg)
{
	struct table *t = arg;

	recv_polling_on(t->end[1], t->rounds);
	return NULL;
}

static void *send_back_polling(void *arg)
{
	struct table *t = arg;

	send_polling_on(t->end[1], t->rounds);
	return NULL;
}

static void *recv_back_polling(void *arg)
{
	struct table *t = arg;

	recv_polling_on(t->end[0], t->rounds);
	return NULL;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void *recv_to_end(void *arg)
{
	struct table *t = arg;
	struct letter l;
	unsigned i;
	ssize_t len;

	for (i = 0; (len = kipc_recv(t->end[1], &l, sizeof(l), -1)) >= 0; i++)
		letter_check(&l, (size_t)len, i);
	must(len == -EPIPE && i == t->rounds);
	return NULL;
}

static void *send_and_shut(void *arg)
{
	struct table *t = arg;

	send_each(t);
	must(kipc_shutdown(t->end[0], KIPC_OUT) == 0);
	return NULL;
}

static void *send_and_close(void *arg)
{
	struct table *t = arg;

	send_each(t);
	kipc_chan_close(t->end[0]);
	t->end[0] = NULL;
	return NULL;
}

static void *send_to_end(void *arg)
{
	struct table *t = arg;
	struct letter l;
	unsigned i;
	int r;

	for (i = 0, r = 0; r == 0; i++) {
		letter_write(&l, i);
		r = kipc_send(t->end[0], &l, length_of(i), -1);
	}
	must(r == -EPIPE);
	return NULL;
}

static void *recv_and_close(void *arg)
{
	struct table *t = arg;

	recv_each(t);
	kipc_chan_close(t->end[1]);
	t->end[1] = NULL;
	return NULL;
}

/* ---- what the library shares ---------------------------------------------------------------- */

/* Channels come and go in several threads; the names collide on purpose. */
static void *come_and_go(void *arg)
{
	struct table *t = arg;
	struct kipc_chan *pair[2], *named;
	char name[64];
	unsigned i;
	int r;

	snprintf(name, sizeof(name), "shm://tsan-many-%d?size=4K", (int)getpid());

	for (i = 0; i < t->rounds / 16; i++) {
		must(kipc_chan_pair(pair, "shm://?size=4K", KIPC_PAIR, NULL) == 0);
		must(kipc_send(pair[0], "x", 1, -1) == 0);
		must(kipc_recv(pair[1], pair, 0, -1) == -EMSGSIZE);
		r = kipc_chan_open(&named, name, KIPC_PAIR | KIPC_CREATE, NULL);
		must(r == 0 || r == -EBUSY);
		kipc_chan_close(named);
		kipc_chan_close(pair[i % 2]);
		kipc_chan_close(pair[1 - i % 2]);
	}
	return NULL;
}

const struct scene scenes[] = {
	{ .name = "one by one", .side = { send_each, recv_each } },
	{ .name = "round trips", .side = { ask, answer } },
	{ .name = "several at a time", .side = { send_batches, recv_batches } },
	{ .name = "in place", .side = { write_in_place, read_in_place } },
	{ .name = "impatient", .side = { send_impatiently, recv_impatiently } },
	{ .name = "polling", .side = { send_polling, recv_polling } },
	{ .name = "shutdown against recv", .side = { send_and_shut, recv_to_end } },
	{ .name = "close against recv", .side = { send_and_close, recv_to_end } },
	{ .name = "close against send", .side = { send_to_end, recv_and_close } },
	{ .name = "both halves in two threads each",
	  .side = { send_each, recv_each, send_back, recv_back } },
	{ .name = "one half polls, one waits",
	  .side = { send_polling, recv_polling, send_back, recv_back } },
	{ .name = "both halves poll",
	  .side = { send_polling, recv_polling, send_back_polling, recv_back_polling } },
	{ .name = "come and go", .side = { come_and_go, come_and_go, come_and_go, come_and_go } },
};

const unsigned nr_scenes = sizeof(scenes) / sizeof(scenes[0]);
