// SPDX-License-Identifier: MIT
/* What the honest ends of a real channel do while another end lies; hub.h. */
#include <errno.h>
#include <kipc_queue.h>
#include "hub.h"

#define SHORT 20000 /* ns: into a sleep and out of it */

#define CORE(LIST, ...)                                                                      \
	{                                                                                    \
		.subjects = LIST, .nr = sizeof(LIST) / sizeof(LIST[0]), .data_bytes = 4096,  \
		.areas = hub_areas, .spoiled = hub_spoiled, .unmake = hub_close, __VA_ARGS__ \
	}

/* ---- sending and receiving ------------------------------------------------------------------ */

static int64_t send_letter(unsigned end, int64_t timeout)
{
	uint8_t bytes[HUB_LONGEST];

	return hub_lawful(kipc_send(hub_end[end], bytes, hub_letter(bytes), timeout));
}

/* Whatever came is whole, unless the liar could have written it himself. */
static int64_t receive(unsigned end, bool forged, int64_t timeout)
{
	struct tray t;
	int64_t r;

	tray_set(&t, HUB_LONGEST);
	r = hub_lawful(kipc_recv(hub_end[end], t.bytes, HUB_LONGEST, timeout));
	tray_check(&t);
	must(r <= (int64_t)hub_longest);
	if (r >= 0 && !forged)
		hub_check_letter(t.bytes, (size_t)r);
	return r;
}

static void receive_in_place(unsigned end, bool forged)
{
	struct kipc_msg m[3];
	int64_t i, n = hub_lawful(kipc_peek(hub_end[end], m, 3, 0));

	hub_check_inside(end, m, n);
	for (i = 0; i < n && !forged; i++)
		hub_check_letter(m[i].data, m[i].len);
	if (n > 0)
		(void)hub_lawful(kipc_release(hub_end[end], (unsigned)n - (n > 1)));
}

static void write_in_place(unsigned end)
{
	struct kipc_msg m[2] = { { .len = 100 }, { .len = 100 } };
	int64_t n = hub_lawful(kipc_reserve(hub_end[end], m, 2, 0));

	if (n <= 0)
		return;
	hub_check_inside(end, m, n);
	for (int64_t i = 0; i < n; i++)
		m[i].len = hub_letter(m[i].data);
	(void)hub_lawful(kipc_commit(hub_end[end], m, (unsigned)n));
}

static void latest(unsigned end, bool forged)
{
	struct tray t;
	uint64_t number;
	int64_t r;

	tray_set(&t, HUB_LONGEST);
	r = hub_lawful(kipc_latest(hub_end[end], t.bytes, HUB_LONGEST, &number));
	tray_check(&t);
	must(r <= (int64_t)hub_longest);
	if (r >= 0 && !forged)
		hub_check_letter(t.bytes, (size_t)r);
}

/* ---- one publisher, a subscriber that is waited for and one that is not ---------------------- */

enum { PUBLISHER, RELIABLE, LOSSY };

static const unsigned topic_flags[HUB_ENDS] = { KIPC_SEND, KIPC_RECV, KIPC_RECV };
static const char *const topic_own[HUB_ENDS] = { "", "", "&loss=1" };

static void make_topic(void)
{
	unsigned i;

	hub_open(KIPC_PUBSUB, "size=4K", topic_flags, topic_own);
	for (i = 0; i < 4; i++)
		must(send_letter(PUBLISHER, 0) == 0);
	must(receive(RELIABLE, false, 0) > 0 && receive(LOSSY, false, 0) > 0);
}

static void make_full(void)
{
	make_topic();
	while (send_letter(PUBLISHER, 0) == 0)
		;
}

static void make_drained(void)
{
	make_topic();
	for (int end = RELIABLE; end <= LOSSY; end++)
		while (receive((unsigned)end, false, 0) > 0)
			;
}

static const size_t topic_data[] = { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 120, 128, 192 };

static unsigned list_publisher(struct word *w)
{
	return hub_words(w, PUBLISHER, topic_data, sizeof(topic_data) / sizeof(topic_data[0]));
}

static unsigned list_subscriber(struct word *w)
{
	return hub_words(w, RELIABLE, topic_data, sizeof(topic_data) / sizeof(topic_data[0]));
}

