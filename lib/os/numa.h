/* SPDX-License-Identifier: MIT */
/* numa.h - NUMA nodes of memory, over libnuma. */
#ifndef KIPC_OS_NUMA_H
#define KIPC_OS_NUMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Can memory be placed on this node? A machine without NUMA has one node, 0. */
bool kipc__numa_has(int node);

/* How many nodes are there? */
int kipc__numa_nodes(void);

/* The node of the CPU that this thread runs on. */
int kipc__numa_local(void);

/* Let bytes [off, off + bytes) of a shared-memory file have their pages on node, strictly; before
 * the pages exist. 0 or a negative errno.
 */
int kipc__numa_bind(int fd, uint64_t off, size_t bytes, int node);

/* The node of the page at addr, or -1. */
int kipc__numa_of(const void *addr);

#endif /* KIPC_OS_NUMA_H */
