// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <unistd.h>
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

static uint64_t map_bytes(const struct kipc__ring_chan *c, unsigned ring)
{
	return c->geom[ring].bytes;
}

static void unmap(struct kipc__ring_chan *c)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		kipc__unmap(c->data[i], 2 * map_bytes(c, i));
		kipc__unmap(c->ctrl[i], c->ident.ctrl_bytes);
		c->data[i] = c->ctrl[i] = NULL;
	}
	kipc__unmap(c->status, c->status_bytes);
	c->status = NULL;
}

/* Everything may be written, also what I only read: who can open the file can map it as he likes, so
 * page permissions are the module's to give. And measured on Zen 4, polling a line through a page that
 * may not be written makes its way from the producer longer, by 15 ns each way.
 */
static int map_areas(struct kipc__ring_chan *c, int fd)
{
	const int prot = PROT_READ | PROT_WRITE;
	int r = 0;
	unsigned i;

	for (i = 0; i < 2 && r == 0; i++) {
		r = kipc__map((void **)&c->ctrl[i], fd,
		              c->ident.ctrl_off + (uint64_t)i * c->ident.ctrl_bytes,
		              c->ident.ctrl_bytes, prot);
		if (r == 0)
			r = kipc__map_mirror(&c->data[i], fd, c->geom[i].data_off, map_bytes(c, i),
			                     prot);
	}
	return r;
}

/* STATUS first, then what it says. The file may not be shorter than what will be touched. */
int kipc__shm_map(struct kipc__shm_chan *s)
{
	struct kipc__ring_chan *c = &s->ring;
	int fd = kipc__lockfile_fd(s->file);
	uint64_t total;
	int r = kipc__region_bytes(fd, &total);

	c->status_bytes = (size_t)sysconf(_SC_PAGESIZE);
	if (r == 0 && total < c->status_bytes)
		r = -EBADMSG;
	if (r == 0)
		r = kipc__map((void **)&c->status, fd, 0, c->status_bytes, PROT_READ | PROT_WRITE);
	if (r == 0)
		r = kipc__ring_layout_learn(c, c->status, total);
	if (r == 0)
		r = map_areas(c, fd);
	if (r < 0)
		unmap(c);
	return r;
}

/* The end becomes mine: its lock is held already. */
int kipc__shm_begin(struct kipc__shm_chan *s)
{
	struct kipc__ring_chan *c = &s->ring;
	struct kipc_ring_end *end = &c->status->ends[c->end];
	int r;

	/* Whoever polls, or sleeps, on a machine where membarrier is forbidden fences for itself. */
	c->may_fence = kipc__fence_register();
	r = kipc__ring_base_begin(c);
	if (r < 0)
		return r;
	kipc__store_relaxed(&end->generation, kipc__load_relaxed(&end->generation) + 1);
	kipc__store_release(&end->state, KIPC_END_LIVE);
	kipc__shm_wake(c, KIPC_SIDE_DATA); /* a poller learns whom to watch */
	kipc__shm_wake(c, KIPC_SIDE_SPACE);
	return 0;
}

/* Undo kipc__shm_map(): not begun, or over. */
void kipc__shm_unmap(struct kipc__shm_chan *s)
{
	unmap(&s->ring);
}

/* The first positions lie in CTRL, where only their ends write later on. */
static int format(int fd, const struct kipc__config *cfg, uint32_t page)
{
	struct kipc_ring_status *st = NULL;
	struct kipc_ring_ctrl *ctrl = NULL;
	int r = kipc__map((void **)&st, fd, 0, page, PROT_READ | PROT_WRITE);
	unsigned i;

	if (r == 0)
		r = kipc__map((void **)&ctrl, fd, page, 2ULL * page, PROT_READ | PROT_WRITE);
	if (r == 0) {
		kipc__ring_layout_format(st, cfg, page);
		for (i = 0; i < 2; i++) {
			struct kipc_ring_ctrl *mine = (void *)((char *)ctrl + (size_t)i * page);

			mine->prod.pos = st->geom[i].start;
			mine->cons.pos = st->geom[1 - i].start;
		}
	}
	kipc__unmap(ctrl, 2ULL * page);
	kipc__unmap(st, page);
	return r;
}

/* Give a nameless file its memory, on its node, and its content. */
int kipc__shm_fill(int fd, const struct kipc__config *cfg)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	uint64_t total = kipc__ring_layout_bytes(cfg, page);
	int r = 0;

	if (cfg->node >= 0)
		r = kipc__numa_bind(fd, 3ULL * page, total - 3ULL * page, cfg->node);
	if (r == 0)
		r = kipc__region_reserve(fd, total);
	if (r == -ENOSPC)
		kipc__why_set("no room for %llu bytes of shared memory", (unsigned long long)total);
	return r < 0 ? r : format(fd, cfg, page);
}
