// SPDX-License-Identifier: MIT
/*
 * peer_slot_queue.c - the yardstick: a plain queue of slots for one sender and one receiver
 *
 * The design that rigtorp's SPSCQueue made known: slots of one fixed size, an index written by each
 * side on a line of its own, and a private copy of the other side's index that is refreshed only when
 * the queue looks full or empty. It knows no lengths, no sleep and no death of its peer.
 */
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "slots.h"

struct queue {
	_Alignas(128) atomic_size_t write; /* the slot to be filled next; its sender's */
	_Alignas(128) atomic_size_t read;  /* the slot to be taken next; its receiver's */
};

/* What one process keeps for itself. */
struct own {
	struct queue *out, *in;
	char *out_slots, *in_slots;
	size_t slots;
	size_t write, read;           /* this side's own indices */
	size_t read_seen, write_seen; /* the other side's, as last loaded */
};

/* One slot stays free, so that full and empty differ. */
static size_t slots_of(size_t size)
{
	return slots_depth(size) + 1;
}

static size_t queue_bytes(size_t size)
{
	return (sizeof(struct queue) + slots_of(size) * size + 4095) & ~(size_t)4095;
}

static int setup(struct pair *p)
{
	p->map_bytes = 2 * queue_bytes(p->cell.size);
	p->map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p->map == MAP_FAILED ? bench_fail(p, -errno, "mmap: %m") : 0;
}

static int join(struct side *s)
{
	char *map = s->pair->map;
	size_t bytes = queue_bytes(s->cell->size);
	struct own *own = bench_buffer(s, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->out = (struct queue *)(map + s->who * bytes);
	own->in = (struct queue *)(map + !s->who * bytes);
	own->out_slots = (char *)(own->out + 1);
	own->in_slots = (char *)(own->in + 1);
	own->slots = slots_of(s->cell->size);
	s->own = own;
	return 0;
}

/* Slots of a size known when compiling are copied without a call. */
static inline void copy(void *to, const void *from, size_t size)
{
	if (size == 8)
		memcpy(to, from, 8);
	else if (size == 40)
		memcpy(to, from, 40);
	else if (size == 64)
		memcpy(to, from, 64);
	else
		memcpy(to, from, size);
}

static int send_message(struct side *s, const void *buf)
{
	struct own *own = s->own;
	size_t size = s->cell->size, next = own->write + 1;

	if (next == own->slots)
		next = 0;
	/* Pairs with the release store of read in recv_message(). */
	while (next == own->read_seen &&
	       (own->read_seen = atomic_load_explicit(&own->out->read, memory_order_acquire)) ==
	               next)
		cpu_relax();
	copy(own->out_slots + own->write * size, buf, size);
	/* Pairs with the acquire load of write in recv_message(). */
	atomic_store_explicit(&own->out->write, next, memory_order_release);
	own->write = next;
	return 0;
}

static int recv_message(struct side *s, void *buf)
{
	struct own *own = s->own;
	size_t size = s->cell->size, next = own->read + 1;

	/* Pairs with the release store of write in send_message(). */
	while (own->read == own->write_seen &&
	       (own->write_seen = atomic_load_explicit(&own->in->write, memory_order_acquire)) ==
	               own->read)
		cpu_relax();
	copy(buf, own->in_slots + own->read * size, size);
	if (next == own->slots)
		next = 0;
	/* Pairs with the acquire load of read in send_message(). */
	atomic_store_explicit(&own->in->read, next, memory_order_release);
	own->read = next;
	return 0;
}

const struct mech mech_slot_queue = {
	.name = "peer:slot-queue",
	.about = "a plain SPSC queue of fixed slots in shared memory, as rigtorp's: the yardstick",
	.waits = BIT(WAIT_SPIN),
	.setup = setup,
	.join = join,
	.send = send_message,
	.recv = recv_message,
};
