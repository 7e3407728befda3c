/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kipc - rings between processes
 *
 * The module hands out memory that two processes share, decides who may write which page of it,
 * lets them sleep and wake each other, and tells each at once when the other is gone. It never
 * moves a message: the rings are run by their users (uapi/kipc_ring.h), and all that the kernel
 * reads of what users write is a position, to answer "reached or not", two hints, and the one word that
 * a sleeper of a channel with many ends names.
 *
 * OBJECTS
 *
 *     /dev/kipc file (dev.c)            endpoint file 0          endpoint file 1    (end.c)
 *        |  CREATE, ATTACH                    |                        |
 *        v                                    v                        v
 *     kipc_name ----------------------->  kipc_end 0 -- kipc_chan -- kipc_end 1     (chan.c)
 *     registry, optional (name.c)             |         |  |  |        |
 *                                             v         |  |  |        v
 *                                       kipc_owner      |  |  |   kipc_owner        (owner.c)
 *                                       of that mm      |  |  |   of that mm
 *                                                       |  |  |
 *                      kipc_user <----------------------+  |  +---> 4 kipc_bell     (wake.c)
 *                      what a user holds (quota.c)         |        wait queues
 *                                                          v
 *                                       5 kipc_area: STATUS, CTRL[2], DATA[2]       (region.c)
 *
 * A channel contains its ends, bells and areas. Each endpoint file holds one reference on the
 * channel, and each mapping holds its file; when both files are gone, so is the channel. A name
 * holds no reference: it is dropped when the first end dies, which is before the channel goes.
 *
 * A channel with many ends (pubsub, queue) is made of the same parts, but its ends come and go:
 *
 *     endpoint file (seatfile.c) -- kipc_seat --> kipc_hub (hub.c) --> places, 2 kipc_crowd (crowd.c)
 *                            (seat.c, undo.c)        |        bells with many sleepers
 *                                       |            +---> name, user, 3 areas: STATUS, CTRL, DATA
 *                                       v
 *                                  kipc_owner
 *
 * A seat is one stay at a place. Each file holds its seat, each seat one reference on the hub. The name
 * is dropped when no seat is left that is not dead.
 *
 * An owner stands for an address space that has mapped the control area of at least one end
 * writable. It is an mmu notifier, one for each address space, counted by the ends it owns.
 *
 * LOCKS, outer to inner
 *
 *     mmap_lock (write; taken by the caller of mmap and munmap)
 *       kipc_chan.lock             life of both ends: state, owner, mappings, handover
 *         kipc_owner.lock          its list of what it owns
 *       kipc_hub.lock              places, seats, the sets of ends in STATUS
 *         kipc_owner.lock
 *     kipc_name_lock               registry: entries, readiness, claims of ends
 *     kipc_quota_lock              users and what they hold
 *     kipc_bell.queue.lock (irq)   armed, gone, parked, the queue; the scheduler's locks below it
 *     kipc_party.pollers.lock (irq) the queue, and whatever its pollers lock to be told
 *     kipc_crowd.lock              armed, events, sleepers, who polls
 *       kipc_seat.pollers.lock (irq) the queue, and whatever its pollers lock to be told
 *
 * Of those of names, users, bells and crowds none is taken inside another; all are spinlocks, and nothing
 * that can sleep or touch user memory is done under any of them.
 */
#ifndef KIPC_MAIN_H
#define KIPC_MAIN_H

#include "uapi/kipc_dev.h"
#include "uapi/kipc_ring.h"

int kipc_dev_init(void);
void kipc_dev_exit(void);

int kipc_name_init(void);
void kipc_name_exit(void);

void kipc_owner_exit(void);

#endif /* KIPC_MAIN_H */
