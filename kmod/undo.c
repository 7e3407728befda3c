// SPDX-License-Identifier: GPL-2.0-only
/*
 * undo.c - who undoes what dead ends of a queue held
 *
 * Undoing is the work of survivors, for the kernel does not follow what they write. It only sees to it
 * that each dead end is undone by one of them, and by another one when that dies over it.
 */
#include <linux/nospec.h>

#include "seat.h"
#include "undo.h"

void kipc_undo_resign(struct kipc_seat *seat)
{
	struct kipc_hub *hub = seat->hub;
	unsigned int end;

	for (end = 0; end < hub->nr_ends; end++) {
		if (hub->places[end].undoer != seat)
			continue;
		hub->places[end].undoer = NULL;
		kipc_hub_show_place(hub, end, KIPC_END_REAP, KIPC_END_NONE);
		kipc_hub_mark(hub->status->sets.undone, end, true);
	}
}

/* Under hub->lock. */
static void kipc_undo_finish(struct kipc_hub *hub, unsigned int end)
{
	struct kipc_place *place = &hub->places[end];

	place->reap = false;
	place->undoer = NULL;
	kipc_hub_show_place(hub, end, KIPC_END_DEAD, KIPC_END_NONE);
}

/* Under hub->lock: the next end that nobody is undoing becomes the caller's. */
static void kipc_undo_assign(struct kipc_seat *seat, struct kipc_ioc_undo *arg)
{
	struct kipc_hub *hub = seat->hub;
	unsigned int end = 0;

	arg->end = KIPC_END_NONE;
	arg->again = 0;
	while (end < hub->nr_ends && !(hub->places[end].reap && !hub->places[end].undoer))
		end++;
	if (end == hub->nr_ends)
		return;
	arg->end = end;
	arg->again = hub->places[end].begun;
	hub->places[end].begun = true;
	hub->places[end].undoer = seat;
	kipc_hub_mark(hub->status->sets.undone, end, false);
	kipc_hub_show_place(hub, end, KIPC_END_REAP, seat->index);
}

/* Under hub->lock: was this end given to that one? */
static bool kipc_undo_is_mine(const struct kipc_seat *seat, u32 end)
{
	const struct kipc_hub *hub = seat->hub;

	if (end >= hub->nr_ends)
		return false;
	return hub->places[array_index_nospec(end, hub->nr_ends)].undoer == seat;
}

int kipc_undo_next(struct kipc_seat *seat, struct kipc_ioc_undo *arg)
{
	struct kipc_hub *hub = seat->hub;
	bool done = arg->done != KIPC_END_NONE;
	int rc = 0;

	spin_lock(&hub->lock);
	if (seat->state != KIPC_END_LIVE)
		rc = -EPIPE;
	else if (done && !kipc_undo_is_mine(seat, arg->done))
		rc = -EPERM;
	if (!rc && done)
		kipc_undo_finish(hub, arg->done);
	if (!rc)
		kipc_undo_assign(seat, arg);
	spin_unlock(&hub->lock);
	if (rc || !done)
		return rc;
	kipc_hub_tell(hub, KIPC_SIDE_DATA);
	kipc_hub_tell(hub, KIPC_SIDE_SPACE);
	wake_up_all(&hub->vacancy);
	return 0;
}

void kipc_undo_return(struct kipc_seat *seat)
{
	struct kipc_hub *hub = seat->hub;

	spin_lock(&hub->lock);
	kipc_undo_resign(seat);
	spin_unlock(&hub->lock);
	kipc_hub_tell(hub, KIPC_SIDE_DATA);
	kipc_hub_tell(hub, KIPC_SIDE_SPACE);
}
