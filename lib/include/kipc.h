/* SPDX-License-Identifier: MIT */
/*
 * kipc.h - the whole public interface of libkipc
 *
 * A channel is what two processes share; struct kipc_chan is one process's end of it. The same calls
 * work over every transport: the kernel module, shared memory, sockets. What a transport cannot
 * promise, its capability bits say.
 *
 *	struct kipc_chan *feed;
 *	struct kipc_msg m[32];
 *	int r = kipc_chan_open(&feed, "auto://feed?size=8M", KIPC_PAIR | KIPC_RECV | KIPC_CREATE, NULL);
 *
 *	if (r < 0)
 *		errx(1, "feed: %s (%s)", kipc_strerror(r), kipc_why());
 *	while ((r = kipc_peek(feed, m, 32, -1)) > 0) {
 *		for (int i = 0; i < r; i++)
 *			handle(m[i].data, m[i].len);
 *		kipc_release(feed, r);
 *	}
 *
 * RESULTS. Every call that can fail returns a negative errno on failure and 0 or a positive count
 * otherwise; objects come back through an out-parameter. errno itself is left unspecified.
 *
 *	-EINVAL      malformed argument: unknown flag, NULL, bad option
 *	-EAGAIN      would block, and the timeout was 0
 *	-ETIMEDOUT   the timeout passed
 *	-EINTR       a signal handler ran while the call slept; always, if it was installed without
 *	             SA_RESTART; with it, which is what signal() does, the call may go on sleeping
 *	-EPIPE       the peer shut down, closed or died; receiving: after all it committed was delivered
 *	-EOVERFLOW   messages were missed; the next call goes on behind them (KIPC_PUBSUB)
 *	-EBADMSG     the peer broke the protocol; this channel is over
 *	-EMSGSIZE    longer than KIPC_OPT_MAX_MSG (sending), longer than the buffer (receiving: the
 *	             message stays and can be received with a larger one)
 *	-ESTALE      the handle was in use before fork() and belongs to the other process
 *	-EACCES      no permission; this end was opened for the other direction
 *	-EOPNOTSUPP  this transport cannot do that; see kipc_chan_caps()
 *	-ENOENT -EEXIST -EBUSY -ENOSPC -ENOMEM -EMFILE   as each call says
 *
 * TIMEOUTS are relative nanoseconds: 0: do not wait, negative: wait for ever.
 *
 * THREADS. An end may be used by one thread at a time, except that its sending and its receiving
 * half are independent of each other. Different ends may be used freely. "Async-signal-safe" is said
 * where it holds.
 *
 * FORK. An end that has not been used yet ("fresh": from kipc_chan_pair() or kipc_chan_from_fd())
 * belongs to whichever process uses it first; after fork() each process closes the end it does not
 * want. An end in use stays with its process: in a child every call on it is -ESTALE, but for
 * kipc_chan_caps() and kipc_chan_transport(), and kipc_chan_close() there frees the handle and does not
 * disturb the owner.
 */
#ifndef KIPC_H
#define KIPC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KIPC_VERSION_MAJOR 0
#define KIPC_VERSION_MINOR 1

#if defined(__GNUC__)
#define KIPC_API __attribute__((visibility("default")))
#else
#define KIPC_API
#endif

struct kipc_chan;

/* ---- opening ---------------------------------------------------------------------------- */

/* Flags of kipc_chan_open(), _pair() and _from_fd(). Exactly one kind; SEND and RECV restrict this
 * end (neither: both) and shut the other direction down from the start, so that the peer is told.
 */
#define KIPC_PAIR   (1u << 0)  /* kind: two ends, each message goes to the other one */
#define KIPC_PUBSUB (1u << 1)  /* kind: one end publishes, each of the others gets every message */
#define KIPC_QUEUE  (1u << 2)  /* kind: many ends, each message goes to one that receives */
#define KIPC_SEND   (1u << 8)  /* this end sends */
#define KIPC_RECV   (1u << 9)  /* this end receives */
#define KIPC_CREATE (1u << 16) /* create the name if it does not exist */
#define KIPC_EXCL   (1u << 17) /* with KIPC_CREATE: -EEXIST if it does */

/* Options beside the URI; an option in the URI wins. size is sizeof(struct kipc_opts), so that the
 * struct may grow; zero means "default" throughout. An unknown non-zero tail is -E2BIG.
 */
struct kipc_opts {
	size_t size;
	uint64_t ring_bytes;  /* per direction; rounded up to a power of two; default 256 KiB */
	uint32_t mode;        /* permission bits of a name that is created; default 0600 */
	uint32_t align;       /* of messages in the ring: power of two, 8 .. 4096; default 8 */
	uint32_t wait;        /* KIPC_WAIT_*; default KIPC_WAIT_ADAPTIVE */
	uint32_t node_plus_1; /* NUMA node + 1 of the memory that this end creates; 0: anywhere */
	uint64_t spin_ns; /* upper bound of an adaptive spin; default: measured on this machine */
};

