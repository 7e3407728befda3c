// SPDX-License-Identifier: MIT
/*
 * The receiving half of hello: prints every message where it lies, up to 32 at a time.
 *
 *	./hello_recv auto://hello & ./hello_send auto://hello
 */
#include <errno.h>
#include <kipc.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : "auto://hello";
	struct kipc_chan *c;
	struct kipc_msg m[32];
	int r = kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL);

	if (r < 0) {
		fprintf(stderr, "%s: %s (%s)\n", uri, kipc_strerror(r), kipc_why());
		return 1;
	}
	while ((r = kipc_peek(c, m, 32, -1)) > 0) {
		for (int i = 0; i < r; i++)
			printf("%.*s\n", (int)m[i].len, (const char *)m[i].data);
		kipc_release(c, (unsigned)r);
	}

	/* -EPIPE is the end: the sender said so, closed or died, and all it committed was delivered.
	 * Only one that is still there hears the answer.
	 */
	if (r == -EPIPE)
		kipc_send(c, "thanks", 6, 0);
	kipc_chan_close(c);
	if (r == -EPIPE)
		return 0;
	fprintf(stderr, "%s: %s\n", uri, kipc_strerror(r));
	return 1;
}
