// SPDX-License-Identifier: GPL-2.0-only
/*
 * seatfile.c - the endpoint file of a channel with many ends, and its calls
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/pid_namespace.h>
#include <linux/seq_file.h>
#include <linux/uidgid.h>

#include "call.h"
#include "map.h"
#include "seat.h"
#include "seatfile.h"
#include "undo.h"

static struct kipc_seat *kipc_seat_of(const struct kipc_call *call)
{
	return call->file->private_data;
}

/* ---- sides ------------------------------------------------------------------------------ */

/* Is it a side? Then it is one that may be an index, for a CPU that runs ahead of the answer, too. */
static bool kipc_seat_check_side(u32 *side)
{
	bool known = *side == KIPC_SIDE_DATA || *side == KIPC_SIDE_SPACE;

	*side = array_index_nospec(*side, KIPC_SIDE_SPACE + 1);
	return known;
}

/* Does this end wait there? A publisher for space, a subscriber for data, an end of a queue for both. */
static bool kipc_seat_waits(const struct kipc_seat *seat, u32 side)
{
	if (seat->hub->kind == KIPC_KIND_QUEUE)
		return true;
	return side == (seat->index == 0 ? KIPC_SIDE_SPACE : KIPC_SIDE_DATA);
}

static struct kipc_crowd *kipc_seat_wait_crowd(const struct kipc_seat *seat, u32 *side)
{
	if (!kipc_seat_check_side(side) || !kipc_seat_waits(seat, *side))
		return NULL;
	return &seat->hub->crowds[*side];
}

/* In a pubsub an end rings where it does not wait. */
static struct kipc_crowd *kipc_seat_ring_crowd(const struct kipc_seat *seat, u32 side)
{
	if (!kipc_seat_check_side(&side))
		return NULL;
	if (seat->hub->kind == KIPC_KIND_PUBSUB && kipc_seat_waits(seat, side))
		return NULL;
	return &seat->hub->crowds[side];
}

/* ---- waiting and waking ----------------------------------------------------------------- */

static long kipc_seat_arm(struct kipc_call *call)
{
	struct kipc_ioc_arm *arg = &call->arg.arm;
	struct kipc_seat *seat = kipc_seat_of(call);
	struct kipc_crowd *crowd = kipc_seat_wait_crowd(seat, &arg->side);
	bool polls = arg->how == KIPC_ARMED_POLLED;
	long rc;

	if (!crowd || (!polls && arg->how && arg->how != KIPC_ARMED_PARKED))
		return -EINVAL;
	rc = kipc_seat_check_owner(seat);
	if (rc)
		return rc;
	if (polls)
		atomic64_inc(&seat->counts.polls);
	if (arg->how)
		arg->seen = kipc_crowd_arm(crowd, polls ? &seat->members[arg->side] : NULL);
	else
		arg->seen = kipc_crowd_disarm(crowd, &seat->members[arg->side]);
	return kipc_call_reply(call);
}

/* The word that the sleeper names, if it does. -EINVAL. */
static int kipc_seat_find_word(const struct kipc_seat *seat, const struct kipc_ioc_sleep *arg,
                               const u64 **word)
{
	*word = NULL;
	if (!(arg->flags & KIPC_SLEEP_WORD))
		return arg->offset || arg->value ? -EINVAL : 0;
	*word = kipc_hub_word(seat->hub, arg->offset);
	return *word ? 0 : -EINVAL;
}

static long kipc_seat_sleep(struct kipc_call *call)
{
	struct kipc_ioc_sleep *arg = &call->arg.sleep;
	struct kipc_seat *seat = kipc_seat_of(call);
	struct kipc_crowd *crowd = kipc_seat_wait_crowd(seat, &arg->side);
	struct kipc_crowd_bed bed = { .seen = arg->seen, .value = arg->value };
	bool slept;
	long rc;

	if (!crowd || (arg->flags & ~KIPC_SLEEP_WORD) || !kipc_call_deadline_ok(arg->deadline) ||
	    kipc_seat_find_word(seat, arg, &bed.word))
		return -EINVAL;
	rc = kipc_seat_check_owner(seat);
	if (rc)
		return rc;
	bed.member = &seat->members[arg->side];
	bed.state = &seat->state;
	bed.deadline = kipc_call_host_time(arg->deadline);
	rc = kipc_crowd_sleep(crowd, &bed, &slept);
	atomic64_inc(slept ? &seat->counts.waits : &seat->counts.waits_met);
	/* The end may have died meanwhile, by a munmap of another thread. */
	return rc ?: kipc_seat_check_owner(seat);
}

