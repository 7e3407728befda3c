/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * kipc_dev.h - the contract of /dev/kipc
 *
 * open("/dev/kipc") gives a control handle. On it:
 *
 *   KIPC_IOC_INFO      what this module is and can do
 *   KIPC_IOC_CREATE    a channel: both endpoint files (anonymous pair), or the first one (named)
 *   KIPC_IOC_ATTACH    the other endpoint of a named pair; another one of a named pubsub or queue
 *
 * An endpoint is an anonymous-inode file, O_CLOEXEC; it travels by inheritance and SCM_RIGHTS. On that
 * of a pair (of the others: below, MANY ENDS):
 *
 *   mmap               STATUS, CTRL and DATA areas (kipc_ring.h), roles enforced per area
 *   KIPC_IOC_SELF      which end this is, of what
 *   KIPC_IOC_WAIT      sleep until a position is reached, the other side is gone, or a deadline
 *   KIPC_IOC_WAKE      ring a bell
 *   KIPC_IOC_XCHG      WAKE and WAIT in one call: a leg of an RPC
 *   KIPC_IOC_SHUTDOWN  end a direction politely
 *   KIPC_IOC_HANDOVER  let another process have this end: the next unmap is no death
 *   KIPC_IOC_PEER      who holds the other end; credentials attested by the kernel
 *   KIPC_IOC_STAT      counters of this end
 *   poll               EPOLLIN: the in ring is not empty, or the in direction is over
 *                      EPOLLOUT: cons reached hints.space_at, or the out direction is over
 *                      EPOLLRDHUP: the in direction is over; EPOLLHUP: an end is dead
 *                      A direction is over when the other end is gone, or either end has shut it
 *                      Others than its owner may poll an end, too, to look; they may miss what a peer
 *                      publishes that leaves its fence to the owner (KIPC_FENCE_PEER)
 *   fcntl(F_SETOWN), O_ASYNC: SIGIO at every wake; with F_SETSIG si_code is POLL_IN, POLL_OUT, or
 *                      POLL_HUP once the other end is dead
 *
 * LIFE of an endpoint. It belongs to the process that maps its own CTRL area writable:
 *
 *    free --mmap CTRL--> live --munmap, exit, exec, kill--> dead
 *      ^                  |
 *      +---- HANDOVER ----+         free and its last file closed --> dead
 *
 * Death sets bell.gone for both directions, ends[e].state, and wakes everybody: waiters, pollers,
 * SIGIO. Copies of the file in forked children cannot hide it. A second mmap of a live end's CTRL
 * by another process is -EBUSY, and so is a writable one of its DATA; by the same process they are
 * granted. Of a free end DATA may be mapped writable before CTRL, by one process: as long as anything
 * of the end is mapped writable anywhere, nobody else can own it or map it writable (-EBUSY). So what a
 * live end sends is its owner's, whom PEER names, and who hands over unmaps DATA, too. One thing outlives
 * that: pages that it had pinned before, as a buffer registered with io_uring. Only the owner may WAIT,
 * XCHG, WAKE, SHUTDOWN and HANDOVER a live end; other holders of the file get -EPERM. A free end has no
 * owner: whoever holds it may SHUTDOWN and HANDOVER (which does nothing), the others are -EPERM. A dead
 * end is -EPIPE for all of them and for writable mappings; it may still be looked at.
 *
 * What ends an owner is the end of its address space. Where a process dumps core that is behind the dump,
 * which may take as long as whoever it is piped to likes: until then the end is live, and who must not wait
 * looks at the process itself (a pidfd of PEER.pid). So it is while somebody else holds the address space,
 * as by a read of /proc/PID/mem that waits for a page. A child by vfork or CLONE_VM shares it, and may be
 * the pid that PEER names when it was the one that mapped CTRL.
 *
 * HANDOVER cannot be taken back: who has said it and then unmaps to leave, leaves the end free, and the
 * peer learns of nothing before the end's last file is closed, be it in a forked child.
 *
 * MAPPING. Offsets come from the STATUS area, which lies at 0. Lengths must be those of the whole
 * area (DATA: twice geom.bytes, mirrored). MAP_SHARED only.
 *
 *   area        own end                      other end
 *   STATUS      PROT_READ                    PROT_READ
 *   CTRL[e]     PROT_READ | PROT_WRITE       PROT_READ
 *   DATA[r]     its producer: READ | WRITE   READ
 *
 * -EACCES: a protection above the role. -EINVAL: other offset or length, MAP_PRIVATE. PROT_EXEC is
 * -EACCES. mprotect cannot raise what mmap refused. Mappings are not inherited over fork, cannot
 * grow, cannot be split by mremap, and do not appear in core dumps. While a signal is pending mmap of CTRL
 * is started again by the kernel, and what MAP_FIXED had to make room for is gone by then: with threads,
 * let the kernel choose where.
 *
 * MANY ENDS: KIPC_KIND_PUBSUB and KIPC_KIND_QUEUE. A channel has nr_ends places. An endpoint file is
 * one stay at one of them: CREATE and ATTACH give it a place, pubsub's place 0 to a publisher and the
 * others to subscribers. There is always a name, and it lasts until no end is left. On such a file:
 *
 *   mmap, SELF, STAT, SHUTDOWN, PEER   as above, with the differences below
 *   KIPC_IOC_ARM       say that I am about to sleep or to be polled
 *   KIPC_IOC_SLEEP     sleep until something happens on a side
 *   KIPC_IOC_RING      something happened on a side: wake one sleeper or all, and all pollers;
 *                      but for the first few of a crowd a worker does that
 *   KIPC_IOC_BIND      pubsub, subscriber: the publisher waits for me, or does not any more
 *   KIPC_IOC_CUT       pubsub, publisher: I wait for these no longer
 *   KIPC_IOC_UNDO      queue: which dead end's claims am I to undo?
 *   poll               EPOLLIN for KIPC_SIDE_DATA, EPOLLOUT for KIPC_SIDE_SPACE: this end has not
 *                      armed that side (KIPC_ARMED_POLLED), or something happened there since
 *                      EPOLLHUP (with both): this end is dead
 *
 *   WAIT, WAKE, XCHG and HANDOVER are -ENOTTY on it, as these six are on an end of a pair.
 *
 *   Places. ends[e].state: FREE, LIVE from the mapping of CTRL[e], and when its owner unmaps it or
 *   ends: DEAD, or in a queue REAP until its claims are undone. A dead stay stays dead (-EPIPE for
 *   the calls of its file), its place is given away again, as soon as nothing of it is mapped
 *   writable any more and its claims are undone; ATTACH waits up to 100 ms for that rather than
 *   to say -EBUSY. A place that was given away and not mapped yet is taken; closing its file frees it.
 *   The upper half of the state's word is a version, which each change advances.
 *
 *   Mapping. CTRL may also be mapped as a whole, all nr_ends of it in a row, by anybody, READ. DATA can
 *   be mapped writable only by who owns the end, so CTRL[e] comes first (-EPERM). In a queue DATA is
 *   the area of kipc_queue.h, mapped once, and every end may map it READ | WRITE. A page CTRL[e] is
 *   zero for each new owner, except CTRL[0] of a pubsub: a new publisher goes on where the old one
 *   ended.
 *
 *   Who writes what, where plain shared memory lets all ends do it:
 *     bells[0].data, .space   armed: the kernel. The bits above the flags count events; each RING and
 *                             whatever the kernel tells of is one. PARKED: somebody sleeps or said ARM.
 *                             data.gone: the kernel, when the publisher shuts its direction, leaves or
 *                             dies; 0 again when the next one maps CTRL[0]
 *     sets.bound              the kernel: BIND by the one whose bit it is, CUT by the publisher, and
 *                             death. With a full fence on both sides of the change
 *     sets.undone             the kernel: ends in state REAP that nobody is undoing
 *     sets.looked_at          nobody: the kernel tells of deaths
 *     ends[]                  the kernel
 *     the queue's area        all its ends, by the nature of it; its geometry is also in STATUS,
 *                             written by the kernel: geom[1].reserved[0] is slots << 32 | stride,
 *                             reserved[1] is classes << 32 | held
 *
 *   Sleeping. (G) is a load of bells[0].data.armed or .space.armed, as ever: no flag, no call. (H) to
 *   (J) have two forms:
 *
 *     seen = armed; look; nothing: SLEEP {seen, word}      one call: the kernel arms, executes (I) and
 *                                                          (J) looks at one word that the sleeper has
 *                                                          looked at, and that cannot stay the same
 *                                                          when what it waits for comes
 *     ARM -> seen; look again; nothing: SLEEP {seen}       two calls: for who looks at many words
 *
 *   In both, SLEEP returns 0 at once when the count of events in armed is not that of seen. The count
 *   has 24 bits: who RINGs 16 million times between a load and a SLEEP that names no word hides what came
 *   meanwhile. Words for the first form: the header at cons, or CTRL[0].prod, in a pubsub; the cons of the
 *   slowest subscriber for the publisher; the slot's word at a hint, or `ready` of several classes, in a
 *   queue. Early returns are legal: callers look again and loop. Who was chosen by a RING for one
 *   returns 0, also when a signal or the deadline came at the same time; so it looks, and passes on
 *   (another RING) what it leaves.
 *
 *   Polling. After a verb that found nothing: ARM {POLLED}, look again, and leave it at that: the
 *   file is not ready until something happens on that side. A look behind ARM that finds something
 *   says ARM {how 0}: more may be there than what it takes, and the file is ready again.
 *
 *   Death of an end is an event on both sides of a queue. On a pubsub: of the publisher on DATA, of a
 *   subscriber on SPACE, with its bit of sets.bound cleared. Exit, kill -9, exec and the last munmap
 *   of CTRL[e] are the same; who leaves a queue holding nothing says SHUTDOWN of both directions
 *   before, and nobody needs to undo anything.
 *
 *   Undoing. Who finds sets.undone not zero (look at it wherever you look who lives, and once after
 *   mapping CTRL[e]) calls UNDO {done = KIPC_END_NONE}: end is the one that is given to the caller,
 *   alone, or KIPC_END_NONE. It undoes that end's claims and says UNDO {done = end}, which gives it
 *   the next one. If it dies meanwhile, its own end and those given to it are undone by others: then
 *   `again` says so, and what the first one left half done has to be looked for. The place is free
 *   and all are told (both sides) with UNDO {done}. The queue ends with its last end, whatever is left.
 *
 * NAMES are optional for pairs: 1 to KIPC_NAME_MAX - 1 bytes of [A-Za-z0-9._-], not starting with a dot, NUL
 * terminated and padded, in a registry per network namespace. A name carries owner, group and mode
 * (r and w are both needed to attach; to a pubsub r as a subscriber, w as a publisher) and lasts until the
 * first end of its pair is dead: it is for meeting; afterwards the survivor keeps what was committed and a
 * newcomer starts a new channel. KIPC_ATTACH_EXPECT is about who created it; who publishes is for
 * PEER to say. A subscriber may BIND, and then a publisher waits for it, as a FIFO's writer for its reader.
 *
 * LIMITS of bytes and channels are those of the real uid at CREATE, as the host's kernel knows it: a user
 * with subordinate uids (newuidmap) has as many times the limit, which memory cgroups bound all the same.
 *
 * STRUCTS start with their size. A larger size, up to a page, is accepted when what this module does not
 * know is zero (-E2BIG otherwise), a smaller one down to the first published size. Unknown flags and
 * non-zero padding are -EINVAL. Times are absolute nanoseconds of CLOCK_MONOTONIC.
 *
 * ERRORS, the same for every call:
 *   -EINVAL     malformed: unknown flag, padding, size, ring, side, kind, node, name
 *   -E2BIG      a struct larger than known, with something in the unknown part
 *   -EFAULT     a pointer that cannot be read or written
 *   -ENOTTY     unknown call, or a call of the other kind of file or end
 *   -EEXIST     CREATE: the name is taken; ATTACH: its rings are not as asked for
 *   -ENOENT     ATTACH: no such name
 *   -EACCES     ATTACH: the mode refuses (a subscriber needs r, a publisher w, any other end both);
 *               mmap: above the role
 *   -EPERM      ATTACH: the creator is not expect_uid; a call on an end that is not the caller's; mmap of
 *               DATA before CTRL (many ends); UNDO of what was not given to the caller
 *   -EBUSY      ATTACH: all ends (of that role) are taken; mmap: the end has an owner or a writer; WAIT,
 *               XCHG, SLEEP: 16 threads of this end sleep on that side
 *   -ENOSPC     the user's limit on bytes or channels
 *   -ENOMEM     no memory, or the cgroup's limit
 *   -EMFILE     no free descriptor; -ENFILE: no free file in the whole system
 *   -EPIPE      the other side of this direction is gone and the position was not reached; this end is
 *               dead or shut
 *   -ETIMEDOUT  the deadline passed
 *   -EINTR      a signal (restarted by the kernel where SA_RESTART says so; deadlines are absolute)
 *
 * CHANGES
 *   1  pair; names; WAIT, WAKE, XCHG, SHUTDOWN, HANDOVER, PEER, STAT
 *   1  pubsub, queue: ARM, SLEEP, RING, BIND, CUT, UNDO; INFO, CREATE, ATTACH and PEER grew at their
 *      ends. A module without them says -EINVAL to the kind, and leaves INFO.kinds zero
 *   1  WAIT and XCHG: -EBUSY for the 17th thread that would sleep on a side of an end
 *   1  a pair: whoever has DATA of a free end mapped writable keeps others from owning it (-EBUSY)
 *   1  names of pubsubs: r is enough to subscribe, w to publish; it was both for both
 *   1  fences of a peer's CPUs are run for the owner alone, and 20,000 a second at most for each bell
 *   1  poll: what this end itself has shut is ready, as WAIT has always said -EPIPE to it
 */
