// SPDX-License-Identifier: MIT
#include "pubsub.h"

int kipc__pubsub_geom_valid(const struct kipc_ring_geom *g)
{
	return kipc__ring_geom_valid(g) && 16ULL * g->align <= g->bytes;
}

uint64_t kipc__pubsub_max_len(uint64_t bytes, uint64_t align)
{
	return bytes / 4 - align - KIPC_PUB_BYTES;
}

void kipc__pubsub_format(struct kipc_ring_pub *ctrl, const struct kipc_ring_geom *g)
{
	ctrl->prod = ctrl->claim = ctrl->oldest = g->start;
	ctrl->last = KIPC_PUB_NONE;
}

/* ---- beginning -------------------------------------------------------------------------- */

/* From oldest over everything that is published; the word prod may be behind it, and what lies behind
 * a header that was never stored does not exist.
 */
static int walk_to_prod(struct kipc__pub *p, uint64_t *last)
{
	const struct kipc__pubsub *at = &p->at;
	uint64_t pos = p->oldest, header;

	while ((header = kipc__load_acquire(kipc__pubsub_word(at, pos))) != 0) {
		if (!kipc__pubsub_valid(at, header) ||
		    pos + kipc__pubsub_stride(header, at->align) + KIPC_REC_BYTES - p->oldest >
		            at->bytes)
			return -EBADMSG;
		if (!(header & KIPC_REC_DISCARD)) {
			*last = pos;
			p->number = kipc__load_relaxed(kipc__pubsub_word(at, pos) + 1) + 1;
		}
		pos += kipc__pubsub_stride(header, at->align);
	}
	p->prod = pos;
	return 0;
}

int kipc__pub_init(struct kipc__pub *p, const struct kipc__pubsub *at)
{
	uint64_t last = KIPC_PUB_NONE;
	int r;

	*p = (struct kipc__pub){
		.at = *at,
		.claim = kipc__load_relaxed(&at->ctrl->claim),
		.oldest = kipc__load_relaxed(&at->ctrl->oldest),
		.number = 1,
	};
	if (p->oldest % KIPC_REC_BYTES || p->claim % KIPC_REC_BYTES ||
	    p->claim - p->oldest > at->bytes)
		return -EBADMSG;
	r = walk_to_prod(p, &last);
	if (r < 0)
		return r;
	p->granted = p->prod;
	kipc__store_release(&at->ctrl->prod, p->prod);
	kipc__store_release(&at->ctrl->last, last);
	return 0;
}

/* ---- who is in the way ------------------------------------------------------------------ */

static const __u64 *cons_of(const struct kipc__pubsub *at, unsigned end)
{
	return &((const struct kipc_ring_ctrl *)(at->ctrls + (size_t)end * at->ctrl_bytes))
	                ->cons.pos;
}

static void unbind(struct kipc__pub *p, unsigned end)
{
	kipc__pubsub_bind(&p->at, end, false);
	kipc__fence_full(); /* it is gone before anything is overwritten: pairs with (N), (O) */
}

/* How far a bound subscriber is behind prod. Pairs with its release: what it released I may overwrite.
 * UINT64_MAX: it says to be where nobody can be.
 */
static uint64_t lag_of(const struct kipc__pub *p, unsigned end)
{
	uint64_t cons = kipc__load_acquire(cons_of(&p->at, end));
	uint64_t lag = p->prod - cons;

	if (cons == KIPC_PUB_NONE) /* looking for a place: in the way of any claim */
		return p->prod - p->claim + p->at.bytes + KIPC_REC_BYTES;
	return lag > p->at.bytes || lag % KIPC_REC_BYTES ? UINT64_MAX : lag;
}

/* (T) The bound subscriber that is farthest behind: its position, or prod. One that says to be where
 * nobody can be is cut off; cut those behind limit, too, if asked to (cut is not NULL).
 */
