/* SPDX-License-Identifier: MIT */
/*
 * queue.h - one end of a queue: slots that many senders and many receivers share
 *
 * Pure: works on the memory that it is given; no system call, no allocation, no waiting, no global.
 * The layout, the states of a slot and the letters (a) to (d) are those of kipc_queue.h.
 *
 * The bounded ring whose slots count laps is Vyukov's (1024cores, "Bounded MPMC queue"). There a claim
 * is a step of the shared position, so that who dies between that and the slot stops everybody; here it
 * is a step of the slot itself, and the positions are hints.
 *
 * Results: a positive count; 0: full, or nothing there; -EMSGSIZE, -EBUSY, -EINVAL as in kipc.h;
 * -EBADMSG: the memory holds what no honest end writes.
 */
#ifndef KIPC_CORE_QUEUE_H
#define KIPC_CORE_QUEUE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kipc.h>
#include <kipc_queue.h>
#include "atomic.h"

#define KIPC__QUEUE_NOBODY UINT32_MAX

/* A slot that this end holds. */
struct kipc__queue_claim {
	uint64_t *slot;
	uint64_t word; /* as I wrote it; while I read, others may advance its lap */
	uint32_t prio; /* class of the message */
	uint32_t len;  /* of the message, or as much as was reserved */
};

/* The two halves of an end may be two threads. */
struct kipc__queue_half {
	unsigned nr;
	struct kipc__queue_claim claims[KIPC_BATCH_MAX];
};

struct kipc__queue {
	struct kipc_queue_area *area;
	uint8_t *slots;
	struct kipc_queue_geom geom; /* a copy, checked */
	unsigned shift;              /* log2(geom.slots) */
	uint32_t end;                /* which one I am */
	uint32_t max_len;
	bool rfo; /* take the cache lines that I have read */
	struct kipc__queue_half tx __attribute__((aligned(64))); /* reserved */

	/* Receiving; blocker is the end whose reservation the last look met, or NOBODY. */
	uint32_t blocker __attribute__((aligned(64)));
	uint64_t mended;            /* where the last look for lost messages ended */
	uint64_t seen;              /* so far class 0 was claimed when I last looked at its prod */
	struct kipc__queue_half rx; /* peeked and not released */
};

/* Is the geometry one that the functions here can work on? */
bool kipc__queue_geom_valid(const struct kipc_queue_geom *g);

/* Bytes of the area. */
uint64_t kipc__queue_bytes(const struct kipc_queue_geom *g);

/* Make an empty queue in zeroed memory. */
void kipc__queue_format(void *area, const struct kipc_queue_geom *g);

/* An end over formatted memory of so many bytes. 0; -EBADMSG: it holds no queue that fits there. */
int kipc__queue_init(struct kipc__queue *q, void *area, uint64_t bytes, uint32_t end);

/* Reserve n messages of m[i].len, all or none, each in the class that its flags say; sets m[i].data. */
int kipc__queue_reserve(struct kipc__queue *q, struct kipc_msg *m, unsigned n);

/* Publish the first n of the reservation; the rest is discarded. */
int kipc__queue_commit(struct kipc__queue *q, const struct kipc_msg *m, unsigned n);

/* Drop the reservation: how many slots that were. */
int kipc__queue_discard(struct kipc__queue *q);

/* Look at up to n messages: first those that are held already, then further ones. */
int kipc__queue_peek(struct kipc__queue *q, struct kipc_msg *m, unsigned n);

/* Give back the first n peeked. */
int kipc__queue_release(struct kipc__queue *q, unsigned n);

/* Copy as many of n messages in as fit; copy up to n out. */
int kipc__queue_send(struct kipc__queue *q, const struct kipc_msg *m, unsigned n);
int kipc__queue_recv(struct kipc__queue *q, struct kipc_msg *m, unsigned n);

/* One message of class 0 in, or one of the only class out, if that takes no second look: 1, and the length;
 * 0, and -EAGAIN: it does.
 */
int kipc__queue_put(struct kipc__queue *q, const void *data, uint64_t len);
int64_t kipc__queue_get(struct kipc__queue *q, void *buf, uint64_t cap);

/* Would a peek find something? 1, 0 or -EBADMSG. */
int kipc__queue_ready(struct kipc__queue *q);

/* The same, without what this end holds: is there something for others? */
int kipc__queue_more(struct kipc__queue *q);

/* Are there n free slots in this class now? 1, 0 or -EBADMSG. */
int kipc__queue_room(struct kipc__queue *q, uint32_t prio, unsigned n);

/* How far the senders of class 0 were ahead of its receivers when this end last looked; now: look. As the
 * hints say: a number to go by, not to rely on.
 */
int64_t kipc__queue_lead(struct kipc__queue *q, bool now);

/* Slots of this class that no message waits in, as the hints say. */
int64_t kipc__queue_spare(const struct kipc__queue *q, uint32_t prio);

/* Messages of all classes that wait for a receiver, as the hints say: a number for people. */
uint64_t kipc__queue_pending(const struct kipc__queue *q);

/* Leave what is held to others, as if this end had died: how many messages that were. */
int kipc__queue_return(struct kipc__queue *q);

