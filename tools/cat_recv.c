// SPDX-License-Identifier: MIT
/* kipc cat --recv: stdout is written straight from the channel. */
#include "cat.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void answer(struct cat *t, const char *text, const char *reason)
{
	char padded[ANSWER_BYTES] = "";

	snprintf(padded, sizeof(padded), "%s%s", text, reason);
	/* Nobody may listen, or there may be no room: the data matters, not the courtesy. */
	kipc_send(t->c, padded, sizeof(padded), 0);
}

static int give_up(struct cat *t, const char *what, int err)
{
	answer(t, GAVE_UP, strerror(err));
	complain(what, "%s", strerror(err));
	return STATUS_BAD;
}

static int write_stdout(struct cat *t, const char *data, size_t len)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	ssize_t n;

	while (len) {
		n = write(STDOUT_FILENO, data, len);
		if (stop_asked())
			return STATUS_BAD;
		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			poll(&p, 1, -1);
		} else if (errno != EINTR) {
			return give_up(t, "stdout", errno);
		}
	}
	return 0;
}

/* Sleeps until there may be a message, or until nobody reads stdout any more. */
static int wait_message(struct cat *t)
{
	struct pollfd p[2] = { { .fd = kipc_chan_fd(t->c, KIPC_IN), .events = POLLIN },
		               { .fd = STDOUT_FILENO, .events = 0 } };
	int64_t ms = t->timeout < 0 ? -1 : (t->timeout + 999999) / 1000000;
	int r;

	if (p[0].fd < 0)
		return complain_of(t->uri, p[0].fd);
	r = poll(p, 2, ms > 0x7fffffff ? 0x7fffffff : (int)ms);
	if (r < 0)
		return cat_interrupted();
	if (!r)
		return cat_ended(t, -ETIMEDOUT);
	return p[1].revents & (POLLERR | POLLHUP) ? give_up(t, "stdout", EPIPE) : 0;
}

/* The oldest messages, up to n; *nr is how many. */
static int next_messages(struct cat *t, struct kipc_msg *m, unsigned n, unsigned *nr)
{
	int r, status;

	for (;;) {
		r = kipc_peek(t->c, m, n, CAT_QUICK_NS);
		if (r > 0) {
			*nr = (unsigned)r;
			return 0;
		}
		if (r == -EINTR)
			status = cat_interrupted();
		else if (r == -ETIMEDOUT || r == -EAGAIN)
			status = wait_message(t);
		else
			status = cat_ended(t, r);
		if (status)
			return status;
	}
}

static bool is_ready(const struct kipc_msg *m)
{
	return m->len == ANSWER_BYTES && !strncmp(m->data, READY, ANSWER_BYTES);
}

static int close_stdout(struct cat *t)
{
	/* Some file systems tell only here that there was no room. */
	if (close(STDOUT_FILENO) < 0)
		return give_up(t, "stdout", errno);
	answer(t, DONE, "");
	return 0;
}

int cat_recv(struct cat *t)
{
	struct kipc_msg m[16];
	bool first = true;
	unsigned nr;
	int status;

	answer(t, READY, "");
	for (;;) {
		status = next_messages(t, m, 16, &nr);
		if (status)
			return status;
		if (first && is_ready(&m[0])) {
			complain(t->uri, "the other side receives as well");
			return STATUS_PEER;
		}
		first = false;
		for (unsigned i = 0; i < nr; i++) {
			if (!m[i].len)
				return close_stdout(t);
			status = write_stdout(t, m[i].data, m[i].len);
			if (status)
				return status;
			kipc_release(t->c, 1);
		}
	}
}
