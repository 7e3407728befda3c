// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hub_chan.h"
#include "shm_chan.h"

/*
 * Meeting under a name, as pairs do (shm_name.c): a region gets its name when it is complete and its
 * creator's place is locked; joining, reclaiming and dropping a name happen under the setup lock of
 * the file that has the name. A name is over when nobody holds a place any more.
 */

/* Leaving waits for a newcomer this long, to find out whether it is the last to leave. */
#define LEAVE_NS (20 * 1000 * 1000)

struct meeting {
	const struct kipc__hub_kind *kind;
	struct kipc__hub_plan plan;
	struct kipc__hub *made;
};

static struct kipc__hub *hub_new(const struct kipc__hub_kind *kind, const struct kipc__config *cfg)
{
	struct kipc__hub *h = aligned_alloc(64, (kind->handle_bytes + 63) & ~(size_t)63);

	if (!h)
		return NULL;
	memset(h, 0, kind->handle_bytes);
	h->kind = kind;
	h->base.ops = kind->ops;
	h->base.granted = kipc__dirs_of(cfg->flags);
	h->base.wait = cfg->wait;
	h->base.spin_ns = cfg->spin_ns;
	h->epoll[0] = h->epoll[1] = h->bell[0] = h->bell[1] = h->ticker = -1;
	strcpy(h->name, cfg->name);
	return h;
}

/* Only descriptors and memory of this process; the mappings if they are ours. */
static void hub_free(struct kipc__hub *h, bool mapped, bool leaving)
{
	kipc__hub_bells_close(h, leaving);
	if (mapped)
		kipc__hub_unmap(h);
	kipc__lockfile_put(h->file);
	free(h);
}

/* ---- joining ---------------------------------------------------------------------------- */

static int reclaim(struct kipc__hub *h)
{
	kipc__region_unlink(h->name);
	if (!kipc__region_is(kipc__lockfile_fd(h->file), h->name))
		return KIPC__SHM_RETRY;
	kipc__why_set("a former channel of another user is left; remove /dev/shm/kipc.%s", h->name);
	return -EACCES;
}

static int explain(const struct kipc__hub *h, int r)
{
	if (r == -EPROTO) {
		kipc__why_set("it was made by another version of libkipc");
	} else if (r == -EEXIST) {
		kipc__why_set("the name exists and is no %s", h->kind->name);
	} else if (r == -EBADMSG) {
		kipc__why_set("it is no kipc channel");
	}
	return r;
}

/* My place is taken: begin, and say so. */
static int settle(struct kipc__hub *h, const struct kipc__config *cfg)
{
	int r = h->kind->join(h, cfg);

	if (r == 0)
		kipc__hub_settle(h);
	return r;
}

static int join_locked(struct kipc__hub *h, const struct meeting *m, const struct kipc__config *cfg)
{
	int r;

	if (!kipc__region_is(kipc__lockfile_fd(h->file), h->name))
		return KIPC__SHM_RETRY;
	if (kipc__shm_abandoned(h->file))
		return reclaim(h);
	if (cfg->flags & KIPC_EXCL) {
		kipc__why_set("the name exists");
		return -EEXIST;
	}
	r = kipc__hub_map(h);
	if (r < 0)
		return explain(h, r);
	r = h->kind->check(h, cfg);
	if (r < 0)
		return r == -EBADMSG ? explain(h, r) : r;
	if (m->plan.last >= h->ident.nr_ends)
		return explain(h, -EBADMSG);
	r = kipc__hub_take(h, m->plan.first, m->plan.last);
	if (r == -EBUSY)
		kipc__why_set("all its places for this kind of end are taken");
	return r < 0 ? r : settle(h, cfg);
}

static int join(struct kipc__hub *h, const struct meeting *m, const struct kipc__config *cfg)
{
	int fd;
	int r = kipc__region_open(&fd, h->name);

	if (r == -EBADMSG)
		kipc__why_set("it is no kipc channel");
	if (r == -EACCES)
		kipc__why_set("no permission for /dev/shm/kipc.%s", h->name);
	if (r < 0)
		return r;
	r = kipc__lockfile_get(&h->file, fd);
	if (r < 0)
		return r;
	r = kipc__shm_setup_lock(h->file, KIPC__SHM_SETUP_NS);
	if (r < 0) {
		kipc__why_set("somebody is opening it and does not finish");
		return r;
	}
	r = join_locked(h, m, cfg);
	kipc__shm_setup_unlock(h->file);
	return r;
}

/* ---- creating --------------------------------------------------------------------------- */

static int create(struct kipc__hub *h, const struct meeting *m, const struct kipc__config *cfg)
{
	int fd;
	int r = kipc__hub_create_file(&fd, h->kind, &m->plan, cfg);

	if (r == 0)
		r = kipc__lockfile_get(&h->file, fd);
	if (r == 0)
		r = kipc__hub_map(h);
	if (r == 0)
		r = h->kind->format(h);
	if (r == 0)
		r = kipc__hub_take(h, m->plan.first, m->plan.last);
	if (r == 0)
		r = settle(h, cfg);
	if (r == 0)
		r = kipc__region_publish(kipc__lockfile_fd(h->file), h->name);
	return r == -EEXIST ? KIPC__SHM_RETRY : r;
}

/* ---- the slots -------------------------------------------------------------------------- */

static int attempt(const struct kipc__config *cfg, void *arg)
{
	struct meeting *m = arg;
	struct kipc__hub *h = hub_new(m->kind, cfg);
	int r;

	if (!h)
		return -ENOMEM;
	r = join(h, m, cfg);
	if (r == -ENOENT && (cfg->flags & KIPC_CREATE))
		r = create(h, m, cfg);
	if (r == 0) {
		m->made = h;
		return 0;
	}
	if (h->placed)
		kipc__hub_drop(h);
	hub_free(h, true, false);
	return r;
}

int kipc__hub_open(struct kipc_chan **out, const struct kipc__config *cfg,
                   const struct kipc__hub_kind *kind)
{
	struct meeting m = { .kind = kind };
	int r = kind->plan(cfg, &m.plan);

	if (r == 0)
		r = kipc__shm_attempts(cfg, attempt, &m);
	if (r == 0)
		*out = &m.made->base;
	return r;
}

/* Handles come from open() only, in use. */
int kipc__hub_use(struct kipc_chan *c)
{
	(void)c;
	return -ESTALE;
}

void kipc__hub_close(struct kipc_chan *c, bool in_use)
{
	struct kipc__hub *h = (struct kipc__hub *)c;
	bool locked;

	if (!in_use) {
		hub_free(h, false, false);
		return;
	}
	h->kind->leave(h);
	locked = kipc__shm_setup_lock(h->file, LEAVE_NS) == 0;
	kipc__hub_drop(h);
	if (locked) {
		if (kipc__shm_abandoned(h->file) &&
		    kipc__region_is(kipc__lockfile_fd(h->file), h->name))
			kipc__region_unlink(h->name);
		kipc__shm_setup_unlock(h->file);
	}
	hub_free(h, true, true);
}
