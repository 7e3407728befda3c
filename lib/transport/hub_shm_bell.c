// SPDX-License-Identifier: MIT
#include <errno.h>
#include <unistd.h>
#include "../os/wake.h"
#include "hub_shm.h"

/*
 * One bell for all who sleep on a side. Its word holds flags and counts events, and is the futex: an
 * event changes it, so nothing can fall between a sleeper's last look and its sleep, however many
 * others clear and set the flags meanwhile.
 *
 * All who poll on a side have one doorbell, a FIFO beside the region: who finds the flag writes a byte there, or
 * has a worker of the kernel write it, which makes the descriptor of each of them readable, however many there are
 * (hub_shm_poll.c). The first of them makes the FIFO, before it arms, so who sees the flag finds it; it goes with
 * the region.
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
	uint32_t before =
		kipc__fetch_or(&kipc__hub_bell(h, side)->armed, how); /* (H) pairs with (G) */

	kipc__fence_full(); /* (I) pairs with (F) */
	if (__builtin_expect(before & KIPC_ARMED_CALL, 0))
		kipc__hub_shm_answer(h, side);
	return (before | how) & ~KIPC_ARMED_CALL;
}

/* ---- doorbells -------------------------------------------------------------------------- */

/* Both halves of an end ring, and a signal handler may interrupt either over it: who comes second closes its own. */
static int bell_fd(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	int now = kipc__load_acquire(&s->bell[side]); /* pairs with the exchange below */
	int fd, r;

	if (now >= 0)
		return now;
	r = kipc__region_bell_join(&fd, s->name, h->ident.id, KIPC__HUB_BELL(side));
	if (r < 0)
		return r;
	if (kipc__compare_exchange(&s->bell[side], &now, fd))
		return fd;
	kipc__fd_close(fd);
	return now;
}

/* What is there already was made by somebody else who polls here, and must not be replaced: others have it open. */
int kipc__hub_shm_bell_make(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	int fd = bell_fd(h, side);
	int r;

	if (fd != -ENOENT)
		return fd;
	r = kipc__region_bell_share(s->name, h->ident.id, KIPC__HUB_BELL(side),
	                            KIPC__HUB_BLANK(h->end, side), kipc__lockfile_fd(s->file));
	return r < 0 ? r : bell_fd(h, side);
}

/* Of letters that nobody reads a FIFO holds 16 pages at most. */
#define OLD_BYTES 4096
#define OLD_READS 64

/* A full bell would swallow this letter in silence, so who finds it full makes room. Whoever takes letters out
 * takes nothing away: each has done all that it can when it was written.
 */
static void ring(struct kipc__hub *h, unsigned side)
{
	char old[OLD_BYTES];
	int fd = bell_fd(h, side);
	unsigned i;

	for (i = 0; i < OLD_READS && write(fd, "r", 1) < 0 && errno == EAGAIN; i++)
		(void)!read(fd, old, sizeof(old));
}

/* Of live ends how many may have to be called; some of them do not poll. Seldom counted anew. */
static bool is_crowd(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);

	if (s->rung++ % 16 == 0)
		s->crowd = kipc__hub_shm_live(h, 1, h->ident.nr_ends);
	return s->crowd > KIPC__HUB_AT_ONCE;
}

/* Writing wakes each who polls. The letter that a worker writes is lost if I am killed before, as if I had been
 * killed before I rang: they find out by their tickers.
 */
static void ring_for_crowd(struct kipc__hub *h, unsigned side)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);

	if (!s->courier || !is_crowd(h) || kipc__courier_send(s->courier, bell_fd(h, side)) != 0)
		ring(h, side);
}

/* While the place is mine: what its next owner makes has the same names. */
void kipc__hub_shm_bells_leave(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);

	if (s->leash >= 0)
		kipc__region_bell_unlink(s->name, h->ident.id, KIPC__HUB_LEASH(h->end));
}

void kipc__hub_shm_bells_unlink(const char *name, const __u64 id[2], unsigned end)
{
	unsigned side;

	for (side = 0; side < 2; side++)
		kipc__region_bell_unlink(name, id, KIPC__HUB_BLANK(end, side));
	kipc__region_bell_unlink(name, id, KIPC__HUB_LEASH(end));
}

void kipc__hub_shm_bells_sweep(const char *name, const __u64 id[2],
                               const struct kipc_ring_status *st)
{
	unsigned end, side;

	for (side = 0; side < 2; side++)
		kipc__region_bell_unlink(name, id, KIPC__HUB_BELL(side));
	for (end = 0; end < KIPC_RING_ENDS; end++)
		if (kipc__load_relaxed(&st->ends[end].generation))
			kipc__hub_shm_bells_unlink(name, id, end);
}

int kipc__hub_shm_bells_begin(struct kipc__hub *h, bool calls)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);

	s->epoll[0] = s->epoll[1] = s->bell[0] = s->bell[1] = s->ticker = -1;
	if (!calls || !s->may_watch)
		return 0;
	s->courier = kipc__courier_new();
	return s->courier ? 0 : -ENOMEM;
}

void kipc__hub_shm_bells_close(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	unsigned side;

	kipc__hub_shm_leash_end(s); /* first: a forked child would forget a courier that is gone */
	kipc__courier_free(s->courier);
	for (side = 0; side < 2; side++) {
		kipc__fd_close(s->epoll[side]);
		kipc__fd_close(s->bell[side]);
	}
	kipc__fd_close(s->ticker);
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
		ring_for_crowd(h, side);
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