static long kipc_seat_ring(struct kipc_call *call)
{
	const struct kipc_ioc_ring *arg = &call->arg.ring;
	struct kipc_seat *seat = kipc_seat_of(call);
	struct kipc_crowd *crowd = kipc_seat_ring_crowd(seat, arg->side);
	bool all = arg->sleepers == KIPC_RING_ALL || seat->hub->kind == KIPC_KIND_PUBSUB;
	long rc;

	if (!crowd || arg->sleepers > KIPC_RING_ONE || arg->hint > KIPC_HINT_SAME_CPU)
		return -EINVAL;
	rc = kipc_seat_check_owner(seat);
	if (rc)
		return rc;
	atomic64_inc(&seat->counts.wakes);
	if (!kipc_crowd_ring(crowd, all, arg->hint))
		atomic64_inc(&seat->counts.wakes_idle);
	return 0;
}

/* ---- life ------------------------------------------------------------------------------- */

static long kipc_seat_call_bind(struct kipc_call *call)
{
	struct kipc_seat *seat = kipc_seat_of(call);
	u32 bound = call->arg.bind.bound;
	long rc;

	if (seat->hub->kind != KIPC_KIND_PUBSUB || seat->index == 0 || bound > 1)
		return -EINVAL;
	rc = kipc_seat_check_owner(seat);
	if (!rc)
		kipc_seat_bind(seat, bound);
	return rc;
}

static long kipc_seat_call_cut(struct kipc_call *call)
{
	const struct kipc_ioc_cut *arg = &call->arg.cut;
	struct kipc_seat *seat = kipc_seat_of(call);
	long rc;

	if (seat->hub->kind != KIPC_KIND_PUBSUB || seat->index != 0 || arg->reserved)
		return -EINVAL;
	rc = kipc_seat_check_owner(seat);
	if (!rc)
		kipc_seat_cut(seat, arg->ends);
	return rc;
}

static long kipc_seat_call_undo(struct kipc_call *call)
{
	struct kipc_seat *seat = kipc_seat_of(call);
	long rc;

	if (seat->hub->kind != KIPC_KIND_QUEUE)
		return -EINVAL;
	rc = kipc_seat_check_owner(seat);
	if (rc)
		return rc;
	rc = kipc_undo_next(seat, &call->arg.undo) ?: kipc_call_reply(call);
	if (rc == -EFAULT)
		kipc_undo_return(seat);
	return rc;
}

static long kipc_seat_call_shutdown(struct kipc_call *call)
{
	struct kipc_seat *seat = kipc_seat_of(call);
	u32 dirs = call->arg.shutdown.dirs;
	long rc;

	if (!kipc_seat_shuts(seat, dirs))
		return -EINVAL;
	rc = kipc_seat_check_owner(seat);
	if (!rc)
		kipc_seat_shut(seat);
	return rc;
}

/* ---- knowing ---------------------------------------------------------------------------- */

static long kipc_seat_self(struct kipc_call *call)
{
	const struct kipc_seat *seat = kipc_seat_of(call);
	struct kipc_ioc_self *arg = &call->arg.self;

	arg->kind = seat->hub->kind;
	arg->end = seat->index;
	arg->nr_ends = seat->hub->nr_ends;
	arg->features = kipc_wake_features();
	arg->status_bytes = PAGE_SIZE;
	return kipc_call_reply(call);
}