#ifndef KIPC_DEV_H
#define KIPC_DEV_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KIPC_DEV_PATH "/dev/kipc"
#define KIPC_DEV_ABI  1

#define KIPC_NAME_MAX 64 /* with the NUL */

/* ---- on the control handle -------------------------------------------------------------- */

/* features: what works here, not what the source knows */
#define KIPC_FEAT_SAME_CPU (1ULL << 0) /* KIPC_HINT_SAME_CPU has an effect (kernel >= 6.6) */
#define KIPC_FEAT_FENCE    (1ULL << 1) /* arming fences the peer's CPUs: KIPC_FENCE_PEER allowed */

struct kipc_ioc_info {
	__u32 size;
	__u32 abi;            /* out: KIPC_DEV_ABI */
	__u64 features;       /* out: KIPC_FEAT_* */
	__u64 max_ring_bytes; /* out: per direction */
	__u64 max_user_bytes; /* out: of one user's channels together */
	__u64 user_bytes;     /* out: what the caller's user holds now */
	__u32 max_user_chans; /* out */
	__u32 user_chans;     /* out */
	__u32 page_bytes;     /* out */
	__u32 nr_nodes;       /* out: NUMA nodes that a channel may name: 0 .. nr_nodes - 1 */
	__u32 kinds;    /* out: bit k: KIPC_KIND k is carried. 0: a module that knows pairs only */
	__u32 reserved; /* out: zero */
};

