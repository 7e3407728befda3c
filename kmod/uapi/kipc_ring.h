/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * kipc_ring.h - the memory that two processes share
 *
 * The same bytes serve the module (/dev/kipc) and plain shared memory; they differ only in who may
 * write which page. Everything here is little more than offsets: algorithms live in lib/core, the
 * module looks at positions only to answer "moved or not".
 *
 * AREAS. Each is a whole number of pages. STATUS lies at offset 0 of the region (of the file, or of
 * the mmap offset space of an endpoint); where the others lie is written in it, never assumed.
 *
 *   area      written by                              read by   holds
 *   STATUS    the kernel (plain shm: every end)       all       identity, geometry, bells, ends
 *   CTRL[e]   end e                                   all       its positions and its hints
 *   DATA[r]   the producer of ring r (plain shm: see  all       records, mapped twice in a row
 *             "free space")
 *
 *   STATUS  0x000 +----------------------------+   written once, magic last
 *                 | struct kipc_ring_ident     |
 *           0x080 +----------------------------+   written once
 *                 | struct kipc_ring_geom [2]  |
 *           0x100 +----------------------------+   changes only when somebody sleeps, wakes, leaves
 *                 | struct kipc_ring_bells [2] |   each bell alone on its 128 bytes
 *           0x300 +----------------------------+
 *                 | struct kipc_ring_sets      |   more than two ends: who is waited for
 *           0x400 +----------------------------+
 *                 | reserved, zero             |
 *           0x800 +----------------------------+   changes when an end comes or goes
 *                 | struct kipc_ring_end [128] |
 *          0x1000 +----------------------------+
 *
 *   CTRL[e] 0x000 +----------------------------+   line of its own (128 bytes: adjacent-line
 *                 | prod  of e's out ring      |   prefetch couples lines in pairs)
 *           0x080 +----------------------------+   line of its own
 *                 | cons  of e's in ring       |
 *           0x100 +----------------------------+   read by the peer only while e is armed
 *                 | struct kipc_ring_hints     |
 *           0x180 +----------------------------+   written while e copies a long record in
 *                 | struct kipc_ring_growth    |
 *           0x200 +----------------------------+
 *                 | reserved, zero             |
 *                 +----------------------------+
 *
 * A pair has two ends and two rings: ring r is produced by end r and consumed by end 1 - r.
 *
 * POSITIONS are free-running u64 byte counts; offset = position & (bytes - 1). They are compared by
 * difference only, so they may wrap at 2^64. Both start at geom.start. `prod` and `cons` are
 * publish-only: each side works on a private copy of its own and never reads its word back.
 *
 * RECORD. One aligned u64 header, then the payload:
 *
 *     position p            p + 8                              p + stride
 *     +--------------------+----------------------------------+--------------------+
 *     | header             | payload, len bytes, then slack   | 0, or next header  |
 *     +--------------------+----------------------------------+--------------------+
 *       bits 0..31  len + 1 (so that an empty message is not "nothing"); 0: not yet published
 *       bits 32..63 KIPC_REC_*; bits without a name are zero
 *
 * stride = 8 + len rounded up to geom.align; with KIPC_REC_LINE the rest of the cache line is skipped
 * too. Producers set it where the next record of the same size would straddle two lines that one of
 * its size can do without: small messages then cost one line each way.
 * geom.start fixes what is aligned: start 0 aligns the record, start align - 8 (align >= 64) aligns
 * the payload. The header that will follow is cleared before this record's header is stored (or long
 * before: a producer may clear where it expects it), so free space always counts 8 bytes more than
 * the records need.
 *
 * Free space holds anything: over plain shm a consumer may store into what lies between the cons that it
 * published and the one that it is about to publish, to take these cache lines from the producer.
 *
 * Publication is in band: the consumer watches the record itself, and a small message costs one
 * cache line each way. `prod` is stored too, on a line that nobody reads until somebody wants to
 * sleep, to poll or to look from outside.
 *
 * ORDERING. P produces into a ring, C consumes from it.
 *
 *   P: publish                                     C: take
 *     clear next header, write payload
 *     (A) store-release header      ------------->   (B) load-acquire header
 *                                                    read payload
 *     (D) load-acquire cons         <-------------   (C) store-release cons
 *     overwrite what was released
 *
 *     A-B: without it C reads a payload that is not there yet, or takes an old header for the next.
 *     C-D: without it P overwrites what C still reads.
 *
 *   P: wake C                                      C: sleep
 *     (A) store-release header                       (H) store hints.data_at, then bell.armed
 *     (E) store-release prod                         (I) full fence
 *     (F) full fence                                 (J) load prod (and bell.gone): moved?
 *     (G) load bell.armed                                yes: do not sleep
 *         armed and due: wake C                          no:  sleep until the bell is cleared
 *
 *     F-I is store buffering (Dekker): without both, G may read "not armed" while J reads the old
 *     prod, and C sleeps on a full ring for ever. One of them may be replaced by making the other
 *     side's CPUs execute one: with KIPC_FENCE_PROD in its hints P leaves F out because whoever arms
 *     does it for P (membarrier in plain shm; an IPI from the module's arming side). P sets it,
 *     then fences once, then leaves F out: whoever still reads the old hint has armed before that.
 *     E before F: J looks at prod, so prod must be inside the fence. A before E: whoever sees the
 *     new prod sees the record.
 *
 *   Sleeping for space is the mirror image: C stores cons (C) where P stores prod (E), P arms the
 *   space bell with hints.space_at. Shutting, closing and dying store bell.gone where (E) stands
 *   and then wake; that is why J looks at both.
 *
 *   P: copy a long record in                       C: copy it out meanwhile
 *     store growth.len, growth.done = 0              header at cons is 0: not yet published
 *     (U) store-release growth.at    ----------->    (V) load-acquire growth.at: is it mine?
 *     write a piece of the payload                   load growth.len
 *     (W) store-release growth.done  ----------->    (X) load-acquire growth.done
 *     ... all pieces, then (A)                       read the pieces, then (B)
 *
 *     This is advice. The record exists with (A) alone: whoever peeks, polls or sleeps knows nothing of
 *     it, and if P dies before (A), what C copied is not a message. U-V: without it C takes the length or
 *     the progress of an earlier record for this one's. W-X: without it C reads pieces that are not there
 *     yet. Should C see words of a later record, then the one at its cons was published before them.
 *
 * PUBSUB. End 0 publishes into one ring, the others each read all of it. The region has STATUS, a CTRL
 * of struct kipc_ring_pub, one of struct kipc_ring_ctrl for each subscriber, and DATA. A record has a
 * second word: the message's number, counted from 1 through the life of the region. Discarded records
 * have none, and KIPC_REC_LINE is not used.
 *
 *     position p            p + 8                p + 16                     p + stride
 *     +--------------------+--------------------+--------------------------+------------------+
 *     | header             | number             | payload, then slack      | 0, or next header|
 *     +--------------------+--------------------+--------------------------+------------------+
 *
 *   P: overwrite                                   S: read
 *     (K) store-release oldest                       load header, number, payload
 *     (L) store claim                                (N) load fence
 *     (M) full fence                                 (O) load claim: beyond cons + bytes?
 *     write anywhere up to claim - bytes                 yes: what was read is worth nothing
 *
 *     L-O through M and N: whoever read a byte of what P wrote over it sees the claim. P claims a part
 *     of the ring at once, so that the word rarely changes. K before L: whoever was overtaken finds at
 *     oldest a record that is whole under that claim.
 *
 *   P: claim                                       S: bind, as one that P waits for
 *     (L) store claim                                (Q) store cons = KIPC_PUB_NONE, then set my bit in
 *     (M) full fence                                     sets.bound, full fence
 *     (T) load sets.bound, then their cons           (R) load claim: oldest lies before claim - bytes?
 *         one before claim - bytes, or none:             yes: load oldest again
 *         write nothing, claim nothing more              no: store cons
 *
 *     Store buffering again: P sees the bit, or S sees the claim. A bound subscriber checks at (O) that
 *     its bit is still set instead: P takes the bit away, with a full fence, before it overwrites what
 *     that one has not released.
 *
 *   In plain shared memory P wakes a few of those who sleep, and they wake the others:
 *
 *   P: wake all                                    S: sleep
 *     (G) load bell.armed: PARKED or CALL?           (H) to (J), and behind the sleep
 *     (Y) count an event, PARKED to CALL             (Z) CALL to PARKED in bell.armed: was it there?
 *     wake a few; were there fewer?                      yes: wake all who sleep
 *         yes: CALL off, if nothing changed
 *
 *     Y-Z: whoever P woke sees CALL, and so does who arms behind it. One of them makes it PARKED. Who armed
 *     before Y is in the kernel's list and among the rest, or its word has changed when the kernel compares.
 *     Those who were woken may die before Z, so where there can be more, those who sleep look by turns.
 *
 * MANY ENDS over the module. Words that plain shared memory lets every end write have one writer there,
 * the kernel, who is asked: bells, sets, ends (kipc_dev.h, MANY ENDS). So (H) is a call, and so are
 * setting and taking a bit of sets.bound in (Q) and before (T); the letters and what they pair with
 * are the same.
 *
 * HOSTILE PEERS. Every word that another end can write is loaded once, checked, and only the copy
 * used: prod - cons <= bytes, a stride that fits the ring, reserved bits zero. A violation ends the
 * channel (-EBADMSG). Because DATA is mapped twice, bytes [cons, cons + bytes) are lawful memory
 * whatever the headers say. In plain shm STATUS is writable by the peer: geometry is copied and
 * checked at attach and never re-read; a forged bell can delay a wake-up, not corrupt memory.
 *
 * CHANGES
 *   1  pair
 *   1  kinds with more than two ends (pubsub, queue): words that a pair leaves zero
 *   1  sets.undone: zero in plain shared memory; hints.joined
 *   1  KIPC_ARMED_CALL: pubsub in plain shared memory, all of whose ends must know it
 *   1  growth.follows tells a watcher from one who wants to be woken
 *   1  many ends in plain shared memory: all pollers of a side have one doorbell, and sets.polled is no more
 */
#ifndef KIPC_RING_H
#define KIPC_RING_H

#include <linux/types.h>

#define KIPC_RING_MAGIC 0x474e49524350494bULL /* "KIPCRING" */
#define KIPC_RING_ABI   1

#define KIPC_KIND_PAIR   1 /* two ends, duplex */
#define KIPC_KIND_PUBSUB 2 /* end 0 publishes, the others each see every message */
#define KIPC_KIND_QUEUE  3 /* each message goes to one of many */

#define KIPC_RING_MIN_BYTES 4096U      /* and at least a page */
#define KIPC_RING_MAX_BYTES (1U << 30) /* lengths and futex halves stay unambiguous */
#define KIPC_RING_MAX_ALIGN 4096U      /* power of two from 8 to this */
#define KIPC_RING_LINE      64U        /* what KIPC_REC_LINE means: part of the layout */
#define KIPC_RING_ENDS      128        /* room in STATUS; a pair uses 2 */

/* ---- record header ---------------------------------------------------------------------- */

#define KIPC_REC_BYTES    8U
#define KIPC_REC_LEN_MASK 0xffffffffULL
#define KIPC_REC_DISCARD  (1ULL << 32) /* skip: the producer gave the space back unused */
#define KIPC_REC_LINE     (1ULL << 33) /* the next record starts on the next cache line */
#define KIPC_REC_KNOWN    (KIPC_REC_DISCARD | KIPC_REC_LINE)

/* ---- STATUS ----------------------------------------------------------------------------- */

/* 0x000: who and where. The creator stores magic last, with release: a region without it is not
 * ready, and an attacher that sees it sees the rest.
 */
struct kipc_ring_ident {
	__u64 magic;
	__u32 abi;
	__u32 kind; /* KIPC_KIND_* */
	__u32 nr_ends;
	__u32 nr_rings;
	__u32 page_bytes; /* unit of the areas: the creator's page size */
	__u32 ctrl_bytes; /* size of one CTRL area; CTRL[e] lies at ctrl_off + e * ctrl_bytes */
	__u64 ctrl_off;
	__u64 total_bytes; /* of the region, each area counted once */
	__u64 id[2];       /* random: tells two regions of one name apart */
	__u64 reserved[8];
};

/* 0x080: one per ring. */
struct kipc_ring_geom {
	__u64 bytes;     /* power of two */
	__u64 start;     /* first position */
	__u64 data_off;  /* of DATA[r]; mapped twice: [0, bytes) and again [bytes, 2 * bytes) */
	__u32 align;     /* of a stride, power of two, 8 .. KIPC_RING_MAX_ALIGN */
	__s32 node;      /* NUMA node that was given, -1: none was asked for */
	__u64 page_size; /* of the pages behind DATA that was really given, bytes */
	__u64 reserved[3];
};

/* A bell: what the passer-by must look at after moving a position. One aligned 8-byte load answers
 * "nobody sleeps and nobody left", the common case: zero.
 */
struct kipc_ring_bell {
	__u32 armed; /* KIPC_ARMED_*: somebody sleeps behind this bell */
	__u32 gone;  /* KIPC_GONE_*: whoever would sleep here will never look again */
	__u8 pad[120];
};

/* With more than two ends the bits above the flags count what has happened, so that a sleeper whose
 * flag was cleared and set again by another one does not sleep on: (H) to (J) hold for each of them.
 * One that is woken alone leaves PARKED standing for the others.
 */
#define KIPC_ARMED_FLAGS  0xffU
#define KIPC_ARMED_EVENT  0x100U
#define KIPC_ARMED_PARKED 1U /* a thread is parked (shm: a futex on this word) */
#define KIPC_ARMED_POLLED 2U /* a poller waits (shm: for the doorbell file) */
#define KIPC_ARMED_CALL   4U /* pubsub in plain shm: a few were woken, and are to wake the others */

#define KIPC_GONE_SHUT   1U /* shut down this direction politely */
#define KIPC_GONE_CLOSED 2U /* closed its end */
#define KIPC_GONE_DEAD   4U /* died */

/* 0x100: the two bells of a ring. */
struct kipc_ring_bells {
	struct kipc_ring_bell data;  /* the consumer sleeps here; the producer looks */
	struct kipc_ring_bell space; /* the producer sleeps here; the consumer looks */
};

/* 0x800: one per end. */
struct kipc_ring_end {
	__u32 state;      /* KIPC_END_* */
	__u32 generation; /* counts the owners that this end has had */
	__u64 reserved;
};

#define KIPC_END_FREE 0U /* nobody has it yet */
#define KIPC_END_LIVE 1U /* mapped by its owner */
#define KIPC_END_DEAD 2U /* its owner closed, left or died */
#define KIPC_END_REAP \
	3U /* died, and is being cleaned up after: the next byte says by which end + 1 */

/* Of kinds with more than two ends the state is the low byte of its word, and the upper half a version
 * that changes with every owner and every cleaner.
 */

/* 0x300: of kinds with more than two ends: sets of ends, a bit each. */
struct kipc_ring_sets {
	__u64 reserved[4];
	__u64 looked_at; /* when somebody last looked at the life of all ends: CLOCK_MONOTONIC, ns */
	__u64 undone[2]; /* queue over the module: it died, and nobody undoes its claims yet */
	__u8 pad[72];
	__u64 bound[2]; /* pubsub: the publisher waits for this subscriber */
	__u8 pad2[112];
};

struct kipc_ring_status {
	struct kipc_ring_ident ident;
	struct kipc_ring_geom geom[2];
	struct kipc_ring_bells bells[2];
	struct kipc_ring_sets sets;
	__u8 reserved[0x400];
	struct kipc_ring_end ends[KIPC_RING_ENDS];
};

/* ---- CTRL[e] ---------------------------------------------------------------------------- */

struct kipc_ring_pos {
	__u64 pos;
	__u8 pad[120];
};

/* 0x100: written by e before it arms; read by the peer only when it found e armed. */
struct kipc_ring_hints {
	__u64 data_at;  /* wake me when the peer's prod reaches this */
	__u64 space_at; /* wake me when the peer's cons reaches this */
	__u32 fence;    /* KIPC_FENCE_* */
	__u32 cpu;      /* CPU that e last ran on + 1; 0: unknown */
	__u64 joined;   /* pubsub, subscriber: 1 once it has its first position */
	__u64 reserved[12];
};

/* CTRL[0] of a pubsub. What every message changes lies on one line. */
struct kipc_ring_pub {
	__u64 prod;
	__u64 last; /* position of the newest message; KIPC_PUB_NONE: there was none */
	__u8 pad[112];
	__u8 unused[128];
	struct kipc_ring_hints hints;
	__u64 claim;  /* what lies before claim - bytes may be overwritten any time */
	__u64 oldest; /* the first message that lies behind that, or prod */
	__u8 pad2[112];
	__u8 reserved[0xe00];
};

#define KIPC_PUB_NONE  1ULL /* no position */
#define KIPC_PUB_BYTES 16U  /* header and number */

#define KIPC_FENCE_PROD 1U /* e leaves (F) out behind prod; whoever arms executes it on e's CPUs */
#define KIPC_FENCE_CAN \
	2U /* e can and will do that when it arms; only then may its peer leave (F) out */
#define KIPC_FENCE_CONS 4U /* the same behind cons; each half of an end decides for itself */
#define KIPC_FENCE_PEER (KIPC_FENCE_PROD | KIPC_FENCE_CONS)

#define KIPC_FOLLOWS_WAKE  1 /* one is waited for; who sleeps wants to be woken when it begins */
#define KIPC_FOLLOWS_WATCH 2 /* one is waited for */

/* 0x180: how far the payload of a long record is that e is copying in; see (U) to (X). And whether e
 * copies such records out meanwhile: the peer need not tell of the shorter ones otherwise.
 */
struct kipc_ring_growth {
	__u64 at;   /* its position */
	__u64 len;  /* of the message; 0: none yet */
	__u64 done; /* bytes of it that are there */
	__u64 follows;
	__u64 reserved[12];
};

struct kipc_ring_ctrl {
	struct kipc_ring_pos prod;
	struct kipc_ring_pos cons;
	struct kipc_ring_hints hints;
	struct kipc_ring_growth growth;
	__u8 reserved[0xe00];
};

/* ---- the predicate ---------------------------------------------------------------------- */

/* Must I wake? pos is the position that I have just published, at what the sleeper asked for.
 * Asked only after the bell was seen armed. Shared by both sides and by the module.
 */
static inline int kipc_ring_due(__u64 pos, __u64 at)
{
	return (__s64)(pos - at) >= 0;
}

/* Bytes from one record's header to the next, without KIPC_REC_LINE. align is a power of two. */
static inline __u64 kipc_ring_stride(__u64 len, __u64 align)
{
	return (KIPC_REC_BYTES + len + align - 1) & ~(align - 1);
}

/* The longest message of a ring: its record and the cleared header behind it must fit. */
static inline __u64 kipc_ring_max_len(__u64 bytes, __u64 align)
{
	return bytes - align - KIPC_REC_BYTES;
}

/* ---- what must never change ------------------------------------------------------------- */

#if defined(__cplusplus)
#define KIPC_RING_ASSERT(cond, why) static_assert(cond, why)
#elif defined(__KERNEL__) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)
#define KIPC_RING_ASSERT(cond, why) _Static_assert(cond, why)
#else
#define KIPC_RING_ASSERT(cond, why) extern int kipc_ring_assert_[(cond) ? 1 : -1]
#endif

KIPC_RING_ASSERT(sizeof(struct kipc_ring_ident) == 0x80, "geom[] starts at 0x80");
KIPC_RING_ASSERT(sizeof(struct kipc_ring_geom) == 0x40, "two geometries fill one 128-byte block");
KIPC_RING_ASSERT(sizeof(struct kipc_ring_bell) == 0x80, "a bell is alone on its line pair");
KIPC_RING_ASSERT(sizeof(struct kipc_ring_bells) == 0x100, "bells of a ring lie in a row");
KIPC_RING_ASSERT(sizeof(struct kipc_ring_end) == 0x10, "128 ends fill the second half of STATUS");
KIPC_RING_ASSERT(sizeof(struct kipc_ring_sets) == 0x100, "the sets end at 0x400");
KIPC_RING_ASSERT(sizeof(struct kipc_ring_status) == 0x1000, "STATUS is one small page");
KIPC_RING_ASSERT(sizeof(struct kipc_ring_ctrl) == 0x1000, "CTRL is one small page");
KIPC_RING_ASSERT(sizeof(struct kipc_ring_pub) == 0x1000, "so is that of a publisher");

#endif /* KIPC_RING_H */