#define KIPC_WAIT_ADAPTIVE 1 /* spin as long as sleeping would cost, then sleep */
#define KIPC_WAIT_SPIN     2 /* never sleep */
#define KIPC_WAIT_BLOCK    3 /* sleep at once */

/*
 * Open one end of the channel that the URI names.
 *
 *	auto://NAME  kmod://NAME  shm://NAME  unix:///path
 *	?size=8M   ring bytes per direction (K, M, G)	?mode=0660   of a name that is created
 *	?align=64  of messages in the ring		?payload=1   with align: align payload, not record
 *	?node=0    NUMA node, or "local"		?wait=spin|block|adaptive
 *	?spin=20000  ns					?rfo=0|1     pairs over plain shared memory, queues: this end
 *	options of a kind: see that kind		takes the cache lines that it has read, so that
 *							the peer gets them back faster; default: where
 *							the CPU is known to gain by it (Zen to Zen 4)
 *							and the ring fits its second-level cache
 *	?uring=0|1   plain shared memory: a side that sleeps often, or long, has io_uring tell it of the
 *		others' end; default 1. Where that is forbidden, or with 0, it wakes every 50 ms to look.
 *		A thread that has slept on a pair may at that end get EINTR from epoll_wait() and the like.
 *		Who publishes to more than eight subscribers that poll has a kernel thread of its process
 *		("iou-wrk") wake them. If its thread is bound to one CPU, all workers that the kernel has for
 *		io_urings of that thread, the program's own too, are bound to others. To unshare(2) a user
 *		namespace the process then has several threads. With 0 it wakes each itself.
 *
 * auto takes the best transport that runs here (kipc_why() says why others did not); the environment
 * variable KIPC_TRANSPORT=SCHEME overrides the choice of auto.
 * A name is for meeting: it exists from the creator's open until the first of the two ends closes or
 * dies. Whoever comes second gets the other end, and must agree on the geometry it asks for.
 * Does not wait for the peer: messages may be sent before it is there, up to the ring.
 *
 * *out: the new end; the caller closes it. May block for a bounded time. Any thread.
 * -EINVAL: URI or option malformed (kipc_why() names it); -E2BIG: see struct kipc_opts; -ENOENT: no such
 * name and no KIPC_CREATE; -EEXIST: KIPC_EXCL; or the name has another geometry than the one asked for
 * explicitly (over kmod it is compared in size and alignment, not in payload=); -EBUSY: both ends are taken,
 * or somebody is opening it and does not finish; -EACCES: no permission; -ENODEV: the transport does not run
 * here; -EOPNOTSUPP: it does not carry this kind; -EPROTONOSUPPORT: unknown scheme; -ENAMETOOLONG; -EBADMSG:
 * the name is no kipc channel; -EPROTO: it is one of another version; -ENOSPC: limit or no room; -EFBIG:
 * shm, more than RLIMIT_FSIZE; -ENOMEM; -EMFILE.
 */
KIPC_API int kipc_chan_open(struct kipc_chan **out, const char *uri, unsigned flags,
                            const struct kipc_opts *opts);

/*
 * Both ends of an anonymous channel, as pipe(2) or socketpair(2) give them: "shm://", "kmod://?size=1M"
 * ... A name in the URI is -EINVAL. KIPC_SEND: out[0] only sends and out[1] only receives;
 * KIPC_RECV: the reverse. Errors as kipc_chan_open().
 *
 * Over shm the pages of these rings come when they are first used, as those of malloc() do. A process
 * that wants them all at once, and no page fault later, locks its memory: mlockall(MCL_FUTURE). Where
 * memory is accounted strictly (vm.overcommit_memory=2), or node= is asked for, all is reserved here.
 */
KIPC_API int kipc_chan_pair(struct kipc_chan *out[2], const char *uri, unsigned flags,
                            const struct kipc_opts *opts);

/*
 * An end from a descriptor that kipc_chan_handover() gave, received by SCM_RIGHTS or over exec().
 * On success the descriptor belongs to the channel; on failure it stays the caller's, and the end in it.
 * -EBADMSG: not such a descriptor (or a memfd without its seals); -EPROTO: another version's; -EMFILE,
 * -ENOMEM. Who the end belongs to shows when it is first used: -EBUSY: another process has it; -EPIPE: it
 * is over.
 */
KIPC_API int kipc_chan_from_fd(struct kipc_chan **out, int fd, unsigned flags,
                               const struct kipc_opts *opts);

/*
 * Give this end away: returns a close-on-exec descriptor for kipc_chan_from_fd() in another process,
 * and frees the handle. What was committed stays; what was peeked and not released is delivered
 * again; a pending reservation is dropped. On failure the handle is unchanged.
 * -EOPNOTSUPP: without KIPC_CAP_HANDOVER; -EBUSY: a message was read in part by kipc_read(): take the
 * rest of it first; or a call of either side is not settled; over unix also: nobody has come to the other
 * end yet, or a message that was too long for its buffer is still to be received. -EMFILE; -ENOMEM.
 */
