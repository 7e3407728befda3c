// SPDX-License-Identifier: MIT
/* What a peer that writes nonsense can do: end the channel with -EBADMSG, nothing else. */
#include <criterion/criterion.h>
#include "ring_pair.h"

TestSuite(ring_hostile, .init = harness_begin, .fini = harness_end);

static void write_header(struct ring_pair *r, uint64_t pos, uint64_t header)
{
	memcpy(r->data + (pos & (r->geom.bytes - 1)), &header, sizeof(header));
}

/* One good message, then this header where the next one is expected. */
static int peek_behind_good(uint64_t header, uint64_t start)
{
	struct ring_pair r;
	struct kipc_msg m[2];
	uint8_t buf[4096];
	int result;

	ring_pair_make(&r, 4096, 8, start);
	must_eq(ring_pair_put(&r, 100, 1), 1);
	write_header(&r, start + 112, header);
	must_eq(kipc__ring_peek(&r.rx, m, 2), header && !(header >> 32) && header <= 3969 ? 2 : 1);
	ring_pair_take(&r, 100, 1);
	result = kipc__ring_peek(&r.rx, m, 2);
	if (result < 0) {
		must_eq(kipc__ring_recv(&r.rx, m, 2), result);
		must_eq(kipc__ring_take(&r.rx, buf, UINT64_MAX), -EAGAIN);
	}
	must_eq(r.cons.pos, start + 112);
	ring_pair_free(&r);
	return result;
}

Test(ring_hostile, header_with_an_unknown_bit)
{
	for (int bit = 34; bit < 64; bit++) {
		must_eq(peek_behind_good((1ULL << bit) | 9, 0), -EBADMSG);
		must_eq(peek_behind_good(1ULL << bit, 0), -EBADMSG);
	}
}

Test(ring_hostile, header_with_flags_and_no_length)
{
	must_eq(peek_behind_good(KIPC_REC_DISCARD, 0), -EBADMSG);
	must_eq(peek_behind_good(KIPC_REC_LINE, 0), -EBADMSG);
	must_eq(peek_behind_good(KIPC_REC_KNOWN, 0), -EBADMSG);
}

/* 4081 is one more than the longest; the others overflow something when computed carelessly. */
Test(ring_hostile, header_with_a_length_beyond_the_ring)
{
	static const uint64_t coded[] = {
		4082,       4096,       4097,       8192,       65536,
		0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffff8, 0xffffffff
	};

	for (size_t i = 0; i < sizeof(coded) / sizeof(*coded); i++)
		for (int high = 0; high < 2; high++) {
			uint64_t start = high ? 0 - (uint64_t)4096 : 0;

			must_eq(peek_behind_good(coded[i], start), -EBADMSG);
			must_eq(peek_behind_good(coded[i] | KIPC_REC_DISCARD, start), -EBADMSG);
		}
}

/* Every length is lawful alone, but together they reach beyond one ring from cons. */
Test(ring_hostile, batch_beyond_the_ring)
{
	struct ring_pair r;
	struct kipc_msg m[64];

	ring_pair_make(&r, 4096, 8, 0);
	for (uint64_t pos = 0; pos < 4096; pos += 512)
		write_header(&r, pos, 504 + 1);
	must_eq(kipc__ring_peek(&r.rx, m, 64), 7);
	must_eq(kipc__ring_release(&r.rx, 7), 7);
	must_eq(kipc__ring_peek(&r.rx, m, 64), 7);
}

/* A ring full of discarded records must not catch the reader in a loop. */
Test(ring_hostile, discarded_records_for_ever)
{
	struct ring_pair r;
	struct kipc_msg m;

	ring_pair_make(&r, 4096, 8, 0);
	for (uint64_t pos = 0; pos < 4096; pos += 8)
		write_header(&r, pos, KIPC_REC_DISCARD | 1);
	must_eq(kipc__ring_peek(&r.rx, &m, 1), -EBADMSG);
	must_eq(kipc__ring_recv(&r.rx, &m, 1), -EBADMSG);
}

