// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hub_chan.h"

/* ---- handles ---------------------------------------------------------------------------- */

static size_t rounded(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

/* The kind's verbs under the back end's name; promised is what both can keep. */
static struct kipc__transport carried(const struct kipc__hub_kind *kind,
                                      const struct kipc__hub_back *back)
{
	struct kipc__transport ops = *kind->ops;

	ops.scheme = back->transport->scheme;
	ops.about = back->transport->about;
	ops.probe = back->transport->probe;
	ops.caps &= back->transport->caps;
	return ops;
}

struct kipc__hub *kipc__hub_new(const struct kipc__hub_kind *kind,
                                const struct kipc__hub_back *back, const struct kipc__config *cfg)
{
	size_t bytes = rounded(kind->handle_bytes);
	struct kipc__hub *h = aligned_alloc(64, bytes + rounded(back->own_bytes));

	if (!h)
		return NULL;
	memset(h, 0, bytes + back->own_bytes);
	h->kind = kind;
	h->back = back;
	h->own = (uint8_t *)h + bytes;
	h->ops = carried(kind, back);
	h->base.ops = &h->ops;
	h->base.granted = kipc__dirs_of(cfg->flags);
	h->base.wait = cfg->wait;
	h->base.spin_ns = cfg->spin_ns;
	return h;
}

void kipc__hub_free(struct kipc__hub *h)
{
	free(h);
}

int kipc__hub_explain(const struct kipc__hub_kind *kind, int r)
{
	if (r == -EPROTO) {
		kipc__why_set("it was made by another version of libkipc");
	} else if (r == -EEXIST) {
		kipc__why_set("the name exists and is no %s", kind->name);
	} else if (r == -EBADMSG) {
		kipc__why_set("it is no kipc channel");
	}
	return r;
}

/* ---- what STATUS says ------------------------------------------------------------------- */

static bool ident_valid(const struct kipc_ring_ident *id, uint64_t data, uint64_t file_bytes)
{
	uint64_t page = id->page_bytes;

	return id->nr_ends >= 1 && id->nr_ends <= KIPC_RING_ENDS &&
	       page == (uint64_t)sysconf(_SC_PAGESIZE) && id->ctrl_bytes == page &&
	       id->ctrl_off == page && data == (1 + id->nr_ends) * page && id->total_bytes > data &&
	       id->total_bytes % page == 0 && id->total_bytes <= file_bytes;
}

int kipc__hub_learn(struct kipc__hub *h, uint64_t file_bytes)
{
	if (kipc__load_acquire(&h->status->ident.magic) != KIPC_RING_MAGIC)
		return -EBADMSG;
	memcpy(&h->ident, &h->status->ident, sizeof(h->ident));
	memcpy(h->geom, h->status->geom, sizeof(h->geom));
	if (h->ident.abi != KIPC_RING_ABI)
		return -EPROTO;
	if (h->ident.kind != h->kind->kind)
		return -EEXIST;
	if (!ident_valid(&h->ident, h->geom[0].data_off, file_bytes))
		return -EBADMSG;
	h->data_bytes = h->ident.total_bytes - h->geom[0].data_off;
	return 0;
}

/* ---- the slots -------------------------------------------------------------------------- */

int kipc__hub_open(struct kipc_chan **out, const struct kipc__config *cfg,
                   const struct kipc__hub_kind *kind, const struct kipc__hub_back *back)
{
	struct kipc__hub_plan plan = { 0 };
	struct kipc__hub *h = NULL;
	int r = kind->plan(cfg, &plan);

	if (r == 0)
		r = back->open(&h, kind, &plan, cfg);
	if (r == 0)
		*out = &h->base;
	return r;
}

/* Handles come from open() only, in use. */
int kipc__hub_use(struct kipc_chan *c)
{
	(void)c;
	return -ESTALE;
}

void kipc__hub_close(struct kipc_chan *c, bool in_use)
{
	struct kipc__hub *h = (struct kipc__hub *)c;

	h->back->close(h, in_use);
}

int kipc__hub_fd(struct kipc_chan *c, unsigned dir)
{
	struct kipc__hub *h = (struct kipc__hub *)c;

	return h->back->fd(h, dir == KIPC_IN ? KIPC_SIDE_DATA : KIPC_SIDE_SPACE);
}