KIPC_API int kipc_chan_handover(struct kipc_chan *c);

/*
 * Close this end and free the handle. The peer receives what was committed, then -EPIPE. NULL is
 * allowed. It does not wait for the peer, but up to 100 ms for whoever is opening or leaving the name.
 */
KIPC_API void kipc_chan_close(struct kipc_chan *c);

/*
 * End directions politely: KIPC_OUT: the peer gets -EPIPE after the last message; KIPC_IN: its sends
 * get -EPIPE. The handle stays. Of a pair that is in use any thread may do it, and a call of another one
 * that waits in such a direction ends with -EPIPE (over unix once the peer has come). 0, also where it is over already; -EACCES.
 */
KIPC_API int kipc_shutdown(struct kipc_chan *c, unsigned dirs);

/* ---- messages --------------------------------------------------------------------------- */

/* One message. Where memory is in place (KIPC_CAP_ZEROCOPY) data points into the shared ring. */
struct kipc_msg {
	void *data;
	size_t len;
	uint32_t flags;    /* of a queue's: KIPC_PRIO(), KIPC_MSG_AGAIN; else zero */
	uint32_t reserved; /* zero */
};

/* The most messages that one reserve or peek handles; a larger n is treated as this. */
#define KIPC_BATCH_MAX 64

/*
 * Reserve room for n messages of m[i].len bytes each and set m[i].data. All or none. Nothing is
 * visible to the peer before kipc_commit(). data is aligned to 8 (or as ?payload=1 asks) and valid
 * until commit or discard; one reservation at a time (-EBUSY). Returns n.
 * Blocks for room up to timeout; where both ends run on one CPU perhaps for 10 ms after there is enough,
 * to sleep less often (kipc_send() and the others, too). -EMSGSIZE: one is longer than KIPC_OPT_MAX_MSG, or all together do
 * not fit the ring.
 */
KIPC_API int kipc_reserve(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);

/*
 * Publish the first n reserved messages in order and drop the rest. m is what reserve filled; m[i].len
 * may have become smaller. Returns n; over unix perhaps fewer, where the kernel had no memory for the next
 * one or the peer left: the rest is dropped. Does not block over rings; async-signal-safe as kipc_send().
 * -EINVAL: nothing reserved, or m is not what was reserved. -EPIPE: the peer is gone; the messages
 * went nowhere. -ENOMEM: unix, the same.
 */
KIPC_API int kipc_commit(struct kipc_chan *c, const struct kipc_msg *m, unsigned n);

/* Drop the reservation. 0, also when there is none; -EPIPE, -EACCES, -EBUSY as the calls that send.
 * Async-signal-safe as kipc_send().
 */
KIPC_API int kipc_discard(struct kipc_chan *c);

/*
 * Look at up to n messages in place, from the oldest that was not released. Blocks until there is at
 * least one. The memory is valid until kipc_release(); a repeated peek without release starts at the
 * same message. With an untrusted peer its content may change while it is read: copy first, then
 * check, or use kipc_recv(). Returns the number of messages.
 */
KIPC_API int kipc_peek(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);

/* Give the first n peeked messages back. Returns n. -EINVAL: more than were peeked. Never blocks. What was
 * peeked is so until the next call that receives: do not release behind kipc_recv(), kipc_recv_n() or
 * kipc_read().
 */
KIPC_API int kipc_release(struct kipc_chan *c, unsigned n);

/*
 * Copy one message in. 0: it is committed. Never a part of one.
 * A signal handler may call this, kipc_commit() and kipc_discard() over the rings of a pair
 * (KIPC_CAP_ZEROCOPY): with a timeout of 0, on an end that is in use already, whose sending half was not
 * interrupted in a call, and of which nobody asked kipc_chan_fd(c, KIPC_OUT). It saves errno itself. Over a
 * queue or a pubsub only kipc_commit() and kipc_discard() may be called so, for who finds no room there looks
 * who has died.
 * Over unix also -EMFILE: no descriptor for the peer that has come; -ENOMEM: the kernel has no memory for it.
 */
KIPC_API int kipc_send(struct kipc_chan *c, const void *data, size_t len, int64_t timeout);

/* Copy one message out. Returns its length. -EMSGSIZE: cap is too small; the message stays. After any
 * failure what buf holds is undefined: a long message is copied while it comes. Over unix -EMFILE, -ENOMEM.
 */
KIPC_API ssize_t kipc_recv(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout);

/*
 * Copy up to n messages in (m[i].data, m[i].len). Blocks until at least one went; returns how many
 * did, in order. They need not appear all at once: of long ones the first are seen while the others are
 * still copied. An error is reported only when none went; -EINVAL, for one of them without data, before any.
 */
