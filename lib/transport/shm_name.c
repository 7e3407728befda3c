// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../os/mutex.h"
#include "hub_shm.h"
#include "ring_layout.h"
#include "shm_chan.h"

/*
 * Meeting under a name. A region gets its name when it is complete and its creator's life lock is
 * held, so whoever finds the name finds a channel. Joining, reclaiming and dropping a name happen
 * under the setup lock of the very file that has the name: nobody can put another file there
 * meanwhile, for that means unlinking this one first.
 *
 * The name of a pair lasts until the first of its two ends is gone. A name behind which an end has
 * died is over: whoever comes next removes it and starts afresh.
 */

#define SETUP_NAP (1000 * 1000)
#define ATTEMPTS  100

/* Time in which this process does not run does not count: whoever holds the lock may have been stopped with
 * it, and needs a moment when both go on.
 */
int kipc__shm_setup_lock(struct kipc__lockfile *f, int64_t patience)
{
	struct timespec nap = kipc__timespec(SETUP_NAP);
	int64_t left;
	int r;

	for (left = patience;
	     (r = kipc__lockfile_take(f, KIPC__SHM_SETUP_BYTE)) == -EBUSY && left > 0;
	     left -= SETUP_NAP)
		nanosleep(&nap, NULL);
	return r;
}

void kipc__shm_setup_unlock(struct kipc__lockfile *f)
{
	kipc__lockfile_drop(f, KIPC__SHM_SETUP_BYTE);
}

static bool held(struct kipc__shm_chan *s, unsigned end)
{
	pid_t pid;

	return kipc__lockfile_held(s->file, end, &pid) != 0;
}

static uint32_t state_of(struct kipc__shm_chan *s, unsigned end)
{
	return kipc__load_acquire(&s->ring.status->ends[end].state);
}

/* Has this end an owner, or is it on its way to one? In this order: who has arrived holds the lock before
 * it is off the way.
 */
static bool taken(struct kipc__shm_chan *s, unsigned end)
{
	return kipc__shm_way_is(s, end) || held(s, end);
}

/* Has one of the two been there and gone? */
static bool over(struct kipc__shm_chan *s)
{
	unsigned end, living = 0;

	for (end = 0; end < 2; end++) {
		const struct kipc_ring_end *e = &s->ring.status->ends[end];
		bool been = state_of(s, end) == KIPC_END_LIVE || kipc__load_relaxed(&e->generation);

		if (state_of(s, end) == KIPC_END_DEAD)
			return true;
		if (taken(s, end))
			living++;
		else if (been)
			return true;
	}
	return living == 0;
}

/* Under the setup lock, with the name still that file's. The doorbells first: what they are called stands
 * in the region, so when this process is killed between the two, whoever finds the name finds them.
 */
static void name_remove(struct kipc__shm_chan *s)
{
	kipc__shm_bell_unlink(s);
	kipc__region_unlink(s->name);
}

/* One end is gone. Nobody rings the other one any more, and if that were killed later, nobody would
 * remove its doorbell, so both go. Somebody who is joining holds the lock and removes the name himself when he
 * sees that it is over; unless he is killed meanwhile, and for that the last one who knows the name waits.
 */
void kipc__shm_name_drop(struct kipc__shm_chan *s, int64_t patience)
{
	if (!*s->name)
		return;
	kipc__shm_bell_unlink(s);
	if (kipc__shm_setup_lock(s->file, patience) == 0) {
		if (kipc__region_is(kipc__lockfile_fd(s->file), s->name))
			kipc__region_unlink(s->name);
		kipc__shm_setup_unlock(s->file);
	}
}

/* ---- joining ---------------------------------------------------------------------------- */

int kipc__shm_name_removed(const struct kipc__lockfile *file, const char *name)
{
	if (!kipc__region_is(kipc__lockfile_fd(file), name))
		return KIPC__SHM_RETRY;
	kipc__why_set("a former channel of another user is left; remove /dev/shm/kipc.%s", name);
	return -EACCES;
}

static int reclaim(struct kipc__shm_chan *s)
{
	name_remove(s);
	return kipc__shm_name_removed(s->file, s->name);
}

