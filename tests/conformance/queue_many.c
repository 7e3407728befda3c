// SPDX-License-Identifier: MIT
/* Queues between processes: each message to exactly one, and nobody sleeps on a message. */
#include <sys/epoll.h>
#include <sys/mman.h>
#include "queue_ends.h"

#define CROWD 4

/* Shared by all processes of a test. */
struct board {
	char uri[URI_MAX];
	unsigned senders, receivers, each, priorities;
	unsigned wait;
	bool in_place;
	size_t max;
	uint64_t received;
	uint8_t seen[]; /* of message i of sender s: [s * each + i] */
};

static struct board *board_make(const struct form *f, const char *options, size_t messages)
{
	struct board *b = mmap(NULL, sizeof(*b) + messages, PROT_READ | PROT_WRITE,
	                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(b != MAP_FAILED);
	form_uri(f, options, b->uri, sizeof(b->uri));
	return b;
}

/* ---- exactly once ----------------------------------------------------------------------- */

struct actor {
	struct board *b;
	unsigned number;
};

/* Its first words say whose it is; an empty one says that it is over. */
static size_t message_len(const struct board *b, uint64_t s, uint64_t i)
{
	return 16 + content_len(b->max - 16, s + 1, i);
}

static void message_fill(void *data, size_t len, uint64_t s, uint64_t i)
{
	content_fill(data, len, s + 1, i);
	memcpy(data, &(uint64_t[2]){ s, i }, 16);
}

static void message_check(struct board *b, const void *data, size_t len)
{
	uint8_t *want = malloc(len);
	uint64_t tag[2];

	must(len >= 16);
	memcpy(tag, data, 16);
	must(tag[0] < b->senders && tag[1] < b->each);
	must_eq(len, message_len(b, tag[0], tag[1]));
	message_fill(want, len, tag[0], tag[1]);
	must(memcmp(want, data, len) == 0);
	free(want);
	must_eq(__atomic_fetch_add(&b->seen[tag[0] * b->each + tag[1]], 1, __ATOMIC_SEQ_CST), 0);
	__atomic_fetch_add(&b->received, 1, __ATOMIC_SEQ_CST);
}

static void run_sender(struct peer *me, void *arg)
{
	struct actor *a = arg;
	struct board *b = a->b;
	struct kipc_chan *c = queue_end(b->uri, KIPC_SEND);
	uint8_t *buf = malloc(b->max);

	(void)me;
	chan_set_wait(c, b->wait);
	for (uint64_t i = 0; i < b->each; i++) {
		size_t len = message_len(b, a->number, i);
		struct kipc_msg m = { .data = buf,
			              .len = len,
			              .flags = KIPC_PRIO(b->priorities - 1 - i % b->priorities) };

		if (b->in_place)
			must_eq(kipc_reserve(c, &m, 1, -1), 1);
		message_fill(m.data, len, a->number, i);
		must_eq(b->in_place ? kipc_commit(c, &m, 1) : kipc_send_n(c, &m, 1, -1), 1);
	}
	free(buf);
	kipc_chan_close(c);
}

/* Until it takes an empty message. */
static void run_receiver(struct peer *me, void *arg)
{
	struct board *b = ((struct actor *)arg)->b;
	struct kipc_chan *c = queue_end(b->uri, KIPC_RECV);
	uint8_t *buf = malloc(b->max);
	struct kipc_msg m = { .len = 1 };

	(void)me;
	chan_set_wait(c, b->wait);
	while (m.len) {
		m = (struct kipc_msg){ .data = buf, .len = b->max };
		must_eq(b->in_place ? kipc_peek(c, &m, 1, -1) : kipc_recv_n(c, &m, 1, -1), 1);
		if (m.len)
			message_check(b, m.data, m.len);
		if (b->in_place)
			must_eq(kipc_release(c, 1), 1);
	}
	free(buf);
	kipc_chan_close(c);
}

static void play(const struct form *f, const char *options, unsigned from, unsigned to,
                 unsigned wait, bool in_place)
{
	unsigned each = harness_rounds(3000);
	struct board *b = board_make(f, options, (size_t)from * each);
	struct peer s[CROWD], r[CROWD];
	struct actor a[CROWD];
	struct kipc_chan *c;

	harness_note("%s: %u to %u, %s%s", options, from, to, wait_name(wait),
	             in_place ? ", in place" : "");
	c = queue_end(b->uri, 0);
	b->senders = from;
	b->receivers = to;
	b->each = each;
	b->wait = wait;
	b->in_place = in_place;
	b->max = chan_get(c, KIPC_OPT_MAX_MSG);
	b->priorities = (unsigned)chan_get(c, KIPC_OPT_PRIORITIES);
	for (unsigned i = 0; i < to; i++)
		peer_start(&r[i], run_receiver, &(struct actor){ .b = b });
	for (unsigned i = 0; i < from; i++) {
		a[i] = (struct actor){ .b = b, .number = i };
		peer_start(&s[i], run_sender, &a[i]);
	}
	for (unsigned i = 0; i < from; i++)
		peer_end(&s[i]);
	for (unsigned i = 0; i < to; i++)
		must_eq(kipc_send(c, "", 0, -1), 0); /* the lowest priority, the last in it */
	for (unsigned i = 0; i < to; i++)
		peer_end(&r[i]);
	must_eq(b->received, (uint64_t)from * each);
	must_eq(kipc_wait(c, KIPC_IN, 0), -EAGAIN);
	must_eq(queue_capacity(c), chan_get(c, KIPC_OPT_SLOTS));
	kipc_chan_close(c);
}

QUEUE_TEST(queue_many_block)
{
	play(f, "slots=4", 4, 4, KIPC_WAIT_BLOCK, false);
	play(f, "slots=1", 3, 2, KIPC_WAIT_BLOCK, true);
	play(f, "slots=8&prio=3", 3, 3, KIPC_WAIT_BLOCK, false);
}

QUEUE_TEST(queue_many_adaptive)
{
	play(f, "slots=16&slot=1000", 1, 4, KIPC_WAIT_ADAPTIVE, true);
	play(f, "slots=64&prio=32", 4, 1, KIPC_WAIT_ADAPTIVE, false);
}

QUEUE_TEST(queue_many_spin)
{
	play(f, "slots=16", 2, 2, KIPC_WAIT_SPIN, false);
}

/* ---- nobody sleeps on -------------------------------------------------------------------- */

static void take_one(struct peer *me, void *arg)
{
	struct board *b = arg;
	struct kipc_chan *c = queue_end(b->uri, KIPC_RECV);
	char byte;

	chan_set_wait(c, KIPC_WAIT_BLOCK);
	peer_tell(me, 'z');
	must_eq(kipc_recv(c, &byte, 1, -1), 1);
	peer_tell(me, 'd');
	peer_expect(me, 'e'); /* it stays, and does not take the others */
	kipc_chan_close(c);
}

/* As many messages as sleepers, one after the other or all at once: each gets one. */
static void wake_receivers(const struct form *f, bool at_once)
{
	struct board *b = board_make(f, "slots=16&prio=2", 0);
	struct kipc_chan *c = queue_end(b->uri, 0);
	struct kipc_msg m[CROWD];
	struct peer p[CROWD];

	for (int i = 0; i < CROWD; i++) {
		m[i] = (struct kipc_msg){ .data = "x", .len = 1, .flags = KIPC_PRIO(i % 2) };
		peer_start(&p[i], take_one, b);
		peer_expect(&p[i], 'z');
		await_asleep(p[i].pid);
	}
	for (int i = 0; i < CROWD; i += at_once ? CROWD : 1)
		must_eq(kipc_send_n(c, m + i, at_once ? CROWD : 1, 0), at_once ? CROWD : 1);
	for (int i = 0; i < CROWD; i++)
		peer_expect(&p[i], 'd');
	for (int i = 0; i < CROWD; i++) {
		peer_tell(&p[i], 'e');
		peer_end(&p[i]);
	}
	kipc_chan_close(c);
}

QUEUE_TEST(queue_wakes_one_receiver_each)
{
	for (unsigned i = harness_rounds(5); i; i--)
		wake_receivers(f, false);
}

QUEUE_TEST(queue_wakes_receivers_for_a_batch)
{
	for (unsigned i = harness_rounds(5); i; i--)
		wake_receivers(f, true);
}

/* The message is behind one that is reserved: committed or discarded, both become available. */
QUEUE_TEST(queue_wakes_for_what_stood_behind)
{
	for (int discard = 0; discard < 2; discard++) {
		struct board *b = board_make(f, "slots=8", 0);
		struct kipc_chan *c = queue_end(b->uri, 0), *d = queue_end(b->uri, KIPC_SEND);
		struct kipc_msg m = { .len = 1 };
		struct peer p[3];

		must_eq(kipc_reserve(d, &m, 1, 0), 1);
		for (int i = 0; i < 3; i++) {
			peer_start(&p[i], take_one, b);
			peer_expect(&p[i], 'z');
			await_asleep(p[i].pid);
		}
		for (int i = 0; i < 2 + discard; i++)
			must_eq(kipc_send(c, "x", 1, 0), 0);
		if (discard)
			must_eq(kipc_discard(d), 0);
		else
			must_eq(kipc_commit(d, &m, 1), 1);
		for (int i = 0; i < 3; i++)
			peer_expect(&p[i], 'd');
		for (int i = 0; i < 3; i++) {
			peer_tell(&p[i], 'e');
			peer_end(&p[i]);
		}
		kipc_chan_close(c);
		kipc_chan_close(d);
	}
}

static void send_one_blocking(struct peer *me, void *arg)
{
	struct actor *a = arg;
	struct kipc_chan *c = queue_end(a->b->uri, KIPC_SEND);
	struct kipc_msg m[3] = { { .len = 1 }, { .len = 1 }, { .len = 1 } };
	int n = a->number == 0 ? 3 : 1;

	chan_set_wait(c, KIPC_WAIT_BLOCK);
	peer_tell(me, 'z');
	must_eq(kipc_reserve(c, m, (unsigned)n, -1), n);
	must_eq(kipc_commit(c, m, (unsigned)n), n);
	kipc_chan_close(c);
}

/* Some want one slot, one of them three at once. */
QUEUE_TEST(queue_wakes_senders)
{
	for (unsigned i = harness_rounds(5); i; i--) {
		struct board *b = board_make(f, "slots=4", 0);
		struct kipc_chan *c = queue_end(b->uri, 0);
		struct actor a[CROWD];
		struct peer p[CROWD];
		char byte;

		must_eq(fill_up(c, 1, 1), 4);
		for (unsigned k = 0; k < CROWD; k++) {
			a[k] = (struct actor){ .b = b, .number = (k + i) % CROWD };
			peer_start(&p[k], send_one_blocking, &a[k]);
			peer_expect(&p[k], 'z');
			await_asleep(p[k].pid);
		}
		for (unsigned k = 0; k < 4 + 3 + (CROWD - 1); k++)
			must_eq(kipc_recv(c, &byte, 1, -1), 1);
		for (unsigned k = 0; k < CROWD; k++)
			peer_end(&p[k]);
		must_eq(queue_capacity(c), 4);
		kipc_chan_close(c);
	}
}

/* ---- polling ---------------------------------------------------------------------------- */

static void poll_and_take(struct peer *me, void *arg)
{
	struct board *b = arg;
	struct kipc_chan *c = queue_end(b->uri, KIPC_RECV);
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event ev = { .events = EPOLLIN };
	uint64_t got = 0;
	char byte;
	int r;

	must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, kipc_chan_fd(c, KIPC_IN), &ev));
	peer_tell(me, 'z');
	for (;;) {
		while ((r = (int)kipc_recv(c, &byte, 1, 0)) == 1) {
			__atomic_fetch_add(&b->received, 1, __ATOMIC_SEQ_CST);
			got++;
		}
		if (r == 0) /* an empty message: over */
			break;
		must_eq(r, -EAGAIN);
		while (epoll_wait(ep, &ev, 1, -1) < 0)
			must(errno == EINTR);
	}
	close(ep);
	kipc_chan_close(c);
}

QUEUE_TEST(queue_pollers)
{
	struct board *b = board_make(f, "slots=8", 0);
	unsigned each = harness_rounds(2000);
	struct kipc_chan *c = queue_end(b->uri, KIPC_SEND);
	struct peer p[CROWD];

	for (int i = 0; i < CROWD; i++) {
		peer_start(&p[i], poll_and_take, b);
		peer_expect(&p[i], 'z');
	}
	for (unsigned i = 0; i < each; i++)
		must_eq(kipc_send(c, "x", 1, -1), 0);
	for (int i = 0; i < CROWD; i++)
		must_eq(kipc_send(c, "", 0, -1), 0);
	for (int i = 0; i < CROWD; i++)
		peer_end(&p[i]);
	must_eq(b->received, each);
	kipc_chan_close(c);
}