KIPC_API int kipc_send_n(struct kipc_chan *c, const struct kipc_msg *m, unsigned n,
                         int64_t timeout);

/*
 * Copy up to n messages out into m[i].data; m[i].len is the buffer's size before and the message's
 * length after. Blocks until there is at least one; returns how many. Of long ones the room of the first is
 * given back while the others are still copied. -EMSGSIZE only for the first;
 * a later one that does not fit ends the batch. Errors as kipc_recv().
 */
KIPC_API int kipc_recv_n(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout);

/* ---- a stream of bytes: a pipe over the same channel, beside messages or instead --------- */

/* Copy len bytes in, as messages of whatever length suits. Blocks until all have gone; returns how many:
 * fewer only where the timeout passed, a signal handler ran or the peer left on the way, and an error
 * only when none went. Timeout 0: what there is room for, in pieces of up to a quarter of
 * KIPC_OPT_MAX_MSG. -EAGAIN, -ETIMEDOUT, -EINTR, -EPIPE, -EBADMSG; -EBUSY: something is reserved;
 * -EOPNOTSUPP: no KIPC_PAIR.
 */
KIPC_API ssize_t kipc_write(struct kipc_chan *c, const void *buf, size_t len, int64_t timeout);

/* Copy up to cap bytes out across the borders of messages, as many as are there; blocks until one is.
 * Empty messages are skipped; 0 only for cap 0: at the end, where a pipe gives 0, this gives -EPIPE.
 * The rest of a message read in part is, as a message, what kipc_recv(), kipc_recv_n() or kipc_peek()
 * would get next; what had been peeked and not released is peeked no longer. -EAGAIN, -ETIMEDOUT,
 * -EINTR, -EPIPE, -EBADMSG; -EOPNOTSUPP: no KIPC_PAIR.
 */
KIPC_API ssize_t kipc_read(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout);

/* ---- many senders, many receivers (KIPC_QUEUE) ------------------------------------------ */

/*
 * A channel of this kind has a name and up to 64 ends. Each may send (KIPC_SEND), receive (KIPC_RECV) or
 * both, comes and goes as it likes, and each message goes to exactly one end that receives. The queue
 * lasts until the last end has closed or died; what nobody received by then is gone with it.
 *
 *	?slots=256      messages of each priority that it holds; rounded up to a power of two
 *	?slot=248       bytes that a message may have (KIPC_OPT_MAX_MSG); rounded up so that a slot, 8
 *	                bytes more, fills cache lines
 *	?prio=1         priorities, 1 to 32
 *	?held=redeliver what becomes of a message whose receiver died before it released it: it is
 *	                delivered again; held=drop: it is dropped
 *
 * Who creates the queue decides; who joins it gets -EEXIST if he asks for something else. size=, align=
 * and payload= are of rings and are refused.
 *
 * Order. Messages of a higher priority are received first; within one it is the order of kipc_send() and
 * kipc_reserve(), whoever called them. So a message that is reserved and not committed holds up those
 * behind it of its own priority, until it is committed, discarded, or its sender dies. A message that
 * is peeked and not released holds up nobody. It keeps its slot; a slot that was given up by
 * kipc_discard() is free again when what stood before it has been received.
 *
 * Room is counted for each priority by itself. kipc_wait() and kipc_chan_fd() for KIPC_OUT speak of the
 * message that last did not fit, or of priority 0; those for KIPC_IN of any. Another end may be
 * faster, so the verb may still have to wait. No slot is kept for who reserves several messages at once: as long
 * as others take each slot that becomes free, it waits.
 *
 * Nobody is missing. A queue without receivers is filled, one without senders is empty: an end that
 * comes later goes on. No call gets -EPIPE, but for what this end has shut down itself.
 *
 * Death. An end that dies, at any instruction, costs no other one a message and no slot, and stops nobody
 * for more than 100 ms. What it had committed stays. What it had reserved is dropped and counted
 * (KIPC_OPT_ABANDONED). What it had peeked comes again, marked with KIPC_MSG_AGAIN, at its old place in
 * the order if that is still to come (KIPC_OPT_REDELIVERED), or is dropped (KIPC_OPT_DROPPED): by held=. An
 * end that closes or shuts down while it holds messages leaves them in the same way. Where receivers always find
 * something and so never wait, what a dead one held comes again once one of them has received 64 more.
 *
 * An end that is stopped (SIGSTOP, a debugger, a frozen cgroup) lives. What it has reserved holds up those behind
 * it, and a message that it alone was woken for, and did not take yet, may wait with it although others sleep: until it
 * goes on or dies, or anything else happens to the queue.
 *
 * All of it can be written by every end: one that writes nonsense there can make others lose messages or
 * end with -EBADMSG; it cannot make them read or write outside. kipc_chan_peer() tells whether anybody
 * else has the queue open. kipc_chan_pair(), kipc_chan_from_fd() and kipc_chan_handover() are -EOPNOTSUPP.
 * kmod and shm carry this kind.
 */

