// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "pubsub_bed.h"

static uint8_t *map_twice(uint64_t bytes)
{
	int fd = (int)must_sys(memfd_create("ring", MFD_CLOEXEC));
	uint8_t *at = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(at != MAP_FAILED);
	must_sys(ftruncate(fd, (off_t)bytes));
	for (int i = 0; i < 2; i++)
		must(mmap(at + i * bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		          0) != MAP_FAILED);
	close(fd);
	return at;
}

struct pubsub_bed *pubsub_bed_make(uint64_t bytes, uint32_t align, uint64_t start)
{
	struct pubsub_bed *b = calloc(1, sizeof(*b));

	b->geom = (struct kipc_ring_geom){ .bytes = bytes, .align = align, .start = start };
	must(kipc__pubsub_geom_valid(&b->geom));
	b->at = (struct kipc__pubsub){
		.data = map_twice(bytes),
		.ctrl = (struct kipc_ring_pub *)&b->ctrl[0],
		.ctrls = (uint8_t *)b->ctrl,
		.ctrl_bytes = sizeof(b->ctrl[0]),
		.nr_ends = BED_ENDS,
		.bound = b->bound,
		.bytes = bytes,
		.align = align,
	};
	kipc__pubsub_format(b->at.ctrl, &b->geom);
	must_eq(kipc__pub_init(&b->pub, &b->at), 0);
	return b;
}

void pubsub_bed_free(struct pubsub_bed *b)
{
	munmap(b->at.data, 2 * b->at.bytes);
	free(b);
}

size_t pubsub_bed_len(const struct pubsub_bed *b, uint64_t i)
{
	return content_len(kipc__pubsub_max_len(b->at.bytes, b->at.align) / (i % 5 ? 4 : 1),
	                   BED_SEED, i);
}

bool pubsub_bed_is(const struct pubsub_bed *b, const void *data, size_t len, uint64_t i)
{
	return len == pubsub_bed_len(b, i) && content_is(data, len, BED_SEED, i);
}

/* In place, each is reserved longer than it becomes. */
static int put_in_place(struct pubsub_bed *b, struct kipc_msg *m, unsigned n)
{
	uint64_t longest = kipc__pubsub_max_len(b->at.bytes, b->at.align);
	int r;

	for (unsigned i = 0; i < n; i++)
		m[i].len = m[i].len + 40 * i < longest ? m[i].len + 40 * i : longest;
	r = kipc__pub_reserve(&b->pub, m, n);
	for (unsigned i = 0; r > 0 && i < n; i++) {
		m[i].len = pubsub_bed_len(b, b->pub.number + i);
		content_fill(m[i].data, m[i].len, BED_SEED, b->pub.number + i);
	}
	return r > 0 ? kipc__pub_commit(&b->pub, m, n) : r;
}

int pubsub_bed_put(struct pubsub_bed *b, unsigned n, bool in_place)
{
	struct kipc_msg m[KIPC_BATCH_MAX] = { 0 };
	int r;

	for (unsigned i = 0; i < n; i++)
		m[i].len = pubsub_bed_len(b, b->pub.number + i);
	if (in_place)
		return put_in_place(b, m, n);
	for (unsigned i = 0; i < n; i++) {
		m[i].data = malloc(m[i].len + 1);
		content_fill(m[i].data, m[i].len, BED_SEED, b->pub.number + i);
	}
	r = kipc__pub_send(&b->pub, m, n);
	for (unsigned i = 0; i < n; i++)
		free(m[i].data);
	return r;
}

int pubsub_bed_take(struct pubsub_bed *b, unsigned end, bool in_place)
{
	static _Thread_local uint8_t copy[1 << 16];
	struct kipc__sub *s = &b->sub[end];
	struct kipc_msg m = { .data = copy, .len = sizeof(copy) };
	uint64_t next = s->next;
	int r;

	r = in_place ? kipc__sub_peek(s, &m, 1) : kipc__sub_recv(s, &m, 1);
	if (r <= 0)
		return r;
	must(pubsub_bed_is(b, m.data, m.len, next));
	if (in_place)
		must_eq(kipc__sub_release(s, 1), 1);
	must(s->next == next + 1);
	return r;
}
