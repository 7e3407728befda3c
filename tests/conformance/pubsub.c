// SPDX-License-Identifier: MIT
/* One publisher and its subscribers in one process: who gets what, and what is refused. */
#include <poll.h>
#include <sys/epoll.h>
#include "pubsub.h"

#define MAX 300

PUBSUB(each_gets_every_message)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=64K"), *sub[5];
	int why;

	for (int i = 0; i < 5; i++)
		sub[i] = topic_subscribe(&t, i % 2 ? "loss=1" : "");
	for (uint64_t i = 0; i < 100; i++)
		must_eq(topic_put(pub, MAX, i, 0), 0);
	for (int i = 0; i < 5; i++) {
		must_eq(topic_drain(sub[i], MAX, 0, 0, &why), 100);
		must_eq(why, -EAGAIN);
		must(topic_lost(sub[i]) == 0);
		must_eq(chan_stats(sub[i]).recv_msgs, 100);
		kipc_chan_close(sub[i]);
	}
	must_eq(chan_stats(pub).sent_msgs, 100);
	kipc_chan_close(pub);
}

PUBSUB(nobody_listens)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=4K");

	for (uint64_t i = 0; i < 1000; i++)
		must_eq(topic_put(pub, MAX, i, 0), 0);
	kipc_chan_close(pub);
}

PUBSUB(late_joiners_start_where_they_ask)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=64K");
	struct kipc_chan *early = topic_subscribe(&t, "join=oldest"), *newest, *oldest;
	int why;

	for (uint64_t i = 0; i < 20; i++)
		must_eq(topic_put(pub, MAX, i, 0), 0);
	newest = topic_subscribe(&t, "join=newest");
	oldest = topic_subscribe(&t, "join=oldest&loss=1");
	must_eq(topic_take(newest, MAX, 0, 0), -EAGAIN);
	must_eq(topic_put(pub, MAX, 20, 0), 0);
	must_eq(topic_drain(early, MAX, 0, 0, &why), 21);
	must_eq(topic_drain(oldest, MAX, 0, 0, &why), 21);
	must_eq(topic_drain(newest, MAX, 20, 0, &why), 21);
	kipc_chan_close(early);
	kipc_chan_close(newest);
	kipc_chan_close(oldest);
	kipc_chan_close(pub);
}

/* The oldest that is left, once older ones are gone. */
PUBSUB(oldest_of_a_ring_that_went_round)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=4K"), *sub;
	uint64_t first = 0, got;
	uint8_t buf[8];

	for (uint64_t i = 0; i < 5000; i++)
		must_eq(kipc_send(pub, &i, sizeof(i), 0), 0);
	sub = topic_subscribe(&t, "join=oldest");
	must_eq(kipc_recv(sub, &first, 8, 0), 8);
	must(first > 4800 && first < 4950); /* 24 bytes each, some margin */
	for (uint64_t i = first + 1; i < 5000; i++) {
		must_eq(kipc_recv(sub, &got, 8, 0), 8);
		must(got == i);
	}
	must_eq(kipc_recv(sub, buf, 8, 0), -EAGAIN);
	must(topic_lost(sub) == 0);
	kipc_chan_close(sub);
	kipc_chan_close(pub);
}

PUBSUB(lossy_counts_are_exact)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=8K");
	struct kipc_chan *sub = topic_subscribe(&t, "loss=1");
	uint64_t sent = 0, next = 0, random = 5;
	unsigned rounds = harness_rounds(3000);
	int why;

	for (unsigned i = 0; i < rounds; i++) {
		for (unsigned n = harness_random(&random) % 150; n; n--)
			must_eq(topic_put(pub, MAX, sent++, 0), 0);
		next = topic_drain(sub, MAX, next, 0, &why);
		must_eq(why, -EAGAIN);
		must(next == sent);
	}
	must(topic_lost(sub) > 0);
	kipc_chan_close(sub);
	kipc_chan_close(pub);
}

