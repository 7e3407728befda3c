// SPDX-License-Identifier: GPL-2.0-only
/*
 * call.c - how calls are brought in, dispatched and answered
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/time_namespace.h>
#include <linux/uaccess.h>

#include "call.h"

long kipc_call_reply(struct kipc_call *call)
{
	return copy_to_user(call->user, &call->arg, call->bytes) ? -EFAULT : 0;
}

static long kipc_call_fetch(struct kipc_call *call, const struct kipc_call_row *row)
{
	u32 user_bytes;

	if (get_user(user_bytes, (u32 __user *)call->user))
		return -EFAULT;
	if (user_bytes < (row->least ?: row->bytes))
		return -EINVAL;
	if (user_bytes > PAGE_SIZE)
		return -E2BIG;
	call->bytes = min_t(size_t, user_bytes, row->bytes);
	return copy_struct_from_user(&call->arg, row->bytes, call->user, user_bytes);
}

long kipc_call_dispatch(const struct kipc_call_row *rows, size_t nr_rows, struct file *file,
                        unsigned int cmd, unsigned long user)
{
	struct kipc_call call = { .file = file, .user = (void __user *)user };
	size_t i;
	long rc;

	for (i = 0; i < nr_rows; i++)
		if (KIPC_IOC_KEY(cmd) == KIPC_IOC_KEY(rows[i].cmd))
			break;
	if (i == nr_rows)
		return -ENOTTY;
	rc = rows[i].bytes ? kipc_call_fetch(&call, &rows[i]) : 0;
	return rc ?: rows[i].handle(&call);
}

/* The caller's CLOCK_MONOTONIC may be shifted by its time namespace; the kernel's is not. */
s64 kipc_call_host_time(s64 deadline)
{
	struct timespec64 shift = { 0 };
	s64 host;

	if (deadline == KIPC_FOREVER)
		return deadline;
	timens_add_monotonic(&shift);
	if (check_sub_overflow(deadline, timespec64_to_ns(&shift), &host))
		return KTIME_MAX;
	return max_t(s64, host, 0);
}
