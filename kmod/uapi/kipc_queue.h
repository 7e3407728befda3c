/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * kipc_queue.h - the data area of a queue: many senders, many receivers, each message to exactly one
 *
 * Every end may write all of it. What lies around it (STATUS, ends, bells) is that of kipc_ring.h.
 *
 *   0x0000 +---------------------------------+  written once, before anybody else sees it
 *          | struct kipc_queue_geom          |
 *   0x0080 +---------------------------------+  bit c: class c may hold a message (a hint)
 *          | struct kipc_queue_ready         |
 *   0x0100 +---------------------------------+  changes when a dead end is cleared away
 *          | struct kipc_queue_count         |
 *   0x0200 +---------------------------------+  two positions a class, each alone on 128 bytes
 *          | struct kipc_queue_class [32]    |
 *   0x3000 +---------------------------------+
 *          | class 0: slots 0 .. slots - 1   |  each `stride` bytes: the word, then the payload
 *          | class 1: ...                    |
 *          +---------------------------------+
 *
 * POSITIONS count the messages of a class; they are 48 bits wide and wrap. Position p lies in slot
 * p % slots, on lap p / slots (24 bits, wrapping too).
 *
 * THE SLOT'S WORD is the truth, and all of it: who holds the slot, for which lap, in which state. Each
 * step is one compare-and-swap on that word, so a claim and its owner become visible at once, and
 * what a dead owner held is known to whoever meets it.
 *
 *     bits 0..2    state     KIPC_SLOT_*
 *     bits 3..9    owner     the end that writes or reads it; else 0
 *     bits 10..30  length    of the message, when it is ready or read; else 0
 *     bits 31..39  tries     how often it was delivered again; 0 unless ready or read
 *     bits 40..63  lap
 *
 *                 reserve             commit            peek                release
 *     (lap, FREE) -------> (WRITING) -------> (READY) -------> (READING) -----------> (lap + 1, FREE)
 *                              |                 ^                |
 *                              | discard, died   | died: deliver  | died: drop
 *                              v                 +----------------+----------------> (lap + 1, FREE)
 *                       (lap + 1, FREE)            again, tries + 1
 *
 *     A sender that comes round to a slot that is still being read passes it over: (lap, READING)
 *     becomes (lap + 1, READING), and the position counts as used. So one receiver that holds a
 *     message for long costs one slot and stops nobody.
 *
 * `prod` and `cons` of a class are HINTS: where to begin to look. The word of the slot at a position
 * says whether the position is still to come (its lap is behind), is this one, or is over (its lap is
 * ahead); whoever meets one that is over goes on, and moves the hint by compare-and-swap. So a hint is
 * never ahead of the truth, and one that is behind costs steps only. `cons` goes back when a message
 * behind it becomes ready again; the upper 16 bits count that, so that nobody who looked before
 * moves it forward past that message.
 *
 * ORDERING
 *
 *     sender                                    receiver
 *       (a) acquire: word is FREE   <---------   (d) release: READING -> FREE
 *       write payload                            read payload
 *       (b) release: WRITING -> READY ------->   (c) acquire: READY -> READING
 *       full fence (F)                           arm the bell, full fence (I)
 *       load ready, load the bell (G)            look at ready, then at the words (J)
 *
 *     A receiver that finds a class empty clears its bit of `ready` and looks once more; the sender
 *     stores the word, executes (F) and then looks at the bit: one of the two sees the other.
 *
 * HOSTILE PEERS. Each word is loaded once and checked: a known state, an owner below nr_ends, a length
 * that fits the slot, fields that must be zero, and for a slot at a hint no lap that an honest hint
 * cannot lead to. A violation is -EBADMSG. No pointer and no index is ever made of what is read here but
 * position % slots and a checked length.
 *
 * CHANGES
 *   1  first
 */
#ifndef KIPC_QUEUE_LAYOUT_H
#define KIPC_QUEUE_LAYOUT_H

#include <linux/types.h>

