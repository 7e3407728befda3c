// SPDX-License-Identifier: MIT
/* ck_ring.c - Concurrency Kit's ring, one producer and one consumer, values copied */
#include <ck_ring.h>
#include <string.h>
#include <sys/mman.h>

#include "../bench.h"
#include "../slots.h"

/* The ring's types are compiled in, so that only these sizes exist. */
#define SIZES(X) X(8) X(40) X(64) X(1024) X(4096) X(65536) X(1048576)

#define TYPED(n)                                                        \
	struct slot_##n {                                               \
		char data[n];                                           \
	};                                                              \
	CK_RING_PROTOTYPE(slot_##n, slot_##n)                           \
	static bool put_##n(struct ck_ring *r, void *slots, void *msg)  \
	{                                                               \
		return ck_ring_enqueue_spsc_slot_##n(r, slots, msg);    \
	}                                                               \
	static bool take_##n(struct ck_ring *r, void *slots, void *msg) \
	{                                                               \
		return ck_ring_dequeue_spsc_slot_##n(r, slots, msg);    \
	}

SIZES(TYPED)

typedef bool (*ring_fn)(struct ck_ring *r, void *slots, void *msg);

#define ENTRY(n) { n, put_##n, take_##n },

static const struct kind {
	size_t size;
	ring_fn put, take;
} kinds[] = { SIZES(ENTRY) };

struct own {
	const struct kind *kind;
	struct ck_ring *out, *in;
	void *out_slots, *in_slots;
};

#define RING_ROOM 4096

static size_t ring_bytes(size_t size)
{
	return RING_ROOM + ((slots_depth(size) * size + 4095) & ~(size_t)4095);
}

static const struct kind *kind_of(size_t size)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (kinds[i].size == size)
			return &kinds[i];
	}
	return NULL;
}

static int setup(struct pair *p)
{
	size_t size = p->cell.size, bytes = ring_bytes(size);

	if (!kind_of(size))
		return bench_fail(p, -EINVAL, "its slots of %zu bytes are not compiled in", size);
	p->map_bytes = 2 * bytes;
	p->map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (p->map == MAP_FAILED)
		return bench_fail(p, -errno, "mmap: %m");
	ck_ring_init(p->map, slots_depth(size));
	ck_ring_init((struct ck_ring *)((char *)p->map + bytes), slots_depth(size));
	return 0;
}

static int join(struct side *s)
{
	char *map = s->pair->map;
	size_t bytes = ring_bytes(s->cell->size);
	struct own *own = bench_buffer(s, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->kind = kind_of(s->cell->size);
	own->out = (struct ck_ring *)(map + s->who * bytes);
	own->in = (struct ck_ring *)(map + !s->who * bytes);
	own->out_slots = (char *)own->out + RING_ROOM;
	own->in_slots = (char *)own->in + RING_ROOM;
	s->own = own;
	return 0;
}

static int send_message(struct side *s, const void *buf)
{
	struct own *own = s->own;

	while (!own->kind->put(own->out, own->out_slots, (void *)buf))
		cpu_relax();
	return 0;
}

static int recv_message(struct side *s, void *buf)
{
	struct own *own = s->own;

	while (!own->kind->take(own->in, own->in_slots, buf))
		cpu_relax();
	return 0;
}

extern const struct mech peer_ck_ring;
const struct mech peer_ck_ring = { .name = "peer:ck_ring",
	                           .setup = setup,
	                           .join = join,
	                           .send = send_message,
	                           .recv = recv_message };
