/* SPDX-License-Identifier: MIT */
/* cache.h - what this CPU's caches are good at */
#ifndef KIPC_OS_CACHE_H
#define KIPC_OS_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include "../core/copy.h"

/* Does a producer gain when the consumer of a ring of this size takes the lines that it has read? Up to
 * which length of a message; 0: no.
 */
uint64_t kipc__cache_rfo_most(uint64_t ring_bytes);

/* Is an answer faster when the line that it will be written to is fetched from the peer, who watches it, as
 * soon as there is something to answer?
 */
bool kipc__cache_fetch_pays(void);

/* How to copy long payloads into and out of a ring of this size. */
struct kipc__copy_ways kipc__cache_copy_ways(uint64_t ring_bytes);

#endif /* KIPC_OS_CACHE_H */
