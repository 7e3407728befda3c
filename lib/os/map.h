/* SPDX-License-Identifier: MIT */
/*
 * map.h - shared mappings of whole areas
 *
 * None is inherited over fork (MADV_DONTFORK) or appears in a core dump. Pages are brought in at once but
 * where something else is said. Results are 0 or a negative errno.
 */
#ifndef KIPC_OS_MAP_H
#define KIPC_OS_MAP_H

#include <stddef.h>
#include <stdint.h>

int kipc__map(void **out, int fd, uint64_t off, size_t bytes, int prot);

/* Areas of a file in a row of addresses, in this order; the same one may stand there twice. Those that
 * lie one behind the other in the file as well become one mapping: the kernel limits their number. Their
 * pages come when they are touched. kipc__unmap() takes all of the row at once.
 */
struct kipc__span {
	uint64_t off;
	size_t bytes;
};

int kipc__map_row(void **out, int fd, const struct kipc__span *spans, unsigned n, int prot);
size_t kipc__map_row_bytes(const struct kipc__span *spans, unsigned n);

/* Bring the pages of a mapping in. */
void kipc__map_touch(void *addr, size_t bytes);

/* [0, bytes) of the area twice in a row. */
int kipc__map_mirror(void **out, int fd, uint64_t off, size_t bytes, int prot);

/* NULL is allowed. */
void kipc__unmap(void *addr, size_t bytes);

#endif /* KIPC_OS_MAP_H */
