// SPDX-License-Identifier: MIT
/*
 * rte_ring.c - DPDK's ring with elements of the message's size
 *
 * Its environment is not started: a ring may lie in any memory that rte_ring_init() is given.
 */
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sys/mman.h>

#include "../bench.h"
#include "../slots.h"

/* So often a full batch is waited for; then what is there is taken, or the last one would never be. */
#define PATIENCE 64

struct own {
	struct rte_ring *out, *in;
	unsigned int size;
};

static ssize_t ring_bytes(size_t size)
{
	ssize_t bytes = rte_ring_get_memsize_elem(size, slots_depth(size));

	return bytes < 0 ? bytes : (bytes + 4095) & ~(ssize_t)4095;
}

static int setup_flags(struct pair *p, unsigned int flags)
{
	size_t size = p->cell.size;
	ssize_t bytes = size % 4 ? -EINVAL : ring_bytes(size);

	if (bytes < 0)
		return bench_fail(p, bytes, "it has no elements of %zu bytes", size);
	p->map_bytes = 2 * bytes;
	p->map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (p->map == MAP_FAILED)
		return bench_fail(p, -errno, "mmap: %m");
	for (int i = 0; i < 2; i++) {
		void *ring = (char *)p->map + i * bytes;
		int r = rte_ring_init(ring, "bench", slots_depth(size), flags);

		if (r < 0)
			return bench_fail(p, r, "rte_ring_init failed (%d)", r);
	}
	return 0;
}

static int setup(struct pair *p)
{
	return setup_flags(p, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int setup_mpmc(struct pair *p)
{
	return setup_flags(p, 0);
}

static int join(struct side *s)
{
	char *map = s->pair->map;
	ssize_t bytes = ring_bytes(s->cell->size);
	struct own *own = bench_buffer(s, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->out = (struct rte_ring *)(map + s->who * bytes);
	own->in = (struct rte_ring *)(map + !s->who * bytes);
	own->size = s->cell->size;
	s->own = own;
	return 0;
}

static int send_message(struct side *s, const void *buf)
{
	struct own *own = s->own;

	while (rte_ring_sp_enqueue_elem(own->out, (void *)buf, own->size) < 0)
		cpu_relax();
	return 0;
}

static int recv_message(struct side *s, void *buf)
{
	struct own *own = s->own;

	while (rte_ring_sc_dequeue_elem(own->in, buf, own->size) < 0)
		cpu_relax();
	return 0;
}

static int send_mp(struct side *s, const void *buf)
{
	struct own *own = s->own;

	while (rte_ring_mp_enqueue_elem(own->out, (void *)buf, own->size) < 0)
		cpu_relax();
	return 0;
}

static int recv_mc(struct side *s, void *buf)
{
	struct own *own = s->own;

	while (rte_ring_mc_dequeue_elem(own->in, buf, own->size) < 0)
		cpu_relax();
	return 0;
}

static int send_many(struct side *s, const void *base, unsigned int n)
{
	struct own *own = s->own;

	while (!rte_ring_enqueue_bulk_elem(own->out, base, own->size, n, NULL))
		cpu_relax();
	return 0;
}

static int recv_many(struct side *s, void *base, unsigned int n)
{
	struct own *own = s->own;
	unsigned int got = 0;

	for (int i = 0; i < PATIENCE && !got; i++) {
		got = rte_ring_dequeue_bulk_elem(own->in, base, own->size, n, NULL);
		if (!got)
			cpu_relax();
	}
	while (!got) {
		got = rte_ring_dequeue_burst_elem(own->in, base, own->size, n, NULL);
		if (!got)
			cpu_relax();
	}
	return got;
}

extern const struct mech peer_rte_ring, peer_rte_ring_mpmc;
const struct mech peer_rte_ring = {
	.name = "peer:rte_ring",
	.setup = setup,
	.join = join,
	.send = send_message,
	.recv = recv_message,
	.send_many = send_many,
	.recv_many = recv_many,
};

const struct mech peer_rte_ring_mpmc = {
	.name = "peer:rte_ring-mpmc",
	.setup = setup_mpmc,
	.join = join,
	.send = send_mp,
	.recv = recv_mc,
	.send_many = send_many,
	.recv_many = recv_many,
};
