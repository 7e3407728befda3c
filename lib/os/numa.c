// SPDX-License-Identifier: MIT
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <sys/mman.h>
#include "numa.h"

static bool numa_works(void)
{
	return numa_available() >= 0;
}

int kipc__numa_nodes(void)
{
	return numa_works() ? numa_max_node() + 1 : 1;
}

bool kipc__numa_has(int node)
{
	struct bitmask *allowed;
	bool has;

	if (!numa_works())
		return node == 0;
	if (node < 0 || node > numa_max_node())
		return false;
	allowed = numa_get_mems_allowed();
	has = numa_bitmask_isbitset(allowed, (unsigned)node);
	numa_bitmask_free(allowed);
	return has;
}

int kipc__numa_local(void)
{
	int node = numa_works() ? numa_node_of_cpu(sched_getcpu()) : 0;

	return node < 0 ? 0 : node;
}

int kipc__numa_bind(int fd, uint64_t off, size_t bytes, int node)
{
	unsigned long mask[16] = { 0 };
	void *p;
	int r = 0;

	if (!numa_works())
		return 0;
	if (node < 0 || (size_t)node >= 8 * sizeof(mask))
		return -EINVAL;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)off);
	if (p == MAP_FAILED)
		return -errno;
	mask[(size_t)node / (8 * sizeof(long))] |= 1UL << ((size_t)node % (8 * sizeof(long)));
	/* On shared memory the policy belongs to the file and outlives this mapping. */
	if (mbind(p, bytes, MPOL_BIND, mask, 8 * sizeof(mask), 0) != 0)
		r = -errno;
	munmap(p, bytes);
	return r;
}

int kipc__numa_of(const void *addr)
{
	int node = -1;

	if (get_mempolicy(&node, NULL, 0, (void *)(uintptr_t)addr, MPOL_F_NODE | MPOL_F_ADDR) != 0)
		return -1;
	return node;
}
