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

/* What the first message says. */
struct hello {
	uint64_t magic;
	uint64_t session;
	uint64_t slot;
};

#define HELLO_MAGIC 0x6f6c6c6568ULL

struct flow {
	uint64_t n;    /* messages, or bytes */
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
	uint8_t *out, *in, *check; /* longest + 1 bytes each */
	bool sending, receiving;
	void (*sending_step)(struct session *s);
	void (*receiving_step)(struct session *s);

	struct hello peer; /* what it has said */
};

/* Content and chance (content.c). */
uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t n);
void content_make(struct flow *f, uint64_t *random, void *data, size_t len);
bool content_take(struct flow *f, const void *data, size_t len);

/* A word that follows from the seed, and content of any length that does. */
uint64_t content_word(uint64_t seed);
void content_fill(void *data, size_t len, uint64_t seed);

/* Open the name of worker i's pair, talk, close (session.c): messages or bytes both ways. */
void messages_run(unsigned i, struct worker *me, uint64_t *random);
void bytes_run(unsigned i, struct worker *me, uint64_t *random);

/* The same for calls, and the ends of a topic and of a queue that all workers share. */
void calls_run(unsigned i, struct worker *me, uint64_t *random);
void topic_run(unsigned i, struct worker *me, uint64_t *random);
void queue_run(unsigned i, struct worker *me, uint64_t *random);

/* The supervisor's end of the queue: it lasts from the first to the second call, which looks for what was lost
 * and gives the number of failures.
 */
bool queue_keep(void);
unsigned queue_settle(void);

/* Parts of a run: open this worker's end of the pair; buffers for the longest message; a record in the table;
 * look at the hello of the peer; close.
 */
void session_open(struct session *s, unsigned i, struct worker *me, uint64_t *random);
void session_room(struct session *s);
struct record *record_new(struct worker *me);
void hello_check(struct session *s);
void session_close(struct session *s);

/* Open a name that everybody uses, for a message or two (stranger.c). */
void stranger_meet(unsigned i, struct worker *me, uint64_t *random);

/* One call or a few of a half, chosen at random (sending.c, receiving.c). They clear s->sending and
 * s->receiving when the direction is over.
 */
void sending_step(struct session *s);
void receiving_step(struct session *s);
void bytes_sending_step(struct session *s);
void bytes_receiving_step(struct session *s);

/* Say what is being called, and what came of it; gives the result. */
void calling(struct session *s, enum half half, const char *call);
int64_t called(struct session *s, enum half half, int64_t result);

/* A timeout for the next wait: none, a short one, or for ever where that must end. */
int64_t patience(struct session *s, enum half half);

/* poll(2) with such a timeout. */
void poll_for(struct session *s, enum half half, int fd);

void pause_for(int64_t ns);

/* Is this a result that only says "not now"? */
bool not_now(int64_t result);

/* Something is wrong: say what, and end this process. */
void broken(const struct session *s, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

#endif /* STRESS_SESSION_H */
