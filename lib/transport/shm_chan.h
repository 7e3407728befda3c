/* SPDX-License-Identifier: MIT */
/* shm_chan.h - one end over plain shared memory; shared by the shm files, from the bottom up. */
#ifndef KIPC_TRANSPORT_SHM_CHAN_H
#define KIPC_TRANSPORT_SHM_CHAN_H

#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "../os/guard.h"
#include "../os/lock.h"
#include "../os/map.h"
#include "../os/process.h"
#include "../os/region.h"
#include "../os/sys.h"
#include "../os/vigil.h"
#include "ring_chan.h"

/* Bytes of the region's file that stand for something when locked: 0 and 1 are the ends of a pair,
 * those from 64 on the ends of a kind with more of them (hub_chan.h).
 */
#define KIPC__SHM_SETUP_BYTE 62 /* held while the name is looked at or changed */

/* How one side sleeps; used by the thread that sleeps there. */
struct kipc__shm_rest {
	struct kipc__vigil *vigil; /* tells of the peer's end */
	bool own;            /* the peer's end is this process's own: there is nothing to tell */
	uint32_t generation; /* of the peer's end that this is for */
	unsigned sleeps;     /* since there was none */
};

struct kipc__shm_chan {
	struct kipc__ring_chan ring;
	struct kipc__lockfile *file;
	bool locked;                      /* I hold the life lock of my end */
	int64_t looked_at;                /* coarse time of the last look at the peer's life */
	char name[KIPC__REGION_NAME_MAX]; /* "": anonymous */
	uint32_t mode;

	/* Anonymous: my end of a socket pair. The peer's end closed everywhere means that nobody can
	 * be the peer any more; a byte that arrives is a ring of my doorbell.
	 */
	int sock;
	int bell;      /* named: my doorbell, a FIFO, once somebody polls */
	int peer_bell; /* named: the peer's, once it has to be rung */
	int way;       /* named: this end is on its way here and not in use yet */
	int leash;     /* named: a FIFO that breaks when I am gone, once somebody sleeps for me */
	bool met;      /* the peer was seen in its end */

	struct kipc__guard guard; /* a forked child has neither sock nor leash */
	struct kipc__shm_rest rest[2];
	bool may_watch; /* the user allows io_uring, and the kernel has not refused it */

	/* Polling, by side: epoll contains the doorbell and the watch. Either half of the end may set
	 * these up, so they are written under the mutex, and read by atomics outside of it.
	 */
	pthread_mutex_t mutex;
	int epoll[2];
	bool latched[2];  /* kept readable without a letter */
	int watch;        /* a descriptor, readable when the peer is dead; -1: none yet */
	bool watch_ticks; /* its pid cannot be seen from here: a timer that asks for a look */
	struct kipc__process *process; /* whose descriptor that is; NULL: my own */
	uint32_t watched;              /* the generation of the end that the watch is for */
	int blind;                     /* why there is none although there should be; or 0 */
};

/* shm_bell.c: the doorbell of pollers; ends of named pairs that are on their way. */
int kipc__shm_bell_fd(const struct kipc__shm_chan *s);
int kipc__shm_bell_open(struct kipc__shm_chan *s);
void kipc__shm_bell_ring(struct kipc__shm_chan *s, unsigned side);
void kipc__shm_bell_ring_both(struct kipc__shm_chan *s);
int kipc__shm_bell_watch(struct kipc__shm_chan *s, int epoll);
void kipc__shm_bell_self(struct kipc__shm_chan *s, unsigned side);
void kipc__shm_bell_quiet(struct kipc__shm_chan *s, unsigned side);
void kipc__shm_bell_drain(struct kipc__shm_chan *s, unsigned side);
void kipc__shm_watch_close(struct kipc__shm_chan *s);
void kipc__shm_bell_close(struct kipc__shm_chan *s);
void kipc__shm_bell_unlink(const struct kipc__shm_chan *s);
int kipc__shm_way_open(struct kipc__shm_chan *s);
int kipc__shm_way_watch(const struct kipc__shm_chan *s, unsigned end);
bool kipc__shm_way_is(const struct kipc__shm_chan *s, unsigned end);
void kipc__shm_way_end(struct kipc__shm_chan *s);
void kipc__shm_leash_make(struct kipc__shm_chan *s);
int kipc__shm_leash_watch(const struct kipc__shm_chan *s);

