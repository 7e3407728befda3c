/* SPDX-License-Identifier: MIT */
/* pubsub_bed.h - a publisher and its subscribers in private memory */
#ifndef UNIT_PUBSUB_BED_H
#define UNIT_PUBSUB_BED_H

#include "core/pubsub.h"
#include "../harness.h"

#define BED_ENDS 8 /* end 0 publishes */
#define BED_SEED 17

struct pubsub_bed {
	struct kipc_ring_geom geom;
	struct kipc__pubsub at;
	struct kipc_ring_ctrl ctrl[BED_ENDS];
	__u64 bound[2];
	struct kipc__pub pub;
	struct kipc__sub sub[BED_ENDS];
};

struct pubsub_bed *pubsub_bed_make(uint64_t bytes, uint32_t align, uint64_t start);
void pubsub_bed_free(struct pubsub_bed *b);

/* What message number i holds: its length and its content follow from the number. */
size_t pubsub_bed_len(const struct pubsub_bed *b, uint64_t i);
bool pubsub_bed_is(const struct pubsub_bed *b, const void *data, size_t len, uint64_t i);

/* Publish the next n messages, copied or in place; the result of the verb. */
int pubsub_bed_put(struct pubsub_bed *b, unsigned n, bool in_place);

/* Take one message, which must be the next one of this subscriber: 1; or what the verb said. */
int pubsub_bed_take(struct pubsub_bed *b, unsigned end, bool in_place);

#endif /* UNIT_PUBSUB_BED_H */
