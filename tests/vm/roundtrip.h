/* SPDX-License-Identifier: MIT */
/* roundtrip.h - what the ways to make a round trip have in common; roundtrip_call.c: by the library */
#ifndef VM_ROUNDTRIP_H
#define VM_ROUNDTRIP_H

#include <stdint.h>
#include "kipc_dev.h"
#include "kipc_ring.h"

struct kipc_chan;

/* One per process, in shared memory. */
struct tally {
	uint64_t calls;
	uint64_t switches;
};

struct shared {
	struct tally tally[2];
	uint32_t word[2]; /* of the futex: what each side has sent */
};

/* One process's view of a way. */
struct leg {
	unsigned me; /* 0 asks, 1 answers */
	struct shared *shared;
	struct tally *tally;
	int fd[2][2]; /* way's own: [direction][read, write], or endpoints in [0] */
	const struct kipc_ring_status *status;
	struct kipc_ring_ctrl *own;
	const struct kipc_ring_ctrl *other;
	struct kipc_chan *chan[2];
	int64_t request; /* that waits for its answer */
};

/* Sends count and waits until the other side has sent expect; once_more is false in the answer to
 * the last question, where there is nothing to wait for.
 */
struct way {
	const char *name;
	void (*prepare)(struct leg *leg); /* before the fork */
	void (*open)(struct leg *leg);    /* in each process */
	void (*wait)(struct leg *leg, uint64_t expect);
	void (*send)(struct leg *leg, uint64_t count);
	void (*send_and_wait)(struct leg *leg, uint64_t count, uint64_t expect);
};

void call_prepare(struct leg *leg);
void call_open(struct leg *leg);
void call_wait(struct leg *leg, uint64_t expect);
void call_send(struct leg *leg, uint64_t count);
void call_at_once(struct leg *leg, uint64_t count, uint64_t expect);
void call_in_steps(struct leg *leg, uint64_t count, uint64_t expect);

/* From here on nobody counts. */
void call_done(void);

#endif /* VM_ROUNDTRIP_H */
