// SPDX-License-Identifier: GPL-2.0-only
/*
 * count.c - telling what an end has done
 */
#include <linux/atomic.h>
#include <linux/seq_file.h>

#include "wake.h"

int kipc_wake_report(const struct kipc_wake_counts *counts, struct kipc_ioc_stat *stat)
{
	if (stat->reserved)
		return -EINVAL;
	stat->waits = atomic64_read(&counts->waits);
	stat->waits_met = atomic64_read(&counts->waits_met);
	stat->wakes = atomic64_read(&counts->wakes);
	stat->wakes_idle = atomic64_read(&counts->wakes_idle);
	stat->polls = atomic64_read(&counts->polls);
	return 0;
}

void kipc_wake_show(struct seq_file *seq, const struct kipc_wake_counts *counts)
{
	seq_printf(seq, "kipc-waits:\t%lld\n", atomic64_read(&counts->waits));
	seq_printf(seq, "kipc-waits-met:\t%lld\n", atomic64_read(&counts->waits_met));
	seq_printf(seq, "kipc-wakes:\t%lld\n", atomic64_read(&counts->wakes));
	seq_printf(seq, "kipc-wakes-idle:\t%lld\n", atomic64_read(&counts->wakes_idle));
	seq_printf(seq, "kipc-polls:\t%lld\n", atomic64_read(&counts->polls));
}
