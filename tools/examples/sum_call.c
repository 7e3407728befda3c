// SPDX-License-Identifier: MIT
/*
 * The client of sum: has a server add numbers.
 *
 *	./sum_serve auto://sum & ./sum_call auto://sum 1 2 3
 *
 * Either may start first: a request waits in the channel. It has two calls under way at the same time,
 * the sum of all numbers and that of the negative ones, and asks for the second answer first.
 */
#include <inttypes.h>
#include <kipc.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST   100
#define SECOND 1000000000ll

static int64_t begin(struct kipc_chan *c, const int64_t *numbers, size_t n)
{
	return kipc_call_begin(c, numbers, n * sizeof(*numbers), 10 * SECOND);
}

/* The result of a call: the sum, the server's refusal, or why there is no answer. */
static int print(struct kipc_chan *c, const char *what, int64_t id)
{
	int64_t sum;
	ssize_t r = id < 0 ? (ssize_t)id : kipc_call_end(c, id, &sum, sizeof(sum), -1);

	if (r == sizeof(sum)) {
		printf("%s %" PRId64 "\n", what, sum);
		return 0;
	}
	if (kipc_call_remote(r))
		fprintf(stderr, "%s: the server says: %s\n", what, kipc_strerror((int)r));
	else
		fprintf(stderr, "%s: %s\n", what, r < 0 ? kipc_strerror((int)r) : "no number");
	return 1;
}

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : "auto://sum";
	int64_t all[MOST], negative[MOST], id[2];
	size_t n = 0, below = 0;
	struct kipc_chan *c;
	int r = kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL);

	if (r < 0) {
		fprintf(stderr, "%s: %s (%s)\n", uri, kipc_strerror(r), kipc_why());
		return 1;
	}
	for (int i = 2; i < argc && n < MOST; i++) {
		all[n] = strtoll(argv[i], NULL, 10);
		if (all[n++] < 0)
			negative[below++] = all[n - 1];
	}
	id[0] = begin(c, all, n);
	id[1] = begin(c, negative, below);
	r = print(c, "negative", id[1]);
	r |= print(c, "sum", id[0]);
	kipc_chan_close(c);
	return r;
}
