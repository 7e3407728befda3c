// SPDX-License-Identifier: GPL-2.0-only
/*
 * dev.c - /dev/kipc and the endpoint files
 *
 * Each call is a row of a table: number, handler, size of its struct. The dispatcher brings the
 * struct in; handlers judge its contents, do the work, and send it back where something came out.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/pid_namespace.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "chan.h"
#include "main.h"
#include "quota.h"

union kipc_dev_arg {
	struct kipc_ioc_info info;
	struct kipc_ioc_create create;
	struct kipc_ioc_attach attach;
	struct kipc_ioc_self self;
	struct kipc_ioc_wait wait;
	struct kipc_ioc_wake wake;
	struct kipc_ioc_xchg xchg;
	struct kipc_ioc_shutdown shutdown;
	struct kipc_ioc_peer peer;
	struct kipc_ioc_stat stat;
};

/* A call under way. */
struct kipc_dev_call {
	struct file *file;
	void __user *user;
	size_t bytes; /* of the struct, as far as both sides know it */
	union kipc_dev_arg arg;
};

/* A row of a table of calls. bytes is 0 where there is no struct, else that of its first published
 * version, which is the only one so far.
 */
struct kipc_dev_row {
	unsigned int cmd;
	size_t bytes;
	long (*handle)(struct kipc_dev_call *call);
};

static long kipc_dev_reply(struct kipc_dev_call *call)
{
	return copy_to_user(call->user, &call->arg, call->bytes) ? -EFAULT : 0;
}

static long kipc_dev_fetch(struct kipc_dev_call *call, const struct kipc_dev_row *row)
{
	u32 user_bytes;

	if (get_user(user_bytes, (u32 __user *)call->user))
		return -EFAULT;
	if (user_bytes < row->bytes)
		return -EINVAL;
	if (user_bytes > PAGE_SIZE)
		return -E2BIG;
	call->bytes = row->bytes;
	return copy_struct_from_user(&call->arg, row->bytes, call->user, user_bytes);
}

static long kipc_dev_dispatch(const struct kipc_dev_row *rows, size_t nr_rows, struct file *file,
                              unsigned int cmd, unsigned long user)
{
	struct kipc_dev_call call = { .file = file, .user = (void __user *)user };
	size_t i;
	long rc;

	for (i = 0; i < nr_rows; i++)
		if (KIPC_IOC_KEY(cmd) == KIPC_IOC_KEY(rows[i].cmd))
			break;
	if (i == nr_rows)
		return -ENOTTY;
	rc = rows[i].bytes ? kipc_dev_fetch(&call, &rows[i]) : 0;
	return rc ?: rows[i].handle(&call);
}

/* ---- endpoint: calls -------------------------------------------------------------------- */

static struct kipc_end *kipc_dev_end(const struct kipc_dev_call *call)
{
	return call->file->private_data;
}

static long kipc_dev_self(struct kipc_dev_call *call)
{
	const struct kipc_end *end = kipc_dev_end(call);
	struct kipc_ioc_self *arg = &call->arg.self;

	arg->kind = end->chan->kind;
	arg->end = end->index;
	arg->nr_ends = KIPC_CHAN_ENDS;
	arg->features = kipc_wake_features();
	arg->status_bytes = PAGE_SIZE;
	return kipc_dev_reply(call);
}

/* The bell at which the end waits on that side, when the ring is the one where it does. */
static struct kipc_bell *kipc_dev_wait_bell(const struct kipc_end *end,
                                            const struct kipc_ioc_wait *arg)
{
	unsigned int in = 1 - end->index, out = end->index;

	if (arg->flags || (arg->deadline < 0 && arg->deadline != KIPC_FOREVER))
		return NULL;
	if (arg->side == KIPC_SIDE_DATA && arg->ring == in)
		return end->data;
	if (arg->side == KIPC_SIDE_SPACE && arg->ring == out)
		return end->space;
	return NULL;
}

