// SPDX-License-Identifier: GPL-2.0-only
/*
 * region.c - the pages of a channel's areas
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "main.h"
#include "region.h"

bool kipc_region_node_ok(int node)
{
	if (node == KIPC_NODE_ANY)
		return true;
	return node >= 0 && node < nr_node_ids && node_state(node, N_MEMORY) &&
	       node_isset(node, current->mems_allowed);
}

/* Rather fail than have the OOM killer look for a victim. */
static struct page *kipc_region_alloc_page(int node)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;

	if (node != KIPC_NODE_ANY)
		gfp |= __GFP_THISNODE;
	return alloc_pages_node(node, gfp, 0);
}

int kipc_region_alloc(struct kipc_area *area, u64 bytes, int node)
{
	unsigned long nr = bytes >> PAGE_SHIFT;

	area->pages = kvcalloc(nr, sizeof(*area->pages), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!area->pages)
		return -ENOMEM;
	while (area->nr_pages < nr) {
		struct page *page = kipc_region_alloc_page(node);

		if (!page)
			return -ENOMEM;
		area->pages[area->nr_pages++] = page;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

void kipc_region_free(struct kipc_area *area)
{
	unsigned long i;

	for (i = 0; i < area->nr_pages; i++) {
		__free_page(area->pages[i]);
		cond_resched();
	}
	kvfree(area->pages);
}

void *kipc_region_address(const struct kipc_area *area)
{
	return page_address(area->pages[0]);
}
