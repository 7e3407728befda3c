/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * kipc_dev.h - the contract of /dev/kipc
 *
 * open("/dev/kipc") gives a control handle. On it:
 *
 *   KIPC_IOC_INFO      what this module is and can do
 *   KIPC_IOC_CREATE    a channel: both endpoint files (anonymous), or the first one (named)
 *   KIPC_IOC_ATTACH    the other endpoint of a named channel
 *
 * An endpoint is an anonymous-inode file, O_CLOEXEC; it travels by inheritance and SCM_RIGHTS. On it:
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
 *   poll               EPOLLIN: the in ring is not empty, or its producer is gone
 *                      EPOLLOUT: cons reached hints.space_at, or the consumer is gone
 *                      EPOLLRDHUP: the in direction is over; EPOLLHUP: the other end is dead
 *   fcntl(F_SETOWN), O_ASYNC: SIGIO at every wake
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
 * granted. Only the owner may WAIT, XCHG, WAKE, SHUTDOWN and HANDOVER a live end; other holders of
 * the file get -EPERM. A free end has no owner: whoever holds it may SHUTDOWN and HANDOVER (which
 * does nothing), the others are -EPERM. A dead end is -EPIPE for all of them and for writable
 * mappings; it may still be looked at.
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
 * grow, cannot be split by mremap, and do not appear in core dumps.
 *
 * NAMES are optional: 1 to KIPC_NAME_MAX - 1 bytes of [A-Za-z0-9._-], not starting with a dot, NUL
 * terminated and padded, in a registry per network namespace. A name carries owner, group and mode
 * (r and w are both needed to attach) and lasts until the first end of its pair is dead: it is for
 * meeting; afterwards the survivor keeps what was committed and a newcomer starts a new channel.
 *
 * STRUCTS start with their size. A larger size is accepted when what this module does not know is
 * zero (-E2BIG otherwise), a smaller one down to the first published size. Unknown flags and
 * non-zero padding are -EINVAL. Times are absolute nanoseconds of CLOCK_MONOTONIC.
 *
 * ERRORS, the same for every call:
 *   -EINVAL     malformed: unknown flag, padding, size, ring, side, kind, node, name
 *   -E2BIG      a struct larger than known, with something in the unknown part
 *   -EFAULT     a pointer that cannot be read or written
 *   -ENOTTY     unknown call, or a call of the other kind of file
 *   -EEXIST     CREATE: the name is taken; ATTACH: its rings are not as asked for
 *   -ENOENT     ATTACH: no such name
 *   -EACCES     ATTACH: the mode refuses; mmap: above the role
 *   -EPERM      ATTACH: the creator is not expect_uid; a call on an end that is not the caller's
 *   -EBUSY      ATTACH: all ends are taken; mmap: the end has an owner
 *   -ENOSPC     the user's limit on bytes or channels
 *   -ENOMEM     no memory, or the cgroup's limit
 *   -EMFILE     no free descriptor
 *   -EPIPE      the other side of this direction is gone and the position was not reached; this end is
 *               dead or shut
 *   -ETIMEDOUT  the deadline passed
 *   -EINTR      a signal (restarted by the kernel where SA_RESTART says so; deadlines are absolute)
 *
 * CHANGES
 *   1  pair; names; WAIT, WAKE, XCHG, SHUTDOWN, HANDOVER, PEER, STAT
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
};

#define KIPC_NODE_ANY (-1)

struct kipc_ioc_create {
	__u32 size;
	__u32 kind;               /* KIPC_KIND_* */
	__u32 flags;              /* zero */
	__u32 mode;               /* named: permission bits, e.g. 0600 */
	__u64 ring_bytes[2];      /* power of two; ring r is produced by end r */
	__u64 start[2];           /* first position: multiple of 8; usually 0 or align - 8 */
	__u32 align[2];           /* power of two, 8 .. KIPC_RING_MAX_ALIGN */
	__s32 node[2];            /* NUMA node of DATA[r], strict; KIPC_NODE_ANY */
	char name[KIPC_NAME_MAX]; /* empty: anonymous */
	__s32 fd[2];              /* out: endpoint files; named: fd[0] is end 0, fd[1] is -1 */
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
#define KIPC_HINT_SAME_CPU \
	2 /* run the wakee on this CPU (opt-in; needs KIPC_FEAT_SAME_CPU, else as SYNC) */

struct kipc_ioc_wake {
	__u32 size;
	__u32 ring; /* DATA: my out ring; SPACE: my in ring; else -EINVAL */
	__u32 side;
	__u32 hint; /* KIPC_HINT_* */
};

/* Enqueue myself for wait, then ring wake's bell, then sleep: the answer cannot come between. */
struct kipc_ioc_xchg {
	__u32 size;
	__u32 flags; /* zero */
	struct kipc_ioc_wake wake;
	struct kipc_ioc_wait wait;
};

#define KIPC_DIR_IN  (1U << 0)
#define KIPC_DIR_OUT (1U << 1)

struct kipc_ioc_shutdown {
	__u32 size;
	__u32 dirs; /* KIPC_DIR_*: OUT: I write no more; IN: I read no more */
};

struct kipc_ioc_peer {
	__u32 size;
	__u32 state;      /* out: KIPC_END_* */
	__u32 generation; /* out */
	__s32 pid;        /* out: in the caller's pid namespace; 0: not visible there */
	__u32 uid;        /* out: in the caller's user namespace */
	__u32 gid;        /* out */
	__u64 reserved;   /* out: zero */
};

struct kipc_ioc_stat {
	__u32 size;
	__u32 reserved;   /* zero */
	__u64 waits;      /* out: WAIT and XCHG calls that slept */
	__u64 waits_met;  /* out: that found the position reached and did not */
	__u64 wakes;      /* out: WAKE and XCHG calls */
	__u64 wakes_idle; /* out: that found nobody */
	__u64 polls;      /* out: poll calls that armed a bell */
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

/* An ioctl number carries the size of its struct; the module ignores that field and goes by the
 * size member, so a longer struct of a later header still reaches an older module.
 */
#define KIPC_IOC_KEY(cmd) ((cmd) & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT))

#endif /* KIPC_DEV_H */