/* Undo what a dead end held. Any end may do it, again and at the same time as another one; nobody may
 * use the end meanwhile. Returns how many slots it changed.
 */
int kipc__queue_reap(struct kipc__queue *q, uint32_t end);

/* Look for messages that lie behind their hint, which only an end that was killed while it cleared away
 * a dead one, or a hostile one, leaves: 1 when there were any. For those who have waited long.
 */
int kipc__queue_mend(struct kipc__queue *q);

/* The same at all slots at once: for who clears away a dead end, perhaps behind one that died over it. */
int kipc__queue_mend_all(struct kipc__queue *q);

/* Has a sender waited for several slots at once? Then a free slot concerns all of them. */
static inline bool kipc__queue_crowd(const struct kipc__queue *q)
{
	return kipc__load_relaxed(&q->area->ready.crowd) != 0;
}

static inline void kipc__queue_crowd_set(struct kipc__queue *q)
{
	kipc__store_relaxed(&q->area->ready.crowd, 1);
}

/* ---- shared by the queue files ---------------------------------------------------------- */

/* A word becomes v if it is old: true. */
static inline bool kipc__slot_swap(void *word, uint64_t old, uint64_t v)
{
	return kipc__compare_exchange((uint64_t *)word, &old, v);
}

static inline uint32_t kipc__slot_state(uint64_t w)
{
	return (uint32_t)w & KIPC_SLOT_STATE;
}

static inline uint32_t kipc__slot_owner(uint64_t w)
{
	return (uint32_t)(w >> KIPC_SLOT_OWNER_SHIFT) & KIPC_SLOT_OWNER_MASK;
}

static inline uint32_t kipc__slot_len(uint64_t w)
{
	return (uint32_t)(w >> KIPC_SLOT_LEN_SHIFT) & KIPC_SLOT_LEN_MASK;
}

static inline uint32_t kipc__slot_tries(uint64_t w)
{
	return (uint32_t)(w >> KIPC_SLOT_TRIES_SHIFT) & KIPC_SLOT_TRIES_MASK;
}

static inline uint64_t kipc__slot_lap(uint64_t w)
{
	return w & ~(KIPC_SLOT_LAP_ONE - 1);
}

/* Free for the next lap. */
static inline uint64_t kipc__slot_free_next(uint64_t w)
{
	return kipc__slot_lap(w) + KIPC_SLOT_LAP_ONE;
}

static inline uint64_t *kipc__queue_slot(const struct kipc__queue *q, uint32_t prio, uint64_t pos)
{
	uint64_t i = ((uint64_t)prio << q->shift) + (pos & (q->geom.slots - 1));

	return (uint64_t *)(q->slots + i * q->geom.stride);
}

/* What the word of the slot at a position reads when it is free for it. */
static inline uint64_t kipc__queue_free_word(const struct kipc__queue *q, uint64_t pos)
{
	return pos >> q->shift << KIPC_SLOT_LAP_SHIFT;
}

/* How many laps the word is ahead of a position; negative: behind. */
static inline int32_t kipc__queue_ahead(const struct kipc__queue *q, uint64_t w, uint64_t pos)
{
	uint32_t laps = (uint32_t)(w >> KIPC_SLOT_LAP_SHIFT) - (uint32_t)(pos >> q->shift);

	return (int32_t)(laps << 8) >> 8;
}

/* Positions are 48 bits wide: a - b. */
static inline int64_t kipc__queue_distance(uint64_t a, uint64_t b)
{
	return (int64_t)((a - b) << (64 - KIPC_QUEUE_POS_BITS)) >> (64 - KIPC_QUEUE_POS_BITS);
}

/* Every step over a slot, and every lost race for one, is somebody else's progress, or the work of a
 * hostile end: that one shall not keep us here.
 */
static inline uint64_t kipc__queue_most_steps(const struct kipc__queue *q)
{
	return 4ULL * q->geom.slots + 1024;
}

/* Looked at *hint when it was from, went on to here: others may begin here, too. */
static inline void kipc__queue_advance(__u64 *hint, uint64_t from, uint64_t to)
{
	if (from != to)
		(void)kipc__slot_swap(hint, from, to);
}

static inline uint64_t kipc__queue_claimed(const struct kipc__queue *q, uint64_t w, uint32_t state)
{
	return (w & ~(uint64_t)KIPC_SLOT_STATE) | state | (uint64_t)q->end << KIPC_SLOT_OWNER_SHIFT;
}

/* Does the word, loaded from a slot, hold what an honest end writes? */
bool kipc__queue_word_valid(const struct kipc__queue *q, uint64_t w);

/* Something of this class was given up: lead receivers behind it, if nothing lies before it. */
void kipc__queue_skip(struct kipc__queue *q, uint32_t prio);

/* Make sure that receivers look at this position again. */
void kipc__queue_rewind(struct kipc__queue *q, uint32_t prio, uint64_t pos);

/* The classes in this mask may hold messages: say so where receivers look. Executes (F). */
void kipc__queue_announce(struct kipc__queue *q, uint32_t classes);

#endif /* KIPC_CORE_QUEUE_H */
