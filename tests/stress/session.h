/* SPDX-License-Identifier: MIT */
/*
 * session.h - one channel, from its opening to its end, as one worker uses it
 *
 * Both directions are hashed as they go: each side takes the length and the content of every message into
 * a running hash, and messages that are long enough carry their number and the hash so far. The first
 * message says who sends, so that the last ones can be compared with the sender's record.
 */
#ifndef STRESS_SESSION_H
#define STRESS_SESSION_H

#include <stddef.h>
#include "table.h"

#define USEC 1000LL
#define MSEC 1000000LL

struct flow {
	uint64_t n;    /* messages */
	uint64_t hash; /* over all of them */
};

struct session {
	struct kipc_chan *chan;
	struct worker *me;
	struct record *record;
	unsigned slot;
	uint64_t budget; /* messages to send */
	size_t longest;
	size_t together; /* that several messages may have which are sent by one call */
	bool threads;    /* both halves at once */
	bool met;        /* the peer has said who it is */

	/* Each used by its half only. */
	uint64_t random[2];
	struct flow sent, received;
	uint8_t *out, *in; /* longest + 1 bytes each */
	bool sending, receiving;

	unsigned peer_slot;
	uint64_t peer_session;
};

/* Content and chance (content.c). */
uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t n);
void content_make(struct flow *f, uint64_t *random, void *data, size_t len);
bool content_take(struct flow *f, const void *data, size_t len);

/* What the first message says. */
struct hello {
	uint64_t magic;
	uint64_t session;
	uint64_t slot;
};

#define HELLO_MAGIC 0x6f6c6c6568ULL

/* Open the name of worker i's pair, talk, close (session.c). */
void session_run(unsigned i, struct worker *me, uint64_t *random);

/* Open a name that everybody uses, for a message or two (stranger.c). */
void stranger_meet(unsigned i, struct worker *me, uint64_t *random);

/* One call or a few of a half, chosen at random (sending.c, receiving.c). They clear s->sending and
 * s->receiving when the direction is over.
 */
void sending_step(struct session *s);
void receiving_step(struct session *s);

/* Say what is being called, and what came of it; gives the result. */
void calling(struct session *s, enum half half, const char *call);
int64_t called(struct session *s, enum half half, int64_t result);

/* A timeout for the next wait: none, a short one, or for ever where that must end. */
int64_t patience(struct session *s, enum half half);

/* poll(2) with such a timeout. */
void poll_for(struct session *s, enum half half, int fd);

/* Is this a result that only says "not now"? */
bool not_now(int64_t result);

/* Something is wrong: say what, and end this process. */
void broken(const struct session *s, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

#endif /* STRESS_SESSION_H */
