/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * call.h - calls on the module's files
 *
 * Each call is a row of a table: number, size of its struct, handler. The dispatcher brings the
 * struct in; handlers judge its contents, do the work, and send it back where something came out.
 */
#ifndef KIPC_CALL_H
#define KIPC_CALL_H

#include <linux/fs.h>
#include <linux/types.h>

#include "main.h"

union kipc_call_arg {
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
	struct kipc_ioc_arm arm;
	struct kipc_ioc_sleep sleep;
	struct kipc_ioc_ring ring;
	struct kipc_ioc_bind bind;
	struct kipc_ioc_cut cut;
	struct kipc_ioc_undo undo;
};

/* A call under way. */
struct kipc_call {
	struct file *file;
	void __user *user;
	size_t bytes; /* of the struct, as far as both sides know it */
	union kipc_call_arg arg;
};

/* A row of a table of calls. bytes is 0 where there is no struct. Where it has grown, least is the
 * size of its first published version, and what a caller leaves out behind that is zero.
 */
struct kipc_call_row {
	unsigned int cmd;
	size_t bytes;
	long (*handle)(struct kipc_call *call);
	size_t least;
};

/* Sends the struct back to the caller. */
long kipc_call_reply(struct kipc_call *call);

/* A deadline that a caller may give, and what the kernel calls that time. */
static inline bool kipc_call_deadline_ok(s64 deadline)
{
	return deadline >= 0 || deadline == KIPC_FOREVER;
}
s64 kipc_call_host_time(s64 deadline);

/* Finds the row and runs it: -ENOTTY when there is none. */
long kipc_call_dispatch(const struct kipc_call_row *rows, size_t nr_rows, struct file *file,
                        unsigned int cmd, unsigned long user);

#endif /* KIPC_CALL_H */
