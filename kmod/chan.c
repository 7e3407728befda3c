// SPDX-License-Identifier: GPL-2.0-only
/*
 * chan.c - a channel and the life of its ends
 */
#include <linux/cred.h>
#include <linux/log2.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "chan.h"
#include "quota.h"

/* ---- making ----------------------------------------------------------------------------- */

static bool kipc_chan_ring_ok(u64 bytes, u64 start, u32 align)
{
	return is_power_of_2(bytes) && bytes >= max_t(u64, KIPC_RING_MIN_BYTES, PAGE_SIZE) &&
	       bytes <= KIPC_RING_MAX_BYTES && IS_ALIGNED(start, KIPC_REC_BYTES) &&
	       is_power_of_2(align) && align >= KIPC_REC_BYTES && align <= KIPC_RING_MAX_ALIGN &&
	       align < bytes;
}

/* What only kinds with many ends have. */
static bool kipc_chan_is_plain(const struct kipc_ioc_create *arg)
{
	return !(arg->role | arg->nr_ends | arg->slots | arg->stride | arg->classes | arg->held |
	         arg->reserved);
}

static int kipc_chan_check(const struct kipc_ioc_create *arg)
{
	int rc = kipc_name_check(arg->name);
	unsigned int r;

	if (rc || arg->kind != KIPC_KIND_PAIR || arg->flags || (arg->mode & ~0777U) ||
	    !kipc_chan_is_plain(arg))
		return -EINVAL;
	for (r = 0; r < KIPC_CHAN_RINGS; r++)
		if (!kipc_chan_ring_ok(arg->ring_bytes[r], arg->start[r], arg->align[r]) ||
		    !kipc_region_node_ok(arg->node[r]))
			return -EINVAL;
	for (r = 0; r < KIPC_CHAN_RINGS && !rc; r++)
		rc = kipc_quota_check_ring(arg->ring_bytes[r]);
	return rc;
}

/* Puts an area behind those before it in the offset space. */
static int kipc_chan_add_area(struct kipc_chan *chan, unsigned int index, u64 bytes, int node)
{
	struct kipc_area *area = &chan->areas[index];

	area->copies = index >= KIPC_CHAN_AREA_DATA ? 2 : 1;
	area->writer = KIPC_REGION_NO_WRITER;
	if (index)
		area->offset = area[-1].offset + kipc_region_span(&area[-1]);
	return kipc_region_alloc(area, bytes, node);
}

static int kipc_chan_add_areas(struct kipc_chan *chan, const struct kipc_ioc_create *arg)
{
	unsigned int i;
	int rc;

	rc = kipc_chan_add_area(chan, KIPC_CHAN_AREA_STATUS, PAGE_SIZE, KIPC_NODE_ANY);
	for (i = 0; i < KIPC_CHAN_ENDS && !rc; i++) {
		rc = kipc_chan_add_area(chan, KIPC_CHAN_AREA_CTRL + i, PAGE_SIZE, KIPC_NODE_ANY);
		chan->areas[KIPC_CHAN_AREA_CTRL + i].writer = i;
		chan->areas[KIPC_CHAN_AREA_CTRL + i].owns = true;
	}
	for (i = 0; i < KIPC_CHAN_RINGS && !rc; i++) {
		rc = kipc_chan_add_area(chan, KIPC_CHAN_AREA_DATA + i, arg->ring_bytes[i],
		                        arg->node[i]);
		chan->areas[KIPC_CHAN_AREA_DATA + i].writer = i;
	}
	return rc;
}

/* A bell of a pair: end sleeps there until its peer moves the word. */
static struct kipc_bell *kipc_chan_hang_bell(struct kipc_end *end, unsigned int ring,
                                             unsigned int side, const u64 *position)
{
	struct kipc_ring_bells *shared = &end->chan->status->bells[ring];
	struct kipc_bell *bell = &end->chan->bells[ring][side];

	bell->sleeper = &end->party;
	bell->mover = &kipc_chan_peer(end)->party;
	bell->position = position;
	bell->other = &end->chan->bells[ring][1 - side];
	bell->shared = side == KIPC_SIDE_DATA ? &shared->data : &shared->space;
	bell->key = side == KIPC_SIDE_DATA ? EPOLLIN | EPOLLRDNORM : EPOLLOUT | EPOLLWRNORM;
	kipc_wake_init(bell);
	return bell;
}

/* Ring r is produced by end r and consumed by the other. Hints start where the positions start,
 * so that they mean "anything" until the end says more.
 */
