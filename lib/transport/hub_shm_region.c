// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include "../os/map.h"
#include "../os/numa.h"
#include "hub_shm.h"

#define RW (PROT_READ | PROT_WRITE)

static uint32_t page_bytes(void)
{
	return (uint32_t)sysconf(_SC_PAGESIZE);
}

/* STATUS, a CTRL page for each end, then the data. */
static uint64_t data_off(const struct kipc__hub_plan *plan)
{
	return (1ULL + plan->nr_ends) * page_bytes();
}

uint64_t kipc__hub_shm_bytes(const struct kipc__hub_plan *plan)
{
	return data_off(plan) + plan->data_bytes;
}

static void format(struct kipc_ring_status *s, const struct kipc__hub_kind *kind,
                   const struct kipc__hub_plan *plan)
{
	uint32_t page = page_bytes();

	s->ident.abi = KIPC_RING_ABI;
	s->ident.kind = kind->kind;
	s->ident.nr_ends = plan->nr_ends;
	s->ident.nr_rings = 1;
	s->ident.page_bytes = page;
	s->ident.ctrl_bytes = page;
	s->ident.ctrl_off = page;
	s->ident.total_bytes = kipc__hub_shm_bytes(plan);
	(void)!getrandom(s->ident.id, sizeof(s->ident.id), GRND_NONBLOCK);
	memcpy(s->geom, plan->geom, sizeof(s->geom));
	s->geom[0].data_off = data_off(plan);
	kipc__store_release(&s->ident.magic, KIPC_RING_MAGIC);
}

int kipc__hub_shm_create_file(int *fd, const struct kipc__hub_kind *kind,
                              const struct kipc__hub_plan *plan, const struct kipc__config *cfg)
{
	uint64_t total = kipc__hub_shm_bytes(plan);
	struct kipc_ring_status *s = NULL;
	int r = kipc__region_nameless(fd, total, cfg->mode);

	if (r < 0)
		return r;
	if (cfg->node >= 0)
		r = kipc__numa_bind(*fd, data_off(plan), plan->data_bytes, cfg->node);
	if (r == 0)
		r = kipc__region_reserve(*fd, total);
	if (r == -ENOSPC)
		kipc__why_set("no room for %llu bytes of shared memory", (unsigned long long)total);
	if (r == 0)
		r = kipc__map((void **)&s, *fd, 0, page_bytes(), RW);
	if (r == 0)
		format(s, kind, plan);
	kipc__unmap(s, page_bytes());
	if (r < 0)
		kipc__fd_close(*fd);
	return r;
}

/* ---- mapping ---------------------------------------------------------------------------- */

static int map_areas(struct kipc__hub *h, int fd)
{
	int r = kipc__map((void **)&h->ctrl, fd, h->ident.ctrl_off,
	                  (size_t)h->ident.nr_ends * h->ident.ctrl_bytes, RW);

	if (r < 0)
		return r;
	return h->kind->mirrored
	               ? kipc__map_mirror((void **)&h->data, fd, h->geom[0].data_off, h->data_bytes,
	                                  RW)
	               : kipc__map((void **)&h->data, fd, h->geom[0].data_off, h->data_bytes, RW);
}

int kipc__hub_shm_map(struct kipc__hub *h)
{
	int fd = kipc__lockfile_fd(kipc__hub_shm_of(h)->file);
	uint64_t total;
	int r = kipc__region_bytes(fd, &total);

	h->status_bytes = page_bytes();
	if (r == 0 && total < h->status_bytes)
		r = -EBADMSG;
	if (r == 0)
		r = kipc__map((void **)&h->status, fd, 0, h->status_bytes, RW);
	if (r == 0)
		r = kipc__hub_learn(h, total);
	if (r == 0)
		r = map_areas(h, fd);
	if (r < 0)
		kipc__hub_shm_unmap(h);
	return r;
}

void kipc__hub_shm_unmap(struct kipc__hub *h)
{
	kipc__unmap(h->data, (h->kind->mirrored ? 2 : 1) * h->data_bytes);
	kipc__unmap(h->ctrl, (size_t)h->ident.nr_ends * h->ident.ctrl_bytes);
	kipc__unmap(h->status, h->status_bytes);
	h->data = h->ctrl = NULL;
	h->status = NULL;
}