/* The bell at which the peer waits on that side. */
static struct kipc_bell *kipc_dev_wake_bell(const struct kipc_end *end,
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

static long kipc_dev_wait(struct kipc_dev_call *call)
{
	const struct kipc_ioc_wait *arg = &call->arg.wait;
	struct kipc_end *end = kipc_dev_end(call);
	struct kipc_bell *bell = kipc_dev_wait_bell(end, arg);
	long rc;

	if (!bell)
		return -EINVAL;
	rc = kipc_chan_check_owner(end);
	return rc ?: kipc_wake_wait(bell, arg->position, arg->deadline);
}

static long kipc_dev_wake(struct kipc_dev_call *call)
{
	struct kipc_end *end = kipc_dev_end(call);
	struct kipc_bell *bell = kipc_dev_wake_bell(end, &call->arg.wake);
	long rc;

	if (!bell)
		return -EINVAL;
	rc = kipc_chan_check_owner(end);
	if (!rc)
		kipc_wake_ring(bell, call->arg.wake.hint);
	return rc;
}

static long kipc_dev_xchg(struct kipc_dev_call *call)
{
	const struct kipc_ioc_xchg *arg = &call->arg.xchg;
	struct kipc_end *end = kipc_dev_end(call);
	struct kipc_bell *ring = kipc_dev_wake_bell(end, &arg->wake);
	struct kipc_bell *bell = kipc_dev_wait_bell(end, &arg->wait);
	long rc;

	if (arg->flags || arg->wake.size != sizeof(arg->wake) ||
	    arg->wait.size != sizeof(arg->wait) || !ring || !bell)
		return -EINVAL;
	rc = kipc_chan_check_owner(end);
	return rc
	               ?: kipc_wake_exchange(ring, arg->wake.hint, bell, arg->wait.position,
	                                     arg->wait.deadline);
}

/* A free end has no owner, so whoever holds its file may shut it. */
static long kipc_dev_shutdown(struct kipc_dev_call *call)
{
	struct kipc_end *end = kipc_dev_end(call);
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

static long kipc_dev_handover(struct kipc_dev_call *call)
{
	return kipc_chan_handover(kipc_dev_end(call));
}

static long kipc_dev_peer(struct kipc_dev_call *call)
{
	struct kipc_end *peer = kipc_chan_peer(kipc_dev_end(call));
	struct kipc_ioc_peer *arg = &call->arg.peer;
	struct pid *pid;
	kuid_t uid;
	kgid_t gid;

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
	return kipc_dev_reply(call);
}

static long kipc_dev_stat(struct kipc_dev_call *call)
{
	struct kipc_wake_counts *counts = &kipc_dev_end(call)->counts;
	struct kipc_ioc_stat *arg = &call->arg.stat;

	if (arg->reserved)
		return -EINVAL;
	arg->waits = atomic64_read(&counts->waits);
	arg->waits_met = atomic64_read(&counts->waits_met);
	arg->wakes = atomic64_read(&counts->wakes);
	arg->wakes_idle = atomic64_read(&counts->wakes_idle);
	arg->polls = atomic64_read(&counts->polls);
	return kipc_dev_reply(call);
}

static const struct kipc_dev_row kipc_dev_end_rows[] = {
	{ KIPC_IOC_WAIT, sizeof(struct kipc_ioc_wait), kipc_dev_wait },
	{ KIPC_IOC_WAKE, sizeof(struct kipc_ioc_wake), kipc_dev_wake },
	{ KIPC_IOC_XCHG, sizeof(struct kipc_ioc_xchg), kipc_dev_xchg },
	{ KIPC_IOC_SELF, sizeof(struct kipc_ioc_self), kipc_dev_self },
	{ KIPC_IOC_SHUTDOWN, sizeof(struct kipc_ioc_shutdown), kipc_dev_shutdown },
	{ KIPC_IOC_HANDOVER, 0, kipc_dev_handover },
	{ KIPC_IOC_PEER, sizeof(struct kipc_ioc_peer), kipc_dev_peer },
	{ KIPC_IOC_STAT, sizeof(struct kipc_ioc_stat), kipc_dev_stat },
};

/* ---- endpoint: file --------------------------------------------------------------------- */

static long kipc_dev_end_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return kipc_dev_dispatch(kipc_dev_end_rows, ARRAY_SIZE(kipc_dev_end_rows), file, cmd, user);
}

static __poll_t kipc_dev_end_poll(struct file *file, poll_table *table)
{
	return kipc_wake_poll(file->private_data, file, table);
}

static int kipc_dev_end_fasync(int fd, struct file *file, int on)
{
	struct kipc_end *end = file->private_data;
	int rc = fasync_helper(fd, file, on, &end->fasync);

	if (rc < 0)
		return rc;
	kipc_wake_always(end->data, on);
	kipc_wake_always(end->space, on);
	return 0;
}

/* No descriptor and no mapping is left, so the end is free or dead. A file without an end is one
 * that was never given away.
 */
static int kipc_dev_end_release(struct inode *inode, struct file *file)
{
	struct kipc_end *end = file->private_data;

	if (!end)
		return 0;
	kipc_chan_die(end, KIPC_GONE_DEAD | KIPC_GONE_CLOSED);
	kipc_chan_put(end->chan);
	return 0;
}

static void kipc_dev_end_show(struct seq_file *seq, struct file *file)
{
	struct kipc_end *end = file->private_data;

	seq_printf(seq, "kipc-kind:\t%u\n", end->chan->kind);
	seq_printf(seq, "kipc-end:\t%u\n", end->index);
	seq_printf(seq, "kipc-state:\t%u\n", READ_ONCE(end->state));
	seq_printf(seq, "kipc-generation:\t%u\n", READ_ONCE(end->generation));
	seq_printf(seq, "kipc-name:\t%s\n", end->chan->name.text);
	seq_printf(seq, "kipc-waits:\t%lld\n", atomic64_read(&end->counts.waits));
	seq_printf(seq, "kipc-waits-met:\t%lld\n", atomic64_read(&end->counts.waits_met));
	seq_printf(seq, "kipc-wakes:\t%lld\n", atomic64_read(&end->counts.wakes));
	seq_printf(seq, "kipc-wakes-idle:\t%lld\n", atomic64_read(&end->counts.wakes_idle));
	seq_printf(seq, "kipc-polls:\t%lld\n", atomic64_read(&end->counts.polls));
}

static const struct file_operations kipc_dev_end_fops = {
	.owner = THIS_MODULE,
	.llseek = noop_llseek,
	.unlocked_ioctl = kipc_dev_end_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = kipc_region_mmap,
	.poll = kipc_dev_end_poll,
	.fasync = kipc_dev_end_fasync,
	.release = kipc_dev_end_release,
	.show_fdinfo = kipc_dev_end_show,
};

/* A descriptor and a file that wait for each other and for an end. */
struct kipc_dev_slot {
	int fd;
	struct file *file;
};

static int kipc_dev_slot_open(struct kipc_dev_slot *slot)
{
	slot->fd = get_unused_fd_flags(O_CLOEXEC);
	if (slot->fd < 0)
		return slot->fd;
	slot->file = anon_inode_getfile("[kipc]", &kipc_dev_end_fops, NULL, O_RDWR | O_CLOEXEC);
	if (!IS_ERR(slot->file))
		return 0;
	put_unused_fd(slot->fd);
	return PTR_ERR(slot->file);
}

static void kipc_dev_slot_drop(struct kipc_dev_slot *slot)
{
	put_unused_fd(slot->fd);
	fput(slot->file);
}

/* The file takes over one reference on the channel. Nothing can fail from here on. */
static void kipc_dev_slot_install(struct kipc_dev_slot *slot, struct kipc_end *end)
{
	slot->file->private_data = end;
	fd_install(slot->fd, slot->file);
}

/* ---- control handle --------------------------------------------------------------------- */

static long kipc_dev_info(struct kipc_dev_call *call)
{
	struct kipc_ioc_info *arg = &call->arg.info;

	arg->abi = KIPC_DEV_ABI;
	arg->features = kipc_wake_features();
	arg->page_bytes = PAGE_SIZE;
	arg->nr_nodes = nr_node_ids;
	kipc_quota_report(arg);
	return kipc_dev_reply(call);
}

/* With files and descriptors at hand: tells the caller, then makes them real. */
static long kipc_dev_create_pair(struct kipc_dev_call *call, struct kipc_chan *chan)
{
	struct kipc_ioc_create *arg = &call->arg.create;
	struct kipc_dev_slot slots[KIPC_CHAN_ENDS];
	unsigned int i, nr = 0;
	long rc = 0;

	while (nr < KIPC_CHAN_ENDS && !rc) {
		rc = kipc_dev_slot_open(&slots[nr]);
		if (!rc)
			nr++;
	}
	if (!rc) {
		arg->fd[0] = slots[0].fd;
		arg->fd[1] = slots[1].fd;
		rc = kipc_dev_reply(call);
	}
	for (i = 0; i < nr && rc; i++)
		kipc_dev_slot_drop(&slots[i]);
	if (rc)
		return rc;

	kref_get(&chan->refs);
	for (i = 0; i < KIPC_CHAN_ENDS; i++)
		kipc_dev_slot_install(&slots[i], &chan->ends[i]);
	return 0;
}

static long kipc_dev_create_named(struct kipc_dev_call *call, struct kipc_chan *chan)
{
	struct kipc_ioc_create *arg = &call->arg.create;
	struct kipc_dev_slot slot;
	long rc;

	rc = kipc_name_reserve(&chan->name, arg);
	if (rc)
		return rc;
	rc = kipc_dev_slot_open(&slot);
	if (rc)
		goto err_name;
	arg->fd[0] = slot.fd;
	arg->fd[1] = -1;
	rc = kipc_dev_reply(call);
	if (rc)
		goto err_slot;

	/* In this order: once it is installed the caller's threads may close it. */
	kipc_name_publish(&chan->name);
	kipc_dev_slot_install(&slot, &chan->ends[0]);
	return 0;

err_slot:
	kipc_dev_slot_drop(&slot);
err_name:
	kipc_name_drop(&chan->name);
	return rc;
}

static long kipc_dev_create(struct kipc_dev_call *call)
{
	struct kipc_chan *chan = kipc_chan_create(&call->arg.create);
	long rc;

	if (IS_ERR(chan))
		return PTR_ERR(chan);
	if (call->arg.create.name[0])
		rc = kipc_dev_create_named(call, chan);
	else
		rc = kipc_dev_create_pair(call, chan);
	if (rc)
		kipc_chan_put(chan);
	return rc;
}

static long kipc_dev_attach(struct kipc_dev_call *call)
{
	struct kipc_ioc_attach *arg = &call->arg.attach;
	struct kipc_dev_slot slot;
	struct kipc_chan *chan;
	long rc;

	if ((arg->flags & ~KIPC_ATTACH_EXPECT) || !arg->name[0] || kipc_name_check(arg->name))
		return -EINVAL;
	rc = kipc_dev_slot_open(&slot);
	if (rc)
		return rc;
	chan = kipc_name_claim(arg);
	if (IS_ERR(chan)) {
		rc = PTR_ERR(chan);
		goto err_slot;
	}
	arg->fd = slot.fd;
	arg->end = 1;
	rc = kipc_dev_reply(call);
	if (rc)
		goto err_claim;

	kipc_chan_meet(&chan->ends[1]);
	kipc_dev_slot_install(&slot, &chan->ends[1]);
	return 0;

err_claim:
	kipc_name_unclaim(&chan->name);
	kipc_chan_put(chan);
err_slot:
	kipc_dev_slot_drop(&slot);
	return rc;
}

static const struct kipc_dev_row kipc_dev_rows[] = {
	{ KIPC_IOC_INFO, sizeof(struct kipc_ioc_info), kipc_dev_info },
	{ KIPC_IOC_CREATE, sizeof(struct kipc_ioc_create), kipc_dev_create },
	{ KIPC_IOC_ATTACH, sizeof(struct kipc_ioc_attach), kipc_dev_attach },
};

static long kipc_dev_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return kipc_dev_dispatch(kipc_dev_rows, ARRAY_SIZE(kipc_dev_rows), file, cmd, user);
}

static const struct file_operations kipc_dev_fops = {
	.owner = THIS_MODULE,
	.llseek = noop_llseek,
	.unlocked_ioctl = kipc_dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice kipc_dev_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kipc",
	.fops = &kipc_dev_fops,
	.mode = 0660,
};

int kipc_dev_init(void)
{
	return misc_register(&kipc_dev_misc);
}

void kipc_dev_exit(void)
{
	misc_deregister(&kipc_dev_misc);
}
