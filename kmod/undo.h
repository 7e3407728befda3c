/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * undo.h - who undoes what dead ends of a queue held
 */
#ifndef KIPC_UNDO_H
#define KIPC_UNDO_H

struct kipc_ioc_undo;
struct kipc_seat;

/* What was given to this end is done (or KIPC_END_NONE), and the next: -EPERM. */
int kipc_undo_next(struct kipc_seat *seat, struct kipc_ioc_undo *arg);

/* It could not be told which one it is: somebody else is to be. */
void kipc_undo_return(struct kipc_seat *seat);

/* Under hub->lock: others have to finish what this one was undoing. */
void kipc_undo_resign(struct kipc_seat *seat);

#endif /* KIPC_UNDO_H */
