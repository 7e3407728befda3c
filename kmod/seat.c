// SPDX-License-Identifier: GPL-2.0-only
/*
 * seat.c - the life of an end of a channel with many ends
 *
 * A place outlives who has it; a seat is one stay there. It is dead for ever when its owner ends or
 * unmaps the control page. The place is given to somebody else when nothing that the dead one could
 * write is mapped any more, and, in a queue, when what it held is undone (undo.c).
 */
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "seat.h"
#include "undo.h"

/* How long a newcomer waits for a place that is about to be free. */
#define KIPC_SEAT_PATIENCE (HZ / 10)

static struct kipc_place *kipc_seat_place(const struct kipc_seat *seat)
{
	return &seat->hub->places[seat->index];
}

static bool kipc_seat_is_pubsub(const struct kipc_seat *seat)
{
	return seat->hub->kind == KIPC_KIND_PUBSUB;
}

static bool kipc_seat_publishes(const struct kipc_seat *seat)
{
	return kipc_seat_is_pubsub(seat) && seat->index == 0;
}

/* The word that says whether the publisher has gone. */
static u32 *kipc_seat_gone(const struct kipc_seat *seat)
{
	return &seat->hub->status->bells[0].data.gone;
}

/* ---- taking a place --------------------------------------------------------------------- */

/* Under hub->lock. -EBUSY; -EAGAIN: one is about to be free. */
static int kipc_seat_find(const struct kipc_hub *hub, unsigned int first, unsigned int last)
{
	unsigned int end;
	int rc = -EBUSY;

	for (end = first; end <= last; end++) {
		const struct kipc_place *place = &hub->places[end];

		if (!place->seat && !place->reap)
			return end;
		if (place->reap || place->seat->state == KIPC_END_DEAD)
			rc = -EAGAIN;
	}
	return rc;
}

/* Under hub->lock. */
static void kipc_seat_sit_down(struct kipc_seat *seat, unsigned int end)
{
	struct kipc_hub *hub = seat->hub;
	struct kipc_place *place = &hub->places[end];

	seat->index = end;
	place->seat = seat;
	put_pid(place->pid);
	place->pid = NULL;
	place->uid = current_euid();
	place->gid = current_egid();
	hub->present++;
}

static int kipc_seat_try(struct kipc_seat *seat, u32 role)
{
	struct kipc_hub *hub = seat->hub;
	unsigned int first = role == KIPC_ROLE_SUBSCRIBER ? 1 : 0;
	unsigned int last = role == KIPC_ROLE_PUBLISHER ? 0 : hub->nr_ends - 1;
	int end = -ENOENT;

	spin_lock(&hub->lock);
	if (!hub->over)
		end = kipc_seat_find(hub, first, last);
	if (end >= 0)
		kipc_seat_sit_down(seat, end);
	spin_unlock(&hub->lock);
	return end;
}

static void kipc_seat_died(struct kipc_owned *owned);

static struct kipc_seat *kipc_seat_alloc(struct kipc_hub *hub)
{
	struct kipc_seat *seat = kzalloc(sizeof(*seat), GFP_KERNEL_ACCOUNT);
	unsigned int side;

	if (!seat)
		return NULL;
	seat->hub = hub;
	kipc_owner_init(&seat->owned, kipc_seat_died);
	init_waitqueue_head(&seat->pollers);
	for (side = 0; side < ARRAY_SIZE(seat->members); side++)
		kipc_crowd_enter(&seat->members[side], &seat->pollers);
	return seat;
}

/* The place, or why there is none. */
static int kipc_seat_await(struct kipc_seat *seat, u32 role)
{
	long left, end;

	left = wait_event_interruptible_timeout(seat->hub->vacancy,
	                                        (end = kipc_seat_try(seat, role)) != -EAGAIN,
	                                        KIPC_SEAT_PATIENCE);
	if (end == -EAGAIN)
		return left < 0 ? left : -EBUSY;
	return end;
}

