// SPDX-License-Identifier: MIT
/* Queues in one process: order, priorities, bounds, batches, waiting, names, what is refused. */
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include "queue_ends.h"

/* ---- messages --------------------------------------------------------------------------- */

QUEUE_TEST(queue_first_in_first_out)
{
	struct kipc_chan *a, *b;
	char uri[URI_MAX];

	form_uri(f, "slots=16&slot=100", uri, sizeof(uri));
	a = queue_end(uri, KIPC_SEND);
	b = queue_end(uri, KIPC_RECV);
	must_eq(chan_get(a, KIPC_OPT_SLOTS), 16);
	must(chan_get(a, KIPC_OPT_MAX_MSG) >= 100 && chan_get(b, KIPC_OPT_MAX_MSG) < 164);
	for (uint64_t i = 0; i < 16; i++)
		must_eq(queue_send(a, i * 6, 0, 1, i, 0), 1);
	must_eq(chan_get(b, KIPC_OPT_PENDING), 16);
	must_eq(queue_send(a, 1, 0, 1, 0, 0), -EAGAIN);
	for (uint64_t i = 0; i < 16; i++)
		queue_recv(b, i * 6, 0, 1, i);
	must_eq(send_one(a, 101 + 63, 1, 0, 0), -EMSGSIZE);
	must_eq(chan_stats(a).sent_msgs, 16);
	must_eq(chan_stats(b).recv_bytes, 720);
	must_eq(kipc_send(b, "x", 1, 0), -EACCES);
	must_eq(kipc_recv(a, uri, 1, 0), -EACCES);
	kipc_chan_close(a);
	kipc_chan_close(b);
}

QUEUE_TEST(queue_priorities)
{
	struct kipc_chan *c;
	char uri[URI_MAX];

	form_uri(f, "slots=8&prio=32", uri, sizeof(uri));
	c = queue_end(uri, 0);
	must_eq(chan_get(c, KIPC_OPT_PRIORITIES), 32);
	for (uint64_t i = 0; i < 4; i++)
		for (unsigned prio = 0; prio < 32; prio++)
			must_eq(queue_send(c, 20, (prio * 5) % 32, 1 + (prio * 5) % 32, i, 0), 1);
	must_eq(kipc_send(c, "low", 3, 0), 0); /* plain sends are of priority 0 */
	for (unsigned prio = 32; prio--;)
		for (uint64_t i = 0; i < 4; i++)
			queue_recv(c, 20, prio, 1 + prio, i);
	must_eq(kipc_recv(c, uri, 3, 0), 3);
	kipc_chan_close(c);
}

QUEUE_TEST(queue_full_in_one_class_only)
{
	struct kipc_chan *c;
	char uri[URI_MAX];

	form_uri(f, "slots=4&prio=2", uri, sizeof(uri));
	c = queue_end(uri, 0);
	must_eq(fill_up(c, 1, 1), 4);
	must_eq(queue_send(c, 1, 1, 1, 9, 0), 1);
	queue_recv(c, 1, 1, 1, 9);
	must_eq(queue_send(c, 1, 2, 1, 9, 0), -EINVAL);
	must_eq(kipc_wait(c, KIPC_IN, 0), KIPC_IN);
	kipc_chan_close(c);
}

