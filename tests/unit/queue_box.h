/* SPDX-License-Identifier: MIT */
/* queue_box.h - a queue in private memory, with several of its ends */
#ifndef UNIT_QUEUE_BOX_H
#define UNIT_QUEUE_BOX_H

#include "core/queue.h"
#include "../harness.h"

#define BOX_ENDS 8

struct queue_box {
	struct kipc_queue_geom geom;
	struct kipc_queue_area *area;
	struct kipc__queue end[BOX_ENDS];
};

/* Ends 0 .. BOX_ENDS - 1 over a queue whose first position is start, in every class. */
void queue_box_make(struct queue_box *b, uint32_t slots, uint32_t stride, uint32_t classes,
                    uint64_t start);
void queue_box_free(struct queue_box *b);

/* This end dies, is cleared away, and somebody else has it now. Returns what reap said. */
int queue_box_kill(struct queue_box *b, unsigned end);

/* Message i of stream 1 with this length and priority: the result of kipc__queue_send(). */
int queue_box_put(struct queue_box *b, unsigned end, size_t len, unsigned prio, uint64_t i);

/* Receive one in place, which must be that, and release it. */
void queue_box_take(struct queue_box *b, unsigned end, size_t len, unsigned prio, uint64_t i);

/* Send until it is full: how many went. Then receive all. */
unsigned queue_box_capacity(struct queue_box *b);

#endif /* UNIT_QUEUE_BOX_H */