PUBSUB(reliable_stops_the_publisher)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=8K");
	struct kipc_chan *sub = topic_subscribe(&t, "");
	uint64_t sent = 0;
	int r, why;

	for (int i = 0; i < 50; i++) {
		uint64_t before = sent;

		while ((r = topic_put(pub, MAX, sent, 0)) == 0)
			sent++;
		must_eq(r, -EAGAIN);
		must_eq(topic_put(pub, MAX, sent, MSEC), -ETIMEDOUT);
		must_eq(topic_drain(sub, MAX, before, 0, &why), sent);
	}
	must(topic_lost(sub) == 0);
	while (topic_put(pub, MAX, sent, 0) == 0)
		sent++;
	kipc_chan_close(sub); /* nobody is waited for any more */
	for (int i = 0; i < 100; i++)
		must_eq(topic_put(pub, MAX, sent, 0), 0);
	kipc_chan_close(pub);
}

/* Cut off: what is left, then the loss, then it is waited for again. */
static void cut_off(const struct form *f, const char *options, int64_t timeout)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, options);
	struct kipc_chan *slow = topic_subscribe(&t, ""), *quick = topic_subscribe(&t, "");
	uint64_t sent = 0;
	int why;

	for (; sent < 200; sent++) {
		must_eq(topic_put(pub, MAX, sent, timeout), 0);
		must(topic_take(quick, MAX, sent, 0) >= 0);
	}
	must(topic_lost(quick) == 0);
	must_eq(topic_drain(slow, MAX, 0, 0, &why), sent);
	must_eq(why, -EAGAIN);
	must(topic_lost(slow) > 0);
	kipc_chan_close(slow);
	kipc_chan_close(quick);
	kipc_chan_close(pub);
}

PUBSUB(patience_0_cuts_off_at_once)
{
	cut_off(f, "size=8K&patience=0", 0);
	cut_off(f, "size=8K&patience=0", -1);
}

PUBSUB(patience_cuts_off_after_a_while)
{
	cut_off(f, "size=16K&patience=2000000", -1);
	cut_off(f, "size=16K&patience=2000000&wait=block", -1);
}

PUBSUB(a_timeout_shorter_than_patience_cuts_nobody_off)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=8K&patience=1000000000000");
	struct kipc_chan *sub = topic_subscribe(&t, "");
	uint64_t sent = 0;
	int why;

	while (topic_put(pub, MAX, sent, 0) == 0)
		sent++;
	must_eq(topic_put(pub, MAX, sent, MSEC), -ETIMEDOUT);
	must_eq(topic_drain(sub, MAX, 0, 0, &why), sent);
	must(topic_lost(sub) == 0);
	kipc_chan_close(sub);
	kipc_chan_close(pub);
}

PUBSUB(in_place)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=8K&align=64&payload=1");
	struct kipc_chan *sub = topic_subscribe(&t, "");
	struct kipc_msg m[3];

	for (uint64_t i = 0; i < 300; i += 2) {
		for (int k = 0; k < 3; k++)
			m[k] = (struct kipc_msg){ .len = 100 };
		must_eq(kipc_reserve(pub, m, 3, 0), 3);
		must_eq(kipc_reserve(pub, m, 1, 0), -EBUSY);
		must((uintptr_t)m[0].data % 64 == 0);
		for (int k = 0; k < 2; k++) {
			m[k].len = 60 + (size_t)k;
			content_fill(m[k].data, m[k].len, PUB_SEED, i + (uint64_t)k);
		}
		must_eq(kipc_peek(sub, m, 1, 0), -EAGAIN);
		m[0].len = 60;
		m[0].data = m[0].data;
		must_eq(kipc_discard(pub), 0);
		must_eq(kipc_reserve(pub, m, 3, 0), 3);
		for (int k = 0; k < 2; k++) {
			m[k].len = 30 + (size_t)k;
			content_fill(m[k].data, m[k].len, PUB_SEED, i + (uint64_t)k);
		}
		must_eq(kipc_commit(pub, m, 2), 2);
		must_eq(kipc_commit(pub, m, 1), -EINVAL);
		must_eq(kipc_peek(sub, m, 3, 0), 2);
		must(content_is(m[0].data, 30, PUB_SEED, i) && m[0].len == 30);
		must(content_is(m[1].data, 31, PUB_SEED, i + 1) && m[1].len == 31);
		must_eq(kipc_release(sub, 2), 2);
		must_eq(kipc_release(sub, 1), -EINVAL);
	}
	kipc_chan_close(sub);
	kipc_chan_close(pub);
}

