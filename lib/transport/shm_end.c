// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../os/cache.h"
#include "../os/numa.h"
#include "../os/wake.h"
#include "ring_base.h"
#include "ring_layout.h"
#include "shm_chan.h"

/* Descriptors and memory only; nothing that the peer could notice but a closed socket. */
void kipc__shm_free(struct kipc__shm_chan *s)
{
	if (!s)
		return;
	kipc__guard_remove(&s->guard);
	kipc__shm_vigil_end(s, KIPC_SIDE_DATA); /* a child's copy of its parent's end */
	kipc__shm_vigil_end(s, KIPC_SIDE_SPACE);
	kipc__shm_bell_close(s);
	kipc__fd_close(s->sock);
	kipc__lockfile_put(s->file);
	free(s);
}

/* The life lock of my end. -EBUSY: another owner has it. */
int kipc__shm_lock(struct kipc__shm_chan *s)
{
	int r = kipc__lockfile_take(s->file, s->ring.end);

	s->locked = r == 0;
	return r;
}

void kipc__shm_unlock(struct kipc__shm_chan *s)
{
	if (s->locked)
		kipc__lockfile_drop(s->file, s->ring.end);
	s->locked = false;
}

#define SPANS         7
#define SPANS_CONTROL 3

/* STATUS, both CTRL, and each DATA twice. */
static void spans_of(const struct kipc__ring_chan *c, struct kipc__span spans[SPANS])
{
	unsigned i;

	spans[0] = (struct kipc__span){ 0, c->status_bytes };
	for (i = 0; i < 2; i++) {
		spans[1 + i] =
			(struct kipc__span){ c->ident.ctrl_off + (uint64_t)i * c->ident.ctrl_bytes,
			                     c->ident.ctrl_bytes };
		spans[3 + 2 * i] = (struct kipc__span){ c->geom[i].data_off, c->geom[i].bytes };
		spans[4 + 2 * i] = spans[3 + 2 * i];
	}
}

/* What the region is: its file may not be shorter than what will be touched. */
int kipc__shm_learn(struct kipc__shm_chan *s)
{
	struct kipc_ring_status st;
	int fd = kipc__lockfile_fd(s->file);
	uint64_t total;
	int r = kipc__region_bytes(fd, &total);

	s->ring.status_bytes = (size_t)sysconf(_SC_PAGESIZE);
	if (r < 0)
		return r;
	if (total < s->ring.status_bytes || pread(fd, &st, sizeof(st), 0) != sizeof(st))
		return -EBADMSG;
	return kipc__ring_layout_learn(&s->ring, &st, total);
}

/* The same of the other end of a new pair. */
void kipc__shm_learn_from(struct kipc__shm_chan *s, const struct kipc__shm_chan *other)
{
	s->ring.status_bytes = other->ring.status_bytes;
	s->ring.ident = other->ring.ident;
	memcpy(s->ring.geom, other->ring.geom, sizeof(s->ring.geom));
}

/* All areas in one row, which takes three mappings where the rings lie one behind the other. The rings'
 * pages come with the messages that first pass there: many channels never fill theirs, and most of the
 * second halves are for long messages only.
 *
 * Everything may be written, also what I only read: who can open the file can map it as he likes, so
 * page permissions are the module's to give. And measured on Zen 4, polling a line through a page that
 * may not be written makes its way from the producer longer, by 15 ns each way.
 */
int kipc__shm_map(struct kipc__shm_chan *s)
{
	struct kipc__ring_chan *c = &s->ring;
	struct kipc__span spans[SPANS];
	int r = c->ident.magic ? 0 : kipc__shm_learn(s);
	char *row;

	if (r < 0)
		return r;
	spans_of(c, spans);
	r = kipc__map_row((void **)&row, kipc__lockfile_fd(s->file), spans, SPANS,
	                  PROT_READ | PROT_WRITE);
	if (r < 0)
		return r;
	kipc__map_touch(row, kipc__map_row_bytes(spans, SPANS_CONTROL));
	c->status = (void *)row;
	c->ctrl[0] = (void *)(row + kipc__map_row_bytes(spans, 1));
	c->ctrl[1] = (void *)(row + kipc__map_row_bytes(spans, 2));
	c->data[0] = row + kipc__map_row_bytes(spans, 3);
	c->data[1] = row + kipc__map_row_bytes(spans, 5);
	kipc__map_touch(c->data[KIPC__RING_IN(c)], c->status_bytes); /* the first look goes there */
	return 0;
}

