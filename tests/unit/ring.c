// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include "ring_pair.h"

#define NEAR_WRAP (0 - (uint64_t)2048)

TestSuite(ring, .init = harness_begin, .fini = harness_end);

Test(ring, empty_gives_nothing)
{
	struct ring_pair r;
	struct kipc_msg m = { 0 };

	ring_pair_make(&r, 4096, 8, 0);
	must_eq(kipc__ring_peek(&r.rx, &m, 1), 0);
	must_eq(kipc__ring_recv(&r.rx, &m, 1), 0);
	must_eq(kipc__ring_ready(&r.rx), 0);
	must_eq(kipc__ring_release(&r.rx, 1), -EINVAL);
	must_eq(ring_pair_put(&r, 0, 0), 1);
	must_eq(kipc__ring_ready(&r.rx), 1);
	ring_pair_take(&r, 0, 0);
	must_eq(kipc__ring_peek(&r.rx, &m, 1), 0);
}

/* 4096 bytes hold 127 records of 32: the header behind the last needs its 8 bytes. */
Test(ring, full_refuses_and_recovers)
{
	struct ring_pair r;
	unsigned n = 0;

	ring_pair_make(&r, 4096, 8, 0);
	for (int round = 0; round < 3; round++) {
		for (n = 0; ring_pair_put(&r, 24, n) == 1; n++)
			;
		must_eq(n, 127);
		must_eq(ring_pair_put(&r, 24, 0), 0);
		for (unsigned i = 0; i < n; i++)
			ring_pair_take(&r, 24, i);
	}
}

static void pass_every_length(uint64_t bytes, uint32_t align, uint64_t start)
{
	struct ring_pair r;
	uint64_t longest = kipc_ring_max_len(bytes, align);
	uint64_t step = bytes > 4096 ? 61 : 1;

	ring_pair_make(&r, bytes, align, start);
	for (uint64_t len = 0; len <= longest; len += step) {
		must_eq(ring_pair_put(&r, len, len), 1);
		ring_pair_take(&r, len, len);
	}
	must_eq(ring_pair_put(&r, longest, 7), 1);
	ring_pair_take(&r, longest, 7);
	must_eq(ring_pair_put(&r, longest + 1, 7), -EMSGSIZE);
	ring_pair_free(&r);
}

Test(ring, every_length_and_alignment)
{
	for (uint32_t align = 8; align <= 2048; align *= 2)
		for (uint64_t bytes = 4096; bytes <= 65536; bytes *= 4) {
			pass_every_length(bytes, align, 0);
			pass_every_length(bytes, align, align - 8);
		}
	pass_every_length(8192, 4096, 4096 - 8);
}

Test(ring, positions_wrap_at_2_to_64)
{
	for (uint32_t align = 8; align <= 512; align *= 8)
		pass_every_length(4096, align, NEAR_WRAP - 8 + align);
}

Test(ring, alignment_of_record_and_payload)
{
	for (uint32_t align = 8; align <= 1024; align *= 2)
		for (int payload = 0; payload < 2; payload++) {
			struct ring_pair r;
			struct kipc_msg m[3] = { { .len = 1 }, { .len = 9 }, { .len = 100 } };

			ring_pair_make(&r, 65536, align, payload ? align - 8 : 0);
			for (int round = 0; round < 100; round++) {
				must_eq(kipc__ring_reserve(&r.tx, m, 3), 3);
				for (int i = 0; i < 3; i++)
					must_eq((uintptr_t)m[i].data % align,
					        payload ? 0 : 8 % align);
				must_eq(kipc__ring_commit(&r.tx, m, 3), 3);
				must_eq(kipc__ring_peek(&r.rx, m, 3), 3);
				must_eq(kipc__ring_release(&r.rx, 3), 3);
			}
			ring_pair_free(&r);
		}
}

/* Consumers read at cons: nothing of a batch may show before the last of it is written. */
Test(ring, reserve_shows_nothing_before_commit)
{
	struct ring_pair r;
	struct kipc_msg m[4] = { { .len = 5 }, { .len = 0 }, { .len = 64 }, { .len = 1 } };
	struct kipc_msg seen[8];

	ring_pair_make(&r, 4096, 8, 0);
	must_eq(kipc__ring_reserve(&r.tx, m, 4), 4);
	for (int i = 0; i < 4; i++)
		content_fill(m[i].data, m[i].len, 1, i);
	must_eq(kipc__ring_peek(&r.rx, seen, 8), 0);
	must_eq(r.prod.pos, 0);
	must_eq(kipc__ring_reserve(&r.tx, m, 1), -EBUSY);
	must_eq(kipc__ring_send(&r.tx, m, 1), -EBUSY);
	must_eq(kipc__ring_commit(&r.tx, m, 4), 4);
	must_eq(kipc__ring_peek(&r.rx, seen, 8), 4);
	for (int i = 0; i < 4; i++) {
		must_eq(seen[i].len, m[i].len);
		must(content_is(seen[i].data, seen[i].len, 1, i));
	}
	must_eq(r.prod.pos, 16 + 8 + 72 + 16);
}