#define KIPC_NODE_ANY (-1)

#define KIPC_ROLE_ANY        0U /* pair, queue */
#define KIPC_ROLE_PUBLISHER  1U
#define KIPC_ROLE_SUBSCRIBER 2U

/* A pubsub has ring 0 only; align is at most a sixteenth of its bytes. A queue has a node[0] and no
 * ring. What a kind does not have is zero, node[1] KIPC_NODE_ANY.
 */
struct kipc_ioc_create {
	__u32 size;
	__u32 kind;               /* KIPC_KIND_* */
	__u32 flags;              /* zero */
	__u32 mode;               /* named: permission bits, e.g. 0600 */
	__u64 ring_bytes[2];      /* power of two; ring r is produced by end r */
	__u64 start[2];           /* first position: multiple of 8; usually 0 or align - 8 */
	__u32 align[2];           /* power of two, 8 .. KIPC_RING_MAX_ALIGN */
	__s32 node[2];            /* NUMA node of DATA[r], strict; KIPC_NODE_ANY */
	char name[KIPC_NAME_MAX]; /* empty: anonymous (pair only) */
	__s32 fd[2];              /* out: endpoint files; named: fd[0] is end 0, fd[1] is -1 */

	/* Many ends; the four of kipc_queue.h for a queue. */
	__u32 role;    /* of the caller: KIPC_ROLE_* */
	__u32 nr_ends; /* places: 2 .. KIPC_RING_ENDS, the publisher's counted in */
	__u32 slots;
	__u32 stride;
	__u32 classes;
	__u32 held;
	__u32 end;      /* out: which end fd[0] is */
	__u32 reserved; /* zero */
};

