// SPDX-License-Identifier: MIT
/* slots.c - messages through slots in shared memory; see slots.h */
#include "slots.h"

#include <string.h>
#include <sys/mman.h>

struct slot {
	uint32_t len;
	uint32_t unused;
	char data[];
};

/* 256 KiB of small messages, 1 MiB of larger ones, and never fewer than 8. */
unsigned int slots_depth(size_t size)
{
	if (size <= 64)
		return 1024;
	if (size <= 4096)
		return 256;
	return size <= 65536 ? 16 : 8;
}

static size_t stride(size_t size)
{
	return (sizeof(struct slot) + size + 63) & ~(size_t)63;
}

size_t slots_bytes(size_t size)
{
	return SLOTS_COUNTERS + 2 * slots_depth(size) * stride(size);
}

int slots_map(struct pair *p)
{
	p->map_bytes = slots_bytes(p->cell.size);
	p->map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (p->map == MAP_FAILED)
		return bench_fail(p, -errno, "mmap of %zu bytes: %m", p->map_bytes);
	return 0;
}

static struct slot *slot_of(const struct side *s, int from, uint32_t number)
{
	size_t size = s->cell->size, depth = slots_depth(size);

	return (struct slot *)((char *)s->pair->map + SLOTS_COUNTERS +
	                       (from * depth + number % depth) * stride(size));
}

int slots_send(struct side *s, const void *buf)
{
	struct slot *slot = slot_of(s, s->who, s->sent);
	int r = s->tokens->wait(s, token_index(s->who, TOKEN_SPACE));

	if (r < 0)
		return r;
	s->sent++;
	slot->len = s->cell->size;
	memcpy(slot->data, buf, s->cell->size);
	/* Pairs with the acquire fence in slots_recv() through the counter. */
	atomic_thread_fence(memory_order_release);
	return s->tokens->post(s, token_index(s->who, TOKEN_ITEM));
}

int slots_recv(struct side *s, void *buf)
{
	struct slot *slot = slot_of(s, !s->who, s->received);
	int r = s->tokens->wait(s, token_index(!s->who, TOKEN_ITEM));

	if (r < 0)
		return r;
	/* Pairs with the release fence in slots_send() through the counter. */
	atomic_thread_fence(memory_order_acquire);
	s->received++;
	if (slot->len != s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "slot holds %u bytes", slot->len);
	memcpy(buf, slot->data, s->cell->size);
	return s->tokens->post(s, token_index(!s->who, TOKEN_SPACE));
}
