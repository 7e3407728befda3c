// SPDX-License-Identifier: GPL-2.0-only
/*
 * end.c - the endpoint file and its calls
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/seq_file.h>
#include <linux/uidgid.h>

#include "call.h"
#include "chan.h"
#include "end.h"
#include "map.h"

/* ---- calls ------------------------------------------------------------------------------ */

static struct kipc_end *kipc_end_of(const struct kipc_call *call)
{
	return call->file->private_data;
}

static long kipc_end_self(struct kipc_call *call)
{
	const struct kipc_end *end = kipc_end_of(call);
	struct kipc_ioc_self *arg = &call->arg.self;

	arg->kind = end->chan->kind;
	arg->end = end->index;
	arg->nr_ends = KIPC_CHAN_ENDS;
	arg->features = kipc_wake_features();
	arg->status_bytes = PAGE_SIZE;
	return kipc_call_reply(call);
}

/* The bell at which the end waits on that side, when the ring is the one where it does. */
static struct kipc_bell *kipc_end_wait_bell(const struct kipc_end *end,
                                            const struct kipc_ioc_wait *arg)
{
	unsigned int in = 1 - end->index, out = end->index;

	if (arg->flags || !kipc_call_deadline_ok(arg->deadline))
		return NULL;
	if (arg->side == KIPC_SIDE_DATA && arg->ring == in)
		return end->data;
	if (arg->side == KIPC_SIDE_SPACE && arg->ring == out)
		return end->space;
	return NULL;
}

/* The bell at which the peer waits on that side. */
static struct kipc_bell *kipc_end_wake_bell(const struct kipc_end *end,
                                            const struct kipc_ioc_wake *arg)
{
	const struct kipc_end *peer = kipc_chan_peer(end);
	unsigned int in = 1 - end->index, out = end->index;

	if (arg->hint > KIPC_HINT_SAME_CPU)
		return NULL;
	if (arg->side == KIPC_SIDE_DATA && arg->ring == out)
		return peer->data;
	if (arg->side == KIPC_SIDE_SPACE && arg->ring == in)
		return peer->space;
	return NULL;
}

static long kipc_end_wait(struct kipc_call *call)
{
	const struct kipc_ioc_wait *arg = &call->arg.wait;
	struct kipc_end *end = kipc_end_of(call);
	struct kipc_bell *bell = kipc_end_wait_bell(end, arg);
	long rc;

	if (!bell)
		return -EINVAL;
	rc = kipc_chan_check_owner(end);
	return rc ?: kipc_wake_wait(bell, arg->position, kipc_call_host_time(arg->deadline));
}

static long kipc_end_wake(struct kipc_call *call)
{
	struct kipc_end *end = kipc_end_of(call);
	struct kipc_bell *bell = kipc_end_wake_bell(end, &call->arg.wake);
	long rc;

	if (!bell)
		return -EINVAL;
	rc = kipc_chan_check_owner(end);
	if (!rc)
		kipc_wake_ring(bell, call->arg.wake.hint);
	return rc;
}

static long kipc_end_xchg(struct kipc_call *call)
{
	const struct kipc_ioc_xchg *arg = &call->arg.xchg;
	struct kipc_end *end = kipc_end_of(call);
	struct kipc_bell *ring = kipc_end_wake_bell(end, &arg->wake);
	struct kipc_bell *bell = kipc_end_wait_bell(end, &arg->wait);
	long rc;

	if (arg->flags || arg->wake.size != sizeof(arg->wake) ||
	    arg->wait.size != sizeof(arg->wait) || !ring || !bell)
		return -EINVAL;
	rc = kipc_chan_check_owner(end);
	return rc
	               ?: kipc_wake_exchange(ring, arg->wake.hint, bell, arg->wait.position,
	                                     kipc_call_host_time(arg->wait.deadline));
}

/* A free end has no owner, so whoever holds its file may shut it. */
static long kipc_end_shutdown(struct kipc_call *call)
{
	struct kipc_end *end = kipc_end_of(call);
	u32 dirs = call->arg.shutdown.dirs;
	long rc = 0;

	if (!dirs || (dirs & ~(KIPC_DIR_IN | KIPC_DIR_OUT)))
		return -EINVAL;
	if (READ_ONCE(end->state) != KIPC_END_FREE)
		rc = kipc_chan_check_owner(end);
	if (rc)
		return rc;
	if (dirs & KIPC_DIR_IN)
		kipc_wake_leave(end->data, KIPC_GONE_SHUT);
	if (dirs & KIPC_DIR_OUT)
		kipc_wake_leave(end->space, KIPC_GONE_SHUT);
	return 0;
}

static long kipc_end_handover(struct kipc_call *call)
{
	return kipc_chan_handover(kipc_end_of(call));
}