static long kipc_seat_peer(struct kipc_call *call)
{
	struct kipc_hub *hub = kipc_seat_of(call)->hub;
	struct kipc_ioc_peer *arg = &call->arg.peer;
	struct kipc_place *place;
	struct pid *pid;
	kuid_t uid;
	kgid_t gid;

	if (arg->end >= hub->nr_ends || arg->reserved2)
		return -EINVAL;
	place = &hub->places[array_index_nospec(arg->end, hub->nr_ends)];
	spin_lock(&hub->lock);
	/* One that was taken and not mapped yet: its holder has not lived there, let alone died. */
	arg->state = place->pid ? place->state : KIPC_END_FREE;
	arg->generation = place->generation;
	pid = get_pid(place->pid);
	uid = place->uid;
	gid = place->gid;
	spin_unlock(&hub->lock);

	arg->pid = pid_nr_ns(pid, task_active_pid_ns(current));
	arg->uid = from_kuid_munged(current_user_ns(), uid);
	arg->gid = from_kgid_munged(current_user_ns(), gid);
	arg->reserved = 0;
	put_pid(pid);
	return kipc_call_reply(call);
}

static long kipc_seat_stat(struct kipc_call *call)
{
	return kipc_wake_report(&kipc_seat_of(call)->counts, &call->arg.stat)
	               ?: kipc_call_reply(call);
}

static const struct kipc_call_row kipc_seat_rows[] = {
	{ KIPC_IOC_SLEEP, sizeof(struct kipc_ioc_sleep), kipc_seat_sleep },
	{ KIPC_IOC_RING, sizeof(struct kipc_ioc_ring), kipc_seat_ring },
	{ KIPC_IOC_ARM, sizeof(struct kipc_ioc_arm), kipc_seat_arm },
	{ KIPC_IOC_BIND, sizeof(struct kipc_ioc_bind), kipc_seat_call_bind },
	{ KIPC_IOC_CUT, sizeof(struct kipc_ioc_cut), kipc_seat_call_cut },
	{ KIPC_IOC_UNDO, sizeof(struct kipc_ioc_undo), kipc_seat_call_undo },
	{ KIPC_IOC_SELF, sizeof(struct kipc_ioc_self), kipc_seat_self },
	{ KIPC_IOC_SHUTDOWN, sizeof(struct kipc_ioc_shutdown), kipc_seat_call_shutdown },
	{ KIPC_IOC_PEER, sizeof(struct kipc_ioc_peer), kipc_seat_peer,
	  offsetofend(struct kipc_ioc_peer, reserved) },
	{ KIPC_IOC_STAT, sizeof(struct kipc_ioc_stat), kipc_seat_stat },
};

/* ---- the file --------------------------------------------------------------------------- */

static long kipc_seat_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return kipc_call_dispatch(kipc_seat_rows, ARRAY_SIZE(kipc_seat_rows), file, cmd, user);
}

static __poll_t kipc_seat_poll(struct file *file, poll_table *table)
{
	struct kipc_seat *seat = file->private_data;
	__poll_t ready = 0;
	u32 side;

	poll_wait(file, &seat->pollers, table);
	for (side = 0; side < ARRAY_SIZE(seat->hub->crowds); side++) {
		struct kipc_crowd *crowd = &seat->hub->crowds[side];

		if (kipc_seat_waits(seat, side) && kipc_crowd_poll(crowd, &seat->members[side]))
			ready |= crowd->key;
	}
	if (READ_ONCE(seat->state) == KIPC_END_DEAD)
		ready |= EPOLLHUP | EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM;
	return ready;
}

/* No descriptor and no mapping is left. */
static int kipc_seat_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		kipc_seat_drop(file->private_data);
	return 0;
}

static void kipc_seat_show(struct seq_file *seq, struct file *file)
{
	struct kipc_seat *seat = file->private_data;
	struct kipc_hub *hub = seat->hub;

	seq_printf(seq, "kipc-kind:\t%u\n", hub->kind);
	seq_printf(seq, "kipc-end:\t%u\n", seat->index);
	seq_printf(seq, "kipc-state:\t%u\n", READ_ONCE(seat->state));
	seq_printf(seq, "kipc-ends:\t%u of %u\n", READ_ONCE(hub->present), hub->nr_ends);
	seq_printf(seq, "kipc-name:\t%s\n", hub->name.text);
	kipc_wake_show(seq, &seat->counts);
}

const struct file_operations kipc_seat_fops = {
	.owner = THIS_MODULE,
	.llseek = noop_llseek,
	.unlocked_ioctl = kipc_seat_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = kipc_map_seat,
	.poll = kipc_seat_poll,
	.release = kipc_seat_release,
	.show_fdinfo = kipc_seat_show,
};