/* Undo kipc__shm_map(): not begun, or over. */
void kipc__shm_unmap(struct kipc__shm_chan *s)
{
	struct kipc__ring_chan *c = &s->ring;
	struct kipc__span spans[SPANS];

	spans_of(c, spans);
	kipc__unmap(c->status, kipc__map_row_bytes(spans, SPANS));
	c->status = NULL;
	c->ctrl[0] = c->ctrl[1] = NULL;
	c->data[0] = c->data[1] = NULL;
}

/* The end becomes mine: its lock is held already. */
int kipc__shm_begin(struct kipc__shm_chan *s)
{
	struct kipc__ring_chan *c = &s->ring;
	struct kipc_ring_end *end = &c->status->ends[c->end];
	int r;

	/* Whoever polls, or sleeps, on a machine where membarrier is forbidden fences for itself. */
	c->may_fence = kipc__fence_register();
	/* A poller learns whom to watch, by my lock, before I am somebody whose death it would miss: who
	 * finds that the end has had an owner and has none takes it for lost, and does not say so. Armed
	 * or not: somebody may have died here between disarming it and ringing.
	 */
	kipc__shm_bell_ring_both(s);
	kipc__store_release(&end->generation, kipc__load_relaxed(&end->generation) + 1);
	/* Live before anything that only an owner says: who dies in between leaves a dead end, and not a
	 * free one with a direction shut.
	 */
	kipc__store_release(&end->state, KIPC_END_LIVE);
	r = kipc__ring_base_begin(c);
	if (r == 0)
		r = kipc__guard_add(&s->guard);
	if (r < 0)
		kipc__store_release(&end->state, KIPC_END_FREE);
	return r;
}

static int put(int fd, const void *what, size_t len, uint64_t off)
{
	ssize_t n = pwrite(fd, what, len, (off_t)off);

	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

/* The first positions lie in CTRL, where only their ends write later on. Mostly they are what a new file
 * holds anyway.
 */
static int format(int fd, const struct kipc_ring_status *st)
{
	int r = 0;
	unsigned i;

	for (i = 0; i < 2 && r == 0; i++) {
		struct kipc_ring_pos pos[2] = { { .pos = st->geom[i].start },
			                        { .pos = st->geom[1 - i].start } };

		if (pos[0].pos || pos[1].pos)
			r = put(fd, pos, sizeof(pos),
			        st->ident.ctrl_off + (uint64_t)i * st->ident.ctrl_bytes);
	}
	return r < 0 ? r : put(fd, st, sizeof(*st), 0);
}

_Static_assert(offsetof(struct kipc_ring_ctrl, prod) == 0 &&
                       offsetof(struct kipc_ring_ctrl, cons) == sizeof(struct kipc_ring_pos),
               "format() writes prod and cons in one piece");

int kipc__shm_fill(struct kipc__shm_chan *s, int fd, const struct kipc__config *cfg, bool all)
{
	struct kipc_ring_status st = { 0 };
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	uint64_t total = kipc__ring_layout_bytes(cfg, page);
	int r = 0;

	if (cfg->node >= 0)
		r = kipc__numa_bind(fd, 3ULL * page, total - 3ULL * page, cfg->node);
	if (r == 0 && all)
		r = kipc__region_reserve(fd, total);
	if (r == -ENOSPC)
		kipc__why_set("no room for %llu bytes of shared memory", (unsigned long long)total);
	if (r < 0)
		return r;
	kipc__ring_layout_format(&st, cfg, page);
	s->ring.status_bytes = page;
	r = kipc__ring_layout_learn(&s->ring, &st, total);
	return r < 0 ? r : format(fd, &st);
}
