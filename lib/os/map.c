// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/mman.h>
#include "map.h"

static int map_at(void *want, void **out, int fd, uint64_t off, size_t bytes, int prot)
{
	int flags = MAP_SHARED | MAP_POPULATE | (want ? MAP_FIXED : 0);
	void *p = mmap(want, bytes, prot, flags, fd, (off_t)off);

	if (p == MAP_FAILED)
		return -errno;
	/* The module sets both itself and may refuse the advice; then there is nothing to do. */
	(void)madvise(p, bytes, MADV_DONTFORK);
	(void)madvise(p, bytes, MADV_DONTDUMP);
	*out = p;
	return 0;
}

int kipc__map(void **out, int fd, uint64_t off, size_t bytes, int prot)
{
	return map_at(NULL, out, fd, off, bytes, prot);
}

int kipc__map_mirror(void **out, int fd, uint64_t off, size_t bytes, int prot)
{
	char *base = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *half;
	int r;

	if (base == MAP_FAILED)
		return -errno;
	r = map_at(base, &half, fd, off, bytes, prot);
	if (r == 0)
		r = map_at(base + bytes, &half, fd, off, bytes, prot);
	if (r < 0) {
		munmap(base, 2 * bytes);
		return r;
	}
	*out = base;
	return 0;
}

void kipc__unmap(void *addr, size_t bytes)
{
	if (addr)
		munmap(addr, bytes);
}