PUBSUB(release_of_what_was_overtaken)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=4K");
	struct kipc_chan *sub = topic_subscribe(&t, "loss=1");
	struct kipc_msg m[4];
	uint64_t sent = 0;
	int why;

	while (sent < 4)
		must_eq(topic_put(pub, MAX, sent++, 0), 0);
	must_eq(kipc_peek(sub, m, 4, 0), 4);
	while (sent < 200)
		must_eq(topic_put(pub, MAX, sent++, 0), 0);
	must_eq(kipc_release(sub, 4), -EOVERFLOW);
	must(topic_lost(sub) >= 4);
	must_eq(topic_drain(sub, MAX, topic_lost(sub), 0, &why), sent);
	kipc_chan_close(sub);
	kipc_chan_close(pub);
}

PUBSUB(lengths)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=16K");
	struct kipc_chan *sub = topic_subscribe(&t, "");
	size_t longest = chan_get(pub, KIPC_OPT_MAX_MSG);
	uint8_t *big = calloc(1, longest + 1);
	struct kipc_msg m[3] = { { .data = big, .len = longest },
		                 { .data = big, .len = longest },
		                 { .data = big, .len = longest } };

	must_eq(chan_get(sub, KIPC_OPT_MAX_MSG), longest);
	must_eq(chan_get(sub, KIPC_OPT_RING_BYTES), 16384);
	must(longest > 4000 && longest <= 4096);
	must_eq(kipc_send(pub, big, longest + 1, 0), -EMSGSIZE);
	must_eq(kipc_send(pub, big, longest, 0), 0);
	must_eq(kipc_send(pub, NULL, 0, 0), 0);
	must_eq(kipc_recv(sub, big, longest - 1, 0), -EMSGSIZE);
	must_eq(kipc_recv(sub, big, longest, 0), longest);
	must_eq(kipc_recv(sub, NULL, 0, 0), 0);
	must_eq(kipc_send_n(pub, m, 3, 0), 2); /* half of the ring at once */
	must_eq(kipc_recv_n(sub, m, 3, 0), 2);
	must_eq(kipc_reserve(pub, m, 3, 0), -EMSGSIZE);
	free(big);
	kipc_chan_close(sub);
	kipc_chan_close(pub);
}

PUBSUB(latest)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=4K"), *sub = topic_subscribe(&t, "loss=1");
	uint64_t value = 0, number = 0;
	uint8_t byte;

	must_eq(kipc_latest(sub, &value, 8, &number), -EAGAIN);
	for (uint64_t i = 1; i <= 1000; i++) {
		must_eq(kipc_send(pub, &i, 8, 0), 0);
		must_eq(kipc_latest(sub, &value, 8, &number), 8);
		must(value == i && number == i);
	}
	must_eq(kipc_latest(sub, &byte, 1, NULL), -EMSGSIZE);
	must_eq(kipc_latest(pub, &value, 8, NULL), -EACCES);
	kipc_chan_close(pub);
	must_eq(kipc_latest(sub, &value, 8, NULL), 8);
	must(value == 1000);
	kipc_chan_close(sub);
}