Test(ring, commit_of_fewer_drops_the_rest)
{
	struct ring_pair r;
	struct kipc_msg m[3] = { { .len = 8 }, { .len = 8 }, { .len = 8 } };

	ring_pair_make(&r, 4096, 8, 0);
	must_eq(kipc__ring_reserve(&r.tx, m, 3), 3);
	content_fill(m[0].data, 8, 1, 0);
	memset(m[1].data, 0xff, 8);
	memset(m[2].data, 0xff, 8);
	must_eq(kipc__ring_commit(&r.tx, m, 1), 1);
	must_eq(kipc__ring_commit(&r.tx, m, 1), -EINVAL);
	ring_pair_take(&r, 8, 0);
	must_eq(kipc__ring_ready(&r.rx), 0);
	must_eq(ring_pair_put(&r, 8, 5), 1);
	ring_pair_take(&r, 8, 5);
}

/* Each message shrinks by another amount; the gap becomes a record that the reader skips. */
Test(ring, shrink_at_commit)
{
	struct ring_pair r;
	struct kipc_msg m[3], seen[8];

	ring_pair_make(&r, 4096, 8, NEAR_WRAP);
	for (size_t cut = 0; cut <= 100; cut++) {
		for (int i = 0; i < 3; i++)
			m[i].len = 100;
		must_eq(kipc__ring_reserve(&r.tx, m, 3), 3);
		for (int i = 0; i < 3; i++) {
			memset(m[i].data, 0xee, 100);
			m[i].len = i == 1 ? 100 : 100 - cut;
			content_fill(m[i].data, m[i].len, cut, i);
		}
		must_eq(kipc__ring_commit(&r.tx, m, 3), 3);
		must_eq(kipc__ring_peek(&r.rx, seen, 8), 3);
		for (int i = 0; i < 3; i++) {
			must_eq(seen[i].len, m[i].len);
			must(content_is(seen[i].data, seen[i].len, cut, i));
		}
		must_eq(kipc__ring_release(&r.rx, 3), 3);
		must_eq(r.cons.pos, r.prod.pos);
	}
}

Test(ring, commit_refuses_what_was_not_reserved)
{
	struct ring_pair r;
	struct kipc_msg m[2] = { { .len = 16 }, { .len = 16 } }, bad[2];

	ring_pair_make(&r, 4096, 8, 0);
	must_eq(kipc__ring_commit(&r.tx, m, 1), -EINVAL);
	must_eq(kipc__ring_reserve(&r.tx, m, 2), 2);
	must_eq(kipc__ring_commit(&r.tx, m, 3), -EINVAL);
	must_eq(kipc__ring_commit(&r.tx, m, 0), -EINVAL);
	memcpy(bad, m, sizeof(bad));
	bad[1].len = 17;
	must_eq(kipc__ring_commit(&r.tx, bad, 2), -EINVAL);
	bad[1].len = SIZE_MAX;
	must_eq(kipc__ring_commit(&r.tx, bad, 2), -EINVAL);
	memcpy(bad, m, sizeof(bad));
	bad[0].data = bad;
	must_eq(kipc__ring_commit(&r.tx, bad, 2), -EINVAL);
	bad[0] = m[1];
	bad[1] = m[0];
	must_eq(kipc__ring_commit(&r.tx, bad, 2), -EINVAL);
	must_eq(kipc__ring_ready(&r.rx), 0);
	must_eq(kipc__ring_commit(&r.tx, m, 2), 2);
	must_eq(kipc__ring_peek(&r.rx, bad, 2), 2);
}

Test(ring, batch_larger_than_ring_is_refused)
{
	struct ring_pair r;
	struct kipc_msg m[64];

	ring_pair_make(&r, 4096, 8, 0);
	for (int i = 0; i < 64; i++)
		m[i].len = 56;
	must_eq(kipc__ring_reserve(&r.tx, m, 64), -EMSGSIZE);
	must_eq(kipc__ring_reserve(&r.tx, m, 63), 63);
	must_eq(kipc__ring_commit(&r.tx, m, 63), 63);
	must_eq(kipc__ring_reserve(&r.tx, m, 1), 0);
	m[0].len = SIZE_MAX;
	must_eq(kipc__ring_reserve(&r.tx, m, 1), -EMSGSIZE);
}