struct kipc_ioc_attach {
	__u32 size;
	__u32 kind;  /* what the caller expects it to be */
	__u32 flags; /* KIPC_ATTACH_* */
	__u32 expect_uid; /* with KIPC_ATTACH_EXPECT: refuse another creator (in the caller's namespace) */
	char name[KIPC_NAME_MAX];
	__s32 fd;            /* out */
	__u32 end;           /* out: which end it is */
	__u64 ring_bytes[2]; /* not 0: refuse with -EEXIST when ring r has another size */
	__u32 align[2];      /* not 0: or another alignment */

	/* Many ends; those of a queue: not 0: refuse with -EEXIST when it has another one. */
	__u32 role; /* KIPC_ROLE_* */
	__u32 slots;
	__u32 stride;
	__u32 classes;
	__u32 held_plus_1; /* KIPC_QUEUE_* + 1 */
	__u32 reserved;    /* zero */
};

#define KIPC_ATTACH_EXPECT (1U << 0)

/* ---- on an endpoint --------------------------------------------------------------------- */

struct kipc_ioc_self {
	__u32 size;
	__u32 kind;         /* out */
	__u32 end;          /* out: 0 .. nr_ends - 1 */
	__u32 nr_ends;      /* out */
	__u64 features;     /* out: as INFO */
	__u64 status_bytes; /* out: length to map at offset 0 */
};

