// SPDX-License-Identifier: MIT
#include <unistd.h>
#include "../os/wake.h"
#include "hub_shm.h"

/*
 * One bell for all who sleep on a side. Its word holds flags and counts events, and is the futex: an
 * event changes it, so nothing can fall between a sleeper's last look and its sleep, however many
 * others clear and set the flags meanwhile.
 *
 * A poller sets its bit in the set of its side and then the flag. A waker takes the set and rings the
 * doorbells of those in it, one FIFO for an end and side; a poller that does not arm again costs
 * nothing more.
 *
 * Who publishes to a crowd does not wake each of them. It clears PARKED, says CALL ("there may be sleepers who
 * are still to be woken for this event") and wakes KIPC__HUB_CHOSEN of them. Whoever then comes back from a
 * sleep, or arms, takes CALL down in one step and wakes all the rest before it does anything else. As long
 * as CALL stands, each further event wakes as many again, so those who were chosen and are gone are made up
 * for by the next message. Without one, it is found out by whoever's turn it is to look (hub_shm_vigil.c).
 */

/* PARKED is put up in the same step: should I be killed before the rest is woken, the next event finds it. The
 * event is that of the one who called, so no word that anybody armed with since is any different for it: who
 * arms does this itself, and is told what the word is then.
 */
void kipc__hub_shm_answer(struct kipc__hub *h, unsigned side)
{
	uint32_t *armed = &kipc__hub_bell(h, side)->armed;
	uint32_t seen =
		kipc__load_relaxed(armed); /* behind the sleep, or (H): pairs with call's change */

	do {
		if (!(seen & KIPC_ARMED_CALL))
			return;
	} while (!kipc__compare_exchange(armed, &seen,
	                                 (seen & ~KIPC_ARMED_CALL) | KIPC_ARMED_PARKED));
	kipc__futex_wake(armed);
}

uint32_t kipc__hub_shm_arm(struct kipc__hub *h, unsigned side, uint32_t how)
{
	uint32_t before;

	if (how & KIPC_ARMED_POLLED)
		kipc__fetch_or(&h->status->sets.polled[side][h->end / 64], 1ULL << (h->end % 64));
	before = kipc__fetch_or(&kipc__hub_bell(h, side)->armed, how); /* (H) pairs with (G) */
	kipc__fence_full();                                            /* (I) pairs with (F) */
	if (__builtin_expect(before & KIPC_ARMED_CALL, 0))
		kipc__hub_shm_answer(h, side);
	return (before | how) & ~KIPC_ARMED_CALL;
}

/* ---- doorbells -------------------------------------------------------------------------- */

static unsigned bell_number(unsigned end, unsigned side)
{
	return 2 * end + side;
}

int kipc__hub_shm_bell_open(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	if (s->bell[side] >= 0)
		return 0;
	return kipc__region_bell(&s->bell[side], s->name, h->ident.id, bell_number(h->end, side),
	                         true, kipc__region_mode(kipc__lockfile_fd(s->file)));
}

/* My own rings like anybody's: it is open both ways. */
void kipc__hub_shm_bell_self(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	if (s->bell[side] >= 0)
		(void)!write(s->bell[side], "r", 1);
}

void kipc__hub_shm_bell_drain(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	char got[64];

	while (read(s->bell[side], got, sizeof(got)) == (ssize_t)sizeof(got))
		;
}

static int ringer_open(const struct kipc__hub *h, unsigned number)
{
	int fd;
	int r = kipc__region_bell_join(&fd, kipc__hub_shm_of(h)->name, h->ident.id, number);

	return r < 0 ? r : fd;
}

/* Kept open, until the place has another owner: that one's doorbell is another file. */
static int ringer_fd(struct kipc__hub *h, unsigned end, unsigned side)
{
	struct kipc__hub_ringer *r = &kipc__hub_shm_of(h)->ringers[bell_number(end, side)];
	uint32_t generation = kipc__load_relaxed(&h->status->ends[end].generation);

	if (r->open && r->generation != generation) {
		kipc__fd_close(r->fd);
		r->open = false;
	}
	if (!r->open) {
		r->fd = ringer_open(h, bell_number(end, side));
		r->open = r->fd >= 0;
		r->generation = generation;
	}
	return r->open ? r->fd : -1;
}

/* Both halves of an end ring, and a signal handler may interrupt either over it: who finds another one at the
 * ringers opens the doorbell for itself.
 */
static void ring_other(struct kipc__hub *h, unsigned end, unsigned side)
{
	uint32_t *ringing = &kipc__hub_shm_of(h)->ringing;
	bool busy = kipc__exchange(ringing, 1);
	int fd = busy ? ringer_open(h, bell_number(end, side)) : ringer_fd(h, end, side);

	(void)!write(fd, "r", 1);
	if (busy)
		kipc__fd_close(fd);
	else
		kipc__store_release(ringing, 0); /* pairs with the exchange */
}