Test(ring, send_n_takes_what_fits)
{
	struct ring_pair r;
	static uint8_t text[1000];
	struct kipc_msg m[6], out[6];

	ring_pair_make(&r, 4096, 8, 0);
	for (int i = 0; i < 6; i++)
		m[i] = (struct kipc_msg){ .data = text, .len = 1000 };
	must_eq(kipc__ring_send(&r.tx, m, 6), 4);
	must_eq(kipc__ring_send(&r.tx, m, 1), 0);
	must_eq(kipc__ring_peek(&r.rx, out, 6), 4);
	must_eq(kipc__ring_release(&r.rx, 4), 4);
	m[2].len = 5000;
	must_eq(kipc__ring_send(&r.tx, m, 6), 2);
	must_eq(kipc__ring_send(&r.tx, m + 2, 1), -EMSGSIZE);
	must_eq(kipc__ring_peek(&r.rx, out, 6), 2);
}

Test(ring, release_in_parts)
{
	struct ring_pair r;
	struct kipc_msg m[8];

	ring_pair_make(&r, 4096, 8, 0);
	for (int i = 0; i < 8; i++)
		must_eq(ring_pair_put(&r, 8, i), 1);
	must_eq(kipc__ring_peek(&r.rx, m, 5), 5);
	must_eq(kipc__ring_release(&r.rx, 6), -EINVAL);
	must_eq(kipc__ring_release(&r.rx, 2), 2);
	must_eq(kipc__ring_release(&r.rx, 4), -EINVAL);
	must_eq(kipc__ring_release(&r.rx, 3), 3);
	must_eq(kipc__ring_release(&r.rx, 1), -EINVAL);
	must_eq(kipc__ring_peek(&r.rx, m, 8), 3);
	must_eq(kipc__ring_peek(&r.rx, m, 1), 1);
	must(content_is(m[0].data, 8, 1, 5));
	must_eq(kipc__ring_release(&r.rx, 2), -EINVAL);
}

Test(ring, recv_checks_the_buffer)
{
	struct ring_pair r;
	uint8_t small[10], large[100];
	struct kipc_msg m[3];

	ring_pair_make(&r, 4096, 8, 0);
	must_eq(ring_pair_put(&r, 5, 0), 1);
	must_eq(ring_pair_put(&r, 50, 1), 1);
	m[0] = (struct kipc_msg){ .data = large, .len = 100 };
	m[1] = (struct kipc_msg){ .data = small, .len = 10 };
	must_eq(kipc__ring_recv(&r.rx, m, 2), 1);
	must_eq(m[0].len, 5);
	m[0] = (struct kipc_msg){ .data = small, .len = 10 };
	must_eq(kipc__ring_recv(&r.rx, m, 1), -EMSGSIZE);
	m[0] = (struct kipc_msg){ .data = large, .len = 50 };
	must_eq(kipc__ring_recv(&r.rx, m, 1), 1);
	must(content_is(large, 50, 1, 1));
}

/* A new owner of either side goes on where the words say that the former one left. */
Test(ring, sides_restart_from_their_words)
{
	struct ring_pair r;
	__u64 *prod, *cons;

	ring_pair_make(&r, 4096, 8, NEAR_WRAP);
	prod = &r.prod.pos;
	cons = &r.cons.pos;
	for (unsigned i = 0; i < 1000; i++) {
		must_eq(ring_pair_put(&r, 100, i), 1);
		must_eq(kipc__ring_tx_init(&r.tx, &r.geom, r.data, prod, cons), 0);
		must_eq(ring_pair_put(&r, 200, i), 1);
		must_eq(kipc__ring_rx_init(&r.rx, &r.geom, r.data, prod, cons), 0);
		ring_pair_take(&r, 100, i);
		must_eq(kipc__ring_rx_init(&r.rx, &r.geom, r.data, prod, cons), 0);
		ring_pair_take(&r, 200, i);
	}
}

/* ---- two threads ------------------------------------------------------------------------ */

struct flow {
	struct ring_pair r;
	unsigned n;
};

static void *produce(void *arg)
{
	struct flow *f = arg;

	for (unsigned i = 0; i < f->n;) {
		int sent = ring_pair_put(&f->r, content_len(300, 1, i), i);

		must_ok(sent);
		i += (unsigned)sent;
		if (!sent)
			sched_yield();
	}
	return NULL;
}

static void consume(struct flow *f)
{
	struct kipc_msg m[16];

	for (unsigned i = 0; i < f->n;) {
		int got = must_ok(kipc__ring_peek(&f->r.rx, m, 1 + i % 16));

		for (int k = 0; k < got; k++, i++) {
			must_eq(m[k].len, content_len(300, 1, i));
			must(content_is(m[k].data, m[k].len, 1, i));
		}
		if (got)
			must_eq(kipc__ring_release(&f->r.rx, (unsigned)got), got);
		else
			sched_yield();
	}
}

Test(ring, two_threads)
{
	struct flow f = { .n = harness_rounds(400000) };
	pthread_t thread;

	ring_pair_make(&f.r, 4096, 8, NEAR_WRAP);
	must_eq(pthread_create(&thread, NULL, produce, &f), 0);
	consume(&f);
	must_eq(pthread_join(thread, NULL), 0);
}
