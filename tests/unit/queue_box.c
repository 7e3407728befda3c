// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include "queue_box.h"

static void start_at(struct queue_box *b, uint64_t start)
{
	for (uint32_t prio = 0; prio < b->geom.classes; prio++) {
		b->area->classes[prio].prod = start & KIPC_QUEUE_POS_MASK;
		b->area->classes[prio].cons = start & KIPC_QUEUE_POS_MASK;
		for (uint64_t pos = start; pos < start + b->geom.slots; pos++)
			*kipc__queue_slot(&b->end[0], prio, pos) =
				pos >> b->end[0].shift << KIPC_SLOT_LAP_SHIFT;
	}
}

void queue_box_make(struct queue_box *b, uint32_t slots, uint32_t stride, uint32_t classes,
                    uint64_t start)
{
	uint64_t bytes;

	b->geom = (struct kipc_queue_geom){
		.slots = slots, .stride = stride, .classes = classes, .nr_ends = BOX_ENDS
	};
	must(kipc__queue_geom_valid(&b->geom));
	bytes = kipc__queue_bytes(&b->geom);
	b->area = aligned_alloc(4096, (bytes + 4095) & ~4095ULL);
	must(b->area);
	memset(b->area, 0, bytes);
	kipc__queue_format(b->area, &b->geom);
	for (unsigned e = 0; e < BOX_ENDS; e++)
		must_eq(kipc__queue_init(&b->end[e], b->area, bytes, e), 0);
	if (start)
		start_at(b, start);
}

void queue_box_free(struct queue_box *b)
{
	free(b->area);
}

int queue_box_kill(struct queue_box *b, unsigned end)
{
	int reaped = kipc__queue_reap(&b->end[(end + 1) % BOX_ENDS], end);

	must_eq(kipc__queue_init(&b->end[end], b->area, kipc__queue_bytes(&b->geom), end), 0);
	return reaped;
}

int queue_box_put(struct queue_box *b, unsigned end, size_t len, unsigned prio, uint64_t i)
{
	uint8_t *copy = malloc(len + 1);
	struct kipc_msg m = { .data = copy, .len = len, .flags = KIPC_PRIO(prio) };
	int sent;

	content_fill(copy, len, 1, i);
	sent = kipc__queue_send(&b->end[end], &m, 1);
	free(copy);
	return sent;
}

void queue_box_take(struct queue_box *b, unsigned end, size_t len, unsigned prio, uint64_t i)
{
	struct kipc_msg m;

	must_eq(kipc__queue_peek(&b->end[end], &m, 1), 1);
	must_eq(m.len, len);
	must_eq(KIPC_PRIO_OF(m.flags), prio);
	must(content_is(m.data, len, 1, i));
	must_eq(kipc__queue_release(&b->end[end], 1), 1);
}

unsigned queue_box_capacity(struct queue_box *b)
{
	unsigned n = 0;
	uint8_t byte;
	struct kipc_msg m = { .data = &byte, .len = 1 };

	while (queue_box_put(b, 0, 1, 0, n) == 1)
		n++;
	for (unsigned i = 0; i < n; i++) {
		m.len = 1;
		must_eq(kipc__queue_recv(&b->end[1], &m, 1), 1);
	}
	m.len = 1;
	must_eq(kipc__queue_recv(&b->end[1], &m, 1), 0);
	return n;
}