/* In kipc_msg.flags. The priority of a message: 0 (what kipc_send() takes) to one less than the queue
 * has; -EINVAL beyond that (KIPC_PRIO() takes p modulo 32, so check what may be larger). kipc_recv_n() and kipc_peek() tell it, too, and that a message was delivered
 * before, to an end that did not release it.
 */
#define KIPC_PRIO(p)        ((uint32_t)(p)&31u)
#define KIPC_PRIO_OF(flags) ((flags)&31u)
#define KIPC_MSG_AGAIN      (1u << 8)

/* ---- one publisher, many subscribers (KIPC_PUBSUB) -------------------------------------- */

/*
 * A channel of this kind has a name, one end that publishes (KIPC_SEND; a second one is refused with
 * -EBUSY) and up to 64 that subscribe (KIPC_RECV), each of which gets every message. They may come and
 * go at any time and in any order; the name lasts until the last of them has closed or died.
 *
 *	publisher   ?patience=NS   how long it waits for a slow reliable subscriber before it cuts that
 *	                           one off; 0: not at all; default: as long as its timeout says
 *	subscriber  ?loss=1        lossy: the publisher never waits for it; default: reliable, it does
 *	            ?join=oldest   start at the oldest message still there; default newest: behind all
 *	                           that is there
 *
 * Publishing: kipc_send(), kipc_send_n(), kipc_reserve(), kipc_commit() as over a pair. It blocks only
 * for reliable subscribers; without any it never does, and never fails because nobody listens. A
 * message is at most a quarter of the ring (KIPC_OPT_MAX_MSG), a batch half of it.
 * Patience begins with the call that finds no room, and goes on from call to call, also if they do not block,
 * until something is sent. A timeout that passes first: -ETIMEDOUT, and nobody is cut off yet. When it is over
 * there is room as far as kipc_wait() is concerned, for the next send cuts off who is in the way. A descriptor
 * for KIPC_OUT tells within 50 ms over shm, and not over kmod: who polls there sends again by a timer.
 *
 * Receiving: kipc_recv(), kipc_recv_n(), kipc_peek(). A subscriber that was overtaken, because it is
 * lossy or was cut off, gets -EOVERFLOW once and then goes on with the oldest message that is left;
 * kipc_lost() has by then risen by exactly the number of messages in the gap. A reliable one is waited
 * for again from there on. No call ever gives a message whole that was not. (A reliable one that joins at
 * the oldest is waited for from the message on that it joined at.) With kipc_peek() the memory may be
 * overwritten while it is looked at: kipc_release() then says -EOVERFLOW, and nothing that was read
 * there since the peek may be used; messages of it that are still whole come again.
 *
 * When the publisher closes, shuts down or dies, subscribers get what was committed and then -EPIPE.
 * Another one may publish then: it goes on behind, message numbers too, and subscribers that call again
 * get its messages. A subscriber's death frees the publisher within 100 ms.
 *
 * Who may do what, over kmod: in mode= r lets subscribe and w publish. Over shm every end takes both, for
 * the memory is one file that each of them writes.
 *
 * kipc_chan_peer() tells a subscriber about the publisher, and the publisher whether there is any
 * subscriber. kipc_chan_pair(), kipc_chan_from_fd() and kipc_chan_handover() are -EOPNOTSUPP. kmod
 * and shm carry this kind.
 */

/*
 * Copy the newest message out, without taking it: kipc_recv() is not affected. Returns its length; its
 * number, counted from 1 for the first message of the channel, in *number (may be NULL): the same number
 * is the same message. Never blocks, never gives parts of two messages, and never an older one than this
 * end has received.
 *
 * A bounded number of steps, whatever the publisher does: a reliable subscriber has it after three
 * attempts at most; after 8, each of which a lossy one lost because the publisher wrote three sixteenths
 * of the ring or more during one copy, the result is -EAGAIN: call again, or make the ring larger, if
 * that happens at all. -EAGAIN also where nothing has been published. -EMSGSIZE: it is longer than cap.
 * -EOPNOTSUPP: not KIPC_PUBSUB.
 */
KIPC_API ssize_t kipc_latest(struct kipc_chan *c, void *buf, size_t cap, uint64_t *number);

/* How many messages this subscriber has missed since it was opened. 0. Never blocks. -EOPNOTSUPP: not
 * KIPC_PUBSUB.
 */
KIPC_API int kipc_lost(struct kipc_chan *c, uint64_t *n);

/* ---- waiting ---------------------------------------------------------------------------- */

#define KIPC_IN  (1u << 0) /* peek will not block */
#define KIPC_OUT (1u << 1) /* the reserve or send that last did not fit will not block */
#define KIPC_HUP \
	(1u << 2) /* of a direction asked for: it is over (gone peer, shutdown); never asked for */

