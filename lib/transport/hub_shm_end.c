// SPDX-License-Identifier: MIT
#include <errno.h>
#include <time.h>
#include "hub_shm.h"
#include "shm_chan.h"

/*
 * Places. Taken under the setup lock, so one newcomer at a time; freed by their owner without it. A
 * dead end is cleaned up after by whoever finds out first: it puts itself into the place's state in
 * one step, so that another one can see whether the cleaner itself has died, and then starts over.
 */

#define LOOK_NS (25 * 1000 * 1000)

/* So often a newcomer looks whether another one has cleaned up, and how long between two looks: half of the
 * time that others wait for the setup lock. Time in which this process does not run is none of it, for
 * then the other one may have been stopped too.
 */
#define BURIAL_LOOKS 500
#define BURIAL_NAP   (1000 * 1000)

/* The word of a place: KIPC_END_*, in the next byte who cleans up, and above it a version, which every
 * owner and every cleaner advances: who looked before is late, whatever the place looks like again.
 */
#define VERSION 0x10000U

/* As the cleaner: a newcomer, who has no place, holds the setup lock instead. */
#define NEWCOMER 0xffU

static uint32_t *state_word(const struct kipc__hub *h, unsigned end)
{
	return &h->status->ends[end].state;
}

/* The word that follows this one. */
static uint32_t successor(uint32_t word, uint32_t state, uint32_t cleaner)
{
	return ((word & ~(VERSION - 1)) + VERSION) | cleaner << 8 | state;
}

/* Only for who may change it alone. */
static void state_set(struct kipc__hub *h, unsigned end, uint32_t state)
{
	uint32_t word = kipc__load_relaxed(state_word(h, end));

	kipc__store_release(state_word(h, end), successor(word, state, 0));
}

static bool alive(struct kipc__hub *h, unsigned end)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	pid_t pid;

	return kipc__lockfile_held(s->file, KIPC__HUB_BYTE(end), &pid) != 0;
}

unsigned kipc__hub_shm_live(const struct kipc__hub *h, unsigned first, unsigned behind)
{
	unsigned end, live = 0;

	for (end = first; end < behind; end++)
		live += kipc__hub_state(h, end) == KIPC_END_LIVE;
	return live;
}

static void bury(struct kipc__hub *h, unsigned end)
{
	h->kind->died(h, end);
	kipc__hub_shm_bells_unlink(kipc__hub_shm_of(h)->name, h->ident.id, end);
	state_set(h, end, KIPC_END_DEAD);
}

/* Has the one who cleans up after a dead end died over it? */
static bool abandoned(struct kipc__hub *h, uint32_t state)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	unsigned cleaner = (state >> 8) & 0xff;
	pid_t pid;

	if (cleaner ==
	    NEWCOMER) /* without a place I hold the setup lock, so it does not any more */
		return !s->placed || kipc__lockfile_held(s->file, KIPC__SHM_SETUP_BYTE, &pid) == 0;
	return cleaner == 0 || cleaner > h->ident.nr_ends ||
	       (!(s->placed && cleaner == h->end + 1) && !alive(h, cleaner - 1));
}

/* In the word that was loaded, the place is a dead one's: I clean up, unless somebody was faster. */
static void reap(struct kipc__hub *h, unsigned end, uint32_t word)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	uint32_t me = s->placed ? h->end + 1 : NEWCOMER;

	if (kipc__compare_exchange(state_word(h, end), &word, successor(word, KIPC_END_REAP, me)))
		bury(h, end);
}

static void look_at(struct kipc__hub *h, unsigned end)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	uint32_t word = kipc__load_acquire(state_word(h, end));
	uint32_t state = word & KIPC__HUB_STATE;

	if ((s->placed && end == h->end) || (state != KIPC_END_LIVE && state != KIPC_END_REAP))
		return;
	if (alive(h, end) || (state == KIPC_END_REAP && !abandoned(h, word)))
		return;
	reap(h, end, word);
}

static void look_between(struct kipc__hub *h, unsigned first, unsigned last)
{
	unsigned end;

	for (end = first; end <= last && end < h->ident.nr_ends; end++)
		look_at(h, end);
}

