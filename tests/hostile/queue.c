// SPDX-License-Identifier: MIT
/* A queue of two classes, all of which every end may write. */
#include <errno.h>
#include "core/queue.h"
#include "hostile.h"

#define SLOTS  4
#define STRIDE 128
#define PRIOS  2
#define ENDS   4
#define MAX    120
#define AREA   16384

static struct {
	struct kipc__queue end[ENDS];
	struct kipc_msg m[2]; /* reserved or peeked by end 0 */
} own;

static const struct kipc_queue_geom geom = {
	.slots = SLOTS, .stride = STRIDE, .classes = PRIOS, .nr_ends = ENDS
};

static struct kipc_queue_area *area(void)
{
	return (struct kipc_queue_area *)hostile_data;
}

/* ---- states --------------------------------------------------------------------------------- */

static void make_empty(void)
{
	unsigned e;

	kipc__queue_format(hostile_data, &geom);
	for (e = 0; e < ENDS; e++) {
		must(kipc__queue_init(&own.end[e], hostile_data, AREA, e) == 0);
		own.end[e].rfo = true;
	}
}

static size_t length_of(uint64_t number)
{
	return 10 + number * 37 % 110;
}

static int put(unsigned end, unsigned prio, uint64_t number)
{
	uint8_t bytes[MAX];
	struct kipc_msg m = { .data = bytes, .len = length_of(number), .flags = KIPC_PRIO(prio) };

	bytes[0] = (uint8_t)number;
	fill_letter(bytes + 1, m.len - 1, number);
	return kipc__queue_send(&own.end[end], &m, 1);
}

/* Once round, then messages in both classes, and one that end 3 has reserved behind them. */
static void make(void)
{
	struct kipc_msg m = { .len = 5 };
	uint8_t byte[MAX];
	unsigned i;

	make_empty();
	for (i = 0; i < 2 * SLOTS - 1; i++) {
		struct kipc_msg one = { .data = byte, .len = sizeof(byte) };

		must(put(1, 0, i) == 1);
		must(kipc__queue_recv(&own.end[2], &one, 1) == 1);
	}
	must(put(1, 0, 7) == 1 && put(1, 0, 8) == 1 && put(1, 1, 9) == 1);
	must(kipc__queue_reserve(&own.end[3], &m, 1) == 1);
}

static void make_full(void)
{
	make();
	must(put(1, 0, 10) == 1 && put(1, 0, 11) == 0);
}

static void make_reserved(void)
{
	make();
	own.m[0] = (struct kipc_msg){ .len = 20 };
	own.m[1] = (struct kipc_msg){ .len = 30, .flags = KIPC_PRIO(1) };
	must(kipc__queue_reserve(&own.end[0], own.m, 2) == 2);
}

static void make_peeked(void)
{
	make();
	must(kipc__queue_peek(&own.end[0], own.m, 2) == 2);
}

static unsigned list(struct word *w)
{
	static const char *const counts[] = { "redelivered", "dropped", "abandoned" };
	uint64_t *count[] = { (uint64_t *)&area()->count.redelivered,
		              (uint64_t *)&area()->count.dropped,
		              (uint64_t *)&area()->count.abandoned };
	unsigned n = 0, i, prio;

	w[n++] = (struct word){ "geom: slots, stride", &area()->geom.slots, false };
	w[n++] = (struct word){ "geom: classes, held", &area()->geom.classes, false };
	w[n++] = (struct word){ "geom: ends", &area()->geom.nr_ends, false };
	w[n++] = (struct word){ "ready, crowd", &area()->ready.classes, false };
	for (i = 0; i < 3; i++)
		w[n++] = (struct word){ counts[i], count[i], false };
	for (prio = 0; prio < PRIOS; prio++) {
		w[n++] = (struct word){ "prod", &area()->classes[prio].prod, false };
		w[n++] = (struct word){ "cons", &area()->classes[prio].cons, false };
		for (i = 0; i < SLOTS; i++)
			w[n++] = (struct word){ "a slot", kipc__queue_slot(&own.end[0], prio, i),
				                true };
	}
	w[n++] = (struct word){ "a payload", kipc__queue_slot(&own.end[0], 0, 3) + 1, true };
	return n;
}

/* ---- receiving ------------------------------------------------------------------------------ */

/* Whichever message it is, it is whole. */
static void check_letter(const uint8_t *data, size_t len, bool forged)
{
	must(len <= MAX);
	must(forged || (len && len == length_of(data[0]) && is_letter(data + 1, len - 1, data[0])));
}

static void act_recv(bool forged)
{
	struct tray t[2];
	struct kipc_msg m[2];
	int i, n;

	for (i = 0; i < 2; i++) {
		tray_set(&t[i], 100);
		m[i] = (struct kipc_msg){ .data = t[i].bytes, .len = 100 };
	}
	n = (int)lawful(kipc__queue_recv(&own.end[0], m, 2));
	for (i = 0; i < 2; i++)
		tray_check(&t[i]);
	for (i = 0; i < n; i++)
		check_letter(t[i].bytes, m[i].len, forged);
}