static void ring(struct kipc__hub *h, unsigned side)
{
	unsigned word, end;

	for (word = 0; word < 2; word++) {
		uint64_t set = kipc__exchange(&h->status->sets.polled[side][word], 0);

		for (; set; set &= set - 1) {
			end = 64 * word + (unsigned)__builtin_ctzll(set);
			/* Who cleans up before it has a place seems to have place 0. */
			if (kipc__hub_shm_of(h)->placed && end == h->end)
				kipc__hub_shm_bell_self(h, side);
			else if (end < h->ident.nr_ends)
				ring_other(h, end, side);
		}
	}
}

/* While the place is mine: what its next owner makes has the same names. */
void kipc__hub_shm_bells_leave(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	unsigned side;

	for (side = 0; side < 2; side++)
		if (s->bell[side] >= 0)
			kipc__region_bell_unlink(s->name, h->ident.id, bell_number(h->end, side));
	if (s->leash >= 0)
		kipc__region_bell_unlink(s->name, h->ident.id, KIPC__HUB_LEASH(h->end));
}

void kipc__hub_shm_bells_unlink(const char *name, const __u64 id[2], unsigned end)
{
	unsigned side;

	for (side = 0; side < 2; side++)
		kipc__region_bell_unlink(name, id, bell_number(end, side));
	kipc__region_bell_unlink(name, id, KIPC__HUB_LEASH(end));
}

void kipc__hub_shm_bells_sweep(const char *name, const struct kipc_ring_status *st)
{
	unsigned end;

	for (end = 0; end < KIPC_RING_ENDS; end++)
		if (kipc__load_relaxed(&st->ends[end].generation))
			kipc__hub_shm_bells_unlink(name, st->ident.id, end);
}

void kipc__hub_shm_bells_close(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	unsigned i, side;

	for (side = 0; side < 2; side++) {
		kipc__fd_close(s->epoll[side]);
		kipc__fd_close(s->bell[side]);
	}
	kipc__fd_close(s->ticker);
	kipc__hub_shm_leash_end(s);
	for (i = 0; i < 2 * KIPC_RING_ENDS; i++)
		if (s->ringers[i].open)
			kipc__fd_close(s->ringers[i].fd);
}

/* ---- waking ----------------------------------------------------------------------------- */

#define SLEEPERS (KIPC_ARMED_PARKED | KIPC_ARMED_CALL)

/* Count an event and clear flags; what the word was. */
static uint32_t happened(uint32_t *armed, uint32_t clear)
{
	uint32_t seen = kipc__load_relaxed(armed);

	while (!kipc__compare_exchange(armed, &seen, (seen & ~clear) + KIPC_ARMED_EVENT))
		;
	return seen;
}

/* The same for who calls: if there are sleepers, what the word is afterwards says so. */
static uint32_t called(uint32_t *armed, uint32_t *after)
{
	uint32_t seen = kipc__load_relaxed(armed);

	do {
		*after = (seen & ~KIPC_ARMED_FLAGS) + KIPC_ARMED_EVENT;
		if (seen & SLEEPERS)
			*after |= KIPC_ARMED_CALL;
	} while (!kipc__compare_exchange(armed, &seen, *after));
	return seen;
}

void kipc__hub_shm_wake(struct kipc__hub *h, unsigned side, bool all)
{
	uint32_t *armed = &kipc__hub_bell(h, side)->armed;
	uint32_t clear = all ? KIPC_ARMED_FLAGS : KIPC_ARMED_POLLED;
	uint32_t seen = happened(armed, clear); /* pairs with (H) */

	if (seen & KIPC_ARMED_POLLED)
		ring(h, side);
	if (!(seen & (all ? SLEEPERS : KIPC_ARMED_PARKED)))
		return;
	kipc__hub_shm_leash_make(h);
	if (all) {
		kipc__futex_wake(armed);
	} else if (!kipc__futex_wake_some(armed, 1)) {
		/* Nobody sleeps behind the flag: take it down, and let go who has come meanwhile. */
		(void)happened(armed, KIPC_ARMED_PARKED);
		kipc__futex_wake(armed);
	}
}

/* Fewer were there than could have been woken, so nobody sleeps who has not heard of this event, and nobody will:
 * who armed before it finds another word when the kernel compares, and who armed behind it finds what was
 * published at (J). So nothing is left to be done, unless the word has changed: then somebody has armed or
 * answered, and sees to it.
 */
void kipc__hub_shm_call(struct kipc__hub *h, unsigned side)
{
	uint32_t *armed = &kipc__hub_bell(h, side)->armed;
	uint32_t after;
	uint32_t seen = called(armed, &after); /* pairs with (H) */

	if (seen & KIPC_ARMED_POLLED)
		ring(h, side);
	if (!(seen & SLEEPERS))
		return;
	kipc__hub_shm_leash_make(h);
	if (kipc__futex_wake_some(armed, KIPC__HUB_CHOSEN) < KIPC__HUB_CHOSEN)
		(void)kipc__compare_exchange(armed, &after, after & ~KIPC_ARMED_CALL);
}

void kipc__hub_shm_stir(struct kipc__hub *h)
{
	unsigned side;

	for (side = 0; side < 2; side++) {
		uint32_t *armed = &kipc__hub_bell(h, side)->armed;

		if (happened(armed, SLEEPERS) & SLEEPERS) /* pairs with (H) */
			kipc__futex_wake(armed);
	}
}
