// SPDX-License-Identifier: MIT
#include "victim.h"

/* The kinds with many ends. What the others must see stands in queue.c and topic.c. */

#define CLASSES  4
#define PATIENCE "2000000" /* ns */

static void send_classes(struct victim *v)
{
	for (unsigned i = 0; i < LETTERS; i++)
		v->msg[i].flags = KIPC_PRIO((v->ledger->sent + i) % CLASSES);
	send_batch(v);
}

/* More than the ring holds, so that a subscriber that does not read is cut off. */
static void send_on(struct victim *v)
{
	send_letter(v, 0);
	send_letter(v, 1);
}

static void subscribe(struct victim *v)
{
	struct letter l;

	join(v);
	(void)kipc_recv(v->chan, l.body, sizeof(l.body), 0);
}

static void look_at_latest(struct victim *v)
{
	struct letter l;
	uint64_t number;

	for (unsigned i = 0; i < 3; i++)
		(void)kipc_latest(v->chan, l.body, sizeof(l.body), &number);
	(void)kipc_recv(v->chan, l.body, sizeof(l.body), 0);
}

#define QUEUE(NAME, ...)                                                                          \
	{                                                                                         \
		.name = "queue: " NAME, .kind = KIPC_QUEUE, .survive = queue_survive, __VA_ARGS__ \
	}

#define CLASS_OPTIONS "slots=8&slot=1000&prio=4&rfo=1"
#define DROP_OPTIONS  "slots=8&slot=1000&held=drop&rfo=1"

const struct scene queue_scenes[] = {
	QUEUE("send", .act = send_some, .commits = 3),
	QUEUE("send_n", .act = send_batch, .commits = LETTERS),
	QUEUE("reserve, commit", .act = write_in_place, .commits = LETTERS),
	QUEUE("reserve, discard, send", .act = think_better, .commits = 1),
	QUEUE("recv", .act = receive_some, .full = true, .away = true, .commits = 3),
	QUEUE("recv_n", .act = receive_batch, .full = true, .away = true, .commits = LETTERS),
	QUEUE("peek, release", .act = read_in_place, .full = true, .away = true,
	      .commits = LETTERS),
	QUEUE("poll, send", .act = poll_and_send, .commits = 1),
	QUEUE("close", .act = close_end),
	QUEUE("begin", .prepare = look_through, .act = begin, .fresh = true, .commits = 1),
	{ .name = "queue: send_n, by priority",
	  .kind = KIPC_QUEUE,
	  .options = CLASS_OPTIONS,
	  .act = send_classes,
	  .survive = classes_survive,
	  .commits = LETTERS },
	QUEUE("recv, held=drop", .options = DROP_OPTIONS, .act = receive_some, .full = true,
	      .drops = true, .away = true, .commits = 3),
	QUEUE("peek, release, held=drop", .options = DROP_OPTIONS, .act = read_in_place,
	      .full = true, .drops = true, .away = true, .commits = LETTERS),
	{ .name = NULL },
};

#define TOPIC(NAME, ...)                                                                \
	{                                                                               \
		.name = "pubsub: " NAME, .kind = KIPC_PUBSUB, .survive = topic_survive, \
		__VA_ARGS__                                                             \
	}

const struct scene topic_scenes[] = {
	TOPIC("send", .flags = KIPC_SEND, .act = send_some, .commits = 3),
	TOPIC("send_n", .flags = KIPC_SEND, .act = send_batch, .commits = LETTERS),
	TOPIC("reserve, commit", .flags = KIPC_SEND, .act = write_in_place, .commits = LETTERS),
	TOPIC("close", .flags = KIPC_SEND, .act = close_end),
	TOPIC("recv", .act = receive_some, .flags = KIPC_RECV),
	TOPIC("peek, release", .act = read_in_place, .flags = KIPC_RECV),
	TOPIC("unsubscribe", .act = close_end, .flags = KIPC_RECV),
	TOPIC("begin", .flags = KIPC_SEND, .prepare = look_through, .act = begin, .fresh = true,
	      .commits = 1),
	{ .name = "pubsub: cut off",
	  .kind = KIPC_PUBSUB,
	  .options = "size=4K",
	  .own = "&patience=" PATIENCE,
	  .prepare = fill,
	  .act = send_on,
	  .survive = overtaken_survive,
	  .flags = KIPC_SEND,
	  .away = true,
	  .commits = 2 },
	{ .name = "pubsub: subscribe",
	  .kind = KIPC_PUBSUB,
	  .prepare = look_through,
	  .act = subscribe,
	  .survive = publish_survive,
	  .flags = KIPC_RECV,
	  .alone = true,
	  .fresh = true,
	  .busy = true },
	{ .name = "pubsub: subscribe to all that is there",
	  .kind = KIPC_PUBSUB,
	  .own = "&join=oldest",
	  .prepare = look_through,
	  .act = subscribe,
	  .survive = publish_survive,
	  .flags = KIPC_RECV,
	  .alone = true,
	  .fresh = true,
	  .busy = true },
	{ .name = "pubsub: latest, lossy",
	  .kind = KIPC_PUBSUB,
	  .own = "&loss=1",
	  .act = look_at_latest,
	  .survive = publish_survive,
	  .flags = KIPC_RECV,
	  .alone = true,
	  .busy = true },
	{ .name = NULL },
};