/*
 * Wait for any of events (KIPC_IN, KIPC_OUT or both). Returns those that are true, at least one, and
 * KIPC_HUP beside them where a direction asked for is over or will be. Beside KIPC_IN messages may be left:
 * receive until -EPIPE. Beside KIPC_OUT nobody takes what is sent; over unix this is told only when the
 * peer is gone altogether: one that listens no more, and lives, is found by sending.
 * Both together are waited for through their poll descriptors (kipc_chan_fd()): -EMFILE; and asleep, also
 * with wait=spin. -EAGAIN, -ETIMEDOUT: none is true; -EINTR; -EPIPE: a direction asked for was shut down
 * here before; -EACCES; -EBADMSG; -EINVAL: neither was asked for.
 */
KIPC_API int kipc_wait(struct kipc_chan *c, unsigned events, int64_t timeout);

/*
 * A descriptor for poll, epoll, io_uring: it is readable (POLLIN) when the call in direction dir
 * (exactly one of KIPC_IN, KIPC_OUT) will not block: a message, room, or a peer that is gone. Level
 * triggered: after readiness call the verb until -EAGAIN, or at least once. May be spuriously readable.
 * It belongs to the channel: do not read or close it. The same one is returned each time.
 * -EOPNOTSUPP: without KIPC_CAP_POLL_FD; -EMFILE, -ENOMEM: it, or what would tell it of the peer's end, cannot
 * be made; -EPIPE: dir was shut down here; -EACCES; -EBADMSG: the calls of this end are over.
 */
KIPC_API int kipc_chan_fd(struct kipc_chan *c, unsigned dir);

/* ---- calls ------------------------------------------------------------------------------ */

/*
 * Requests and replies over a pair. Either end may call, serve or do both.
 *
 *	n = kipc_call(c, "2+2", 3, answer, sizeof(answer), SECOND);            the caller
 *
 *	struct kipc_request q;                                                 the server
 *
 *	r = kipc_call_next(c, &q, -1);
 *	while (r == 0) {
 *		n = work(q.data, q.len, answer);
 *		r = kipc_reply_next(c, q.id, answer, n, &q, -1);
 *	}
 *
 * The first call of this section makes an end one for calls: the verbs for messages (kipc_send(),
 * kipc_peek(), ...) are -EBUSY on it from then on, and a pending reservation is dropped. Both ends must
 * be used for calls: a message that is none ends the channel with -EBADMSG. Only a pair can:
 * -EOPNOTSUPP for other kinds.
 *
 * BOUNDS. A request or a reply has up to KIPC_OPT_MAX_MSG less KIPC_CALL_BYTES bytes. Up to
 * KIPC_CALL_MAX calls of an end may be unanswered; one that was cancelled or expired counts until the
 * server has noticed. What arrives while something else is awaited, replies to other calls and requests
 * of the peer, is kept in memory, at most KIPC_CALL_MAX of each. Where there is no memory to keep it, a
 * reply becomes -ENOMEM for its caller, and so does a request.
 *
 * DEADLINES travel with a request as an absolute time of CLOCK_MONOTONIC (of which both ends need the
 * same: mind time namespaces). An expired request is not handed to the server; the library answers it.
 *
 * RESULTS of a call, beside those of this header's beginning: -ETIMEDOUT: its deadline passed;
 * -EPIPE: the server is gone (the request may have been executed); -EBADMSG: the peer sent what is no
 * call: all calls of this end are over and both directions are shut down. What the server said by
 * kipc_reply_error(c, id, err) is err - KIPC_CALL_REMOTE, so that its -EPIPE differs from the
 * library's; kipc_call_remote() gives err back.
 *
 * THREADS. Calling and serving use both halves: an end for calls belongs to one thread at a time.
 *
 * WAITING FOR BOTH. An end that calls and serves begins its calls, then waits with kipc_wait(c,
 * KIPC_IN, ...), which knows of what is kept (-EBADMSG: the calls are over), and asks kipc_call_next() and kipc_call_end() with a
 * timeout of 0. Whoever uses kipc_chan_fd() asks both until -EAGAIN after each other before it sleeps.
 */
#define KIPC_CALL_MAX    64   /* calls in flight, of each end */
#define KIPC_CALL_BYTES  24   /* what a call adds to its payload */
#define KIPC_CALL_REMOTE 4096 /* less than any errno of the library */

/* Of a result of kipc_call() or kipc_call_end(): the negative errno that the server gave; 0: it does not
 * come from the server. Any thread, async-signal-safe.
 */
KIPC_API int kipc_call_remote(ssize_t r);

/*
 * Call and wait for the reply, which is copied to buf. Returns its length. timeout is the deadline of
 * the call: room for the request, the server's work and the reply. Where both sides sleep for each
 * other, over the module this is one system call. req and buf stay the caller's, and may overlap.
 * Results as above; 0 as timeout is -EAGAIN. -EINTR: cancelled (the server may have executed it, as
 * after -ETIMEDOUT). -EMSGSIZE: the request is too long; or cap is too small for the reply, which is
 * lost: use begin and end where that may be. -EBUSY: KIPC_CALL_MAX calls are in flight; -ENOMEM.
 */
