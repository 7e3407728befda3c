// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <kipc_dev.h>
#include <kipc_ring.h>
#include "../os/sys.h"
#include "kmod_dev.h"

int kipc__kmod_call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

int kipc__kmod_open(void)
{
	int fd = open(KIPC_DEV_PATH, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
}

static const struct {
	int status;
	const char *cure;
} cures[] = {
	{ -ENODEV, "load the module: insmod kmod/kipc.ko, or modprobe kipc" },
	{ -EACCES, "join the group that owns " KIPC_DEV_PATH " (packaging/60-kipc.rules: kipc)" },
	{ -EPERM, "the sandbox or the cgroup forbids " KIPC_DEV_PATH },
	{ -EPROTO, "load the module that belongs to this libkipc" },
};

/* An abi of 0: it did not answer the question. */
static void tell_what_is_wrong(struct kipc__verdict *v, unsigned abi)
{
	const char *why = strerror(-v->status);
	size_t i;

	if (v->status == -ENODEV)
		why = "the module is not loaded";
	else if (v->status == -EPROTO)
		why = "another version of the module";
	else if (v->lacks)
		why = "the module is older and carries no channels of this kind";
	snprintf(v->why, sizeof(v->why), KIPC_DEV_PATH ": %s", why);
	if (v->status == -EPROTO && abi)
		snprintf(v->why, sizeof(v->why), KIPC_DEV_PATH ": %s (its interface is %u, not %u)",
		         why, abi, KIPC_DEV_ABI);
	for (i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
		if (cures[i].status == (v->lacks ? -EPROTO : v->status))
			snprintf(v->cure, sizeof(v->cure), "%s", cures[i].cure);
}

void kipc__kmod_probe(struct kipc__verdict *v)
{
	struct kipc_ioc_info info = { .size = sizeof(info) };
	int fd = kipc__kmod_open();

	v->status = fd < 0 ? fd : kipc__kmod_call(fd, KIPC_IOC_INFO, &info);
	kipc__fd_close(fd);
	/* The question itself is unknown there, or means something else. */
	if (v->status == -ENOTTY || v->status == -EINVAL || v->status == -E2BIG)
		v->status = -EPROTO;
	if (v->status == 0 && info.abi != KIPC_DEV_ABI)
		v->status = -EPROTO;
	if (v->status == 0)
		v->lacks = (info.kinds & 1U << KIPC_KIND_PUBSUB ? 0 : KIPC_PUBSUB) |
		           (info.kinds & 1U << KIPC_KIND_QUEUE ? 0 : KIPC_QUEUE);
	if (v->status < 0 || v->lacks)
		tell_what_is_wrong(v, info.abi);
}

/* ---- what its refusals mean to the user ------------------------------------------------- */

int kipc__kmod_explain(int r)
{
	static const struct {
		int err;
		const char *text;
	} texts[] = {
		{ -ENOSPC, "your limit of channel memory or channels in the module is reached" },
		{ -ENOMEM,
		  "the kernel has no memory for this channel (or the cgroup, or the node)" },
		{ -EINVAL, "the module refuses this size, alignment or node" },
		{ -EEXIST, "the name exists" },
		{ -ENOENT, "there is no channel of this name" },
		{ -EBUSY, "both ends of it are taken" },
		{ -EACCES, "the mode of the name refuses you" },
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].err == r)
			kipc__why_set("%s", texts[i].text);
	return r;
}