struct kipc_seat *kipc_seat_take(struct kipc_hub *hub, u32 role)
{
	struct kipc_seat *seat;
	int end;

	if (IS_ERR(hub))
		return ERR_CAST(hub);
	seat = kipc_seat_alloc(hub);
	end = seat ? kipc_seat_await(seat, role) : -ENOMEM;
	if (end < 0) {
		kfree(seat);
		kipc_hub_put(hub);
		return ERR_PTR(end);
	}
	/* Nobody can write there now. A new publisher goes on where the last one ended. */
	if (!kipc_seat_is_pubsub(seat) || end)
		clear_page(kipc_hub_ctrl(hub, end));
	return seat;
}

/* ---- ending ----------------------------------------------------------------------------- */

/* Under hub->lock: somebody else may have the place, as far as this seat is concerned. */
static void kipc_seat_leave_place(struct kipc_seat *seat)
{
	struct kipc_place *place = kipc_seat_place(seat);

	if (place->seat == seat)
		place->seat = NULL;
}

/* Under hub->lock: a publisher publishes no more. Behind everything that it did publish: pairs with the
 * load of gone in (J) elsewhere.
 */
static void kipc_seat_set_gone(struct kipc_seat *seat, u32 gone)
{
	u32 *word = kipc_seat_gone(seat);

	smp_store_release(word, *word | gone);
}

/* Under hub->lock: survivors are to undo what a live end held. */
static void kipc_seat_bequeath(struct kipc_seat *seat)
{
	struct kipc_hub *hub = seat->hub;
	struct kipc_place *place = kipc_seat_place(seat);

	place->reap = !kipc_seat_is_pubsub(seat) && !seat->empty_handed;
	place->begun = false;
	kipc_hub_show_place(hub, seat->index,
	                    place->reap          ? KIPC_END_REAP
	                    : seat->empty_handed ? KIPC_END_FREE
	                                         : KIPC_END_DEAD,
	                    KIPC_END_NONE);
	if (place->reap)
		kipc_hub_mark(hub->status->sets.undone, seat->index, true);
}

/* Those whom this death concerns look around, and whoever sleeps as the dead one. */
static void kipc_seat_announce(struct kipc_seat *seat)
{
	struct kipc_hub *hub = seat->hub;
	unsigned int side;

	if (!kipc_seat_is_pubsub(seat) || kipc_seat_publishes(seat))
		kipc_hub_tell(hub, KIPC_SIDE_DATA);
	if (!kipc_seat_publishes(seat))
		kipc_hub_tell(hub, KIPC_SIDE_SPACE);
	for (side = 0; side < ARRAY_SIZE(hub->crowds); side++)
		kipc_crowd_shake(&hub->crowds[side], &seat->members[side]);
}

/* Under hub->lock. The caller puts the owner afterwards. */
static struct kipc_owner *kipc_seat_unsettle(struct kipc_seat *seat)
{
	struct kipc_owner *owner = seat->owner;

	if (owner)
		kipc_owner_remove(owner, &seat->owned);
	seat->owner = NULL;
	seat->mappings = 0;
	WRITE_ONCE(seat->mm, NULL);
	WRITE_ONCE(seat->state, KIPC_END_DEAD);
	return owner;
}

static void kipc_seat_die(struct kipc_seat *seat, u32 gone)
{
	struct kipc_hub *hub = seat->hub;
	struct kipc_owner *owner = NULL;
	bool alive, was_live, over;

	spin_lock(&hub->lock);
	alive = seat->state != KIPC_END_DEAD;
	was_live = seat->state == KIPC_END_LIVE;
	if (alive) {
		owner = kipc_seat_unsettle(seat);
		if (was_live)
			kipc_seat_bequeath(seat);
		if (was_live && kipc_seat_publishes(seat))
			kipc_seat_set_gone(seat, gone);
		kipc_undo_resign(seat);
		kipc_hub_mark(hub->status->sets.bound, seat->index, false);
		if (!seat->writable)
			kipc_seat_leave_place(seat);
		hub->over = !--hub->present;
	}
	over = hub->over;
	spin_unlock(&hub->lock);
	if (!alive)
		return;

	if (over)
		kipc_name_drop(&hub->name);
	if (was_live)
		kipc_seat_announce(seat);
	wake_up_all(&hub->vacancy);
	if (owner)
		kipc_owner_put(owner);
}