/* A lying subscriber ends nothing: at most it is waited for. */
static void act_publish(bool forged)
{
	int64_t r = send_letter(PUBLISHER, 0);

	must(forged || r == 0 || r == -EAGAIN);
	write_in_place(PUBLISHER);
	(void)hub_lawful(kipc_wait(hub_end[PUBLISHER], KIPC_OUT, 0));
}

static void act_publish_timed(bool forged)
{
	int64_t r = send_letter(PUBLISHER, SHORT);

	must(forged || r == 0 || r == -ETIMEDOUT);
}

/* What the others get of it is whole. */
static void after_publish(void)
{
	bool forged = hub_of(0)->back != &kipc__hub_kmod;

	for (unsigned i = 0; i < 3; i++)
		(void)receive(LOSSY, forged, 0);
	latest(LOSSY, forged);
}

static void act_subscribe(bool forged)
{
	(void)receive(RELIABLE, forged, 0);
	receive_in_place(RELIABLE, forged);
	latest(RELIABLE, forged);
}

static void act_subscribe_lossy(bool forged)
{
	uint64_t lost;

	(void)receive(LOSSY, forged, 0);
	receive_in_place(LOSSY, forged);
	latest(LOSSY, forged);
	(void)hub_lawful(kipc_lost(hub_end[LOSSY], &lost));
}

static void act_subscribe_timed(bool forged)
{
	for (unsigned i = 0; i < 2; i++)
		(void)receive(RELIABLE, forged, SHORT);
	(void)hub_lawful(kipc_wait(hub_end[RELIABLE], KIPC_IN, 0));
}

static void act_subscribe_and_poll(bool forged)
{
	must(kipc_chan_fd(hub_end[LOSSY], KIPC_IN) >= 0);
	(void)receive(LOSSY, forged, 0);
}

/* Somebody comes, while the publisher lies or another subscriber does. */
static void act_join(bool forged)
{
	struct kipc_chan *late, *first = hub_end[LOSSY];
	char uri[100];

	snprintf(uri, sizeof(uri), "%s://%s", hostile_scheme, hub_name());
	if (kipc_chan_open(&late, uri, KIPC_PUBSUB | KIPC_RECV, NULL) < 0)
		return;
	hub_end[LOSSY] = late;
	(void)receive(LOSSY, forged, 0);
	latest(LOSSY, forged);
	hub_end[LOSSY] = first;
	kipc_chan_close(late);
}

static void after_subscribe(void)
{
	for (unsigned i = 0; i < 3; i++)
		(void)receive(RELIABLE, true, 0);
}

static void after_nothing(void)
{
}

static const struct subject topic_subjects[] = {
	{ "many: publish, a subscriber lies", make_topic, list_subscriber, act_publish,
	  after_publish },
	{ "many: publish, full", make_full, list_subscriber, act_publish, after_publish },
	{ "many: recv, a subscriber lies", make_topic, list_subscriber, act_subscribe_lossy,
	  after_nothing },
	{ "many: recv, the publisher lies", make_topic, list_publisher, act_subscribe,
	  after_subscribe },
	{ "many: recv, lossy", make_topic, list_publisher, act_subscribe_lossy, after_nothing },
};

/* They sleep, poll or open. */
static const struct subject topic_slow[] = {
	{ "many: publish, asleep", make_full, list_subscriber, act_publish_timed, after_publish },
	{ "many: recv, asleep", make_drained, list_publisher, act_subscribe_timed,
	  after_subscribe },
	{ "many: recv, polled", make_drained, list_publisher, act_subscribe_and_poll,
	  after_nothing },
	{ "many: subscribe, a subscriber lies", make_topic, list_subscriber, act_join,
	  after_nothing },
	{ "many: subscribe, the publisher lies", make_full, list_publisher, act_join,
	  after_nothing },
};

const struct core hub_topic_core = CORE(topic_subjects);
const struct core hub_topic_slow_core = CORE(topic_slow, .dear = 20);

/* ---- a queue --------------------------------------------------------------------------------- */

enum { ANY, LIAR, OTHER };

static const unsigned queue_flags[HUB_ENDS] = { KIPC_SEND | KIPC_RECV, KIPC_SEND | KIPC_RECV,
	                                        KIPC_SEND | KIPC_RECV };

