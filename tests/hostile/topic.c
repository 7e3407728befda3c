// SPDX-License-Identifier: MIT
/* A publisher, and its subscribers of both kinds. */
#include <errno.h>
#include "core/pubsub.h"
#include "hostile.h"

#define BYTES    4096
#define START    (0 - (uint64_t)2048) /* about to pass 2^64 */
#define ENDS     4
#define RELIABLE 1
#define LOSSY    2
#define NEWCOMER 3

static struct {
	struct kipc__pubsub at;
	struct kipc__pub pub;
	struct kipc__sub sub[ENDS];
} own;

static struct kipc_ring_pub *pub_ctrl(void)
{
	return (struct kipc_ring_pub *)hostile_ctrl;
}

static struct kipc_ring_ctrl *ctrl(unsigned end)
{
	return (struct kipc_ring_ctrl *)hostile_ctrl + end;
}

static __u64 *bound(void)
{
	return (__u64 *)(hostile_ctrl + ENDS * sizeof(struct kipc_ring_ctrl));
}

/* ---- states --------------------------------------------------------------------------------- */

static size_t length_of(uint64_t number)
{
	static const size_t lengths[] = { 100, 40, 0, 333, 8 };

	return lengths[number % 5];
}

static int publish(unsigned n)
{
	uint8_t bytes[4][400];
	struct kipc_msg m[4];
	unsigned i;

	for (i = 0; i < n; i++) {
		uint64_t number = own.pub.number + i;

		m[i] = (struct kipc_msg){ .data = bytes[i], .len = length_of(number) };
		fill_letter(bytes[i], m[i].len, number);
	}
	return kipc__pub_send(&own.pub, m, n);
}

/* Nothing was published. */
static void make_empty(void)
{
	const struct kipc_ring_geom geom = { .bytes = BYTES, .align = 8, .start = START };

	must(kipc__pubsub_geom_valid(&geom));
	own.at = (struct kipc__pubsub){ .data = hostile_data,
		                        .ctrl = pub_ctrl(),
		                        .ctrls = hostile_ctrl,
		                        .ctrl_bytes = sizeof(struct kipc_ring_ctrl),
		                        .nr_ends = ENDS,
		                        .bound = bound(),
		                        .bytes = BYTES,
		                        .align = 8 };
	kipc__pubsub_format(pub_ctrl(), &geom);
	must(kipc__pub_init(&own.pub, &own.at) == 0);
	must(kipc__sub_init(&own.sub[LOSSY], &own.at, LOSSY, true, true) == 0);
}

/* Once round, and then some messages for a subscriber that is waited for, and for one that is not. */
static void make(void)
{
	struct kipc_msg m[2] = { { .len = 333 }, { .len = 100 } };
	unsigned i;

	make_empty();
	for (i = 0; i < 50; i++)
		must(publish(1) == 1);
	must(kipc__sub_init(&own.sub[RELIABLE], &own.at, RELIABLE, false, false) == 0);
	must(kipc__sub_init(&own.sub[LOSSY], &own.at, LOSSY, true, false) == 0);
	must(publish(2) == 2);
	must(kipc__pub_reserve(&own.pub, m, 2) == 2);
	m[0].len = length_of(own.pub.number);
	m[1].len = length_of(own.pub.number + 1);
	m[1].len = m[1].len < 100 ? m[1].len : 100;
	fill_letter(m[0].data, m[0].len, own.pub.number);
	fill_letter(m[1].data, m[1].len, own.pub.number + 1);
	must(kipc__pub_commit(&own.pub, m, 2) == 2);
}

/* The lossy one was overtaken; the other one is in the way. */
static void make_full(void)
{
	make();
	while (publish(1) == 1)
		;
}

/* Both were overtaken. */
static void make_lost(void)
{
	make_full();
	(void)kipc__pub_cut(&own.pub, 1000);
	while (own.pub.number < 90)
		must(publish(1) == 1);
}

static unsigned list(struct word *w)
{
	uint64_t pos = own.pub.oldest;
	unsigned n = 0, i;

	w[n++] = (struct word){ "prod", &pub_ctrl()->prod, false };
	w[n++] = (struct word){ "claim", &pub_ctrl()->claim, false };
	w[n++] = (struct word){ "last", &pub_ctrl()->last, true };
	w[n++] = (struct word){ "oldest", &pub_ctrl()->oldest, true };
	for (i = 0; i < ENDS; i++)
		w[n++] = (struct word){ "cons", &ctrl(i)->cons.pos, i == 0 };
	w[n++] = (struct word){ "bound", &bound()[0], false };
	w[n++] = (struct word){ "bound", &bound()[1], false };
	for (i = 0; i < 12 && pos != own.pub.prod; i++) {
		w[n++] = (struct word){ "a header", kipc__pubsub_word(&own.at, pos), true };
		w[n++] = (struct word){ "a number", kipc__pubsub_word(&own.at, pos) + 1, true };
		pos += kipc__pubsub_stride(*kipc__pubsub_word(&own.at, pos), 8);
	}
	for (i = RELIABLE; i <= LOSSY; i++) {
		pos = own.sub[i].cons;
		w[n++] = (struct word){ "the next header", kipc__pubsub_word(&own.at, pos), true };
		w[n++] = (struct word){ "its number", kipc__pubsub_word(&own.at, pos) + 1, true };
	}
	w[n++] = (struct word){ "the last header", kipc__pubsub_word(&own.at, own.pub.prod), true };
	return n;
}

/* ---- subscribing ---------------------------------------------------------------------------- */