/* shm_wake.c: arming and waking, saying that an end is gone. */
struct kipc_ring_bell *kipc__shm_my_bell(struct kipc__ring_chan *c, unsigned side);
uint32_t kipc__shm_arm(struct kipc__ring_chan *c, unsigned side, uint64_t position, uint32_t how);
void kipc__shm_wake(struct kipc__ring_chan *c, unsigned side);
void kipc__shm_wake_self(struct kipc__ring_chan *c, unsigned side);
bool kipc__shm_is_shut(struct kipc__ring_chan *c, unsigned side);
void kipc__shm_gone(struct kipc__ring_chan *c, unsigned end, uint32_t how);
int kipc__shm_shut(struct kipc__ring_chan *c, unsigned dirs);

/* shm_vigil.c: hearing of the peer's end in one's sleep. One sleep more: is it time to set it up? The next
 * sleep is worth one. Is there one? If not, I look every now and then. Can it be relied on, now that I have armed?
 */
void kipc__shm_vigil_consider(struct kipc__shm_chan *s, unsigned side);
void kipc__shm_vigil_worth(struct kipc__shm_chan *s, unsigned side);
bool kipc__shm_vigil_kept(const struct kipc__shm_chan *s, unsigned side);
bool kipc__shm_vigil_stands(const struct kipc__shm_chan *s, unsigned side);
void kipc__shm_vigil_end(struct kipc__shm_chan *s, unsigned side);

/* shm_end.c: the memory and the life lock of an end. fill: give a nameless file its content and, on its node, its
 * memory, all of it or as it is touched; s knows then what it is. learn: know it of any file.
 */
void kipc__shm_free(struct kipc__shm_chan *s);
int kipc__shm_fill(struct kipc__shm_chan *s, int fd, const struct kipc__config *cfg, bool all);
int kipc__shm_learn(struct kipc__shm_chan *s);
void kipc__shm_learn_from(struct kipc__shm_chan *s, const struct kipc__shm_chan *other);
int kipc__shm_map(struct kipc__shm_chan *s);
void kipc__shm_unmap(struct kipc__shm_chan *s);
int kipc__shm_begin(struct kipc__shm_chan *s);
int kipc__shm_lock(struct kipc__shm_chan *s);
void kipc__shm_unlock(struct kipc__shm_chan *s);

/* shm_name.c: meeting under a name. */
typedef struct kipc__shm_chan *(*kipc__shm_make)(const struct kipc__config *cfg, unsigned end);
typedef int (*kipc__shm_attempt)(const struct kipc__config *cfg, void *arg);

#define KIPC__SHM_RETRY    1 /* the name meant something else meanwhile: once more */
#define KIPC__SHM_SETUP_NS (1000 * 1000 * 1000)
#define KIPC__SHM_DROP_NS  (100 * 1000 * 1000)

int kipc__shm_setup_lock(struct kipc__lockfile *f, int64_t patience);
void kipc__shm_setup_unlock(struct kipc__lockfile *f);

/* The file that has this name, its setup lock taken. What is wrong: kipc__why_set(); *file is the
 * caller's in any case, or still NULL.
 */
int kipc__shm_name_enter(struct kipc__lockfile **file, const char *name);

/* A name that was over has been removed: KIPC__SHM_RETRY, or -EACCES, for it belongs to another user. */
int kipc__shm_name_removed(const struct kipc__lockfile *file, const char *name);
bool kipc__shm_abandoned(struct kipc__lockfile *f);
int kipc__shm_attempts(const struct kipc__config *cfg, kipc__shm_attempt once, void *arg);
int kipc__shm_meet(struct kipc_chan **out, const struct kipc__config *cfg, kipc__shm_make make);
void kipc__shm_name_drop(struct kipc__shm_chan *s, int64_t patience);

/* shm_life.c: finding out whether the peer lives. A glance waits for no lock, for it may be a signal handler
 * that sends; without one it has no news, and the next look will.
 */
void kipc__shm_look(struct kipc__ring_chan *c);
void kipc__shm_glance(struct kipc__ring_chan *c);

/* shm_sleep.c */
int kipc__shm_park(struct kipc__ring_chan *c, unsigned side, uint64_t position, int64_t deadline);

/* shm_poll.c: what a poller sees. */
int kipc__shm_fd(struct kipc__ring_chan *c, unsigned side);
void kipc__shm_idle(struct kipc__ring_chan *c, unsigned side);

#endif /* KIPC_TRANSPORT_SHM_CHAN_H */