QUEUE_TEST(queue_several_at_a_time)
{
	struct kipc_msg m[70];
	struct kipc_chan *c;
	char uri[URI_MAX];
	uint8_t buf[4][10];

	form_uri(f, "slots=8&slot=40&prio=2", uri, sizeof(uri));
	c = queue_end(uri, 0);
	for (int i = 0; i < 9; i++)
		m[i] = (struct kipc_msg){ .len = 10 };
	must_eq(kipc_reserve(c, m, 9, 0), -EMSGSIZE);
	must_eq(kipc_reserve(c, m, 5, 0), 5);
	must_eq(kipc_reserve(c, m, 1, 0), -EBUSY);
	for (uint64_t i = 0; i < 4; i++)
		content_fill(m[i].data, 10, 1, i);
	must_eq(kipc_commit(c, m, 4), 4);           /* the fifth is dropped */
	must_eq(kipc_reserve(c, m, 4, 0), -EAGAIN); /* all or none */
	must_eq(kipc_reserve(c, m, 3, 0), 3);
	must_eq(kipc_discard(c), 0);
	must_eq(kipc_discard(c), 0);
	must_eq(kipc_peek(c, m, 3, 0), 3);
	for (uint64_t i = 0; i < 3; i++)
		must(m[i].len == 10 && content_is(m[i].data, 10, 1, i));
	must_eq(kipc_release(c, 4), -EINVAL);
	must_eq(kipc_release(c, 2), 2);
	must_eq(kipc_peek(c, m, 64, 0), 2);
	must(content_is(m[0].data, 10, 1, 2) && content_is(m[1].data, 10, 1, 3));
	must_eq(kipc_release(c, 2), 2);
	for (uint64_t i = 0; i < 4; i++) {
		m[i] = (struct kipc_msg){ .data = buf[i], .len = 10, .flags = KIPC_PRIO(i & 1) };
		content_fill(buf[i], 10, 2, i);
	}
	must_eq(kipc_send_n(c, m, 4, 0), 4);
	m[1].len = 9;
	must_eq(kipc_recv_n(c, m, 4, 0), 1); /* it ends where one does not fit */
	must(content_is(buf[0], 10, 2, 1));
	queue_recv(c, 10, 1, 2, 3);
	queue_recv(c, 10, 0, 2, 0);
	queue_recv(c, 10, 0, 2, 2);
	must_eq(queue_capacity(c), 8);
	kipc_chan_close(c);
}

/* Who keeps messages, polite as he is, stops neither senders nor other receivers. */
QUEUE_TEST(queue_held_messages)
{
	struct kipc_chan *a, *b;
	char uri[URI_MAX];
	struct kipc_msg m[2];

	form_uri(f, "slots=4", uri, sizeof(uri));
	a = queue_end(uri, 0);
	b = queue_end(uri, KIPC_RECV);
	for (uint64_t i = 0; i < 2; i++)
		must_eq(queue_send(a, 30, 0, 1, i, 0), 1);
	must_eq(kipc_peek(b, m, 2, 0), 2);
	for (uint64_t i = 0; i < 40; i++) {
		must_eq(queue_send(a, 20, 0, 2, i, 0), 1);
		queue_recv(a, 20, 0, 2, i);
	}
	must_eq(queue_capacity(a), 2);
	must(content_is(m[0].data, 30, 1, 0) && content_is(m[1].data, 30, 1, 1));
	must_eq(kipc_release(b, 1), 1);
	must_eq(queue_capacity(a), 3);
	kipc_chan_close(b); /* what it did not release comes again */
	must_eq(kipc_peek(a, m, 2, 0), 1);
	must(m[0].flags == KIPC_MSG_AGAIN && content_is(m[0].data, 30, 1, 1));
	must_eq(kipc_release(a, 1), 1);
	must_eq(chan_get(a, KIPC_OPT_REDELIVERED), 1);
	must_eq(queue_capacity(a), 4);
	kipc_chan_close(a);
}