/* which bell: together with the ring it names a direction of waiting */
#define KIPC_SIDE_DATA  0 /* in ring: wait for the peer's prod. out ring: wake its consumer */
#define KIPC_SIDE_SPACE 1 /* out ring: wait for the peer's cons. in ring: wake its producer */

#define KIPC_FOREVER (-1LL)

/* WAIT returns 0 when the position that the peer of (ring, side) publishes is due (kipc_ring_due),
 * -EPIPE when that side is gone and it is not. May return 0 early: callers look again and loop.
 * -EBUSY: too many threads sleep there, and it would have to.
 */
struct kipc_ioc_wait {
	__u32 size;
	__u32 flags;    /* zero */
	__u32 ring;     /* DATA: my in ring; SPACE: my out ring; else -EINVAL */
	__u32 side;     /* KIPC_SIDE_* */
	__u64 position; /* sleep until the peer's position has reached this */
	__s64 deadline; /* absolute ns, CLOCK_MONOTONIC; KIPC_FOREVER; any other negative: -EINVAL */
};

#define KIPC_HINT_NONE 0
#define KIPC_HINT_SYNC 1 /* the waker will sleep at once: do not migrate the wakee */
/* The waker alone decides, and one that does not sleep then makes its peer wait for a CPU; of several that
 * are woken it is for the first one. The module parameter same_cpu=0 switches it off for all.
 */