/* What is taken as number is that, if nobody forged it. */
static void check_letter(const void *data, size_t len, uint64_t number, bool forged)
{
	if (forged)
		return;
	must(number < own.pub.number && is_letter(data, len, number));
	must(len == length_of(number) || len == 100);
}

static int64_t receive(unsigned end, bool forged)
{
	struct kipc__sub *s = &own.sub[end];
	uint64_t lost = s->lost, next = s->next;
	struct tray t;
	struct kipc_msg m = { .data = t.bytes, .len = 350 };
	int64_t r;

	tray_set(&t, 350);
	r = lawful(kipc__sub_recv(s, &m, 1));
	tray_check(&t);
	must(r <= 0 || m.len <= 350);
	if (r > 0)
		check_letter(t.bytes, m.len, next, forged);
	must(forged || r <= 0 || (s->next == next + 1 && s->lost == lost));
	return r;
}

static void act_recv(bool forged)
{
	(void)receive(RELIABLE, forged);
}

static void act_recv_lossy(bool forged)
{
	(void)receive(LOSSY, forged);
}

static void in_place(unsigned end, bool forged)
{
	struct kipc__sub *s = &own.sub[end];
	struct kipc_msg m[3];
	int i, n = (int)lawful(kipc__sub_peek(s, m, 3));

	check_inside(m, n, KIPC_PUB_BYTES, 2 * BYTES, kipc__pubsub_max_len(BYTES, 8));
	for (i = 0; i < n; i++)
		check_letter(m[i].data, m[i].len, s->next + (unsigned)i, forged);
	if (n > 0)
		(void)lawful(kipc__sub_release(s, (unsigned)n - (n > 1)));
}

static void act_peek(bool forged)
{
	in_place(RELIABLE, forged);
}

static void act_peek_lossy(bool forged)
{
	in_place(LOSSY, forged);
}

static void act_latest(bool forged)
{
	struct tray t;
	struct kipc_msg m = { .data = t.bytes, .len = 350 };
	uint64_t number = 0;
	int64_t r;

	tray_set(&t, 350);
	r = lawful(kipc__sub_latest(&own.sub[LOSSY], &m, &number));
	tray_check(&t);
	if (r > 0)
		check_letter(t.bytes, m.len, number, forged);
}

static void act_join(bool forged)
{
	(void)forged;
	(void)lawful(kipc__sub_init(&own.sub[NEWCOMER], &own.at, NEWCOMER, false, false));
}

static void act_join_oldest(bool forged)
{
	(void)forged;
	(void)lawful(kipc__sub_init(&own.sub[NEWCOMER], &own.at, NEWCOMER, true, true));
}

static void after_sub(void)
{
	(void)lawful(kipc__sub_ready(&own.sub[RELIABLE]));
	(void)receive(RELIABLE, true);
	(void)receive(LOSSY, true);
	in_place(RELIABLE, true);
}

/* ---- publishing ----------------------------------------------------------------------------- */

static void act_send(bool forged)
{
	(void)forged;
	must(lawful(publish(3)) <= 3);
}

static void act_reserve(bool forged)
{
	struct kipc_msg m[2] = { { .len = 600 }, { .len = 50 } };
	int n = (int)lawful(kipc__pub_reserve(&own.pub, m, 2));

	(void)forged;
	if (n <= 0)
		return;
	check_inside(m, n, KIPC_PUB_BYTES, 2 * BYTES, 600);
	m[0].len = 500;
	must(kipc__pub_commit(&own.pub, m, 2) == 2);
}

static void act_cut(bool forged)
{
	(void)forged;
	must(kipc__pub_cut(&own.pub, 1000) <= ENDS);
}

static void act_pub_init(bool forged)
{
	struct kipc__pub next;

	(void)forged;
	if (lawful(kipc__pub_init(&next, &own.at)) == 0)
		own.pub = next;
}

static void after_pub(void)
{
	act_send(true);
	act_reserve(true);
}

/* A thread that has to look for its place again and again, ten thousand times, is not told to go on. */
static void after_nothing(void)
{
}

static const struct subject subjects[] = {
	{ "pubsub: recv", make, list, act_recv, after_sub },
	{ "pubsub: recv, lossy", make, list, act_recv_lossy, after_nothing },
	{ "pubsub: recv, overtaken", make_lost, list, act_recv, after_nothing },
	{ "pubsub: recv, lossy, overtaken", make_lost, list, act_recv_lossy, after_nothing },
	{ "pubsub: peek, release", make, list, act_peek, after_nothing },
	{ "pubsub: peek, release, lossy", make, list, act_peek_lossy, after_nothing },
	{ "pubsub: latest", make, list, act_latest, after_nothing },
	{ "pubsub: joining", make_full, list, act_join, after_nothing },
	{ "pubsub: joining, empty", make_empty, list, act_join, after_nothing },
	{ "pubsub: joining, at the oldest", make_lost, list, act_join_oldest, after_nothing },
	{ "pubsub: send", make, list, act_send, after_pub },
	{ "pubsub: send, full", make_full, list, act_send, after_pub },
	{ "pubsub: reserve, commit", make, list, act_reserve, after_pub },
	{ "pubsub: cutting off", make_full, list, act_cut, after_pub },
	{ "pubsub: beginning to publish", make_lost, list, act_pub_init, after_pub },
};

const struct core topic_core = {
	.subjects = subjects,
	.nr = sizeof(subjects) / sizeof(subjects[0]),
	.own = &own,
	.own_bytes = sizeof(own),
	.data_bytes = BYTES,
	.mirrored = true,
};