static bool watches_all(const struct kipc__hub *h)
{
	return h->watch[0] == 0 && h->watch[1] + 1 >= h->ident.nr_ends;
}

static void look(struct kipc__hub *h)
{
	int64_t now = kipc__now_coarse();

	kipc__store_relaxed(&h->looked_at, now);
	if (watches_all(h))
		kipc__store_relaxed(&h->status->sets.looked_at, (uint64_t)now);
	look_between(h, h->watch[0], h->watch[1]);
}

/* A clock of another time namespace, or a forged time, that is not just over is no reason. */
void kipc__hub_shm_look_in_turn(struct kipc__hub *h)
{
	uint64_t now = (uint64_t)kipc__now_coarse();

	if (watches_all(h) &&
	    now - kipc__load_relaxed(&h->status->sets.looked_at) < (uint64_t)LOOK_NS)
		kipc__store_relaxed(&h->looked_at, (int64_t)now);
	else
		look(h);
}

void kipc__hub_shm_look(struct kipc__hub *h, bool now)
{
	if (now)
		look(h);
	else if (kipc__now_coarse() - kipc__load_relaxed(&h->looked_at) >= LOOK_NS)
		kipc__hub_shm_look_in_turn(h);
}

/* ---- coming and going ------------------------------------------------------------------- */

static int take_free(struct kipc__hub *h, unsigned first, unsigned last)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	unsigned end;
	uint32_t state;
	int r;

	for (end = first; end <= last; end++) {
		state = kipc__hub_state(h, end);
		if (state != KIPC_END_FREE && state != KIPC_END_DEAD)
			continue;
		r = kipc__lockfile_take(s->file, KIPC__HUB_BYTE(end));
		if (r == 0) {
			h->end = end;
			s->placed = true;
		}
		if (r != -EBUSY)
			return r;
	}
	return -EBUSY;
}

static bool being_buried(const struct kipc__hub *h, unsigned first, unsigned last)
{
	unsigned end;

	for (end = first; end <= last; end++)
		if (kipc__hub_state(h, end) == KIPC_END_REAP)
			return true;
	return false;
}

/* A place that somebody cleans up after a dead end will be free in a moment. */
int kipc__hub_shm_take(struct kipc__hub *h, unsigned first, unsigned last)
{
	struct timespec nap = kipc__timespec(BURIAL_NAP);
	unsigned looks = BURIAL_LOOKS;
	int r;

	for (;;) {
		look_between(h, first, last);
		r = take_free(h, first, last);
		if (r != -EBUSY || !being_buried(h, first, last) || --looks == 0)
			return r;
		nanosleep(&nap, NULL);
	}
}

/* What the one who had my place before me was cleaning up seems to be in my hands now: it is. */
static void inherit(struct kipc__hub *h)
{
	unsigned end;

	for (end = 0; end < h->ident.nr_ends; end++) {
		uint32_t word = kipc__load_acquire(state_word(h, end));

		if (end != h->end && (word & 0xffff) == (KIPC_END_REAP | (h->end + 1) << 8))
			reap(h, end, word);
	}
}

void kipc__hub_shm_settle(struct kipc__hub *h)
{
	uint32_t *generation = &h->status->ends[h->end].generation;

	/* A sleeper learns whom to watch, by my lock, before I am somebody whose death it would miss. */
	kipc__hub_shm_stir(h);
	inherit(h);
	kipc__store_relaxed(generation, kipc__load_relaxed(generation) + 1);
	state_set(h, h->end, KIPC_END_LIVE);
	if (h->kind->calls) /* now they may be more than who publishes wakes, before I can sleep */
		kipc__hub_shm_stir(h);
}

/* The state first: once the lock is gone, a newcomer may have the place. */
void kipc__hub_shm_drop(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	if (!s->placed)
		return;
	state_set(h, h->end, KIPC_END_FREE);
	s->placed = false;
	kipc__lockfile_drop(s->file, KIPC__HUB_BYTE(h->end));
}