#define KIPC_HINT_SAME_CPU \
	2 /* run the wakee on this CPU (opt-in; needs KIPC_FEAT_SAME_CPU, else as SYNC) */

struct kipc_ioc_wake {
	__u32 size;
	__u32 ring; /* DATA: my out ring; SPACE: my in ring; else -EINVAL */
	__u32 side;
	__u32 hint; /* KIPC_HINT_* */
};

/* Enqueue myself for wait, then ring wake's bell, then sleep: the answer cannot come between. With
 * -EBUSY it has rung, too.
 */
struct kipc_ioc_xchg {
	__u32 size;
	__u32 flags; /* zero */
	struct kipc_ioc_wake wake;
	struct kipc_ioc_wait wait;
};

#define KIPC_DIR_IN  (1U << 0)
#define KIPC_DIR_OUT (1U << 1)

/* Many ends. A publisher has OUT: subscribers are told that nothing comes. A subscriber has IN: it is
 * bound no more. A queue has both or nothing: I hold nothing and claim nothing more.
 */
struct kipc_ioc_shutdown {
	__u32 size;
	__u32 dirs; /* KIPC_DIR_*: OUT: I write no more; IN: I read no more */
};

/* pid, uid and gid are the owner's once state is LIVE, and the last owner's when it is DEAD. Of a FREE
 * end they are no answer: pid is 0 (or whoever handed it over), uid and gid those of who attached or, before
 * that, created it. Who admits a peer by its uid asks for LIVE first.
 */
struct kipc_ioc_peer {
	__u32 size;
	__u32 state;      /* out: KIPC_END_* */
	__u32 generation; /* out */
	__s32 pid;        /* out: in the caller's pid namespace; 0: not visible there */
	__u32 uid;        /* out: in the caller's user namespace */
	__u32 gid;        /* out */
	__u64 reserved;   /* out: zero */
	__u32 end;        /* many ends: which one; a pair's is the other one, and this is zero */
	__u32 reserved2;  /* zero */
};

struct kipc_ioc_stat {
	__u32 size;
	__u32 reserved;   /* zero */
	__u64 waits;      /* out: WAIT and XCHG calls that slept */
	__u64 waits_met;  /* out: that found the position reached and did not */
	__u64 wakes;      /* out: WAKE and XCHG calls */
	__u64 wakes_idle; /* out: that found nobody */
	__u64 polls;      /* out: poll and ARM calls that armed a bell */
};

/* ---- on an endpoint of a kind with many ends ---------------------------------------------- */

/* All of them are the owner's alone: -EPERM for others, -EPIPE once the end is dead. A publisher waits
 * for SPACE and rings DATA, a subscriber the other way round, an end of a queue does all four; else
 * -EINVAL.
 */

struct kipc_ioc_arm {
	__u32 size;
	__u32 side; /* KIPC_SIDE_* */
	__u32 how; /* one of KIPC_ARMED_PARKED, KIPC_ARMED_POLLED; 0: this end polls armed no more */
	__u32 seen; /* out: what the bell's armed word holds as long as nothing happens */
};

#define KIPC_SLEEP_WORD (1U << 0) /* and only while the word at this offset has this value */

/* 0: something happened, or has happened since `seen`, or the word has another value. */
struct kipc_ioc_sleep {
	__u32 size;
	__u32 flags; /* KIPC_SLEEP_* */
	__u32 side;
	__u32 seen;   /* armed as it was before the last look; its flags do not matter */
	__u64 offset; /* as for mmap, multiple of 8, in CTRL or the first copy of DATA; else zero */
	__u64 value;  /* of the 8 bytes there; else zero */
	__s64 deadline; /* as for WAIT */
};

