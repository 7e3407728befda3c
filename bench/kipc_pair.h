/* SPDX-License-Identifier: MIT */
/*
 * kipc_pair.h - a pair of libkipc for a repetition, whatever it is then used for
 *
 * The mechanism's name ends with the transport: "kipc:shm", "call:shm".
 */
#ifndef KIPC_PAIR_H
#define KIPC_PAIR_H

#include "bench.h"

struct kipc_chan;

/* Options that every channel gets beside its own, from --kipc. */
extern const char *kipc_extra_options;

/* struct mech's setup(): both ends, with a ring that suits the size. */
int kipc_pair_setup(struct pair *p);

/* This side's end. The other one is closed here; the caller closes this one. */
struct kipc_chan *kipc_pair_end(struct side *s);

/* Says what failed and why; gives err. */
int kipc_pair_failed(struct pair *p, int err, const char *what);

#endif /* KIPC_PAIR_H */
