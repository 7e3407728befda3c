/* SPDX-License-Identifier: MIT */
/*
 * link.h - one end that is used for calls: its tables, and how frames go and come
 *
 * Above it lie the two roles, client.c and server.c, which both use the same end. Deadlines are
 * absolute; 0: do not wait; KIPC__NEVER. One thread at a time.
 */
#ifndef KIPC_CALL_LINK_H
#define KIPC_CALL_LINK_H

#include "../calls.h"
#include "../use.h"
#include "../os/sys.h"
#include "frame.h"

enum kipc__call_state {
	KIPC__CALL_FREE,
	KIPC__CALL_OPEN,   /* no reply yet */
	KIPC__CALL_KEPT,   /* the reply came while another one was awaited */
	KIPC__CALL_DROPPED /* nobody wants it; the place is free when the server has answered */
};

#define KIPC__REPLY_LOST 3 /* in the table only: there was no memory to keep it */

/* A call that this end made. */
struct kipc__call {
	uint64_t id;
	int64_t deadline;
	enum kipc__call_state state;
	int32_t status; /* KEPT: as in its frame */
	void *data;     /* KEPT: the payload, malloc'ed */
	size_t len;
};

/* A call that the peer made, from its request to its answer. */
struct kipc__served {
	uint64_t id; /* 0: free */
	int64_t deadline;
	bool waiting;   /* kept, not handed to the server yet */
	bool cancelled; /* while the server had it */
	int32_t owed;   /* status of an answer without payload that waits for room */
	void *data;     /* waiting: the payload, malloc'ed */
	size_t len;
};

struct kipc__calls {
	int fault; /* -EBADMSG once the peer broke the protocol */
	uint64_t made;
	uint64_t taken;        /* a bit for each place of mine[] */
	uint64_t owed_cancels; /* for calls in mine[] */
	uint64_t owed_answers; /* for calls in theirs[] */
	unsigned kept;         /* replies */
	unsigned first, waiting;
	uint8_t queue[KIPC_CALL_MAX]; /* places of theirs[] in the order of arrival */
	bool pinned;                  /* the server has a request in the channel's memory */
	void *pin;                    /* or here, malloc'ed */
	struct kipc__call mine[KIPC_CALL_MAX];
	struct kipc__served theirs[KIPC_CALL_MAX];
};

/* A checked frame, which still lies in the channel. */
struct kipc__arrival {
	struct kipc__frame frame;
	const void *data;
	size_t len;
};

static inline unsigned kipc__place_of(uint64_t id)
{
	return (unsigned)(id % KIPC_CALL_MAX);
}

/* May this end, in use by this process, do that? Makes it one for calls. */
int kipc__link_enter(struct kipc_chan *c, unsigned dirs);

int64_t kipc__link_deadline(int64_t timeout);
bool kipc__link_expired(int64_t deadline);

/* Reserve, and fill in a frame and its payload; what is in the way meanwhile is kept. After that the
 * request that the server has is given back: the payload may have been a part of it.
 */
int kipc__link_put(struct kipc_chan *c, const struct kipc__frame *f, const void *data, size_t len,
                   struct kipc_msg *m, int64_t deadline);

/* Send what is owed as far as there is room. 0; -EAGAIN; -EPIPE. */
int kipc__link_flush(struct kipc_chan *c);

/* The next frame. 0; -EAGAIN or -ETIMEDOUT; -EINTR, -EPIPE, -EBADMSG. */
int kipc__link_receive(struct kipc_chan *c, struct kipc__arrival *a, int64_t deadline);

/* Send what was put, then receive: in one system call where both sides sleep. *went: the first half was done,
 * whatever became of the second.
 */
int kipc__link_turn(struct kipc_chan *c, const struct kipc_msg *m, struct kipc__arrival *a,
                    int64_t deadline, bool *went);

/* Nobody waits for this frame now: into the tables with it. */
int kipc__link_keep(struct kipc_chan *c, const struct kipc__arrival *a);

/* The request that the server has is given back. */
void kipc__link_unpin(struct kipc_chan *c);

/* The peer's call gets this answer, now or when there is room. */
void kipc__link_owe(struct kipc_chan *c, struct kipc__served *s, int32_t status);

/* A call of mine is over. */
void kipc__link_forget(struct kipc__calls *calls, struct kipc__call *call);

#endif /* KIPC_CALL_LINK_H */
