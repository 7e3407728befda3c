// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hub_shm.h"
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
	const struct kipc__hub_plan *plan;
	struct kipc__hub *made;
};

static struct kipc__hub *hub_new(const struct meeting *m, const struct kipc__config *cfg)
{
	struct kipc__hub *h = kipc__hub_new(m->kind, &kipc__hub_shm, cfg);
	bool calls = m->kind->calls && m->plan->first == 0;
	struct kipc__hub_shm *s;

	if (!h)
		return NULL;
	s = kipc__hub_shm_of(h);
	s->may_watch = cfg->uring;
	strcpy(s->name, cfg->name);
	if (kipc__hub_shm_bells_begin(h, calls) == 0 && kipc__hub_shm_leash_begin(s) == 0)
		return h;
	kipc__courier_free(s->courier);
	kipc__hub_free(h);
	return NULL;
}

/* Only descriptors and memory of this process; the mappings if they are ours. */
static void hub_free(struct kipc__hub *h, bool mapped)
{
	kipc__hub_shm_bells_close(h);
	if (mapped)
		kipc__hub_shm_unmap(h);
	kipc__lockfile_put(kipc__hub_shm_of(h)->file);
	kipc__hub_free(h);
}

/* ---- joining ---------------------------------------------------------------------------- */

static int reclaim(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	struct kipc_ring_status st;

	if (pread(kipc__lockfile_fd(s->file), &st, sizeof(st), 0) == sizeof(st))
		kipc__hub_shm_bells_sweep(s->name, st.ident.id, &st);
	kipc__region_unlink(s->name);
	return kipc__shm_name_removed(s->file, s->name);
}

/* My place is taken: say so, and begin. In this order, for what join() leaves in shared memory, the bit of a
 * subscriber say, is undone by those who find me dead, and they look at places that are live only.
 */
static int settle(struct kipc__hub *h, const struct kipc__config *cfg)
{
	int r;

	h->mine = kipc__hub_ctrl(h, h->end);
	kipc__store_relaxed(&h->mine->hints.joined, 0);
	kipc__hub_shm_settle(h);
	r = h->kind->join(h, cfg);
	if (r < 0) {
		h->kind->leave(h);
		kipc__hub_shm_bells_leave(h);
	}
	return r;
}

static int join_locked(struct kipc__hub *h, const struct meeting *m, const struct kipc__config *cfg)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	int r;

	if (!kipc__region_is(kipc__lockfile_fd(s->file), s->name))
		return KIPC__SHM_RETRY;
	if (kipc__shm_abandoned(s->file))
		return reclaim(h);
	if (cfg->flags & KIPC_EXCL) {
		kipc__why_set("the name exists");
		return -EEXIST;
	}
	r = kipc__hub_shm_map(h);
	if (r < 0)
		return kipc__hub_explain(h->kind, r);
	r = h->kind->check(h, cfg);
	if (r < 0)
		return r == -EBADMSG ? kipc__hub_explain(h->kind, r) : r;
	if (m->plan->last >= h->ident.nr_ends)
		return kipc__hub_explain(h->kind, -EBADMSG);
	r = kipc__hub_shm_take(h, m->plan->first, m->plan->last);
	if (r == -EBUSY)
		kipc__why_set("all its places for this kind of end are taken");
	return r < 0 ? r : settle(h, cfg);
}

static int join(struct kipc__hub *h, const struct meeting *m, const struct kipc__config *cfg)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	int r = kipc__shm_name_enter(&s->file, s->name);

	if (r < 0)
		return r;
	r = join_locked(h, m, cfg);
	kipc__shm_setup_unlock(s->file);
	return r;
}

/* ---- creating --------------------------------------------------------------------------- */

static int create(struct kipc__hub *h, const struct meeting *m, const struct kipc__config *cfg)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	int fd;
	int r = kipc__hub_shm_create_file(&fd, h->kind, m->plan, cfg);

	if (r == 0)
		r = kipc__lockfile_get(&s->file, fd);
	if (r == 0)
		r = kipc__hub_shm_map(h);
	if (r == 0)
		r = h->kind->format(h);
	if (r == 0)
		r = kipc__hub_shm_take(h, m->plan->first, m->plan->last);
	if (r == 0)
		r = settle(h, cfg);
	if (r == 0)
		r = kipc__region_publish(kipc__lockfile_fd(s->file), s->name);
	return r == -EEXIST ? KIPC__SHM_RETRY : r;
}

/* ---- the seam --------------------------------------------------------------------------- */

static int attempt(const struct kipc__config *cfg, void *arg)
{
	struct meeting *m = arg;
	struct kipc__hub *h = hub_new(m, cfg);
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
	kipc__hub_shm_drop(h);
	hub_free(h, true);
	return r;
}

static int shm_open_hub(struct kipc__hub **out, const struct kipc__hub_kind *kind,
                        const struct kipc__hub_plan *plan, const struct kipc__config *cfg)
{
	struct meeting m = { .kind = kind, .plan = plan };
	int r = kipc__shm_attempts(cfg, attempt, &m);

	*out = m.made;
	return r;
}

/* Nobody is left. The bells also where somebody else has removed or replaced the name: they bear the id. */
static void remove_all(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);

	kipc__hub_shm_bells_sweep(s->name, h->ident.id, h->status);
	if (kipc__region_is(kipc__lockfile_fd(s->file), s->name))
		kipc__region_unlink(s->name);
}

static void shm_close_hub(struct kipc__hub *h, bool in_use)
{
	struct kipc__lockfile *file = kipc__hub_shm_of(h)->file;
	bool locked;

	if (!in_use) {
		hub_free(h, false);
		return;
	}
	h->kind->leave(h);
	locked = kipc__shm_setup_lock(file, LEAVE_NS) == 0;
	kipc__hub_shm_bells_leave(h);
	kipc__hub_shm_drop(h);
	if (locked) {
		if (kipc__shm_abandoned(file))
			remove_all(h);
		kipc__shm_setup_unlock(file);
	}
	hub_free(h, true);
}

static void shm_holder(struct kipc__hub *h, unsigned end, struct kipc_peer *p)
{
	(void)kipc__lockfile_held(kipc__hub_shm_of(h)->file, KIPC__HUB_BYTE(end), &p->pid);
}

static void shm_gone(struct kipc__hub *h, uint32_t how)
{
	uint32_t *gone = &kipc__hub_bell(h, KIPC_SIDE_DATA)->gone;

	if (how == 0) {
		kipc__store_release(gone, 0);
		return;
	}
	kipc__fetch_or(gone, how);
	kipc__hub_shm_wake(h, KIPC_SIDE_DATA, true);
}

static uint32_t shm_arm(struct kipc__hub *h, unsigned side)
{
	return kipc__hub_shm_arm(h, side, KIPC_ARMED_PARKED);
}

const struct kipc__hub_back kipc__hub_shm = {
	.transport = &kipc__transport_shm,
	.own_bytes = sizeof(struct kipc__hub_shm),
	.open = shm_open_hub,
	.close = shm_close_hub,
	.arm = shm_arm,
	.sleep = kipc__hub_shm_sleep,
	.wake = kipc__hub_shm_wake,
	.call = kipc__hub_shm_call,
	.fd = kipc__hub_shm_fd,
	.idle = kipc__hub_shm_idle,
	.look = kipc__hub_shm_look,
	.holder = shm_holder,
	.gone = shm_gone,
};