PUBSUB(polling)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=4K"), *sub = topic_subscribe(&t, "");
	struct pollfd in = { .fd = (int)must_ok(kipc_chan_fd(sub, KIPC_IN)), .events = POLLIN };
	struct pollfd out = { .fd = (int)must_ok(kipc_chan_fd(pub, KIPC_OUT)), .events = POLLIN };
	uint64_t sent = 0, next = 0;
	int why;

	must_eq(kipc_chan_fd(sub, KIPC_OUT), -EACCES);
	for (int i = 0; i < 20; i++) {
		must_eq(topic_take(sub, MAX, next, 0), -EAGAIN);
		must_eq(topic_put(pub, MAX, sent++, 0), 0);
		must_eq(poll(&in, 1, -1), 1);
		next = topic_drain(sub, MAX, next, 0, &why);
	}
	while (topic_put(pub, MAX, sent, 0) == 0)
		sent++;
	next = topic_drain(sub, MAX, next, 0, &why);
	must_eq(poll(&out, 1, -1), 1);
	must_eq(kipc_wait(pub, KIPC_OUT, 0), KIPC_OUT);
	must_eq(kipc_wait(sub, KIPC_IN, 0), -EAGAIN);
	must_eq(kipc_wait(sub, KIPC_IN, MSEC), -ETIMEDOUT);
	kipc_chan_close(pub);
	must_eq(poll(&in, 1, -1), 1);
	must_eq(kipc_wait(sub, KIPC_IN, -1), KIPC_IN | KIPC_HUP);
	must_eq(topic_take(sub, MAX, next, -1), -EPIPE);
	kipc_chan_close(sub);
}

/* Also one that is asked for when messages are there already, and while there are more than are taken. */
PUBSUB(a_descriptor_is_readable_while_messages_are_left)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "size=8K"), *sub = topic_subscribe(&t, "");
	struct pollfd in = { .events = POLLIN }, out = { .events = POLLIN };

	for (uint64_t i = 0; i < 3; i++)
		must_eq(topic_put(pub, MAX, i, 0), 0);
	in.fd = kipc_chan_fd(sub, KIPC_IN);
	out.fd = kipc_chan_fd(pub, KIPC_OUT);
	for (uint64_t i = 0; i < 3; i++) {
		must_eq(poll(&in, 1, -1), 1);
		must(topic_take(sub, MAX, i, 0) >= 0);
	}
	must_eq(poll(&out, 1, -1), 1);
	kipc_chan_close(pub);
	kipc_chan_close(sub);
}

PUBSUB(publishers_come_and_go)
{
	struct topic t = topic_new(f);
	struct kipc_chan *sub = topic_subscribe(&t, "size=8K"), *pub;
	struct kipc_peer p = { .size = sizeof(p) };
	uint64_t sent = 0, next = 0;
	int why;

	must_eq(kipc_chan_peer(sub, &p), 0);
	must_eq(p.state, KIPC_PEER_ABSENT);
	must_eq(topic_take(sub, MAX, 0, 0), -EAGAIN);
	for (int i = 0; i < 30; i++) {
		pub = topic_publish(&t, "");
		must_eq(kipc_chan_peer(sub, &p), 0);
		must_eq(p.state, KIPC_PEER_ALIVE);
		must_eq(p.pid, getpid());
		for (int k = 0; k < 10; k++)
			must_eq(topic_put(pub, MAX, sent++, 0), 0);
		if (i % 2)
			must_eq(kipc_shutdown(pub, KIPC_OUT), 0);
		if (i % 2)
			must_eq(topic_put(pub, MAX, sent, 0), -EPIPE);
		kipc_chan_close(pub);
		next = topic_drain(sub, MAX, next, -1, &why);
		must_eq(why, -EPIPE);
		must(next == sent);
		must_eq(kipc_chan_peer(sub, &p), 0);
		must_eq(p.state, KIPC_PEER_GONE);
	}
	must_eq(kipc_latest(sub, &p, 0, &sent), -EMSGSIZE);
	must_eq(kipc_shutdown(sub, KIPC_IN), 0);
	must_eq(topic_take(sub, MAX, next, 0), -EPIPE);
	kipc_chan_close(sub);
}