static uint64_t slowest(struct kipc__pub *p, uint64_t limit, unsigned *cut)
{
	uint64_t most = 0, lag, set;
	unsigned word, end;

	for (word = 0; word < 2; word++) {
		set = kipc__load_acquire(&p->at.bound[word]); /* pairs with (Q) */
		for (; set; set &= set - 1) {
			end = 64 * word + (unsigned)__builtin_ctzll(set);
			if (end == 0 || end >= p->at.nr_ends) {
				unbind(p, end);
				continue;
			}
			lag = lag_of(p, end);
			if (lag == UINT64_MAX) {
				unbind(p, end);
				p->cut++;
			} else if (cut && (int64_t)(limit - (p->prod - lag)) > 0) {
				unbind(p, end);
				(*cut)++;
			} else if (lag > most) {
				most = lag;
			}
		}
	}
	return p->prod - most;
}

/* ---- claiming --------------------------------------------------------------------------- */

/* The first message at or behind limit, from oldest; what lies before it will be overwritten. */
static int walk_oldest(struct kipc__pub *p, uint64_t limit)
{
	const struct kipc__pubsub *at = &p->at;
	uint64_t pos = p->oldest, header;

	while (pos != p->prod) {
		header = kipc__load_relaxed(kipc__pubsub_word(at, pos));
		if (!kipc__pubsub_valid(at, header) ||
		    kipc__pubsub_stride(header, at->align) > p->prod - pos)
			return -EBADMSG;
		if ((int64_t)(pos - limit) >= 0 && !(header & KIPC_REC_DISCARD))
			break;
		pos += kipc__pubsub_stride(header, at->align);
	}
	p->oldest = pos;
	kipc__store_release(&at->ctrl->oldest, pos); /* (K) */
	return 0;
}

/* Raise the claim to end at least. 1; 0: not without overwriting what somebody needs; -EBADMSG. */
static int claim_more(struct kipc__pub *p, uint64_t end)
{
	uint64_t bytes = p->at.bytes;
	uint64_t min = slowest(p, 0, NULL);
	uint64_t want = end + bytes / 16;
	int r;

	if (want - min > bytes)
		want = end;
	if (want - min > bytes)
		return 0;
	r = walk_oldest(p, want - bytes);
	if (r < 0)
		return r;
	p->claim = want;
	kipc__store_release(&p->at.ctrl->claim, want); /* (L) pairs with (O), (R); behind (K) */
	return 1;
}

int kipc__pub_room(struct kipc__pub *p, uint64_t need)
{
	uint64_t end = p->prod + need + KIPC_REC_BYTES;
	int r;

	if (kipc__likely((int64_t)(p->granted - end) >= 0))
		return 1;
	if ((int64_t)(p->claim - end) < 0) {
		r = claim_more(p, end);
		if (r <= 0)
			return r;
	}
	kipc__fence_full(); /* (M) pairs with (N) and with (Q) */
	if (p->claim - slowest(p, 0, NULL) > p->at.bytes)
		return 0; /* somebody was bound meanwhile */
	p->granted = p->claim;
	return 1;
}

uint64_t kipc__pub_needs(const struct kipc__pub *p, uint64_t need)
{
	uint64_t end = p->prod + need + KIPC_REC_BYTES;

	return ((int64_t)(p->claim - end) < 0 ? end : p->claim) - p->at.bytes;
}

unsigned kipc__pub_cut(struct kipc__pub *p, uint64_t need)
{
	unsigned cut = 0;

	(void)slowest(p, kipc__pub_needs(p, need), &cut);
	return cut;
}

uint64_t kipc__pub_extent(const struct kipc__pub *p, const struct kipc_msg *m, unsigned n)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		sum += kipc_ring_stride(m[i].len + 8, p->at.align);
	return sum;
}

/* ---- publishing ------------------------------------------------------------------------- */

/* The records from prod to end are written, all but the first header. */
static void publish(struct kipc__pub *p, uint64_t end, uint64_t last, uint64_t first_header)
{
	kipc__store_relaxed(kipc__pubsub_word(&p->at, end), 0);
	/* (A) pairs with (B) */
	kipc__store_release(kipc__pubsub_word(&p->at, p->prod), first_header);
	p->prod = end;
	kipc__store_release(&p->at.ctrl->prod, end);
	kipc__store_release(&p->at.ctrl->last, last);
}

