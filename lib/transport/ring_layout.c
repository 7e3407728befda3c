// SPDX-License-Identifier: MIT
#include <string.h>
#include <sys/random.h>
#include "ring_layout.h"

uint64_t kipc__ring_layout_start(const struct kipc__config *cfg)
{
	return cfg->payload ? cfg->align - KIPC_REC_BYTES : 0;
}

/* The ring of a direction that this end will never use shrinks to the least. */
uint64_t kipc__ring_layout_ring_bytes(const struct kipc__config *cfg, unsigned ring, uint32_t page)
{
	unsigned restricted = cfg->flags & (KIPC_SEND | KIPC_RECV);
	unsigned needed = ring == 0 ? KIPC_SEND : KIPC_RECV;
	uint64_t least = page > KIPC_RING_MIN_BYTES ? page : KIPC_RING_MIN_BYTES;

	if ((restricted && !(restricted & needed)) || cfg->ring_bytes < least)
		return least < 2 * cfg->align ? 2 * cfg->align : least;
	return cfg->ring_bytes;
}

uint64_t kipc__ring_layout_bytes(const struct kipc__config *cfg, uint32_t page)
{
	return 3ULL * page + kipc__ring_layout_ring_bytes(cfg, 0, page) +
	       kipc__ring_layout_ring_bytes(cfg, 1, page);
}

void kipc__ring_layout_format(struct kipc_ring_status *s, const struct kipc__config *cfg,
                              uint32_t page)
{
	uint64_t data = 3ULL * page;
	unsigned r;

	s->ident.abi = KIPC_RING_ABI;
	s->ident.kind = KIPC_KIND_PAIR;
	s->ident.nr_ends = 2;
	s->ident.nr_rings = 2;
	s->ident.page_bytes = page;
	s->ident.ctrl_bytes = page;
	s->ident.ctrl_off = page;
	s->ident.total_bytes = kipc__ring_layout_bytes(cfg, page);
	/* Not a secret, only a distinction: a short read leaves zeros and is still one. */
	(void)!getrandom(s->ident.id, sizeof(s->ident.id), GRND_NONBLOCK);
	for (r = 0; r < 2; r++) {
		s->geom[r] = (struct kipc_ring_geom){
			.bytes = kipc__ring_layout_ring_bytes(cfg, r, page),
			.start = kipc__ring_layout_start(cfg),
			.data_off = data,
			.align = cfg->align,
			.node = cfg->node,
			.page_size = page,
		};
		data += s->geom[r].bytes;
	}
	kipc__store_release(&s->ident.magic, KIPC_RING_MAGIC);
}

static bool area_valid(uint64_t off, uint64_t bytes, uint32_t page, uint64_t total)
{
	return off % page == 0 && off >= page &&
	       (total == 0 || (off <= total && bytes <= total - off));
}

static bool ident_valid(const struct kipc_ring_ident *id, uint64_t total)
{
	return id->kind == KIPC_KIND_PAIR && id->nr_ends == 2 && id->nr_rings == 2 &&
	       id->page_bytes >= sizeof(struct kipc_ring_status) &&
	       (id->page_bytes & (id->page_bytes - 1)) == 0 &&
	       id->ctrl_bytes >= sizeof(struct kipc_ring_ctrl) &&
	       id->ctrl_bytes % id->page_bytes == 0 && id->ctrl_bytes <= KIPC_RING_MAX_BYTES &&
	       area_valid(id->ctrl_off, 2ULL * id->ctrl_bytes, id->page_bytes, total);
}

int kipc__ring_layout_learn(struct kipc__ring_chan *c, const struct kipc_ring_status *s,
                            uint64_t total)
{
	unsigned r;

	if (kipc__load_acquire(&s->ident.magic) != KIPC_RING_MAGIC)
		return -EBADMSG;
	memcpy(&c->ident, &s->ident, sizeof(c->ident));
	memcpy(c->geom, s->geom, sizeof(c->geom));
	if (c->ident.abi != KIPC_RING_ABI)
		return -EPROTO;
	if (!ident_valid(&c->ident, total))
		return -EBADMSG;
	for (r = 0; r < 2; r++)
		if (!kipc__ring_geom_valid(&c->geom[r]) ||
		    !area_valid(c->geom[r].data_off, c->geom[r].bytes, c->ident.page_bytes, total))
			return -EBADMSG;
	return 0;
}

int kipc__ring_layout_agree(const struct kipc__ring_chan *c, const struct kipc__config *cfg)
{
	unsigned restricted = cfg->flags & (KIPC_SEND | KIPC_RECV);
	const struct kipc_ring_geom *g =
		&c->geom[restricted == KIPC_RECV ? KIPC__RING_IN(c) : KIPC__RING_OUT(c)];

	if ((cfg->given & KIPC__GIVEN_SIZE) && g->bytes != cfg->ring_bytes) {
		kipc__why_set("it exists with size=%llu, not %llu", (unsigned long long)g->bytes,
		              (unsigned long long)cfg->ring_bytes);
		return -EEXIST;
	}
	if ((cfg->given & KIPC__GIVEN_ALIGN) && g->align != cfg->align) {
		kipc__why_set("it exists with align=%u, not %u", g->align, cfg->align);
		return -EEXIST;
	}
	if ((cfg->given & KIPC__GIVEN_PAYLOAD) && g->start != kipc__ring_layout_start(cfg)) {
		kipc__why_set("it exists with payload=%d", !cfg->payload);
		return -EEXIST;
	}
	return 0;
}