/* The name stands for a living channel: take its free end. */
static int take_end(struct kipc__shm_chan *s, const struct kipc__config *cfg)
{
	int r;

	if (cfg->flags & KIPC_EXCL) {
		kipc__why_set("the name exists");
		return -EEXIST;
	}
	s->ring.end = state_of(s, 1) == KIPC_END_FREE && !taken(s, 1) ? 1 : 0;
	if (state_of(s, s->ring.end) != KIPC_END_FREE || taken(s, s->ring.end)) {
		kipc__why_set("both ends of it are taken");
		return -EBUSY;
	}
	r = kipc__ring_layout_agree(&s->ring, cfg);
	return r < 0 ? r : kipc__shm_lock(s);
}

static int join_locked(struct kipc__shm_chan *s, const struct kipc__config *cfg)
{
	int r;

	if (!kipc__region_is(kipc__lockfile_fd(s->file), s->name))
		return KIPC__SHM_RETRY;
	r = kipc__shm_map(s);
	if (r < 0 && s->ring.ident.kind > KIPC_KIND_PAIR) {
		if (kipc__shm_abandoned(s->file))
			return reclaim(s);
		kipc__why_set("the name exists and is no KIPC_PAIR");
		return -EEXIST;
	}
	if (r < 0) {
		kipc__why_set(r == -EPROTO ? "it was made by another version of libkipc"
		                           : "it is no kipc channel");
		return r == -EPROTO ? r : -EBADMSG;
	}
	if (over(s)) {
		r = reclaim(s);
		kipc__shm_unmap(s);
		return r;
	}
	r = take_end(s, cfg);
	if (r == 0)
		r = kipc__shm_begin(s);
	if (r < 0)
		kipc__shm_unmap(s);
	return r;
}

/* A file that this process has already is not opened once more. */
static int file_get(struct kipc__lockfile **file, const char *name)
{
	struct stat st;
	int fd, r;

	*file = kipc__region_stat(name, &st) == 0 ? kipc__lockfile_join(&st) : NULL;
	if (*file)
		return 0;
	r = kipc__region_open(&fd, name);
	return r < 0 ? r : kipc__lockfile_get(file, fd);
}

int kipc__shm_name_enter(struct kipc__lockfile **file, const char *name)
{
	int r = file_get(file, name);

	if (r == -EBADMSG)
		kipc__why_set("it is no kipc channel");
	if (r == -EACCES)
		kipc__why_set("no permission for /dev/shm/kipc.%s", name);
	if (r < 0)
		return r;
	r = kipc__shm_setup_lock(*file, KIPC__SHM_SETUP_NS);
	if (r < 0)
		kipc__why_set("somebody is opening it and does not finish");
	return r;
}

static int join(struct kipc__shm_chan *s, const struct kipc__config *cfg)
{
	int r = kipc__shm_name_enter(&s->file, s->name);

	if (r < 0)
		return r;
	r = join_locked(s, cfg);
	kipc__shm_setup_unlock(s->file);
	return r;
}

/* ---- creating --------------------------------------------------------------------------- */

static int create_nameless(struct kipc__shm_chan *s, const struct kipc__config *cfg)
{
	uint64_t total = kipc__ring_layout_bytes(cfg, (uint32_t)sysconf(_SC_PAGESIZE));
	int fd;
	int r = kipc__region_nameless(&fd, total, cfg->mode);

	if (r < 0)
		return r;
	r = kipc__shm_fill(s, fd, cfg, true);
	if (r < 0) {
		kipc__fd_close(fd);
		return r;
	}
	return kipc__lockfile_get(&s->file, fd);
}

static int create(struct kipc__shm_chan *s, const struct kipc__config *cfg)
{
	int r = create_nameless(s, cfg);

	if (r == 0)
		r = kipc__shm_lock(s);
	if (r == 0)
		r = kipc__shm_map(s);
	if (r < 0)
		return r;
	r = kipc__shm_begin(s);
	if (r == 0)
		r = kipc__region_publish(kipc__lockfile_fd(s->file), s->name);
	if (r < 0)
		kipc__shm_unmap(s);
	return r == -EEXIST ? KIPC__SHM_RETRY : r;
}

/* ---- sweeping --------------------------------------------------------------------------- */

/* Nobody holds a byte of it. The setup byte, if it is held, is held here. */
bool kipc__shm_abandoned(struct kipc__lockfile *f)
{
	return !kipc__lockfile_any(f, 0, KIPC__SHM_SETUP_BYTE) &&
	       !kipc__lockfile_any(f, KIPC__SHM_SETUP_BYTE + 1,
	                           KIPC__LOCKFILE_BYTES - KIPC__SHM_SETUP_BYTE - 1);
}