/* A queue outlives its senders and its receivers: nobody gets -EPIPE. */
QUEUE_TEST(queue_ends_come_and_go)
{
	struct kipc_peer p = { .size = sizeof(p) };
	struct kipc_chan *keep, *c;
	char uri[URI_MAX];
	char byte;

	form_uri(f, "slots=64", uri, sizeof(uri));
	keep = queue_end(uri, KIPC_RECV);
	must_eq(kipc_chan_peer(keep, &p), 0);
	must_eq(p.state, KIPC_PEER_ABSENT);
	for (uint64_t i = 0; i < 10; i++) {
		c = queue_end(uri, KIPC_SEND);
		must_eq(queue_send(c, 30, 0, 1, i, 0), 1);
		must_eq(kipc_chan_peer(keep, &p), 0);
		must_eq(p.state, KIPC_PEER_ALIVE);
		kipc_chan_close(c);
	}
	for (uint64_t i = 0; i < 10; i++)
		queue_recv(keep, 30, 0, 1, i);
	must_eq(kipc_recv(keep, &byte, 1, 0), -EAGAIN);
	must_eq(kipc_recv(keep, &byte, 1, 1), -ETIMEDOUT);
	must_eq(kipc_wait(keep, KIPC_IN, 0), -EAGAIN);
	c = queue_end(uri, 0);
	must_eq(kipc_shutdown(c, KIPC_OUT), 0);
	must_eq(kipc_send(c, "x", 1, 0), -EPIPE);
	must_eq(kipc_recv(c, &byte, 1, 0), -EAGAIN);
	must_eq(kipc_recv(keep, &byte, 1, 0), -EAGAIN);
	kipc_chan_close(keep);
	kipc_chan_close(c);
	must_eq(kipc_chan_open(&c, uri, KIPC_QUEUE, NULL), -ENOENT);
}

QUEUE_TEST(queue_64_ends)
{
	struct kipc_chan *c[65];
	char uri[URI_MAX];

	form_uri(f, "", uri, sizeof(uri));
	for (unsigned i = 0; i < 64; i++)
		c[i] = queue_end(uri, i & 1 ? KIPC_RECV : KIPC_SEND);
	must_eq(kipc_chan_open(&c[64], uri, KIPC_QUEUE, NULL), -EBUSY);
	must(*kipc_why());
	for (unsigned i = 0; i < 64; i += 2)
		must_eq(queue_send(c[i], 8, 0, 1, i, 0), 1);
	for (unsigned i = 0; i < 64; i += 2)
		queue_recv(c[i + 1], 8, 0, 1, i);
	kipc_chan_close(c[13]);
	c[13] = queue_end(uri, KIPC_RECV);
	for (unsigned i = 0; i < 64; i++)
		kipc_chan_close(c[i]);
}

/* ---- waiting ---------------------------------------------------------------------------- */

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return must_sys(poll(&p, 1, 0)) == 1;
}

QUEUE_TEST(queue_poll_descriptors)
{
	struct kipc_chan *a, *b;
	char uri[URI_MAX];
	char byte;
	int in, out;

	form_uri(f, "slots=2&prio=2", uri, sizeof(uri));
	a = queue_end(uri, KIPC_SEND);
	b = queue_end(uri, KIPC_RECV);
	in = (int)must_ok(kipc_chan_fd(b, KIPC_IN));
	out = (int)must_ok(kipc_chan_fd(a, KIPC_OUT));
	must_eq(kipc_chan_fd(b, KIPC_IN), in);
	for (int round = 0; round < 20; round++) {
		while (kipc_recv(b, &byte, 1, 0) != -EAGAIN)
			;
		must_eq(queue_send(a, 1, 1, 1, 0, 0), 1);
		must(readable(in));
		must_eq(kipc_wait(b, KIPC_IN, -1), KIPC_IN);
		must_eq(kipc_send(a, "x", 1, 0), 0);
		must_eq(kipc_send(a, "x", 1, 0), 0);
		must_eq(kipc_send(a, "x", 1, 0), -EAGAIN);
		must_eq(kipc_recv(b, &byte, 1, 0), 1); /* of the other class */
		must_eq(kipc_wait(a, KIPC_OUT, 0), -EAGAIN);
		must_eq(kipc_recv(b, &byte, 1, 0), 1);
		must(readable(out));
		must_eq(kipc_wait(a, KIPC_OUT, -1), KIPC_OUT);
	}
	kipc_chan_close(a);
	kipc_chan_close(b);
}