/* Whatever 64 bits stand there: never a pointer or a length outside the mapping. */
Test(ring_hostile, random_memory)
{
	struct kipc_msg m[64];
	uint64_t random = 4711;
	unsigned rounds = harness_rounds(20000);

	for (unsigned i = 0; i < rounds; i++) {
		struct ring_pair r;
		int n;

		if (i % 64 == 0)
			ring_pair_make(&r, 4096, 8, 0);
		for (uint64_t pos = 0; pos < 4096; pos += 8) {
			uint64_t word = harness_random(&random);

			write_header(&r, pos, word & (word >> 40 & 1 ? 0x3000001ffULL : 0xffULL));
		}
		n = kipc__ring_peek(&r.rx, m, 64);
		for (int k = 0; k < n; k++) {
			must((uint8_t *)m[k].data >= r.data + 8);
			must((uint8_t *)m[k].data + m[k].len <= r.data + 8192);
			must(m[k].len <= kipc_ring_max_len(4096, 8));
		}
		if (n > 0)
			must_eq(kipc__ring_release(&r.rx, (unsigned)n), n);
		if (i % 64 == 63)
			ring_pair_free(&r);
	}
}

/* The length is read once: what the peer writes there later changes nothing. */
Test(ring_hostile, header_changed_after_peek)
{
	struct ring_pair r;
	struct kipc_msg m;

	ring_pair_make(&r, 4096, 8, 0);
	must_eq(ring_pair_put(&r, 16, 0), 1);
	must_eq(ring_pair_put(&r, 16, 1), 1);
	must_eq(kipc__ring_peek(&r.rx, &m, 1), 1);
	write_header(&r, 0, 4000);
	must_eq(m.len, 16);
	must_eq(kipc__ring_release(&r.rx, 1), 1);
	must_eq(r.cons.pos, 24);
	ring_pair_take(&r, 16, 1);
}

/* cons is read when the ring looks full; a lie must not become room. */
Test(ring_hostile, consumer_position_out_of_range)
{
	static const uint64_t lies[] = { 8, 16, 4096, 1ULL << 32, 1ULL << 63 };

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct ring_pair r;
		struct kipc_msg m = { .len = 1000 };

		ring_pair_make(&r, 4096, 8, 0);
		while (ring_pair_put(&r, 1000, 0) == 1)
			;
		r.cons.pos = r.prod.pos + lies[i];
		must_eq(ring_pair_put(&r, 1000, 0), -EBADMSG);
		must_eq(kipc__ring_reserve(&r.tx, &m, 1), -EBADMSG);
		r.cons.pos = r.prod.pos - 4096 - lies[i];
		must_eq(ring_pair_put(&r, 1000, 0), -EBADMSG);
	}
}

Test(ring_hostile, positions_that_make_no_ring)
{
	struct ring_pair r;
	__u64 *prod, *cons;

	ring_pair_make(&r, 4096, 8, 0);
	prod = &r.prod.pos;
	cons = &r.cons.pos;
	*prod = 4104;
	must_eq(kipc__ring_tx_init(&r.tx, &r.geom, r.data, prod, cons), -EBADMSG);
	*prod = 12;
	must_eq(kipc__ring_tx_init(&r.tx, &r.geom, r.data, prod, cons), -EBADMSG);
	*prod = 0;
	*cons = 8;
	must_eq(kipc__ring_tx_init(&r.tx, &r.geom, r.data, prod, cons), -EBADMSG);
	*cons = 4;
	must_eq(kipc__ring_rx_init(&r.rx, &r.geom, r.data, prod, cons), -EBADMSG);
}

Test(ring_hostile, geometry_is_checked)
{
	const struct kipc_ring_geom good = { .bytes = 4096, .align = 8, .start = 0 };
	struct kipc_ring_geom g = good;

	must(kipc__ring_geom_valid(&g));
	for (uint64_t bytes = 0; bytes < 4096; bytes += 8) {
		g.bytes = bytes;
		must(!kipc__ring_geom_valid(&g));
	}
	g.bytes = 4097;
	must(!kipc__ring_geom_valid(&g));
	g.bytes = 1ULL << 31;
	must(!kipc__ring_geom_valid(&g));
	g.bytes = 1ULL << 63;
	must(!kipc__ring_geom_valid(&g));
	g = good;
	for (uint32_t align = 0; align < 8; align++) {
		g.align = align;
		must(!kipc__ring_geom_valid(&g));
	}
	g.align = 24;
	must(!kipc__ring_geom_valid(&g));
	g.align = 4096;
	must(!kipc__ring_geom_valid(&g));
	g.align = 8192;
	g.bytes = 65536;
	must(!kipc__ring_geom_valid(&g));
	g = good;
	g.start = 4;
	must(!kipc__ring_geom_valid(&g));
}