static long kipc_end_peer(struct kipc_call *call)
{
	struct kipc_end *peer = kipc_chan_peer(kipc_end_of(call));
	struct kipc_ioc_peer *arg = &call->arg.peer;
	struct pid *pid;
	kuid_t uid;
	kgid_t gid;

	if (arg->end || arg->reserved2)
		return -EINVAL;
	spin_lock(&peer->chan->lock);
	arg->state = peer->state;
	arg->generation = peer->generation;
	pid = get_pid(peer->pid);
	uid = peer->uid;
	gid = peer->gid;
	spin_unlock(&peer->chan->lock);

	arg->pid = pid_nr_ns(pid, task_active_pid_ns(current));
	arg->uid = from_kuid_munged(current_user_ns(), uid);
	arg->gid = from_kgid_munged(current_user_ns(), gid);
	arg->reserved = 0;
	put_pid(pid);
	return kipc_call_reply(call);
}

static long kipc_end_stat(struct kipc_call *call)
{
	return kipc_wake_report(&kipc_end_of(call)->party.counts, &call->arg.stat)
	               ?: kipc_call_reply(call);
}

static const struct kipc_call_row kipc_end_rows[] = {
	{ KIPC_IOC_WAIT, sizeof(struct kipc_ioc_wait), kipc_end_wait },
	{ KIPC_IOC_WAKE, sizeof(struct kipc_ioc_wake), kipc_end_wake },
	{ KIPC_IOC_XCHG, sizeof(struct kipc_ioc_xchg), kipc_end_xchg },
	{ KIPC_IOC_SELF, sizeof(struct kipc_ioc_self), kipc_end_self },
	{ KIPC_IOC_SHUTDOWN, sizeof(struct kipc_ioc_shutdown), kipc_end_shutdown },
	{ KIPC_IOC_HANDOVER, 0, kipc_end_handover },
	{ KIPC_IOC_PEER, sizeof(struct kipc_ioc_peer), kipc_end_peer,
	  offsetofend(struct kipc_ioc_peer, reserved) },
	{ KIPC_IOC_STAT, sizeof(struct kipc_ioc_stat), kipc_end_stat },
};

/* ---- the file ---------------------------------------------------------------------------- */

static long kipc_end_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return kipc_call_dispatch(kipc_end_rows, ARRAY_SIZE(kipc_end_rows), file, cmd, user);
}

static bool kipc_end_readable(const struct kipc_end *end)
{
	return READ_ONCE(*end->data->position) != READ_ONCE(end->party.ctrl->cons.pos);
}

static bool kipc_end_writable(const struct kipc_end *end)
{
	return kipc_wake_due(end->space, READ_ONCE(end->party.ctrl->hints.space_at));
}

/* Ready is what does not block, so a direction that this end itself has shut is ready, as for WAIT. */
static __poll_t kipc_end_ready(const struct kipc_end *end)
{
	bool in_gone = kipc_wake_over(end->data);
	bool out_gone = kipc_wake_over(end->space);
	__poll_t ready = 0;

	if (in_gone || kipc_end_readable(end))
		ready |= EPOLLIN | EPOLLRDNORM;
	if (out_gone || kipc_end_writable(end))
		ready |= EPOLLOUT | EPOLLWRNORM;
	if (in_gone)
		ready |= EPOLLRDHUP;
	if (READ_ONCE(end->state) == KIPC_END_DEAD ||
	    READ_ONCE(kipc_chan_peer(end)->state) == KIPC_END_DEAD)
		ready |= EPOLLHUP;
	return ready;
}

static __poll_t kipc_end_poll(struct file *file, poll_table *table)
{
	struct kipc_end *end = file->private_data;

	poll_wait(file, &end->party.pollers, table);
	kipc_wake_poll(end->data, table);
	kipc_wake_poll(end->space, table);
	return kipc_end_ready(end);
}

static int kipc_end_fasync(int fd, struct file *file, int on)
{
	struct kipc_end *end = file->private_data;
	int rc = fasync_helper(fd, file, on, &end->party.fasync);

	if (rc < 0)
		return rc;
	kipc_wake_always(end->data);
	kipc_wake_always(end->space);
	return 0;
}

/* No descriptor and no mapping is left, so the end is free or dead. A file without an end is one
 * that was never given away.
 */
static int kipc_end_release(struct inode *inode, struct file *file)
{
	struct kipc_end *end = file->private_data;

	if (!end)
		return 0;
	kipc_chan_die(end, KIPC_GONE_DEAD | KIPC_GONE_CLOSED);
	kipc_chan_put(end->chan);
	return 0;
}

static void kipc_end_show(struct seq_file *seq, struct file *file)
{
	struct kipc_end *end = file->private_data;

	seq_printf(seq, "kipc-kind:\t%u\n", end->chan->kind);
	seq_printf(seq, "kipc-end:\t%u\n", end->index);
	seq_printf(seq, "kipc-state:\t%u\n", READ_ONCE(end->state));
	seq_printf(seq, "kipc-generation:\t%u\n", READ_ONCE(end->generation));
	seq_printf(seq, "kipc-name:\t%s\n", end->chan->name.text);
	kipc_wake_show(seq, &end->party.counts);
}

const struct file_operations kipc_end_fops = {
	.owner = THIS_MODULE,
	.llseek = noop_llseek,
	.unlocked_ioctl = kipc_end_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = kipc_map_file,
	.poll = kipc_end_poll,
	.fasync = kipc_end_fasync,
	.release = kipc_end_release,
	.show_fdinfo = kipc_end_show,
};