/* What crashed processes left under other names, nobody may ever ask for again: the first named open
 * of a process removes it. Only channels that this user may write are looked at, no strangers' files, and
 * the lock of a name is not touched while anybody lives behind it: who is stopped here would keep others from
 * joining.
 */
static void sweep_region(const char *name)
{
	struct kipc__shm_chan s = { .sock = -1 };
	struct kipc_ring_status st;
	int fd;

	if (kipc__region_name_check(name) < 0 || file_get(&s.file, name) < 0)
		return;
	fd = kipc__lockfile_fd(s.file);
	strcpy(s.name, name);
	if (pread(fd, &st, sizeof(st), 0) == sizeof(st) && st.ident.magic == KIPC_RING_MAGIC &&
	    kipc__shm_abandoned(s.file) && kipc__shm_setup_lock(s.file, 0) == 0) {
		s.ring.ident = st.ident;
		if (!kipc__shm_way_is(&s, 0) && !kipc__shm_way_is(&s, 1) &&
		    kipc__shm_abandoned(s.file) && kipc__region_is(fd, name)) {
			if (st.ident.kind != KIPC_KIND_PAIR)
				kipc__hub_shm_bells_sweep(name, st.ident.id, &st);
			name_remove(&s);
		}
		kipc__shm_setup_unlock(s.file);
	}
	kipc__lockfile_put(s.file);
}

/* Is this region still there? What cannot be found out counts as one that is. */
static bool exists(const char *name, const __u64 id[2])
{
	struct kipc_ring_ident ident = { .magic = 0 };
	struct kipc__lockfile *f;
	bool other;
	int r = file_get(&f, name);

	if (r < 0)
		return r != -ENOENT && r != -EBADMSG;
	other = pread(kipc__lockfile_fd(f), &ident, sizeof(ident), 0) == sizeof(ident) &&
	        (ident.id[0] != id[0] || ident.id[1] != id[1]);
	kipc__lockfile_put(f);
	return !other;
}

static void sweep(void)
{
	kipc__region_each(sweep_region, exists);
}

/* ---- the slot --------------------------------------------------------------------------- */

struct meeting {
	struct kipc_chan **out;
	kipc__shm_make make;
};

static int attempt(const struct kipc__config *cfg, void *arg)
{
	struct meeting *m = arg;
	struct kipc__shm_chan *s = m->make(cfg, 0);
	int r;

	if (!s)
		return -ENOMEM;
	strcpy(s->name, cfg->name);
	r = join(s, cfg);
	if (r == -ENOENT && (cfg->flags & KIPC_CREATE))
		r = create(s, cfg);
	if (r == 0) {
		*m->out = &s->ring.base;
		return 0;
	}
	kipc__shm_unlock(s);
	kipc__shm_free(s);
	return r;
}

int kipc__shm_attempts(const struct kipc__config *cfg, kipc__shm_attempt once, void *arg)
{
	static pthread_once_t swept = PTHREAD_ONCE_INIT;
	int r = kipc__region_name_check(cfg->name);
	unsigned i;

	if (r < 0) {
		kipc__why_set(
			r == -EINVAL
				? "a name is made of A-Z a-z 0-9 . _ - and does not start with a dot"
				: "a name has at most %d bytes",
			KIPC__REGION_NAME_MAX - 1);
		return r;
	}
	pthread_once(&swept, sweep);
	kipc__mutex_lock(
		KIPC__MUTEX_NAMES); /* record locks exclude processes, this the threads of one */
	for (i = 0, r = KIPC__SHM_RETRY; i < ATTEMPTS && r == KIPC__SHM_RETRY; i++)
		r = once(cfg, arg);
	kipc__mutex_unlock(KIPC__MUTEX_NAMES);
	if (r == -ENOENT)
		kipc__why_set("there is no channel \"%s\"", cfg->name);
	return r == KIPC__SHM_RETRY ? -EBUSY : r;
}

int kipc__shm_meet(struct kipc_chan **out, const struct kipc__config *cfg, kipc__shm_make make)
{
	struct meeting m = { .out = out, .make = make };

	return kipc__shm_attempts(cfg, attempt, &m);
}