QUEUE_TEST(queue_timeouts)
{
	static const int64_t ns[] = { 1, 1000, 3000000 };
	struct kipc_chan *c;
	char uri[URI_MAX];
	struct kipc_msg m;
	char byte;

	form_uri(f, "slots=1", uri, sizeof(uri));
	c = queue_end(uri, 0);
	for (size_t i = 0; i < 3; i++) {
		for (size_t w = 0; w < 3; w++) {
			int64_t before = harness_now();

			chan_set_wait(c, wait_modes[w]);
			must_eq(kipc_recv(c, &byte, 1, ns[i]), -ETIMEDOUT);
			must_eq(kipc_peek(c, &m, 1, ns[i]), -ETIMEDOUT);
			must_eq(kipc_send(c, "x", 1, -1), 0);
			must_eq(kipc_send(c, "x", 1, ns[i]), -ETIMEDOUT);
			m = (struct kipc_msg){ .len = 1 };
			must_eq(kipc_reserve(c, &m, 1, ns[i]), -ETIMEDOUT);
			must(harness_now() - before >= 4 * ns[i]);
			must_eq(kipc_recv(c, &byte, 1, ns[i]), 1);
		}
	}
	kipc_chan_close(c);
}

static void on_alarm(int sig)
{
	(void)sig;
}

QUEUE_TEST(queue_interrupted)
{
	struct itimerval every = { { 0, 10000 }, { 0, 10000 } };
	struct kipc_chan *c;
	char uri[URI_MAX];
	char byte;

	form_uri(f, "slots=1&wait=block", uri, sizeof(uri));
	c = queue_end(uri, 0);
	must_sys(sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL));
	must_sys(setitimer(ITIMER_REAL, &every, NULL));
	must_eq(kipc_recv(c, &byte, 1, -1), -EINTR);
	must_eq(kipc_send(c, "x", 1, -1), 0);
	must_eq(kipc_send(c, "y", 1, -1), -EINTR);
	must_eq(kipc_recv(c, &byte, 1, -1), 1);
	must(byte == 'x');
	kipc_chan_close(c);
}

/* ---- what is refused -------------------------------------------------------------------- */

static void refused(const char *uri, unsigned flags, int want, const char *said)
{
	struct kipc_chan *c;

	must_eq(kipc_chan_open(&c, uri, KIPC_QUEUE | flags, NULL), want);
	if (!strstr(kipc_why(), said))
		harness_fail(__FILE__, __LINE__, "%s: \"%s\" lacks \"%s\"", uri, kipc_why(), said);
}

