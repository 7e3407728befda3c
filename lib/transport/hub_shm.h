/* SPDX-License-Identifier: MIT */
/*
 * hub_shm.h - regions with many ends in plain shared memory; shared by the hub_shm files
 *
 * From the bottom: hub_shm_region.c (memory), hub_shm_bell.c (arm, wake), hub_shm_end.c (places, death),
 * hub_shm_vigil.c (to hear of deaths asleep), hub_shm_poll.c (sleepers and pollers), hub_shm_name.c (open,
 * close, the seam's table).
 *
 * An end lives as long as its process holds byte KIPC__HUB_BYTE(end) of the region's file locked.
 */
#ifndef KIPC_TRANSPORT_HUB_SHM_H
#define KIPC_TRANSPORT_HUB_SHM_H

#include "../os/courier.h"
#include "../os/guard.h"
#include "../os/lock.h"
#include "../os/region.h"
#include "../os/sys.h"
#include "hub_chan.h"

#define KIPC__HUB_BYTE(end) (64 + (end))

/* The numbers of FIFOs: the doorbell of all who poll on a side; an end's leash; what an end makes a doorbell of. */
#define KIPC__HUB_BELL(side)       (side)
#define KIPC__HUB_LEASH(end)       (2 + (end))
#define KIPC__HUB_BLANK(end, side) (2 + KIPC_RING_ENDS + 2 * (end) + (side))

/* So many sleepers are woken by who publishes to a crowd; they wake the others. One alone could be gone. */
#define KIPC__HUB_CHOSEN 2

/* A larger crowd of pollers is rung for by a worker of the kernel, if there may be one. */
#define KIPC__HUB_AT_ONCE 8

/* How one side sleeps; used by the thread that sleeps there. */
struct kipc__hub_rest {
	uint32_t word; /* differs once somebody that a vigil is kept on is gone */
	unsigned naps; /* in a row, since anything came */
};

struct kipc__hub_shm {
	struct kipc__lockfile *file;
	char name[KIPC__REGION_NAME_MAX];
	bool placed; /* the lock of my end is mine */

	/* Polling, by side: epoll contains the doorbell and the ticker. Who only rings has the bell, too. */
	bool polled[2];
	int epoll[2];
	int bell[2];
	int ticker;
	struct kipc__courier *courier; /* of who calls; NULL: it rings itself */
	unsigned rung;                 /* how often it has called pollers */
	unsigned crowd;                /* of live ends that it may have to call */

	/* Sleeping. */
	struct kipc__hub_rest rest[2];
	bool may_watch; /* the user allows io_uring, and the kernel has not refused it */
	int leash;      /* a FIFO that breaks when I am gone, once others may want to know */
	struct kipc__guard guard; /* a forked child has none */
};

static inline struct kipc__hub_shm *kipc__hub_shm_of(const struct kipc__hub *h)
{
	return h->own;
}

/* hub_shm_region.c */
uint64_t kipc__hub_shm_bytes(const struct kipc__hub_plan *plan);
int kipc__hub_shm_create_file(int *fd, const struct kipc__hub_kind *kind,
                              const struct kipc__hub_plan *plan, const struct kipc__config *cfg);
int kipc__hub_shm_map(struct kipc__hub *h); /* as kipc__hub_learn() */
void kipc__hub_shm_unmap(struct kipc__hub *h);

/* hub_shm_bell.c. arm: I am about to sleep (PARKED) or to be polled (POLLED). answer: I am back from a sleep; wake
 * who was called with me and still sleeps.
 */
uint32_t kipc__hub_shm_arm(struct kipc__hub *h, unsigned side, uint32_t how);
void kipc__hub_shm_wake(struct kipc__hub *h, unsigned side, bool all);
void kipc__hub_shm_call(struct kipc__hub *h, unsigned side);
void kipc__hub_shm_answer(struct kipc__hub *h, unsigned side);
void kipc__hub_shm_stir(
	struct kipc__hub *h); /* all sleepers look who is there; no poller is told */
int kipc__hub_shm_bell_make(struct kipc__hub *h,
                            unsigned side); /* unless there is one: my descriptor */
int kipc__hub_shm_bells_begin(struct kipc__hub *h, bool calls); /* -ENOMEM */
void kipc__hub_shm_bells_close(struct kipc__hub *h);

/* The names of what lies beside the region: mine; of a place whose owner is dead; where nobody is left, of
 * all who have died.
 */
void kipc__hub_shm_bells_leave(struct kipc__hub *h);
void kipc__hub_shm_bells_unlink(const char *name, const __u64 id[2], unsigned end);
void kipc__hub_shm_bells_sweep(const char *name, const __u64 id[2],
                               const struct kipc_ring_status *st);

/* hub_shm_end.c */
int kipc__hub_shm_take(struct kipc__hub *h, unsigned first,
                       unsigned last);          /* -EBUSY: none is free */
void kipc__hub_shm_settle(struct kipc__hub *h); /* live: my death is seen from here on */
void kipc__hub_shm_drop(struct kipc__hub *h);   /* free my place */
void kipc__hub_shm_look(struct kipc__hub *h, bool now);

/* How many places from first on, and before behind, have a live end. */
unsigned kipc__hub_shm_live(const struct kipc__hub *h, unsigned first, unsigned behind);

/* The same for a sleeper whose nap is over: where all watch all, one look in a while does for the whole
 * crowd, or its cost would grow with the square of the sleepers.
 */
void kipc__hub_shm_look_in_turn(struct kipc__hub *h);

/* hub_shm_vigil.c. My leash: prepare (-ENOMEM); make it, if there is none yet. */
int kipc__hub_shm_leash_begin(struct kipc__hub_shm *s);
void kipc__hub_shm_leash_make(struct kipc__hub *h);
void kipc__hub_shm_leash_end(struct kipc__hub_shm *s);

/* A sleep without a timer, as sleep() of the seam; or -EAGAIN: not here or not yet, so take a nap. */
int kipc__hub_shm_vigil_sleep(struct kipc__hub *h, unsigned side, uint32_t armed, int64_t deadline);

/* hub_shm_poll.c: slots of the seam. */
int kipc__hub_shm_sleep(struct kipc__hub *h, unsigned side, uint32_t armed, int64_t deadline);
void kipc__hub_shm_idle(struct kipc__hub *h, unsigned side);
int kipc__hub_shm_fd(struct kipc__hub *h, unsigned side);

#endif /* KIPC_TRANSPORT_HUB_SHM_H */
