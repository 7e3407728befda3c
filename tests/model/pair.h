/* SPDX-License-Identifier: MIT */
/*
 * pair.h - both ends of a pair over plain shared memory, for models of sleeping, leaving and dying
 *
 * lib/transport's own code from the verbs down to the futex; what lies under it is played here: one
 * region in static memory, life locks, and a clock that stands still, so that nothing ends by time
 * unless a model wants it to. End 0 sends to end 1, through a ring of two cache lines.
 */
#ifndef KIPC_MODEL_PAIR_H
#define KIPC_MODEL_PAIR_H

#include "transport/ring_base.h"
#include "transport/shm_chan.h"

#define PAIR_BYTES 128
#define PAIR_WORDS 5 /* of the longest message: only one fits */

extern struct kipc__shm_chan kipc__model_end[2];

/* In _setup: both ends attached. wait: KIPC_WAIT_BLOCK, or _ADAPTIVE, which may negotiate fences. */
void kipc__model_pair_setup(unsigned wait);

/* A sleeper may wake for no reason or look whether its peer lives: where a death is to be found. */
extern bool kipc__model_naps;

/* Send message number, of some length or of that many words; 0 or the error. */
int kipc__model_send(unsigned number);
int kipc__model_send_words(unsigned number, unsigned words);

/* Receive and check message number; 0, or how many words it has, or the error. */
int kipc__model_recv(unsigned number, int64_t timeout);
int kipc__model_recv_words(unsigned number, int64_t timeout);

/* Close as shm_detach() does; the end's process is gone, without a word. */
void kipc__model_close(unsigned end);
void kipc__model_die(unsigned end);

/* epoll_wait() on the descriptor of a side. */
void kipc__model_poll(unsigned end, unsigned side);

#endif /* KIPC_MODEL_PAIR_H */