QUEUE_TEST(queue_wrong_options)
{
	static const struct {
		const char *option;
		int want;
		const char *said;
	} wrong[] = {
		{ "slots=0", -EINVAL, "1 to 65536" },
		{ "slots=65537", -EINVAL, "1 to 65536" },
		{ "slots=x", -EINVAL, "1 to 65536" },
		{ "slot=1048569", -EINVAL, "1048568" },
		{ "slot=-1", -EINVAL, "1048568" },
		{ "prio=0", -EINVAL, "1 to 32" },
		{ "prio=33", -EINVAL, "1 to 32" },
		{ "held=", -EINVAL, "redeliver or drop" },
		{ "held=keep", -EINVAL, "redeliver" },
		{ "size=8M", -EINVAL, "size" },
		{ "align=64", -EINVAL, "align" },
		{ "payload=1", -EINVAL, "payload" },
		{ "loss=1", -EINVAL, "loss" },
		{ "patience=1", -EINVAL, "patience" },
		{ "priority=2", -EINVAL, "unknown" },
		{ "slots=65536&slot=64K", -EINVAL, "more than" },
		{ "slots=9", -EEXIST, "not 16" },
		{ "slot=1000", -EEXIST, "not 1016" },
		{ "prio=3", -EEXIST, "priorities 2" },
		{ "held=drop", -EEXIST, "held=redeliver" },
		{ "slots=65536&slot=1000&prio=32", -EINVAL, "more than" },
	};
	struct kipc_opts opts = { .size = sizeof(opts), .ring_bytes = 8192 };
	char uri[2 * URI_MAX], plain[URI_MAX];
	struct kipc_chan *c, *d;

	form_uri(f, "", plain, sizeof(plain));
	snprintf(uri, sizeof(uri), "%s?slots=8&prio=2&slot=100", plain);
	c = queue_end(uri, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(uri, sizeof(uri), "%s?%s", plain, wrong[i].option);
		refused(uri, 0, wrong[i].want, wrong[i].said);
	}
	refused(plain, KIPC_CREATE | KIPC_EXCL, -EEXIST, "exists");
	refused(plain, KIPC_PAIR, -EINVAL, "kind");
	must_eq(kipc_chan_open(&d, plain, KIPC_QUEUE, &opts), -EINVAL);
	must(strstr(kipc_why(), "slots="));
	must_eq(kipc_chan_open(&d, plain, KIPC_PAIR, NULL), -EEXIST);
	snprintf(uri, sizeof(uri), "%s?slots=5&prio=2&slot=90&held=redeliver", plain);
	d = queue_end(uri, 0); /* the same after rounding */
	kipc_chan_close(c);
	kipc_chan_close(d);
}

QUEUE_TEST(queue_what_it_cannot)
{
	struct kipc_chan *c, *p[2];
	char uri[URI_MAX];
	uint64_t value;

	form_uri(f, "", uri, sizeof(uri));
	c = queue_end(uri, 0);
	must_eq(kipc_chan_handover(c), -EOPNOTSUPP);
	must_eq(kipc_write(c, "x", 1, 0), -EOPNOTSUPP);
	must_eq(kipc_read(c, &(char){ 0 }, 1, 0), -EOPNOTSUPP);
	must_eq(kipc_chan_caps(c) & KIPC_CAP_HANDOVER, 0);
	snprintf(uri, sizeof(uri), "%s://", f->scheme);
	must_eq(kipc_chan_pair(p, uri, KIPC_QUEUE, NULL), -EOPNOTSUPP);
	must_eq(kipc_chan_set(c, KIPC_OPT_SLOTS, 1), -EACCES);
	must_eq(kipc_chan_set(c, KIPC_OPT_ABANDONED, 1), -EACCES);
	must_eq(kipc_chan_get(c, (enum kipc_opt)77, &value), -EINVAL);
	must_eq(kipc_peek(c, NULL, 1, 0), -EINVAL);
	must_eq(kipc_release(c, 1), -EINVAL);
	must(!strcmp(kipc_chan_transport(c), f->scheme));
	kipc_chan_close(c);
}

static void carries_none(const struct form *f)
{
	struct kipc_chan *c;
	char uri[URI_MAX];

	form_uri(f, "", uri, sizeof(uri));
	must_eq(kipc_chan_open(&c, uri, KIPC_QUEUE | KIPC_CREATE, NULL), -EOPNOTSUPP);
	must(strstr(kipc_why(), "kmod shm"));
}

Test(unix_named, queue_is_refused, .init = harness_begin, .fini = harness_end)
{
	form_run(&unix_named, carries_none);
}

/* auto:// passes over transports that do not carry it. */
QUEUE_TEST(queue_auto)
{
	struct kipc_chan *c;
	char uri[URI_MAX];

	snprintf(uri, sizeof(uri), "auto://%s", harness_name());
	unsetenv("KIPC_TRANSPORT");
	c = queue_end(uri, 0);
	must(!strcmp(kipc_chan_transport(c), form_info("kmod").status == 0 ? "kmod" : "shm"));
	must_eq(queue_capacity(c), 256);
	kipc_chan_close(c);
}