static void kipc_chan_set_end(struct kipc_chan *chan, unsigned int e,
                              const struct kipc_ioc_create *arg)
{
	struct kipc_end *end = &chan->ends[e];
	struct kipc_ring_ctrl *peer_ctrl = kipc_chan_peer(end)->party.ctrl;
	unsigned int in = 1 - e, out = e;

	end->data = kipc_chan_hang_bell(end, in, KIPC_SIDE_DATA, &peer_ctrl->prod.pos);
	end->space = kipc_chan_hang_bell(end, out, KIPC_SIDE_SPACE, &peer_ctrl->cons.pos);
	end->party.ctrl->prod.pos = arg->start[out];
	end->party.ctrl->cons.pos = arg->start[in];
	end->party.ctrl->hints.data_at = arg->start[in];
	end->party.ctrl->hints.space_at = arg->start[out];
}

static void kipc_chan_set_creds(struct kipc_end *end)
{
	end->uid = current_euid();
	end->gid = current_egid();
}

static void kipc_chan_owner_gone(struct kipc_owned *owned)
{
	kipc_chan_die(container_of(owned, struct kipc_end, owned), KIPC_GONE_DEAD);
}

static void kipc_chan_set_ends(struct kipc_chan *chan, const struct kipc_ioc_create *arg)
{
	unsigned int e;

	for (e = 0; e < KIPC_CHAN_ENDS; e++) {
		chan->ends[e].chan = chan;
		chan->ends[e].index = e;
		chan->ends[e].party.ctrl =
			kipc_region_address(&chan->areas[KIPC_CHAN_AREA_CTRL + e]);
		kipc_chan_set_creds(&chan->ends[e]);
		kipc_owner_init(&chan->ends[e].owned, kipc_chan_owner_gone);
		chan->ends[e].party.lock = &chan->lock;
		init_waitqueue_head(&chan->ends[e].party.pollers);
	}
	for (e = 0; e < KIPC_CHAN_ENDS; e++)
		kipc_chan_set_end(chan, e, arg);
}

static void kipc_chan_set_status(struct kipc_chan *chan, const struct kipc_ioc_create *arg)
{
	struct kipc_ring_status *status = chan->status;
	unsigned int r;

	for (r = 0; r < KIPC_CHAN_RINGS; r++) {
		status->geom[r].bytes = arg->ring_bytes[r];
		status->geom[r].start = arg->start[r];
		status->geom[r].data_off = chan->areas[KIPC_CHAN_AREA_DATA + r].offset;
		status->geom[r].align = arg->align[r];
		status->geom[r].node = arg->node[r];
		status->geom[r].page_size = PAGE_SIZE;
	}
	status->ident.abi = KIPC_RING_ABI;
	status->ident.kind = chan->kind;
	status->ident.nr_ends = KIPC_CHAN_ENDS;
	status->ident.nr_rings = KIPC_CHAN_RINGS;
	status->ident.page_bytes = PAGE_SIZE;
	status->ident.ctrl_bytes = PAGE_SIZE;
	status->ident.ctrl_off = chan->areas[KIPC_CHAN_AREA_CTRL].offset;
	status->ident.total_bytes = chan->bytes;
	get_random_bytes(status->ident.id, sizeof(status->ident.id));
	/* Pairs with whoever loads magic with acquire; see struct kipc_ring_ident. */
	smp_store_release(&status->ident.magic, KIPC_RING_MAGIC);
}

static void kipc_chan_free(struct kipc_chan *chan)
{
	unsigned int i;

	for (i = 0; i < KIPC_CHAN_ENDS; i++)
		put_pid(chan->ends[i].pid);
	for (i = 0; i < KIPC_CHAN_AREAS; i++)
		kipc_region_free(&chan->areas[i]);
	kipc_quota_uncharge(chan->user, chan->bytes);
	kfree(chan);
}

static void kipc_chan_release(struct kref *refs)
{
	kipc_chan_free(container_of(refs, struct kipc_chan, refs));
}

void kipc_chan_put(struct kipc_chan *chan)
{
	kref_put(&chan->refs, kipc_chan_release);
}

struct kipc_chan *kipc_chan_create(const struct kipc_ioc_create *arg)
{
	struct kipc_chan *chan;
	int rc = kipc_chan_check(arg);

