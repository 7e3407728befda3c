// SPDX-License-Identifier: GPL-2.0-only
/*
 * hub.c - a channel with many ends: its shape, its memory and its name
 */
#include <linux/cred.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "hub.h"
#include "quota.h"
#include "uapi/kipc_queue.h"

/* ---- shape ------------------------------------------------------------------------------ */

static bool kipc_hub_ring_ok(const struct kipc_ioc_create *arg)
{
	u64 bytes = arg->ring_bytes[0];
	u32 align = arg->align[0];

	return is_power_of_2(bytes) && bytes >= max_t(u64, KIPC_RING_MIN_BYTES, PAGE_SIZE) &&
	       bytes <= KIPC_RING_MAX_BYTES && IS_ALIGNED(arg->start[0], KIPC_REC_BYTES) &&
	       is_power_of_2(align) && align >= KIPC_REC_BYTES && align <= KIPC_RING_MAX_ALIGN &&
	       16ULL * align <= bytes;
}

static u64 kipc_hub_slots_bytes(const struct kipc_ioc_create *arg)
{
	return KIPC_QUEUE_SLOTS_OFF + (u64)arg->classes * arg->slots * arg->stride;
}

static bool kipc_hub_slots_ok(const struct kipc_ioc_create *arg)
{
	return is_power_of_2(arg->slots) && arg->slots <= KIPC_QUEUE_MAX_SLOTS && arg->stride &&
	       arg->stride % KIPC_QUEUE_LINE == 0 && arg->stride <= KIPC_QUEUE_MAX_STRIDE &&
	       arg->classes && arg->classes <= KIPC_QUEUE_CLASSES && arg->held <= KIPC_QUEUE_DROP &&
	       kipc_hub_slots_bytes(arg) <= KIPC_QUEUE_MAX_BYTES;
}

/* What the kind does not have is zero. */
static bool kipc_hub_shape_ok(const struct kipc_ioc_create *arg)
{
	bool second = arg->ring_bytes[1] || arg->start[1] || arg->align[1];
	bool slots = arg->slots || arg->stride || arg->classes || arg->held;
	bool ring = arg->ring_bytes[0] || arg->start[0] || arg->align[0];

	if (second || arg->node[1] != KIPC_NODE_ANY)
		return false;
	if (arg->kind == KIPC_KIND_PUBSUB)
		return !slots && kipc_hub_ring_ok(arg);
	return !ring && kipc_hub_slots_ok(arg);
}

bool kipc_hub_role_ok(u32 kind, u32 role)
{
	if (kind == KIPC_KIND_PUBSUB)
		return role == KIPC_ROLE_PUBLISHER || role == KIPC_ROLE_SUBSCRIBER;
	return role == KIPC_ROLE_ANY;
}

static u64 kipc_hub_data_bytes(const struct kipc_ioc_create *arg)
{
	return arg->kind == KIPC_KIND_PUBSUB ? arg->ring_bytes[0]
	                                     : PAGE_ALIGN(kipc_hub_slots_bytes(arg));
}

static int kipc_hub_check(const struct kipc_ioc_create *arg)
{
	if (kipc_name_check(arg->name) || !arg->name[0] || arg->flags || arg->reserved ||
	    (arg->mode & ~0777U) || arg->nr_ends < 2 || arg->nr_ends > KIPC_RING_ENDS ||
	    !kipc_hub_role_ok(arg->kind, arg->role) || !kipc_hub_shape_ok(arg) ||
	    !kipc_region_node_ok(arg->node[0]))
		return -EINVAL;
	return kipc_quota_check_ring(kipc_hub_data_bytes(arg));
}

/* ---- making ----------------------------------------------------------------------------- */

static int kipc_hub_add_areas(struct kipc_hub *hub, const struct kipc_ioc_create *arg)
{
	struct kipc_area *status = &hub->areas[KIPC_HUB_AREA_STATUS];
	struct kipc_area *ctrl = &hub->areas[KIPC_HUB_AREA_CTRL];
	struct kipc_area *data = &hub->areas[KIPC_HUB_AREA_DATA];
	int rc;

	status->copies = ctrl->copies = 1;
	data->copies = hub->kind == KIPC_KIND_PUBSUB ? 2 : 1;
	rc = kipc_region_alloc(status, PAGE_SIZE, KIPC_NODE_ANY);
	if (rc)
		return rc;
	ctrl->offset = PAGE_SIZE;
	rc = kipc_region_alloc(ctrl, (u64)hub->nr_ends * PAGE_SIZE, KIPC_NODE_ANY);
	if (rc)
		return rc;
	data->offset = ctrl->offset + kipc_region_span(ctrl);
	return kipc_region_alloc(data, kipc_hub_data_bytes(arg), arg->node[0]);
}