static void make_queue(void)
{
	hub_open(KIPC_QUEUE, "slots=4&slot=120&prio=2", queue_flags, NULL);
	must(send_letter(LIAR, 0) == 0 && send_letter(ANY, 0) == 0 && send_letter(OTHER, 0) == 0);
	must(receive(ANY, false, 0) > 0);
}

static void make_queue_full(void)
{
	make_queue();
	while (send_letter(ANY, 0) == 0)
		;
}

static void make_queue_empty(void)
{
	make_queue();
	while (receive(ANY, false, 0) > 0)
		;
}

/* The liar holds a message, and a slot that it has not filled. */
static void make_queue_held(void)
{
	struct kipc_msg m = { .len = 50 };

	make_queue();
	must(kipc_peek(hub_end[LIAR], &m, 1, 0) == 1);
	m = (struct kipc_msg){ .len = 50 };
	must(kipc_reserve(hub_end[LIAR], &m, 1, 0) == 1);
}

/* Geometry, ready, counts, the positions of both classes, and of each of its slots the word and what it holds. */
static unsigned list_area(struct word *w, unsigned liar)
{
	size_t at[80];
	unsigned n = 0, i;

	for (i = 0; i < 4; i++)
		at[n++] = 8 * i;
	for (i = 0; i < 3; i++)
		at[n++] = offsetof(struct kipc_queue_area, ready) + 128 * i;
	for (i = 0; i < 4; i++)
		at[n++] = offsetof(struct kipc_queue_area, classes) + 128 * i;
	for (i = 0; i < 8; i++) {
		at[n++] = KIPC_QUEUE_SLOTS_OFF + 128 * i;
		at[n++] = KIPC_QUEUE_SLOTS_OFF + 128 * i + 8;
	}
	return hub_words(w, liar, at, n);
}

static unsigned list_queue(struct word *w)
{
	return list_area(w, LIAR);
}

static unsigned list_other(struct word *w)
{
	return list_area(w, OTHER);
}

static void act_queue_send(bool forged)
{
	(void)forged;
	(void)send_letter(ANY, 0);
	write_in_place(ANY);
	(void)hub_lawful(kipc_wait(hub_end[ANY], KIPC_OUT, 0));
}

static void act_queue_recv(bool forged)
{
	(void)receive(ANY, forged, 0);
	receive_in_place(ANY, forged);
	(void)hub_lawful(kipc_wait(hub_end[ANY], KIPC_IN, 0));
}

static void act_queue_timed(bool forged)
{
	(void)receive(ANY, forged, SHORT);
}

static void act_queue_timed_send(bool forged)
{
	(void)forged;
	(void)send_letter(ANY, SHORT);
}

/* One has died, and somebody else lies while its claims are undone. */
static void act_queue_mend(bool forged)
{
	hub_die(LIAR);
	(void)receive(ANY, forged, 0);
	(void)send_letter(ANY, 0);
}

static void after_queue(void)
{
	for (unsigned end = ANY; end <= OTHER; end += 2) {
		(void)send_letter(end, 0);
		(void)receive(end, true, 0);
		receive_in_place(end, true);
	}
}

static const struct subject queue_subjects[] = {
	{ "many: queue, send", make_queue, list_queue, act_queue_send, after_queue },
	{ "many: queue, send, full", make_queue_full, list_queue, act_queue_send, after_queue },
	{ "many: queue, recv", make_queue, list_queue, act_queue_recv, after_queue },
	{ "many: queue, recv, empty", make_queue_empty, list_queue, act_queue_recv, after_queue },
};

static const struct subject queue_slow[] = {
	{ "many: queue, recv, asleep", make_queue_empty, list_queue, act_queue_timed, after_queue },
	{ "many: queue, send, asleep", make_queue_full, list_queue, act_queue_timed_send,
	  after_queue },
};

/* Each death wants a channel of its own. */
static const struct subject queue_dead[] = {
	{ "many: queue, an end dies", make_queue_held, list_other, act_queue_mend, after_nothing },
};

const struct core hub_queue_core = CORE(queue_subjects);
const struct core hub_queue_slow_core = CORE(queue_slow, .dear = 20);
const struct core hub_queue_dead_core = CORE(queue_dead, .dear = 10, .only = "kmod");