	if (rc)
		return ERR_PTR(rc);
	chan = kzalloc(sizeof(*chan), GFP_KERNEL_ACCOUNT);
	if (!chan)
		return ERR_PTR(-ENOMEM);
	kref_init(&chan->refs);
	chan->name.refs = &chan->refs;
	chan->name.kind = KIPC_KIND_PAIR;
	spin_lock_init(&chan->lock);
	chan->kind = arg->kind;
	chan->bytes = (1 + KIPC_CHAN_ENDS) * PAGE_SIZE + arg->ring_bytes[0] + arg->ring_bytes[1];
	chan->user = kipc_quota_charge(chan->bytes);
	if (IS_ERR(chan->user)) {
		rc = PTR_ERR(chan->user);
		kfree(chan);
		return ERR_PTR(rc);
	}
	rc = kipc_chan_add_areas(chan, arg);
	if (rc) {
		kipc_chan_free(chan);
		return ERR_PTR(rc);
	}
	chan->status = kipc_region_address(&chan->areas[KIPC_CHAN_AREA_STATUS]);
	kipc_chan_set_ends(chan, arg);
	kipc_chan_set_status(chan, arg);
	return chan;
}

/* ---- meeting ---------------------------------------------------------------------------- */

/* Attaching and then leaving would end the channel, so who minds its geometry says so before. */
static bool kipc_chan_suits(const struct kipc_chan *chan, const struct kipc_ioc_attach *arg)
{
	const struct kipc_ring_geom *geom = chan->status->geom;
	int r;

	for (r = 0; r < KIPC_CHAN_RINGS; r++) {
		if (arg->ring_bytes[r] && arg->ring_bytes[r] != geom[r].bytes)
			return false;
		if (arg->align[r] && arg->align[r] != geom[r].align)
			return false;
	}
	return true;
}

static int kipc_chan_judge(const struct kipc_name *name, const struct kipc_ioc_attach *arg)
{
	const struct kipc_chan *chan = container_of(name, struct kipc_chan, name);

	return kipc_chan_suits(chan, arg) ? 0 : -EEXIST;
}

/* Malformed whether there is such a name or not. */
static bool kipc_chan_asks_ok(const struct kipc_ioc_attach *arg)
{
	return arg->kind == KIPC_KIND_PAIR &&
	       !(arg->role || arg->slots || arg->stride || arg->classes || arg->held_plus_1);
}

struct kipc_chan *kipc_chan_claim(const struct kipc_ioc_attach *arg)
{
	struct kipc_name *name;

	if (!kipc_chan_asks_ok(arg))
		return ERR_PTR(-EINVAL);
	name = kipc_name_claim(arg, kipc_chan_judge);
	return IS_ERR(name) ? ERR_CAST(name) : container_of(name, struct kipc_chan, name);
}

/* ---- life of an end --------------------------------------------------------------------- */

/* Under chan->lock. */
static void kipc_chan_set_state(struct kipc_end *end, u32 state)
{
	struct kipc_ring_end *shared = &end->chan->status->ends[end->index];

	WRITE_ONCE(end->state, state);
	WRITE_ONCE(shared->generation, end->generation);
	WRITE_ONCE(shared->state, state);
}

void kipc_chan_meet(struct kipc_end *end)
{
	spin_lock(&end->chan->lock);
	kipc_chan_set_creds(end);
	spin_unlock(&end->chan->lock);
}

/* Under chan->lock: the caller's process owns the end from now on. */
static void kipc_chan_settle(struct kipc_end *end, struct kipc_owner *owner)
{
	end->owner = owner;
	end->mappings = 1;
	end->handover = false;
	end->generation++;
	put_pid(end->pid);
	end->pid = get_pid(task_tgid(current));
	kipc_chan_set_creds(end);
	kipc_owner_add(owner, &end->owned);
	WRITE_ONCE(end->party.mm, kipc_owner_mm(owner));
	kipc_chan_set_state(end, KIPC_END_LIVE);
}

/* Under chan->lock. The caller puts the owner afterwards. */
static struct kipc_owner *kipc_chan_unsettle(struct kipc_end *end, u32 state)
{
	struct kipc_owner *owner = end->owner;

	if (owner)
		kipc_owner_remove(owner, &end->owned);
	end->owner = NULL;
	end->mappings = 0;
	WRITE_ONCE(end->party.mm, NULL);
	kipc_chan_set_state(end, state);
	return owner;
}

/* A signal that waits for us keeps the notifier from being installed; mmap is then repeated. */
static struct kipc_owner *kipc_chan_get_owner(struct mm_struct *mm)
{
	struct kipc_owner *owner = kipc_owner_get(mm);

	return owner == ERR_PTR(-EINTR) ? ERR_PTR(-ERESTARTNOINTR) : owner;
}

/* Under chan->lock. Whoever can still write what a free end sends is the only one who may own it next, or
 * its messages would be taken for the new owner's.
 */