#define KIPC_QUEUE_CLASSES    32           /* room for priority classes */
#define KIPC_QUEUE_MAX_SLOTS  65536U       /* of a class; a power of two */
#define KIPC_QUEUE_LINE       64U          /* a slot is a whole number of these */
#define KIPC_QUEUE_MAX_STRIDE (1U << 20)   /* bytes of a slot */
#define KIPC_QUEUE_MAX_BYTES  (1ULL << 30) /* of the whole area */
#define KIPC_QUEUE_SLOTS_OFF  0x3000U

#define KIPC_SLOT_FREE    0U
#define KIPC_SLOT_WRITING 1U
#define KIPC_SLOT_READY   2U
#define KIPC_SLOT_READING 3U
#define KIPC_SLOT_STATE   7U

#define KIPC_SLOT_OWNER_SHIFT 3
#define KIPC_SLOT_OWNER_MASK  0x7fU
#define KIPC_SLOT_LEN_SHIFT   10
#define KIPC_SLOT_LEN_MASK    0x1fffffU
#define KIPC_SLOT_TRIES_SHIFT 31
#define KIPC_SLOT_TRIES_MASK  0x1ffU
#define KIPC_SLOT_LAP_SHIFT   40
#define KIPC_SLOT_LAP_MASK    0xffffffU
#define KIPC_SLOT_LAP_ONE     (1ULL << KIPC_SLOT_LAP_SHIFT)

#define KIPC_QUEUE_POS_BITS 48
#define KIPC_QUEUE_POS_MASK ((1ULL << KIPC_QUEUE_POS_BITS) - 1)

#define KIPC_QUEUE_REDELIVER 0U /* what a dead receiver held is delivered again */
#define KIPC_QUEUE_DROP      1U /* ... is dropped and counted */

struct kipc_queue_geom {
	__u32 slots;   /* of each class, power of two */
	__u32 stride;  /* bytes of a slot, the word counted in */
	__u32 classes; /* 1 .. KIPC_QUEUE_CLASSES; the highest is received first */
	__u32 held;    /* KIPC_QUEUE_REDELIVER, KIPC_QUEUE_DROP */
	__u32 nr_ends;
	__u32 reserved[27];
};

struct kipc_queue_ready {
	__u32 classes;
	__u32 crowd; /* not 0: a sender has waited for several slots, so wake them all */
	__u8 pad[120];
};

/* Since the queue was made. */
struct kipc_queue_count {
	__u64 redelivered; /* messages whose receiver died */
	__u64 dropped;     /* the same, with KIPC_QUEUE_DROP */
	__u64 abandoned;   /* reservations whose sender died */
	__u8 pad[232];
};

struct kipc_queue_class {
	__u64 prod; /* the next message goes here, or behind */
	__u8 pad0[120];
	__u64 cons; /* the oldest message is here, or behind; bits 48..63: how often it went back */
	__u8 pad1[120];
};

struct kipc_queue_area {
	struct kipc_queue_geom geom;
	struct kipc_queue_ready ready;
	struct kipc_queue_count count;
	struct kipc_queue_class classes[KIPC_QUEUE_CLASSES];
	__u8 reserved[0xe00];
};

#if defined(__cplusplus)
#define KIPC_QUEUE_ASSERT(cond, why) static_assert(cond, why)
#elif defined(__KERNEL__) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)
#define KIPC_QUEUE_ASSERT(cond, why) _Static_assert(cond, why)
#else
#define KIPC_QUEUE_ASSERT(cond, why) extern int kipc_queue_assert_[(cond) ? 1 : -1]
#endif

KIPC_QUEUE_ASSERT(sizeof(struct kipc_queue_geom) == 0x80, "ready starts at 0x80");
KIPC_QUEUE_ASSERT(sizeof(struct kipc_queue_ready) == 0x80, "count starts at 0x100");
KIPC_QUEUE_ASSERT(sizeof(struct kipc_queue_count) == 0x100, "classes start at 0x200");
KIPC_QUEUE_ASSERT(sizeof(struct kipc_queue_class) == 0x100, "each hint alone on 128 bytes");
KIPC_QUEUE_ASSERT(sizeof(struct kipc_queue_area) == KIPC_QUEUE_SLOTS_OFF, "slots follow");

#endif /* KIPC_QUEUE_LAYOUT_H */
