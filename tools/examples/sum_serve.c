// SPDX-License-Identifier: MIT
/*
 * The server of sum: adds the numbers of each request.
 *
 *	./sum_serve auto://sum & ./sum_call auto://sum 1 2 3
 *
 * It serves one client and ends when that one leaves.
 */
#include <errno.h>
#include <kipc.h>
#include <stdio.h>
#include <string.h>

/* 0, or what the client is to be told: a request is whatever the other side wrote. */
static int add_up(const struct kipc_request *q, int64_t *sum)
{
	int64_t number;

	*sum = 0;
	if (q->len % sizeof(number))
		return -EINVAL;
	for (size_t at = 0; at < q->len; at += sizeof(number)) {
		memcpy(&number, (const char *)q->data + at, sizeof(number));
		if (__builtin_add_overflow(*sum, number, sum))
			return -ERANGE;
	}
	return 0;
}

/* Answers a request and waits for the next one. */
static int serve(struct kipc_chan *c, struct kipc_request *q)
{
	int64_t sum;
	int refusal = add_up(q, &sum);

	if (refusal == 0)
		return kipc_reply_next(c, q->id, &sum, sizeof(sum), q, -1);
	refusal = kipc_reply_error(c, q->id, refusal);
	return refusal < 0 && refusal != -ECANCELED ? refusal : kipc_call_next(c, q, -1);
}

int main(int argc, char **argv)
{
	const char *uri = argc > 1 ? argv[1] : "auto://sum";
	struct kipc_request q;
	struct kipc_chan *c;
	int r = kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL);

	if (r < 0) {
		fprintf(stderr, "%s: %s (%s)\n", uri, kipc_strerror(r), kipc_why());
		return 1;
	}
	r = kipc_call_next(c, &q, -1);
	while (r == 0)
		r = serve(c, &q);
	kipc_chan_close(c);
	if (r == -EPIPE) /* the client has left */
		return 0;
	fprintf(stderr, "%s: %s\n", uri, kipc_strerror(r));
	return 1;
}
