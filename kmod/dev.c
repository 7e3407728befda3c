// SPDX-License-Identifier: GPL-2.0-only
/*
 * dev.c - /dev/kipc
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nodemask.h>

#include "call.h"
#include "chan.h"
#include "end.h"
#include "hub.h"
#include "main.h"
#include "quota.h"
#include "seat.h"
#include "seatfile.h"

/* ---- endpoint files to be --------------------------------------------------------------- */

/* A descriptor and a file that wait for each other and for an end. */
struct kipc_dev_slot {
	int fd;
	struct file *file;
};

static int kipc_dev_slot_open(struct kipc_dev_slot *slot, const struct file_operations *fops)
{
	slot->fd = get_unused_fd_flags(O_CLOEXEC);
	if (slot->fd < 0)
		return slot->fd;
	slot->file = anon_inode_getfile("[kipc]", fops, NULL, O_RDWR | O_CLOEXEC);
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
static void kipc_dev_slot_install(struct kipc_dev_slot *slot, void *end)
{
	slot->file->private_data = end;
	fd_install(slot->fd, slot->file);
}

/* ---- control handle --------------------------------------------------------------------- */

static long kipc_dev_info(struct kipc_call *call)
{
	struct kipc_ioc_info *arg = &call->arg.info;

	arg->abi = KIPC_DEV_ABI;
	arg->features = kipc_wake_features();
	arg->page_bytes = PAGE_SIZE;
	arg->nr_nodes = nr_node_ids;
	arg->kinds = 1U << KIPC_KIND_PAIR | 1U << KIPC_KIND_PUBSUB | 1U << KIPC_KIND_QUEUE;
	arg->reserved = 0;
	kipc_quota_report(arg);
	return kipc_call_reply(call);
}

/* With files and descriptors at hand: tells the caller, then makes them real. */
static long kipc_dev_create_pair(struct kipc_call *call, struct kipc_chan *chan)
{
	struct kipc_ioc_create *arg = &call->arg.create;
	struct kipc_dev_slot slots[KIPC_CHAN_ENDS];
	unsigned int i, nr = 0;
	long rc = 0;

	while (nr < KIPC_CHAN_ENDS && !rc) {
		rc = kipc_dev_slot_open(&slots[nr], &kipc_end_fops);
		if (!rc)
			nr++;
	}
	if (!rc) {
		arg->fd[0] = slots[0].fd;
		arg->fd[1] = slots[1].fd;
		rc = kipc_call_reply(call);
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

static long kipc_dev_create_named(struct kipc_call *call, struct kipc_chan *chan)
{
	struct kipc_ioc_create *arg = &call->arg.create;
	struct kipc_dev_slot slot;
	long rc;

	rc = kipc_name_reserve(&chan->name, arg);
	if (rc)
		return rc;
	rc = kipc_dev_slot_open(&slot, &kipc_end_fops);
	if (rc)
		goto err_name;
	arg->fd[0] = slot.fd;
	arg->fd[1] = -1;
	rc = kipc_call_reply(call);
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

static long kipc_dev_create_chan(struct kipc_call *call)
{
	struct kipc_chan *chan = kipc_chan_create(&call->arg.create);
	long rc;

	if (IS_ERR(chan))
		return PTR_ERR(chan);
	call->arg.create.end = 0;
	if (call->arg.create.name[0])
		rc = kipc_dev_create_named(call, chan);
	else
		rc = kipc_dev_create_pair(call, chan);
	if (rc)
		kipc_chan_put(chan);
	return rc;
}

static long kipc_dev_attach_chan(struct kipc_call *call)
{
	struct kipc_ioc_attach *arg = &call->arg.attach;
	struct kipc_dev_slot slot;
	struct kipc_chan *chan;
	long rc;

	rc = kipc_dev_slot_open(&slot, &kipc_end_fops);
	if (rc)
		return rc;
	chan = kipc_chan_claim(arg);
	if (IS_ERR(chan)) {
		rc = PTR_ERR(chan);
		goto err_slot;
	}
	arg->fd = slot.fd;
	arg->end = 1;
	rc = kipc_call_reply(call);
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

/* ---- many ends -------------------------------------------------------------------------- */

/* Gives the seat to the caller as a file, whose descriptor goes to *fd: only then is it known. */
static long kipc_dev_seat(struct kipc_call *call, struct kipc_seat *seat, __s32 *fd)
{
	struct kipc_dev_slot slot;
	long rc = kipc_dev_slot_open(&slot, &kipc_seat_fops);

	if (rc)
		return rc;
	*fd = slot.fd;
	rc = kipc_call_reply(call);
	if (rc) {
		kipc_dev_slot_drop(&slot);
		return rc;
	}
	/* In this order: once it is installed the caller's threads may close it. */
	kipc_name_publish(&seat->hub->name);
	kipc_dev_slot_install(&slot, seat);
	return 0;
}

static long kipc_dev_create_hub(struct kipc_call *call)
{
	struct kipc_ioc_create *arg = &call->arg.create;
	struct kipc_seat *seat = kipc_seat_take(kipc_hub_create(arg), arg->role);
	long rc;

	if (IS_ERR(seat))
		return PTR_ERR(seat);
	arg->end = seat->index;
	arg->fd[1] = -1;
	rc = kipc_name_reserve(&seat->hub->name, arg) ?: kipc_dev_seat(call, seat, &arg->fd[0]);
	if (rc)
		kipc_seat_drop(seat);
	return rc;
}

static long kipc_dev_attach_hub(struct kipc_call *call)
{
	struct kipc_ioc_attach *arg = &call->arg.attach;
	struct kipc_seat *seat = kipc_seat_take(kipc_hub_find(arg), arg->role);
	long rc;

	if (IS_ERR(seat))
		return PTR_ERR(seat);
	arg->end = seat->index;
	rc = kipc_dev_seat(call, seat, &arg->fd);
	if (rc)
		kipc_seat_drop(seat);
	return rc;
}

/* ---- by kind ---------------------------------------------------------------------------- */

static bool kipc_dev_is_hub(u32 kind)
{
	return kind == KIPC_KIND_PUBSUB || kind == KIPC_KIND_QUEUE;
}

static long kipc_dev_create(struct kipc_call *call)
{
	return kipc_dev_is_hub(call->arg.create.kind) ? kipc_dev_create_hub(call)
	                                              : kipc_dev_create_chan(call);
}

static long kipc_dev_attach(struct kipc_call *call)
{
	const struct kipc_ioc_attach *arg = &call->arg.attach;

	if ((arg->flags & ~KIPC_ATTACH_EXPECT) || arg->reserved || !arg->name[0] ||
	    kipc_name_check(arg->name))
		return -EINVAL;
	return kipc_dev_is_hub(arg->kind) ? kipc_dev_attach_hub(call) : kipc_dev_attach_chan(call);
}

static const struct kipc_call_row kipc_dev_rows[] = {
	{ KIPC_IOC_INFO, sizeof(struct kipc_ioc_info), kipc_dev_info,
	  offsetofend(struct kipc_ioc_info, nr_nodes) },
	{ KIPC_IOC_CREATE, sizeof(struct kipc_ioc_create), kipc_dev_create,
	  offsetofend(struct kipc_ioc_create, fd) },
	{ KIPC_IOC_ATTACH, sizeof(struct kipc_ioc_attach), kipc_dev_attach,
	  offsetofend(struct kipc_ioc_attach, align) },
};

static long kipc_dev_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return kipc_call_dispatch(kipc_dev_rows, ARRAY_SIZE(kipc_dev_rows), file, cmd, user);
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