/* With one class, which a receiver copies out on a way of its own. */
static void make_single(void)
{
	unsigned e, i;

	make_empty();
	for (e = 0; e < ENDS; e++)
		own.end[e].geom.classes = 1;
	for (i = 0; i < 3; i++)
		must(put(1, 0, i) == 1);
}

static void act_get(bool forged)
{
	struct tray t;
	int64_t len;

	tray_set(&t, 100);
	len = lawful(kipc__queue_get(&own.end[0], t.bytes, 100));
	tray_check(&t);
	if (len >= 0)
		check_letter(t.bytes, (size_t)len, forged);
}

static void act_peek(bool forged)
{
	struct kipc_msg m[3];
	int i, n = (int)lawful(kipc__queue_peek(&own.end[0], m, 3));

	check_inside(m, n, KIPC_QUEUE_SLOTS_OFF, AREA, MAX);
	for (i = 0; i < n; i++)
		check_letter(m[i].data, m[i].len, forged);
	if (n > 0)
		(void)lawful(kipc__queue_release(&own.end[0], (unsigned)n));
}

static void act_release(bool forged)
{
	unsigned i;

	(void)forged;
	for (i = 0; i < 2; i++)
		must(own.m[i].len <= MAX);
	(void)lawful(kipc__queue_release(&own.end[0], 1));
	(void)lawful(kipc__queue_return(&own.end[0]));
}

static void act_look(bool forged)
{
	(void)forged;
	(void)lawful(kipc__queue_ready(&own.end[0]));
	(void)lawful(kipc__queue_more(&own.end[0]));
	(void)lawful(kipc__queue_room(&own.end[0], 0, 3));
	(void)lawful(kipc__queue_room(&own.end[0], 1, 3));
	must(kipc__queue_pending(&own.end[0]) <= PRIOS * SLOTS);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void act_send(bool forged)
{
	uint8_t bytes[MAX] = { 0 };
	struct kipc_msg m[2] = { { .data = bytes, .len = 40 },
		                 { .data = bytes, .len = MAX, .flags = KIPC_PRIO(1) } };

	(void)forged;
	must(lawful(kipc__queue_send(&own.end[0], m, 2)) <= 2);
}

static void act_put(bool forged)
{
	uint8_t bytes[MAX] = { 0 };

	(void)forged;
	must(lawful(kipc__queue_put(&own.end[0], bytes, MAX)) <= 1);
}

static void act_reserve(bool forged)
{
	struct kipc_msg m[2] = { { .len = 20, .flags = KIPC_PRIO(1) }, { .len = MAX } };
	int i, n = (int)lawful(kipc__queue_reserve(&own.end[0], m, 2));

	(void)forged;
	check_inside(m, n, KIPC_QUEUE_SLOTS_OFF, AREA, MAX);
	for (i = 0; i < n; i++)
		__builtin_memset(m[i].data, 3, m[i].len);
	if (n > 0)
		(void)lawful(kipc__queue_discard(&own.end[0]));
}

static void act_commit(bool forged)
{
	(void)forged;
	own.m[0].len = 10;
	(void)lawful(kipc__queue_commit(&own.end[0], own.m, 2));
}

/* ---- looking after the dead ------------------------------------------------------------------- */

static void act_reap(bool forged)
{
	int r = (int)lawful(kipc__queue_reap(&own.end[0], 3));

	(void)forged;
	must(r <= PRIOS * SLOTS);
	(void)lawful(kipc__queue_mend(&own.end[0]));
}

static void act_reap_receiver(bool forged)
{
	(void)forged;
	(void)lawful(kipc__queue_reap(&own.end[1], 0));
}

static void act_init(bool forged)
{
	struct kipc__queue q;

	(void)forged;
	if (lawful(kipc__queue_init(&q, hostile_data, AREA, 0)) == 0)
		own.end[0] = q;
}

static void after(void)
{
	act_recv(true);
	act_send(true);
	act_peek(true);
	act_look(true);
}

static const struct subject subjects[] = {
	{ "queue: recv", make, list, act_recv, after },
	{ "queue: recv, empty", make_empty, list, act_recv, after },
	{ "queue: recv, one", make_single, list, act_get, after },
	{ "queue: peek, release", make, list, act_peek, after },
	{ "queue: release, return", make_peeked, list, act_release, after },
	{ "queue: ready, room, pending", make, list, act_look, after },
	{ "queue: send", make, list, act_send, after },
	{ "queue: send, full", make_full, list, act_send, after },
	{ "queue: send, one", make, list, act_put, after },
	{ "queue: reserve, discard", make, list, act_reserve, after },
	{ "queue: reserve, full", make_full, list, act_reserve, after },
	{ "queue: commit", make_reserved, list, act_commit, after },
	{ "queue: a dead sender", make, list, act_reap, after },
	{ "queue: a dead receiver", make_peeked, list, act_reap_receiver, after },
	{ "queue: beginning", make, list, act_init, after },
};

const struct core queue_core = {
	.subjects = subjects,
	.nr = sizeof(subjects) / sizeof(subjects[0]),
	.own = &own,
	.own_bytes = sizeof(own),
	.data_bytes = AREA,
};