PUBSUB(alignment_of_payloads)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub = topic_publish(&t, "align=64");

	must_eq(topic_try(&t, KIPC_RECV, "payload=1"), -EEXIST);
	must_eq(topic_try(&t, KIPC_RECV, "align=64&payload=1"), -EEXIST);
	must_eq(topic_try(&t, KIPC_RECV, "align=64&payload=0"), 0);
	kipc_chan_close(pub);
}

PUBSUB(refusals)
{
	struct topic t = topic_new(f);
	struct kipc_chan *pub, *sub, *pair = NULL;
	char uri[URI_MAX];
	uint64_t n;

	must_eq(topic_try(&t, KIPC_RECV, ""), -ENOENT);
	must_eq(topic_try(&t, KIPC_CREATE, ""), -EINVAL);
	must_eq(topic_try(&t, KIPC_SEND | KIPC_RECV | KIPC_CREATE, ""), -EINVAL);
	must_eq(topic_try(&t, KIPC_SEND | KIPC_CREATE, "loss=1"), -EINVAL);
	must_eq(topic_try(&t, KIPC_RECV | KIPC_CREATE, "loss=2"), -EINVAL);
	must_eq(topic_try(&t, KIPC_RECV | KIPC_CREATE, "join=first"), -EINVAL);
	must(strstr(kipc_why(), "newest or oldest"));
	must_eq(topic_try(&t, KIPC_RECV | KIPC_CREATE, "patience=1"), -EINVAL);
	must(strstr(kipc_why(), "patience"));
	pub = topic_publish(&t, "size=8K");
	sub = topic_subscribe(&t, "");
	must_eq(topic_try(&t, KIPC_SEND, ""), -EBUSY);
	must_eq(topic_try(&t, KIPC_RECV, "size=16K"), -EEXIST);
	must_eq(topic_try(&t, KIPC_RECV, "align=64"), -EEXIST);
	must_eq(topic_try(&t, KIPC_RECV | KIPC_CREATE | KIPC_EXCL, ""), -EEXIST);
	must_eq(topic_try(&t, KIPC_RECV, "size=8K&align=8"), 0);
	topic_uri(&t, "", uri, sizeof(uri));
	must_eq(kipc_chan_open(&pair, uri, KIPC_PAIR | KIPC_CREATE, NULL), -EEXIST);
	must_eq(kipc_recv(pub, &n, 8, 0), -EACCES);
	must_eq(kipc_send(sub, &n, 8, 0), -EACCES);
	must_eq(kipc_lost(pub, &n), -EACCES);
	must_eq(kipc_chan_handover(sub), -EOPNOTSUPP);
	must_eq(kipc_write(pub, &n, 8, 0), -EOPNOTSUPP);
	must_eq(kipc_read(sub, &n, 8, 0), -EOPNOTSUPP);
	must(kipc_chan_caps(sub) & KIPC_CAP_RELIABLE);
	kipc_chan_close(sub);
	sub = topic_subscribe(&t, "loss=1");
	must(!(kipc_chan_caps(sub) & KIPC_CAP_RELIABLE));
	kipc_chan_close(sub);
	kipc_chan_close(pub);
	must_eq(kipc_chan_open(&pair, uri, KIPC_PAIR | KIPC_CREATE, NULL), 0);
	must_eq(topic_try(&t, KIPC_RECV | KIPC_CREATE, ""), -EEXIST);
	must_eq(kipc_lost(pair, &n), -EOPNOTSUPP);
	must_eq(kipc_latest(pair, &n, 8, NULL), -EOPNOTSUPP);
	kipc_chan_close(pair);
}
