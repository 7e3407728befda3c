// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/mman.h>
#include "map.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static void keep_private(void *addr, size_t bytes)
{
	/* The module sets both itself and may refuse the advice; then there is nothing to do. */
	(void)madvise(addr, bytes, MADV_DONTFORK);
	(void)madvise(addr, bytes, MADV_DONTDUMP);
}

int kipc__map(void **out, int fd, uint64_t off, size_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED | MAP_POPULATE, fd, (off_t)off);

	if (p == MAP_FAILED)
		return -errno;
	keep_private(p, bytes);
	*out = p;
	return 0;
}

size_t kipc__map_row_bytes(const struct kipc__span *spans, unsigned n)
{
	size_t bytes = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		bytes += spans[i].bytes;
	return bytes;
}

/* How many of the spans, from the first on, lie one behind the other in the file. */
static unsigned adjacent(const struct kipc__span *spans, unsigned n)
{
	unsigned i = 1;

	while (i < n && spans[i].off == spans[i - 1].off + spans[i - 1].bytes)
		i++;
	return i;
}

static int fill_row(char *at, int fd, const struct kipc__span *spans, unsigned n, int prot)
{
	unsigned i, run;

	for (i = 0; i < n; i += run) {
		size_t bytes;

		run = adjacent(spans + i, n - i);
		bytes = kipc__map_row_bytes(spans + i, run);
		if (mmap(at, bytes, prot, MAP_SHARED | MAP_FIXED, fd, (off_t)spans[i].off) ==
		    MAP_FAILED)
			return -errno;
		at += bytes;
	}
	return 0;
}

int kipc__map_row(void **out, int fd, const struct kipc__span *spans, unsigned n, int prot)
{
	size_t bytes = kipc__map_row_bytes(spans, n);
	char *row = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r;

	if (row == MAP_FAILED)
		return -errno;
	r = fill_row(row, fd, spans, n, prot);
	if (r < 0) {
		munmap(row, bytes);
		return r;
	}
	keep_private(row, bytes);
	/* Reading brings in 16 pages with a fault, and they may be written at once, for nothing tracks
	 * the writing of shared memory. MAP_POPULATE would write, page by page.
	 */
	(void)madvise(row, bytes, MADV_POPULATE_READ);
	*out = row;
	return 0;
}

int kipc__map_mirror(void **out, int fd, uint64_t off, size_t bytes, int prot)
{
	const struct kipc__span twice[2] = { { off, bytes }, { off, bytes } };

	return kipc__map_row(out, fd, twice, 2, prot);
}

void kipc__unmap(void *addr, size_t bytes)
{
	if (addr)
		munmap(addr, bytes);
}