/* What must not be zero before anybody begins. */
static void kipc_hub_format(struct kipc_hub *hub, const struct kipc_ioc_create *arg)
{
	struct kipc_ring_pub *pub = kipc_hub_ctrl(hub, 0);
	struct kipc_queue_geom *geom;

	if (hub->kind == KIPC_KIND_PUBSUB) {
		pub->prod = arg->start[0];
		pub->claim = arg->start[0];
		pub->oldest = arg->start[0];
		pub->last = KIPC_PUB_NONE;
		return;
	}
	geom = kipc_region_address(&hub->areas[KIPC_HUB_AREA_DATA]);
	geom->slots = arg->slots;
	geom->stride = arg->stride;
	geom->classes = arg->classes;
	geom->held = arg->held;
	geom->nr_ends = hub->nr_ends;
}

static void kipc_hub_set_geom(struct kipc_hub *hub, const struct kipc_ioc_create *arg)
{
	struct kipc_ring_geom *geom = hub->status->geom;

	geom[0].bytes = arg->ring_bytes[0];
	geom[0].start = arg->start[0];
	geom[0].align = arg->align[0];
	geom[0].data_off = hub->areas[KIPC_HUB_AREA_DATA].offset;
	geom[0].node = arg->node[0];
	geom[0].page_size = PAGE_SIZE;
	if (hub->kind == KIPC_KIND_QUEUE) {
		geom[1].reserved[0] = (u64)arg->slots << 32 | arg->stride;
		geom[1].reserved[1] = (u64)arg->classes << 32 | arg->held;
	}
}

static void kipc_hub_set_status(struct kipc_hub *hub, const struct kipc_ioc_create *arg)
{
	struct kipc_ring_ident *ident = &hub->status->ident;

	kipc_hub_set_geom(hub, arg);
	ident->abi = KIPC_RING_ABI;
	ident->kind = hub->kind;
	ident->nr_ends = hub->nr_ends;
	ident->nr_rings = 1;
	ident->page_bytes = PAGE_SIZE;
	ident->ctrl_bytes = PAGE_SIZE;
	ident->ctrl_off = hub->areas[KIPC_HUB_AREA_CTRL].offset;
	ident->total_bytes = hub->bytes;
	get_random_bytes(ident->id, sizeof(ident->id));
	/* Pairs with whoever loads magic with acquire; see struct kipc_ring_ident. */
	smp_store_release(&ident->magic, KIPC_RING_MAGIC);
}

static void kipc_hub_free(struct kipc_hub *hub)
{
	unsigned int i;

	for (i = 0; i < hub->nr_ends; i++)
		put_pid(hub->places[i].pid);
	for (i = 0; i < KIPC_HUB_AREAS; i++)
		kipc_region_free(&hub->areas[i]);
	kipc_quota_uncharge(hub->user, hub->bytes);
	kfree(hub);
}

static void kipc_hub_release(struct kref *refs)
{
	kipc_hub_free(container_of(refs, struct kipc_hub, refs));
}

void kipc_hub_put(struct kipc_hub *hub)
{
	kref_put(&hub->refs, kipc_hub_release);
}

static void kipc_hub_set_crowds(struct kipc_hub *hub)
{
	struct kipc_ring_bells *bells = &hub->status->bells[0];

	struct kipc_crowd *data = &hub->crowds[KIPC_SIDE_DATA];
	struct kipc_crowd *space = &hub->crowds[KIPC_SIDE_SPACE];

	data->shared = &bells->data;
	data->key = EPOLLIN | EPOLLRDNORM;
	space->shared = &bells->space;
	space->key = EPOLLOUT | EPOLLWRNORM;
	data->refs = space->refs = &hub->refs;
	data->release = space->release = kipc_hub_release;
	kipc_crowd_init(data);
	kipc_crowd_init(space);
}

/* With what cannot fail, and booked. */
static struct kipc_hub *kipc_hub_alloc(const struct kipc_ioc_create *arg)
{
	struct kipc_hub *hub = kzalloc(struct_size(hub, places, arg->nr_ends), GFP_KERNEL_ACCOUNT);
	struct kipc_user *user;

	if (!hub)
		return ERR_PTR(-ENOMEM);
	kref_init(&hub->refs);
	spin_lock_init(&hub->lock);
	init_waitqueue_head(&hub->vacancy);
	hub->name.refs = &hub->refs;
	hub->name.kind = arg->kind;
	hub->kind = arg->kind;
	hub->nr_ends = arg->nr_ends;
	hub->bytes = (1ULL + arg->nr_ends) * PAGE_SIZE + kipc_hub_data_bytes(arg);
	user = kipc_quota_charge(hub->bytes);
	if (IS_ERR(user)) {
		kfree(hub);
		return ERR_CAST(user);
	}
	hub->user = user;
	return hub;
}

