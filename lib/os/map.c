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

/* The first mapping takes the addresses of the whole row, beyond the end of the file if need be, and the
 * others are laid over it.
 */
static int map_runs(char **row, int fd, const struct kipc__span *spans, unsigned n, int prot)
{
	size_t bytes = kipc__map_row_bytes(spans, n);
	unsigned i = adjacent(spans, n);
	char *at = mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)spans[0].off);

	if (at == MAP_FAILED)
		return -errno;
	*row = at;
	at += kipc__map_row_bytes(spans, i);
	while (i < n) {
		unsigned run = adjacent(spans + i, n - i);
		size_t len = kipc__map_row_bytes(spans + i, run);

		if (mmap(at, len, prot, MAP_SHARED | MAP_FIXED, fd, (off_t)spans[i].off) ==
		    MAP_FAILED) {
			int r = -errno;

			munmap(*row, bytes);
			return r;
		}
		at += len;
		i += run;
	}
	return 0;
}

int kipc__map_row(void **out, int fd, const struct kipc__span *spans, unsigned n, int prot)
{
	char *row;
	int r = map_runs(&row, fd, spans, n, prot);

	if (r < 0)
		return r;
	keep_private(row, kipc__map_row_bytes(spans, n));
	*out = row;
	return 0;
}

/* Reading brings in 16 pages with a fault, and they may be written at once, for nothing tracks the
 * writing of shared memory. MAP_POPULATE would write, page by page.
 */
void kipc__map_touch(void *addr, size_t bytes)
{
	(void)madvise(addr, bytes, MADV_POPULATE_READ);
}

int kipc__map_mirror(void **out, int fd, uint64_t off, size_t bytes, int prot)
{
	const struct kipc__span twice[2] = { { off, bytes }, { off, bytes } };
	int r = kipc__map_row(out, fd, twice, 2, prot);

	if (r == 0)
		kipc__map_touch(*out, 2 * bytes);
	return r;
}

void kipc__unmap(void *addr, size_t bytes)
{
	if (addr)
		munmap(addr, bytes);
}
