/* SPDX-License-Identifier: MIT */
/*
 * crowd.h - three ends of a region with many, for models of sleeping, leaving and dying among many
 *
 * The code of a kind from its verbs down to the futex, over the back end of plain shared memory; what lies
 * under that is played here: one region in static memory, life locks, and a clock. Nothing ends by time
 * unless a model lets ends die: then sleepers look who lives, or are told by a vigil once they have looked.
 */
#ifndef KIPC_MODEL_CROWD_H
#define KIPC_MODEL_CROWD_H

#include "transport/hub_chan.h"

#define CROWD 3

/* In _setup: a region of this kind, and what its data area is; nobody has a place yet. */
void kipc__model_crowd_setup(const struct kipc__hub_kind *kind, const struct kipc__hub_plan *plan,
                             bool deaths);

/* Take this place; not a step of the model. */
void kipc__model_crowd_join(unsigned end, const struct kipc__config *cfg);

struct kipc__hub *kipc__model_hub(unsigned end);

/* The end leaves politely; its process is gone, without a word. */
void kipc__model_crowd_leave(unsigned end);
void kipc__model_crowd_die(unsigned end);

#endif /* KIPC_MODEL_CROWD_H */