struct kipc_hub *kipc_hub_create(const struct kipc_ioc_create *arg)
{
	int rc = kipc_hub_check(arg);
	struct kipc_hub *hub;

	if (rc)
		return ERR_PTR(rc);
	hub = kipc_hub_alloc(arg);
	if (IS_ERR(hub))
		return hub;
	rc = kipc_hub_add_areas(hub, arg);
	if (rc) {
		kipc_hub_free(hub);
		return ERR_PTR(rc);
	}
	hub->status = kipc_region_address(&hub->areas[KIPC_HUB_AREA_STATUS]);
	kipc_hub_set_crowds(hub);
	kipc_hub_format(hub, arg);
	kipc_hub_set_status(hub, arg);
	return hub;
}

/* ---- meeting ---------------------------------------------------------------------------- */

static bool kipc_hub_differs(u64 asked, u64 has)
{
	return asked && asked != has;
}

static bool kipc_hub_suits(const struct kipc_hub *hub, const struct kipc_ioc_attach *arg)
{
	const struct kipc_ring_geom *geom = hub->status->geom;
	u64 slots = geom[1].reserved[0], classes = geom[1].reserved[1];

	return !kipc_hub_differs(arg->ring_bytes[0], geom[0].bytes) &&
	       !kipc_hub_differs(arg->align[0], geom[0].align) &&
	       !kipc_hub_differs(arg->slots, upper_32_bits(slots)) &&
	       !kipc_hub_differs(arg->stride, lower_32_bits(slots)) &&
	       !kipc_hub_differs(arg->classes, upper_32_bits(classes)) &&
	       !kipc_hub_differs(arg->held_plus_1, lower_32_bits(classes) + 1ULL);
}

/* Of a pubsub nobody can ask for slots, of a queue nobody for a ring. */
static bool kipc_hub_asks_ok(const struct kipc_ioc_attach *arg)
{
	bool slots = arg->slots || arg->stride || arg->classes || arg->held_plus_1;
	bool ring = arg->ring_bytes[0] || arg->align[0];

	if (arg->ring_bytes[1] || arg->align[1] || !kipc_hub_role_ok(arg->kind, arg->role))
		return false;
	return arg->kind == KIPC_KIND_PUBSUB ? !slots : !ring;
}

static int kipc_hub_judge(const struct kipc_name *name, const struct kipc_ioc_attach *arg)
{
	const struct kipc_hub *hub = container_of(name, struct kipc_hub, name);

	return kipc_hub_suits(hub, arg) ? 0 : -EEXIST;
}

struct kipc_hub *kipc_hub_find(const struct kipc_ioc_attach *arg)
{
	struct kipc_name *name;

	if (!kipc_hub_asks_ok(arg))
		return ERR_PTR(-EINVAL);
	name = kipc_name_claim(arg, kipc_hub_judge);
	return IS_ERR(name) ? ERR_CAST(name) : container_of(name, struct kipc_hub, name);
}

/* ---- looking ---------------------------------------------------------------------------- */

static const u64 *kipc_hub_area_word(const struct kipc_area *area, u64 offset)
{
	u64 at = offset - area->offset;
	unsigned long index = at >> PAGE_SHIFT;

	if (offset < area->offset || index >= area->nr_pages)
		return NULL;
	index = array_index_nospec(index, area->nr_pages);
	return page_address(area->pages[index]) + offset_in_page(at);
}

const u64 *kipc_hub_word(const struct kipc_hub *hub, u64 offset)
{
	if (!IS_ALIGNED(offset, sizeof(u64)))
		return NULL;
	return kipc_hub_area_word(&hub->areas[KIPC_HUB_AREA_CTRL], offset)
	               ?: kipc_hub_area_word(&hub->areas[KIPC_HUB_AREA_DATA], offset);
}

void kipc_hub_show_place(struct kipc_hub *hub, unsigned int end, u32 state, u32 cleaner)
{
	struct kipc_ring_end *shared = &hub->status->ends[end];
	struct kipc_place *place = &hub->places[end];
	u32 by = cleaner == KIPC_END_NONE ? 0 : cleaner + 1;

	place->state = state;
	place->version++;
	WRITE_ONCE(shared->generation, place->generation);
	WRITE_ONCE(shared->state, (u32)place->version << 16 | by << 8 | state);
}

bool kipc_hub_mark(u64 set[2], unsigned int end, bool on)
{
	u64 bit = BIT_ULL(end % 64), word = set[end / 64];

	WRITE_ONCE(set[end / 64], on ? word | bit : word & ~bit);
	return word & bit;
}