KIPC_API ssize_t kipc_call(struct kipc_chan *c, const void *req, size_t len, void *buf, size_t cap,
                           int64_t timeout);

/*
 * Send a request and return its id, > 0. timeout > 0 is the deadline of the call; it blocks as long for
 * room at most. Negative: no deadline. 0: no deadline either, and -EAGAIN where there is no room now.
 * Errors as kipc_call(); after an error there is no call.
 */
KIPC_API int64_t kipc_call_begin(struct kipc_chan *c, const void *req, size_t len, int64_t timeout);

/*
 * Wait for the reply to one of the calls, in any order; returns its length, and the call is over. Any
 * other result of the call ends it too, except:
 * -EAGAIN: no reply within timeout (or at once, 0); -EINTR: a signal; -EMSGSIZE: the reply stays, ask
 * with a larger buffer. -EINVAL: id is not that of a call in flight.
 */
KIPC_API ssize_t kipc_call_end(struct kipc_chan *c, int64_t id, void *buf, size_t cap,
                               int64_t timeout);

/*
 * Nobody waits for this call any more: 0, and the id is void. The server is told, at once or with the
 * next call that finds room; a reply that comes all the same is dropped. -EINVAL: no such call. Never
 * blocks.
 */
KIPC_API int kipc_call_cancel(struct kipc_chan *c, int64_t id);

/* A request as the server gets it. */
struct kipc_request {
	int64_t id;
	const void *data; /* in the channel where memory is in place; aligned to 8 */
	size_t len;
	int64_t left; /* ns until its deadline, when it was handed over; negative: it has none */
};

/*
 * The next request: 0 and *r. r->data is valid until the next call of this section on this end
 * (kipc_call_cancelled() apart), and may be given to that call as its payload. With an untrusted peer it
 * may change while it is read: copy first, then check. Several requests may be open at a time and be
 * answered in any order. Each needs an answer.
 * Blocks up to timeout. -EPIPE: the peer is gone, all that it sent before has been handed over.
 */
KIPC_API int kipc_call_next(struct kipc_chan *c, struct kipc_request *r, int64_t timeout);

/*
 * Answer: 0, it is on its way. Blocks for room up to timeout. -ECANCELED: the caller had cancelled it,
 * and nothing was sent; -EINVAL: id is not that of an open request; -EMSGSIZE, -EAGAIN, -ETIMEDOUT,
 * -EINTR, -ENOMEM: not answered yet. Then r->data is void, as after any call of this section: whoever answers
 * from it and may have to try again needs a copy. A reply to a call that has expired is dropped by its
 * caller.
 */
KIPC_API int kipc_reply(struct kipc_chan *c, int64_t id, const void *data, size_t len,
                        int64_t timeout);

/*
 * Answer with a negative errno, -1 .. -4095, instead (RESULTS). Never blocks: where there is no room it
 * goes out with the next call of this section on this end. 0; -ECANCELED; -EINVAL.
 */
KIPC_API int kipc_reply_error(struct kipc_chan *c, int64_t id, int err);

/*
 * kipc_reply(), then kipc_call_next(): the server's half of a call in one system call where both sides
 * sleep. timeout is for both together. On failure r->id tells: id: it is not answered yet; 0: it is,
 * and no next request came. A reply to a cancelled call is dropped without a word.
 */
KIPC_API int kipc_reply_next(struct kipc_chan *c, int64_t id, const void *data, size_t len,
                             struct kipc_request *r, int64_t timeout);

/*
 * For a server that works long: 1: nobody waits for this reply any more (cancelled, expired, the caller
 * is gone); 0: go on. It looks at the next KIPC_BATCH_MAX messages and may make a system call; it
 * does not block. An answer is due all the same. -EINVAL: id is not that of an open request.
 */
KIPC_API int kipc_call_cancelled(struct kipc_chan *c, int64_t id);

/* ---- knowing ---------------------------------------------------------------------------- */

/* What a transport promises. Tested for each of them. */
#define KIPC_CAP_ZEROCOPY    (1ull << 0) /* reserve and peek are in place */
#define KIPC_CAP_MSG_BORDERS (1ull << 1) /* a message arrives whole or not at all */
#define KIPC_CAP_ORDERED     (1ull << 2)
#define KIPC_CAP_RELIABLE    (1ull << 3) /* what was committed arrives while the receiver lives */
#define KIPC_CAP_POLL_FD     (1ull << 4) /* kipc_chan_fd() */
#define KIPC_CAP_DEATH_NOTICE \
	(1ull << 5) /* a killed peer is noticed within 100 ms, asleep or not */