int kipc__pub_reserve(struct kipc__pub *p, struct kipc_msg *m, unsigned n)
{
	uint8_t *base = (uint8_t *)kipc__pubsub_word(&p->at, p->prod);
	uint64_t end = 0;
	unsigned i;
	int r;

	if (p->reserved_n)
		return -EBUSY;
	for (i = 0; i < n; i++) {
		if (m[i].len > kipc__pubsub_max_len(p->at.bytes, p->at.align))
			return -EMSGSIZE;
		p->reserved[i].off = (uint32_t)end;
		p->reserved[i].len = (uint32_t)m[i].len;
		end += kipc_ring_stride(m[i].len + 8, p->at.align);
	}
	if (end > p->at.bytes / 2)
		return -EMSGSIZE;
	r = kipc__pub_room(p, end);
	if (r <= 0)
		return r;
	for (i = 0; i < n; i++)
		m[i].data = base + p->reserved[i].off + KIPC_PUB_BYTES;
	p->reserved_end = p->prod + end;
	p->reserved_n = n;
	return (int)n;
}

static bool reserved_matches(const struct kipc__pub *p, const struct kipc_msg *m, unsigned n)
{
	const uint8_t *base = (const uint8_t *)kipc__pubsub_word(&p->at, p->prod);
	unsigned i;

	for (i = 0; i < n; i++)
		if (m[i].data != base + p->reserved[i].off + KIPC_PUB_BYTES ||
		    m[i].len > p->reserved[i].len)
			return false;
	return true;
}

int kipc__pub_commit(struct kipc__pub *p, const struct kipc_msg *m, unsigned n)
{
	uint64_t pos = p->prod, end = pos, next;
	unsigned i;

	if (n == 0 || n > p->reserved_n || !reserved_matches(p, m, n))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		pos = p->prod + p->reserved[i].off;
		end = pos + kipc_ring_stride(m[i].len + 8, p->at.align);
		next = i + 1 < n ? p->prod + p->reserved[i + 1].off : end;
		if (end != next) /* a message that became shorter leaves a discarded record */
			kipc__store_relaxed(kipc__pubsub_word(&p->at, end),
			                    (next - end - KIPC_REC_BYTES + 1) | KIPC_REC_DISCARD);
		kipc__store_relaxed(kipc__pubsub_word(&p->at, pos) + 1, p->number++);
		if (i)
			kipc__store_relaxed(kipc__pubsub_word(&p->at, pos), m[i].len + 1);
	}
	p->reserved_n = 0;
	publish(p, end, pos, m[0].len + 1);
	return (int)n;
}

int kipc__pub_send(struct kipc__pub *p, const struct kipc_msg *m, unsigned n)
{
	uint64_t longest = kipc__pubsub_max_len(p->at.bytes, p->at.align);
	uint64_t pos = p->prod, last = pos, next;
	unsigned i;
	int r;

	if (kipc__unlikely(p->reserved_n))
		return -EBUSY;
	for (i = 0; i < n; i++, pos = next) {
		next = pos + kipc_ring_stride(m[i].len + 8, p->at.align);
		r = kipc__unlikely(m[i].len > longest) ? -EMSGSIZE : 1;
		if (r > 0 && i && next - p->prod > p->at.bytes / 2)
			r = 0;
		if (r > 0)
			r = kipc__pub_room(p, next - p->prod);
		if (r <= 0 && i == 0)
			return r;
		if (r <= 0)
			break;
		last = pos;
		kipc__ring_copy_in(kipc__pubsub_word(&p->at, pos) + 2, m[i].data, m[i].len);
		kipc__store_relaxed(kipc__pubsub_word(&p->at, pos) + 1, p->number++);
		if (i)
			kipc__store_relaxed(kipc__pubsub_word(&p->at, pos), m[i].len + 1);
	}
	publish(p, pos, last, m[0].len + 1);
	return (int)i;
}
