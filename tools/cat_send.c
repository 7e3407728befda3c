// SPDX-License-Identifier: MIT
/* kipc cat --send: stdin is read straight into the channel. */
#include "cat.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* A receiver without a direction back cannot be polled for its end, only asked. */
#define ONE_WAY_MS 50

/* What an answer means: 0: go on; else the status to exit with. */
static int take_answer(struct cat *t, const struct kipc_msg *m)
{
	char text[ANSWER_BYTES + 1] = "";

	if (m->len == ANSWER_BYTES)
		memcpy(text, m->data, ANSWER_BYTES);
	t->confirmed = t->ended && !strcmp(text, DONE);
	if (t->confirmed || !strcmp(text, READY))
		return 0;
	if (!strncmp(text, GAVE_UP, strlen(GAVE_UP)))
		complain(t->uri, "the other side gave up: %s", text + strlen(GAVE_UP));
	else
		complain(t->uri, "the other side sends as well");
	return STATUS_PEER;
}

/* Takes the answers that are there. */
static int take_answers(struct cat *t)
{
	struct kipc_msg m;
	int r, status;

	while (!t->one_way && !t->confirmed) {
		r = kipc_peek(t->c, &m, 1, 0);
		if (r == -EAGAIN)
			return 0;
		if (r == -EINTR)
			return cat_interrupted();
		if (r == -EPIPE && !cat_peer_gone(t)) {
			t->one_way = true;
			return 0;
		}
		if (r < 0)
			return cat_ended(t, r);
		status = take_answer(t, &m);
		kipc_release(t->c, 1);
		if (status)
			return status;
	}
	return 0;
}

/* Sleeps until there is room or an answer; says 0 to look again. */
static int wait_peer(struct cat *t, unsigned events)
{
	int r = kipc_wait(t->c, events, t->timeout);

	if (r == -EINTR)
		return cat_interrupted();
	return r < 0 ? cat_ended(t, r) : 0;
}

/* Room for one message of len bytes, while still hearing the answers. */
static int reserve(struct cat *t, struct kipc_msg *m, size_t len)
{
	int r, status;

	for (;;) {
		m->len = len;
		r = kipc_reserve(t->c, m, 1, CAT_QUICK_NS);
		if (r > 0)
			return 0;
		status = take_answers(t);
		if (status)
			return status;
		if (r == -ETIMEDOUT || r == -EAGAIN)
			status = wait_peer(t, t->one_way ? KIPC_OUT : KIPC_OUT | KIPC_IN);
		else if (r != -EINTR)
			status = cat_ended(t, r);
		if (status || stop_asked())
			return status ? status : STATUS_BAD;
	}
}

static int commit(struct cat *t, const struct kipc_msg *m)
{
	int status, r = kipc_commit(t->c, m, 1);

	if (r > 0)
		return 0;
	/* It may have told the reason before it left. */
	status = take_answers(t);
	return status ? status : cat_ended(t, r);
}

/* Sleeps until stdin has something, while still hearing the answers and the end of the receiver. */
static int wait_stdin(struct cat *t)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = -1 } };
	int r, status;

	for (;;) {
		status = take_answers(t);
		if (status)
			return status;
		p[1].fd = t->one_way ? -1 : kipc_chan_fd(t->c, KIPC_IN);
		p[1].events = POLLIN;
		if (p[1].fd < 0 && !t->one_way)
			return complain_of(t->uri, p[1].fd);
		r = poll(p, 2, t->one_way ? ONE_WAY_MS : -1);
		if (stop_asked())
			return STATUS_BAD;
		if (r > 0 && p[0].revents)
			return 0;
		if (t->one_way && cat_peer_gone(t))
			return cat_ended(t, -EPIPE);
	}
}

/* Reads into the message; *got is 0 at the end of the input. */
static int read_stdin(struct cat *t, struct kipc_msg *m, size_t *got)
{
	ssize_t n;
	int status;

	for (;;) {
		status = wait_stdin(t);
		if (status)
			return status;
		n = read(STDIN_FILENO, m->data, m->len);
		if (n >= 0) {
			*got = (size_t)n;
			return 0;
		}
		if (errno != EINTR && errno != EAGAIN) {
			complain("stdin", "%s", strerror(errno));
			return STATUS_BAD;
		}
	}
}

/* A receiver that cannot answer: its leaving has to do. */
static int wait_leaving(struct cat *t)
{
	int64_t start = now_ns();

	while (!cat_peer_gone(t)) {
		if (stop_asked())
			return STATUS_BAD;
		if (t->timeout >= 0 && now_ns() - start >= t->timeout)
			return cat_ended(t, -ETIMEDOUT);
		poll(NULL, 0, ONE_WAY_MS);
	}
	return 0;
}

/* The end mark, and then the receiver's word that everything is written. */
static int finish(struct cat *t)
{
	struct kipc_msg m;
	int status = reserve(t, &m, 0);

	t->ended = true;
	if (!status)
		status = commit(t, &m);
	if (!status)
		status = take_answers(t);
	while (!status && !t->confirmed && !t->one_way) {
		status = wait_peer(t, KIPC_IN);
		if (!status)
			status = take_answers(t);
	}
	return status || t->confirmed ? status : wait_leaving(t);
}

int cat_send(struct cat *t)
{
	size_t len = t->chunk < ANSWER_BYTES ? t->chunk : ANSWER_BYTES - 1;
	struct kipc_msg m;
	size_t got;
	int status;

	for (;;) {
		status = reserve(t, &m, len);
		if (!status)
			status = read_stdin(t, &m, &got);
		if (status)
			return status;
		if (!got) {
			kipc_discard(t->c);
			return finish(t);
		}
		m.len = got;
		status = commit(t, &m);
		if (status)
			return status;
		len = t->chunk;
	}
}