#define KIPC_CAP_HOSTILE_SAFE (1ull << 6)  /* a hostile peer spoils only what it may write */
#define KIPC_CAP_PEER_CRED    (1ull << 7)  /* kipc_chan_peer() is attested by the kernel */
#define KIPC_CAP_HANDOVER     (1ull << 8)  /* kipc_chan_handover(), kipc_chan_from_fd() */
#define KIPC_CAP_NAMED        (1ull << 9)  /* kipc_chan_open() by name */
#define KIPC_CAP_NUMA         (1ull << 10) /* node= is honoured */

/* The capability bits of this channel. Any thread, async-signal-safe. */
KIPC_API uint64_t kipc_chan_caps(const struct kipc_chan *c);

/* The scheme of the transport that carries it: "kmod", "shm", "unix". Static storage. */
KIPC_API const char *kipc_chan_transport(const struct kipc_chan *c);

/* The other end. Fields that the transport cannot tell are -1. */
struct kipc_peer {
	size_t size; /* in: sizeof(struct kipc_peer) */
	int state;   /* KIPC_PEER_* */
	pid_t pid;   /* in this process's namespace; 0: not visible */
	uid_t uid;
	gid_t gid;
};

#define KIPC_PEER_ABSENT 0 /* nobody yet */
#define KIPC_PEER_ALIVE  1
#define KIPC_PEER_GONE   2

/* 0. -EINVAL: size unknown. What a socket attests is who connected or listened; of kipc_chan_pair() over
 * unix, who called that: after fork() the one who has the other end is told as its parent.
 */
KIPC_API int kipc_chan_peer(struct kipc_chan *c, struct kipc_peer *p);

/* Counters of this end since it was opened. Kept by its own half, so a snapshot, not a fence. */
struct kipc_stats {
	size_t size; /* in: sizeof(struct kipc_stats) */
	uint64_t sent_msgs, sent_bytes;
	uint64_t recv_msgs, recv_bytes;
	uint64_t spins;  /* waits that ended while spinning */
	uint64_t sleeps; /* waits that slept */
	uint64_t wakes;  /* system calls made to wake the peer */
};

KIPC_API int kipc_chan_stats(const struct kipc_chan *c, struct kipc_stats *s);

/* One number about the channel, read or set. */
enum kipc_opt {
	KIPC_OPT_RING_BYTES = 1, /* get: per direction as given; 0: no ring */
	KIPC_OPT_MAX_MSG,        /* get: the longest message that can be sent */
	KIPC_OPT_NODE,           /* get: NUMA node of the memory + 1; 0: not placed */
	KIPC_OPT_PAGE_BYTES,     /* get: size of the pages behind the ring; 0: no ring */
	KIPC_OPT_WAIT,           /* get, set: KIPC_WAIT_* */
	KIPC_OPT_SPIN_NS, /* get, set: bound of an adaptive spin; UINT64_MAX: as measured here */

	/* get, of a queue */
	KIPC_OPT_SLOTS = 32,  /* messages of one priority that it holds */
	KIPC_OPT_PRIORITIES,  /* how many priorities it has */
	KIPC_OPT_PENDING,     /* messages that wait for a receiver, about */
	KIPC_OPT_REDELIVERED, /* since it was made: messages whose receiver died, delivered again */
	KIPC_OPT_DROPPED,     /* ... the same, dropped (held=drop) */
	KIPC_OPT_ABANDONED    /* ... reservations whose sender died */
};

/* -EINVAL: unknown option or value; -EACCES: set of what can only be read. */
KIPC_API int kipc_chan_get(const struct kipc_chan *c, enum kipc_opt opt, uint64_t *value);
KIPC_API int kipc_chan_set(struct kipc_chan *c, enum kipc_opt opt, uint64_t value);

/* ---- about the library ------------------------------------------------------------------ */

/* One transport as it is here. Strings are static or thread-local: valid until the next call of
 * kipc_transport_info() by this thread.
 */
struct kipc_transport_info {
	size_t size;        /* in: sizeof(struct kipc_transport_info) */
	const char *scheme; /* "kmod" */
	const char *about;  /* one line */
	uint64_t caps;
	int status;       /* 0: runs here; else a negative errno */
	const char *why;  /* status != 0: the reason */
	const char *cure; /* status != 0: what to do about it, or "" */
};

/* The i-th transport in order of preference. -ENOENT: there are no more. No side effects. */
KIPC_API int kipc_transport_info(unsigned i, struct kipc_transport_info *info);

/* Text of a result of this library (negative errno). Never NULL, static storage. */
KIPC_API const char *kipc_strerror(int err);

/* What the last open, pair or from_fd of this thread has to say: why it failed, or why better
 * transports were passed over. "" when nothing. Valid until the thread's next such call.
 */
KIPC_API const char *kipc_why(void);

/* "0.1.0" */
KIPC_API const char *kipc_version(void);

#ifdef __cplusplus
}
#endif

#endif /* KIPC_H */
