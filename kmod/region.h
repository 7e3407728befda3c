/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * region.h - the pages of a channel's areas
 */
#ifndef KIPC_REGION_H
#define KIPC_REGION_H

#include <linux/types.h>

struct page;

#define KIPC_REGION_NO_WRITER (-1)

/* A part of a channel's offset space with one rule. Constant once the channel is made. */
struct kipc_area {
	struct page **pages;
	unsigned long nr_pages;
	u64 offset;          /* where mmap finds it */
	unsigned int copies; /* how often it is mapped in a row */
	int writer;          /* end that may map it writable, KIPC_REGION_NO_WRITER */
	bool owns;           /* a writable mapping makes its process the owner of that end */
};

/* Zeroed pages, strictly on the node unless it is KIPC_NODE_ANY: -ENOMEM, -EINTR. */
int kipc_region_alloc(struct kipc_area *area, u64 bytes, int node);
void kipc_region_free(struct kipc_area *area);

/* May the caller ask for pages of this node? */
bool kipc_region_node_ok(int node);

/* Where the kernel sees the first page of an area. */
void *kipc_region_address(const struct kipc_area *area);

static inline u64 kipc_region_span(const struct kipc_area *area)
{
	return (u64)area->nr_pages * area->copies * PAGE_SIZE;
}

#endif /* KIPC_REGION_H */