static void kipc_seat_died(struct kipc_owned *owned)
{
	kipc_seat_die(container_of(owned, struct kipc_seat, owned), KIPC_GONE_DEAD);
}

/* Neither a descriptor nor a mapping is left. */
void kipc_seat_drop(struct kipc_seat *seat)
{
	struct kipc_hub *hub = seat->hub;
	unsigned int side;

	kipc_seat_die(seat, KIPC_GONE_DEAD | KIPC_GONE_CLOSED);
	/* A thread may have armed behind the back of its death. */
	for (side = 0; side < ARRAY_SIZE(hub->crowds); side++)
		kipc_crowd_forget(&hub->crowds[side], &seat->members[side]);
	kfree(seat);
	kipc_hub_put(hub);
}

/* ---- owning ----------------------------------------------------------------------------- */

/* Under hub->lock: the caller's process owns the end from now on. */
static void kipc_seat_settle(struct kipc_seat *seat, struct kipc_owner *owner)
{
	struct kipc_place *place = kipc_seat_place(seat);

	seat->owner = owner;
	seat->mappings = 1;
	place->generation++;
	put_pid(place->pid);
	place->pid = get_pid(task_tgid(current));
	place->uid = current_euid();
	place->gid = current_egid();
	kipc_owner_add(owner, &seat->owned);
	WRITE_ONCE(seat->mm, kipc_owner_mm(owner));
	WRITE_ONCE(seat->state, KIPC_END_LIVE);
	if (kipc_seat_publishes(seat))
		WRITE_ONCE(*kipc_seat_gone(seat), 0);
	kipc_hub_show_place(seat->hub, seat->index, KIPC_END_LIVE, KIPC_END_NONE);
}

int kipc_seat_map(struct kipc_seat *seat, struct mm_struct *mm)
{
	struct kipc_owner *owner = kipc_owner_get(mm);
	int rc = 0;

	/* A signal that waits for us keeps the notifier from being installed; mmap is repeated. */
	if (IS_ERR(owner))
		return owner == ERR_PTR(-EINTR) ? -ERESTARTNOINTR : PTR_ERR(owner);
	spin_lock(&seat->hub->lock);
	if (seat->state == KIPC_END_FREE) {
		kipc_seat_settle(seat, owner);
		owner = NULL;
	} else if (seat->state == KIPC_END_DEAD) {
		rc = -EPIPE;
	} else if (seat->owner == owner) {
		seat->mappings++;
	} else {
		rc = -EBUSY;
	}
	seat->writable += !rc;
	spin_unlock(&seat->hub->lock);
	/* A seat holds one reference on its owner, however often it is mapped. */
	if (owner)
		kipc_owner_put(owner);
	return rc;
}

int kipc_seat_map_data(struct kipc_seat *seat, struct mm_struct *mm)
{
	int rc;

	spin_lock(&seat->hub->lock);
	rc = seat->mm == mm ? 0 : kipc_seat_may_write(seat) ?: -EPERM;
	seat->writable += !rc;
	spin_unlock(&seat->hub->lock);
	return rc;
}

void kipc_seat_remap(struct kipc_seat *seat, struct mm_struct *mm, bool ctrl)
{
	spin_lock(&seat->hub->lock);
	seat->writable++;
	if (ctrl && seat->mm == mm)
		seat->mappings++;
	spin_unlock(&seat->hub->lock);
}

