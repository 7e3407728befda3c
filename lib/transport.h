/* SPDX-License-Identifier: MIT */
/*
 * transport.h - the contract between the front door and what carries a channel
 *
 * A transport is one const table. The front door (chan.c) has checked every argument before it calls
 * a slot: pointers are not NULL, n is 1 .. KIPC_BATCH_MAX, flags are known, this end may use the
 * direction, and the handle is in use by this process (use() has been called in it). A slot calls
 * nothing above itself. Results are as in kipc.h: 0 or a positive count, or a negative errno.
 * Timeouts are relative nanoseconds and become deadlines only when a slot has to wait.
 *
 * Every slot is filled. What a transport cannot do is one of the typed refusals below, shared by all.
 *
 * More seams lie under the ring family (transport/ring_base.h) and under the kinds with many ends
 * (transport/hub_chan.h).
 */
#ifndef KIPC_TRANSPORT_H
#define KIPC_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <kipc.h>

/* Where a channel is to be and how, from URI, options and flags (uri.c). Strings live as long as the
 * call. given: KIPC__GIVEN_* of what the user asked for explicitly.
 */
struct kipc__config {
	const char *name; /* behind "scheme://": "feed", "/run/x.sock"; "" in pair and from_fd */
	unsigned flags;   /* KIPC_PAIR, KIPC_SEND, ... */
	unsigned given;
	uint64_t ring_bytes; /* power of two */
	uint32_t mode;
	uint32_t align;
	bool payload;     /* align the payload, not the record */
	int node;         /* -1: anywhere */
	unsigned wait;    /* KIPC_WAIT_* */
	uint64_t spin_ns; /* KIPC__SPIN_MEASURED: as this machine's wake-up costs */
	int rfo;          /* 1, 0; -1: as this CPU gains by it */
	bool uring;       /* sleeping may use io_uring */

	/* KIPC_PUBSUB */
	bool lossy;       /* a subscriber that the publisher does not wait for */
	bool from_oldest; /* it starts at the oldest message still there */
	int64_t patience; /* ns that a send waits for a slow subscriber; negative: for ever */

	/* KIPC_QUEUE: valid where given */
	uint32_t slots;
	uint32_t slot_bytes;
	uint32_t classes;
	bool drop_held; /* what a dead receiver held is dropped, not delivered again */
};

#define KIPC__GIVEN_SIZE    (1u << 0)
#define KIPC__GIVEN_ALIGN   (1u << 1)
#define KIPC__GIVEN_MODE    (1u << 2)
#define KIPC__GIVEN_NODE    (1u << 3)
#define KIPC__GIVEN_PAYLOAD (1u << 4)
#define KIPC__GIVEN_SLOTS   (1u << 8)
#define KIPC__GIVEN_SLOT    (1u << 9)
#define KIPC__GIVEN_PRIO    (1u << 10)
#define KIPC__GIVEN_HELD    (1u << 11)
#define KIPC__SPIN_MEASURED UINT64_MAX

/* Transports add it to a time. */
static inline bool kipc__spin_ok(uint64_t ns)
{
	return ns <= INT64_MAX || ns == KIPC__SPIN_MEASURED;
}

struct kipc__calls;

/* What every handle starts with. A transport embeds it as its first member. */
struct kipc_chan {
	const struct kipc__transport *ops;
	uint64_t owner; /* fork generation of the process that uses it; 0: fresh, not in use yet */
	unsigned dirs;  /* KIPC_IN | KIPC_OUT: what the verbs for messages can still do */
	unsigned granted; /* what it was opened for */
	unsigned wait;    /* KIPC_WAIT_* */
	unsigned open;    /* KIPC_IN | KIPC_OUT: not shut down; calls: dirs is 0 then */
	uint64_t spin_ns;
	struct kipc_stats stats;
	unsigned kind;             /* KIPC_PAIR, ... */
	struct kipc__calls *calls; /* lib/call, once this end is used for calls */
};

/* Why a transport does not run here. */
struct kipc__verdict {
	int status;     /* 0 or a negative errno */
	unsigned lacks; /* kinds of this transport that do not run here: KIPC_PUBSUB, ... */
	char why[160];  /* of the status, or of what it lacks */
	char cure[160];
};

struct kipc__transport {
	const char *scheme;
	const char *about; /* one line for people */
	uint64_t caps;
	bool automatic; /* auto:// may take it for a name */
	unsigned kinds; /* that it carries beside KIPC_PAIR */

	/* Can this run here? No side effects, no waiting. Fills v. */
	void (*probe)(struct kipc__verdict *v);

	/* The three ways to a new handle, as in kipc.h. On failure nothing is left and kipc__why_set()
	 * has said what was wrong. open() returns handles in use, pair() and from_fd() fresh ones.
	 * from_fd(): -ENOTTY: this descriptor is not of my kind, ask the next; otherwise decided. Takes
	 * the descriptor over only on success.
	 */
	int (*open)(struct kipc_chan **out, const struct kipc__config *cfg);
	int (*pair)(struct kipc_chan *out[2], const struct kipc__config *cfg);
	int (*from_fd)(struct kipc_chan **out, int fd, const struct kipc__config *cfg);

	/* A fresh handle becomes this process's (mapped, owned). Called once, by the front door, which
	 * sets chan.owner when it returns 0. -EBUSY: another process has taken this end.
	 */
	int (*use)(struct kipc_chan *c);