/* An event on that side. All pollers are told, and of the sleepers the one that sleeps longest, or all;
 * in a pubsub always all.
 */
struct kipc_ioc_ring {
	__u32 size;
	__u32 side;
	__u32 sleepers; /* KIPC_RING_ONE, KIPC_RING_ALL */
	__u32 hint;     /* KIPC_HINT_* */
};

#define KIPC_RING_ALL 0U
#define KIPC_RING_ONE 1U

struct kipc_ioc_bind {
	__u32 size;
	__u32 bound; /* 1: set my bit of sets.bound; 0: clear it, an event on SPACE if it was set */
};

struct kipc_ioc_cut {
	__u32 size;
	__u32 reserved; /* zero */
	__u64 ends[2];  /* their bits of sets.bound are cleared */
};

#define KIPC_END_NONE 0xffffffffU

struct kipc_ioc_undo {
	__u32 size;
	__u32 done;  /* the end that was given to me and whose claims are undone; KIPC_END_NONE */
	__u32 end;   /* out: the next one; KIPC_END_NONE: no more to do */
	__u32 again; /* out: not 0: somebody has begun with it before and died */
};

#define KIPC_IOC_TYPE 0xB9

#define KIPC_IOC_INFO     _IOWR(KIPC_IOC_TYPE, 0x00, struct kipc_ioc_info)
#define KIPC_IOC_CREATE   _IOWR(KIPC_IOC_TYPE, 0x01, struct kipc_ioc_create)
#define KIPC_IOC_ATTACH   _IOWR(KIPC_IOC_TYPE, 0x02, struct kipc_ioc_attach)
#define KIPC_IOC_SELF     _IOWR(KIPC_IOC_TYPE, 0x20, struct kipc_ioc_self)
#define KIPC_IOC_WAIT     _IOW(KIPC_IOC_TYPE, 0x21, struct kipc_ioc_wait)
#define KIPC_IOC_WAKE     _IOW(KIPC_IOC_TYPE, 0x22, struct kipc_ioc_wake)
#define KIPC_IOC_XCHG     _IOW(KIPC_IOC_TYPE, 0x23, struct kipc_ioc_xchg)
#define KIPC_IOC_SHUTDOWN _IOW(KIPC_IOC_TYPE, 0x24, struct kipc_ioc_shutdown)
#define KIPC_IOC_HANDOVER _IO(KIPC_IOC_TYPE, 0x25)
#define KIPC_IOC_PEER     _IOWR(KIPC_IOC_TYPE, 0x26, struct kipc_ioc_peer)
#define KIPC_IOC_STAT     _IOWR(KIPC_IOC_TYPE, 0x27, struct kipc_ioc_stat)
#define KIPC_IOC_ARM      _IOWR(KIPC_IOC_TYPE, 0x28, struct kipc_ioc_arm)
#define KIPC_IOC_SLEEP    _IOW(KIPC_IOC_TYPE, 0x29, struct kipc_ioc_sleep)
#define KIPC_IOC_RING     _IOW(KIPC_IOC_TYPE, 0x2a, struct kipc_ioc_ring)
#define KIPC_IOC_BIND     _IOW(KIPC_IOC_TYPE, 0x2b, struct kipc_ioc_bind)
#define KIPC_IOC_CUT      _IOW(KIPC_IOC_TYPE, 0x2c, struct kipc_ioc_cut)
#define KIPC_IOC_UNDO     _IOWR(KIPC_IOC_TYPE, 0x2d, struct kipc_ioc_undo)

/* An ioctl number carries the size of its struct; the module ignores that field and goes by the
 * size member, so a longer struct of a later header still reaches an older module.
 */
#define KIPC_IOC_KEY(cmd) ((cmd) & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT))

#endif /* KIPC_DEV_H */
