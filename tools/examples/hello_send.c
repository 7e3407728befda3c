// SPDX-License-Identifier: MIT
/*
 * The sending half of hello: writes ten greetings straight into the channel.
 *
 *	./hello_recv auto://hello & ./hello_send auto://hello
 *
 * Either half may start first: messages wait in the channel for the other side.
 */
#include <kipc.h>
#include <stdio.h>

static int greet(struct kipc_chan *c, int i)
{
	struct kipc_msg m = { .len = 64 };
	int r = kipc_reserve(c, &m, 1, -1);

	if (r < 0)
		return r;
	/* m.data lies in the ring itself, so nothing is copied; a message may end up shorter. */
	m.len = (size_t)snprintf(m.data, m.len, "hello number %d", i);
	return kipc_commit(c, &m, 1);
}

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : "auto://hello";
	struct kipc_chan *c;
	char thanks[16];
	ssize_t r = kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL);

	if (r < 0) {
		fprintf(stderr, "%s: %s (%s)\n", uri, kipc_strerror((int)r), kipc_why());
		return 1;
	}
	for (int i = 1; r >= 0 && i <= 10; i++)
		r = greet(c, i);

	/* A name goes with the first end that closes, and somebody may still be on the way to it: so
	 * say that this was all, and stay for the answer.
	 */
	kipc_shutdown(c, KIPC_OUT);
	if (r >= 0)
		r = kipc_recv(c, thanks, sizeof(thanks), -1);
	kipc_chan_close(c);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", uri, kipc_strerror((int)r));
	return r < 0;
}
