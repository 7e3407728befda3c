// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "ring_pair.h"

static uint8_t *map_twice(uint64_t bytes)
{
	int fd = must_sys(memfd_create("ring", MFD_CLOEXEC));
	uint8_t *at;

	must_sys(ftruncate(fd, (off_t)bytes));
	at = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(at != MAP_FAILED);
	for (int i = 0; i < 2; i++)
		must(mmap(at + i * bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		          0) != MAP_FAILED);
	close(fd);
	return at;
}

void ring_pair_make(struct ring_pair *r, uint64_t bytes, uint32_t align, uint64_t start)
{
	r->geom = (struct kipc_ring_geom){ .bytes = bytes, .align = align, .start = start };
	must(kipc__ring_geom_valid(&r->geom));
	r->data = map_twice(bytes);
	r->prod.pos = r->cons.pos = start;
	must_eq(kipc__ring_tx_init(&r->tx, &r->geom, r->data, &r->prod.pos, &r->cons.pos), 0);
	must_eq(kipc__ring_rx_init(&r->rx, &r->geom, r->data, &r->prod.pos, &r->cons.pos), 0);
}

void ring_pair_free(struct ring_pair *r)
{
	munmap(r->data, 2 * r->geom.bytes);
}

int ring_pair_put(struct ring_pair *r, size_t len, uint64_t i)
{
	uint8_t *copy = malloc(len + 1);
	struct kipc_msg m = { .data = copy, .len = len };
	int sent;

	content_fill(copy, len, 1, i);
	sent = kipc__ring_send(&r->tx, &m, 1);
	free(copy);
	return sent;
}

void ring_pair_take(struct ring_pair *r, size_t len, uint64_t i)
{
	struct kipc_msg m;

	must_eq(kipc__ring_peek(&r->rx, &m, 1), 1);
	must_eq(m.len, len);
	must(content_is(m.data, len, 1, i));
	must_eq(kipc__ring_release(&r->rx, 1), 1);
}