void kipc_seat_unmap(struct kipc_seat *seat, struct mm_struct *mm, bool ctrl)
{
	struct kipc_hub *hub = seat->hub;
	bool last, vacant;

	spin_lock(&hub->lock);
	last = ctrl && seat->mm == mm && !--seat->mappings;
	vacant = !--seat->writable && seat->state == KIPC_END_DEAD;
	if (vacant)
		kipc_seat_leave_place(seat);
	spin_unlock(&hub->lock);

	if (last)
		kipc_seat_die(seat, KIPC_GONE_DEAD | KIPC_GONE_CLOSED);
	else if (vacant)
		wake_up_all(&hub->vacancy);
}

int kipc_seat_may_write(const struct kipc_seat *seat)
{
	u32 state = READ_ONCE(seat->state);

	if (state == KIPC_END_DEAD)
		return -EPIPE;
	return state == KIPC_END_LIVE && READ_ONCE(seat->mm) != current->mm ? -EBUSY : 0;
}

int kipc_seat_check_owner(const struct kipc_seat *seat)
{
	struct mm_struct *mm = current->mm;

	if (mm && READ_ONCE(seat->mm) == mm)
		return 0;
	return READ_ONCE(seat->state) == KIPC_END_DEAD ? -EPIPE : -EPERM;
}

/* ---- what only the kernel writes -------------------------------------------------------- */

/* A death may be under way: who is dead is not bound again. */
void kipc_seat_bind(struct kipc_seat *seat, bool bound)
{
	struct kipc_hub *hub = seat->hub;
	bool was;

	smp_mb(); /* the position that the caller has stored comes before (Q) */
	spin_lock(&hub->lock);
	was = kipc_hub_mark(hub->status->sets.bound, seat->index,
	                    bound && seat->state == KIPC_END_LIVE);
	spin_unlock(&hub->lock);
	smp_mb(); /* (Q): what the caller loads then comes behind it */
	if (was && !bound)
		kipc_hub_tell(hub, KIPC_SIDE_SPACE);
}

/* So may be the caller's own, and then others may belong to its successor by now. */
void kipc_seat_cut(struct kipc_seat *seat, const u64 ends[2])
{
	u64 *set = seat->hub->status->sets.bound;

	spin_lock(&seat->hub->lock);
	if (seat->state == KIPC_END_LIVE) {
		WRITE_ONCE(set[0], set[0] & ~ends[0]);
		WRITE_ONCE(set[1], set[1] & ~ends[1]);
	}
	spin_unlock(&seat->hub->lock);
	smp_mb(); /* before the caller overwrites what they have not released */
}

bool kipc_seat_shuts(const struct kipc_seat *seat, u32 dirs)
{
	if (!kipc_seat_is_pubsub(seat))
		return dirs == (KIPC_DIR_IN | KIPC_DIR_OUT);
	return dirs == (kipc_seat_publishes(seat) ? KIPC_DIR_OUT : KIPC_DIR_IN);
}

static void kipc_seat_shut_publisher(struct kipc_seat *seat)
{
	struct kipc_hub *hub = seat->hub;

	spin_lock(&hub->lock);
	if (seat->state == KIPC_END_LIVE)
		kipc_seat_set_gone(seat, KIPC_GONE_SHUT);
	spin_unlock(&hub->lock);
	kipc_hub_tell(hub, KIPC_SIDE_DATA);
}

static void kipc_seat_let_go(struct kipc_seat *seat)
{
	spin_lock(&seat->hub->lock);
	seat->empty_handed = true;
	spin_unlock(&seat->hub->lock);
}

void kipc_seat_shut(struct kipc_seat *seat)
{
	if (kipc_seat_publishes(seat))
		kipc_seat_shut_publisher(seat);
	else if (kipc_seat_is_pubsub(seat))
		kipc_seat_bind(seat, false);
	else
		kipc_seat_let_go(seat);
}
