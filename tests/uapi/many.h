/* SPDX-License-Identifier: MIT */
/*
 * many.h - ends of channels with many, spoken to without the library
 */
#ifndef MANY_H
#define MANY_H

#include "kipc_queue.h"
#include "uapi.h"

#define DATA  KIPC_SIDE_DATA
#define SPACE KIPC_SIDE_SPACE
#define PUB   KIPC_ROLE_PUBLISHER
#define SUB   KIPC_ROLE_SUBSCRIBER

#define PAGE     4096U
#define NR_ENDS  8U
#define RING     65536U /* bytes of a pubsub's ring */
#define SLOTS    64U    /* of a queue, in one class */
#define STRIDE   128U
#define Q_BYTES  (KIPC_QUEUE_SLOTS_OFF + SLOTS * STRIDE)
#define Q_MAPPED ((Q_BYTES + PAGE - 1) / PAGE * PAGE)

/* An end that this process has mapped whole. */
struct many {
	int fd;
	unsigned end;
	bool queue;
	const struct kipc_ring_status *status;
	const uint8_t *ctrls; /* of all ends, read-only */
	struct kipc_ring_ctrl *own;
	uint8_t *data; /* writable if its role allows it */
	uint64_t data_bytes;
};

/* What a good CREATE and a good ATTACH look like. */
struct kipc_ioc_create many_arg(const char *name, uint32_t kind, uint32_t role);
struct kipc_ioc_attach many_attach_arg(const char *name, uint32_t kind, uint32_t role);

/* A descriptor, or -errno. */
int many_create(const char *name, uint32_t kind, uint32_t role);
int many_attach(const char *name, uint32_t kind, uint32_t role);

/* Map it all and own the end. */
void many_map(struct many *m, int fd);
void many_leave(struct many *m); /* unmap and close */

/* Both steps. */
void many_new(struct many *m, const char *name, uint32_t kind, uint32_t role);
void many_join(struct many *m, const char *name, uint32_t kind, uint32_t role);

const struct kipc_ring_bell *many_bell(const struct many *m, unsigned side);
uint32_t many_seen(const struct many *m, unsigned side);
uint32_t many_state(const struct many *m, unsigned end);

int many_arm(const struct many *m, unsigned side, uint32_t how);
int many_sleep(const struct many *m, unsigned side, uint32_t seen, int64_t deadline);
int many_sleep_word(const struct many *m, unsigned side, uint32_t seen, uint64_t offset,
                    uint64_t value, int64_t deadline);
int many_ring(const struct many *m, unsigned side, uint32_t sleepers);
int many_bind(const struct many *m, unsigned bound);
int many_cut(const struct many *m, uint64_t ends);
int many_shutdown(const struct many *m, uint32_t dirs);
uint64_t many_bound(const struct many *m);
uint64_t many_undone(const struct many *m);

/* The next end to undo, or KIPC_END_NONE, or a negative errno. */
int64_t many_undo(const struct many *m, uint32_t done, uint32_t *again);

/* Until a place is in this state. */
void many_await_state(const struct many *m, unsigned end, uint32_t state);

#endif /* MANY_H */
