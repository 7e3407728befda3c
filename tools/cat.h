/* SPDX-License-Identifier: MIT */
/*
 * cat.h - the two halves of kipc cat
 *
 * What travels, so that a program of one's own can be the other side:
 *
 *   sender -> receiver    the bytes, in messages of any length, the first one shorter than an answer;
 *                         then one empty message: the end
 *   receiver -> sender    answers, ANSWER_BYTES of text padded with zeros: READY once; then DONE when
 *                         everything was written, or GAVE_UP and the reason when it could not be
 *
 * Without the empty message a stream is not whole, whatever ended it. Lengths tell data from answers,
 * and so two senders, or two receivers, from a sender and a receiver. A sender that opened its end
 * with KIPC_SEND does without the answers; to a receiver with KIPC_RECV, its leaving is the answer.
 */
#ifndef KIPC_CAT_H
#define KIPC_CAT_H

#include "tool.h"

#define ANSWER_BYTES 128
#define READY        "kipc cat: ready"
#define DONE         "kipc cat: done"
#define GAVE_UP      "kipc cat: gave up: "

/* Either side first sleeps this long in the library, which is the quick way, and only then in poll(),
 * where it also sees an answer, or that nobody reads stdout any more.
 */
#define CAT_QUICK_NS 2000000

struct cat {
	const char *uri;
	struct kipc_chan *c;
	struct kipc_opts opts;
	unsigned dir;    /* KIPC_SEND or KIPC_RECV */
	int64_t timeout; /* of one wait for the other side; negative: none */
	size_t chunk;    /* most bytes of a message that is sent */
	bool one_way;    /* sending: the receiver will never answer */
	bool ended;      /* sending: the end mark is on its way */
	bool confirmed;  /* sending: the receiver has written everything */
};

/* The whole stream; 0, or the status to exit with after the error has been told. */
int cat_send(struct cat *t);
int cat_recv(struct cat *t);

/* Is nobody at the other end any more? */
bool cat_peer_gone(struct cat *t);

/* The status for a call on the channel that failed, after saying why. */
int cat_ended(struct cat *t, int err);

/* 0 when a call that was interrupted is to be repeated. */
int cat_interrupted(void);

#endif /* KIPC_CAT_H */