	/* Politely leave and return the descriptor to pass on; frees the handle only on success. */
	int (*handover)(struct kipc_chan *c);

	/* Free everything. in_use: this process owns it: leave, tell the peer. Otherwise (fresh, or
	 * inherited over fork) only drop descriptors and memory: the mappings are not ours.
	 */
	void (*close)(struct kipc_chan *c, bool in_use);

	/* Messages. May block up to timeout, except commit, discard and release, which never do.
	 * Memory of reserve belongs to the caller until commit or discard, that of peek until release.
	 */
	int (*reserve)(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);
	int (*commit)(struct kipc_chan *c, const struct kipc_msg *m, unsigned n);
	int (*discard)(struct kipc_chan *c);
	int (*peek)(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);
	int (*release)(struct kipc_chan *c, unsigned n);
	int (*send)(struct kipc_chan *c, const struct kipc_msg *m, unsigned n, int64_t timeout);
	int (*recv)(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);

	/* Publish the one message that is reserved and peek at the next one that comes: one leg of a
	 * conversation, and one system call for both where the peer sleeps and I am about to. 1: in is
	 * filled. -EPIPE: either half is over; otherwise m is committed, whatever became of the wait. (Of
	 * kipc__turn_apart() that cannot be said, so who has to know makes the two calls himself.)
	 */
	int (*turn)(struct kipc_chan *c, const struct kipc_msg *m, struct kipc_msg *in,
	            int64_t timeout);

	/* Send and recv for a single message, by the shortest way: 0; the length. */
	int (*send_one)(struct kipc_chan *c, const void *data, size_t len, int64_t timeout);
	ssize_t (*recv_one)(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout);

	/* A stream of bytes: how many went or came, 1 at least; len and cap are not 0. A message that
	 * was read in part is what the next verb of the receiving half gets the rest of.
	 */
	ssize_t (*write)(struct kipc_chan *c, const void *buf, size_t len, int64_t timeout);
	ssize_t (*read)(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout);

	int (*wait)(struct kipc_chan *c, unsigned events, int64_t timeout);
	int (*fd)(struct kipc_chan *c, unsigned dir);
	int (*shutdown)(struct kipc_chan *c, unsigned dirs);
	int (*peer)(struct kipc_chan *c, struct kipc_peer *p);

	/* One number: KIPC_OPT_RING_BYTES .. KIPC_OPT_PAGE_BYTES (the front door answers the rest). */
	int (*get)(const struct kipc_chan *c, enum kipc_opt opt, uint64_t *value);

	/* Asked only of KIPC_PUBSUB: the newest message, without waiting; how many were missed. */
	ssize_t (*latest)(struct kipc_chan *c, void *buf, size_t cap, uint64_t *number);
	int (*lost)(const struct kipc_chan *c, uint64_t *n);
};

/* The directions that KIPC_SEND and KIPC_RECV leave; neither: both. */
static inline unsigned kipc__dirs_of(unsigned flags)
{
	unsigned dirs = (flags & KIPC_SEND ? KIPC_OUT : 0) | (flags & KIPC_RECV ? KIPC_IN : 0);

	return dirs ? dirs : KIPC_IN | KIPC_OUT;
}

/* KIPC_OPT_NODE. Others may have written it. */
static inline uint64_t kipc__node_told(int32_t node)
{
	return node < 0 ? 0 : (uint64_t)node + 1;
}

/* send_one and recv_one where there is no shorter way than send and recv (transport.c). */
int kipc__send_as_batch(struct kipc_chan *c, const void *data, size_t len, int64_t timeout);
ssize_t kipc__recv_as_batch(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout);

/* Every flag that names a kind. */
#define KIPC__KINDS (KIPC_PAIR | KIPC_PUBSUB | KIPC_QUEUE)

/* turn where commit and peek have nothing to share (transport.c). */
int kipc__turn_apart(struct kipc_chan *c, const struct kipc_msg *m, struct kipc_msg *in,
                     int64_t timeout);

/* The refusals: -EOPNOTSUPP, one per signature (transport.c). */
int kipc__no_open(struct kipc_chan **out, const struct kipc__config *cfg);
int kipc__no_pair(struct kipc_chan *out[2], const struct kipc__config *cfg);
int kipc__no_from_fd(struct kipc_chan **out, int fd, const struct kipc__config *cfg);
int kipc__no_handover(struct kipc_chan *c);
int kipc__no_fd(struct kipc_chan *c, unsigned dir);
ssize_t kipc__no_write(struct kipc_chan *c, const void *buf, size_t len, int64_t timeout);
ssize_t kipc__no_read(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout);

/* What the current open of this thread has to say (why.c); printf-like; one line, no full stop. */
void kipc__why_clear(void);
void kipc__why_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void kipc__why_add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What is there so far is of interest if the call succeeds. It failed: forget that, unless a reason came. */
void kipc__why_note(void);
void kipc__why_failed(void);

/* The transports, in order of preference, NULL-terminated (select.c). */
extern const struct kipc__transport *const kipc__transports[];
extern const struct kipc__transport kipc__transport_kmod;
extern const struct kipc__transport kipc__transport_shm;
extern const struct kipc__transport kipc__transport_unix;

#endif /* KIPC_TRANSPORT_H */