static int kipc_chan_may_write(const struct kipc_end *end, const struct mm_struct *mm)
{
	if (end->state == KIPC_END_DEAD)
		return -EPIPE;
	if (end->state == KIPC_END_LIVE)
		return end->party.mm == mm ? 0 : -EBUSY;
	return end->strays || (end->writer && end->writer != mm) ? -EBUSY : 0;
}

/* Under chan->lock: a writable mapping more, or one less. Those of one address space are counted apart:
 * the owner's, or of a free end the last or the next one's. Its pages are mapped as long, so the pointer
 * means no other.
 */
static void kipc_chan_count_in(struct kipc_end *end, struct mm_struct *mm)
{
	if (!end->writer && !end->strays)
		end->writer = mm;
	if (end->writer == mm)
		end->writable++;
	else
		end->strays++;
}

static void kipc_chan_count_out(struct kipc_end *end, const struct mm_struct *mm)
{
	if (end->writer != mm)
		end->strays--;
	else if (!--end->writable)
		end->writer = NULL;
}

int kipc_chan_map(struct kipc_end *end, struct mm_struct *mm)
{
	struct kipc_owner *owner = kipc_chan_get_owner(mm);
	int rc;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	spin_lock(&end->chan->lock);
	rc = kipc_chan_may_write(end, mm);
	if (!rc)
		kipc_chan_count_in(end, mm);
	if (!rc && end->state == KIPC_END_FREE) {
		kipc_chan_settle(end, owner);
		owner = NULL;
	} else if (!rc) {
		end->mappings++;
	}
	spin_unlock(&end->chan->lock);
	/* An end holds one reference on its owner, however often it is mapped. */
	if (owner)
		kipc_owner_put(owner);
	return rc;
}

int kipc_chan_map_data(struct kipc_end *end, struct mm_struct *mm)
{
	int rc;

	spin_lock(&end->chan->lock);
	rc = kipc_chan_may_write(end, mm);
	if (!rc)
		kipc_chan_count_in(end, mm);
	spin_unlock(&end->chan->lock);
	return rc;
}

void kipc_chan_remap(struct kipc_end *end, struct mm_struct *mm, bool owns)
{
	spin_lock(&end->chan->lock);
	kipc_chan_count_in(end, mm);
	if (owns && end->party.mm == mm)
		end->mappings++;
	spin_unlock(&end->chan->lock);
}

/* The owner's last mapping of the control area goes while its process lives on. */
void kipc_chan_unmap(struct kipc_end *end, struct mm_struct *mm, bool owns)
{
	struct kipc_owner *owner = NULL;
	bool last, polite;

	spin_lock(&end->chan->lock);
	kipc_chan_count_out(end, mm);
	last = owns && end->party.mm == mm && !--end->mappings;
	polite = last && end->handover;
	if (polite)
		owner = kipc_chan_unsettle(end, KIPC_END_FREE);
	spin_unlock(&end->chan->lock);

	if (polite) {
		kipc_owner_put(owner);
		/* Threads of the old owner must not hear what is meant for the next. */
		kipc_wake_shake(end->data);
		kipc_wake_shake(end->space);
	} else if (last) {
		kipc_chan_die(end, KIPC_GONE_DEAD | KIPC_GONE_CLOSED);
	}
}

void kipc_chan_die(struct kipc_end *end, u32 gone)
{
	struct kipc_owner *owner = NULL;
	bool alive;

	spin_lock(&end->chan->lock);
	alive = end->state != KIPC_END_DEAD;
	if (alive)
		owner = kipc_chan_unsettle(end, KIPC_END_DEAD);
	spin_unlock(&end->chan->lock);
	if (!alive)
		return;

	kipc_name_drop(&end->chan->name);
	kipc_wake_leave(end->data, gone);
	kipc_wake_leave(end->space, gone);
	if (owner)
		kipc_owner_put(owner);
}

int kipc_chan_handover(struct kipc_end *end)
{
	int rc;

	spin_lock(&end->chan->lock);
	rc = end->state == KIPC_END_FREE ? 0 : kipc_chan_check_owner(end);
	if (!rc)
		end->handover = true;
	spin_unlock(&end->chan->lock);
	return rc;
}

int kipc_chan_check_owner(const struct kipc_end *end)
{
	struct mm_struct *mm = current->mm;

	if (mm && READ_ONCE(end->party.mm) == mm)
		return 0;
	return READ_ONCE(end->state) == KIPC_END_DEAD ? -EPIPE : -EPERM;
}
