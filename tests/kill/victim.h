/* SPDX-License-Identifier: MIT */
/*
 * victim.h - what the acts of a victim share; scenes.c lists all of them
 */
#ifndef KILL_VICTIM_H
#define KILL_VICTIM_H

#include "kill.h"

#define LETTERS 5
#define NAP     (20 * 1000 * 1000)

struct victim {
	struct stage *stage;
	struct ledger *ledger;
	struct kipc_chan *chan;
	int fd; /* of the end that was handed over */
	struct letter letter[LETTERS];
	struct kipc_msg msg[LETTERS];
	struct letter answer[LETTERS]; /* what the survivor sends next */
	struct kipc_request request[LETTERS];
	int64_t id[LETTERS]; /* of calls */
};

/* The present call commits up to so many; it has returned and they are committed. */
void trying(struct victim *v, uint32_t n);
void committed(struct victim *v, uint32_t n);

/* The same of what it receives. */
void taking(struct victim *v, uint32_t n);
void taken(struct victim *v, uint32_t n);

void send_letter(struct victim *v, unsigned i);

/* Open this end of the name, if there is one. */
void join(struct victim *v);

/* The first named open of a process looks through /dev/shm; here that is over before the act. */
void look_through(struct victim *v);

/* Acts that several kinds have. */
void fill(struct victim *v);
void send_some(struct victim *v);
void poll_and_send(struct victim *v);
void send_batch(struct victim *v);
void write_in_place(struct victim *v);
void think_better(struct victim *v);
void receive_some(struct victim *v);
void receive_batch(struct victim *v);
void read_in_place(struct victim *v);
void close_end(struct victim *v);
void begin(struct victim *v);

/* The scenes of each file, ending with one that has no name. */
extern const struct scene pair_scenes[], call_scenes[], bytes_scenes[], long_scenes[],
	name_scenes[], queue_scenes[], topic_scenes[];

#endif /* KILL_VICTIM_H */
