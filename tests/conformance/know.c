// SPDX-License-Identifier: MIT
/* What the library tells about itself and about a channel, and whether that is true. */
#include <ctype.h>
#include <stdlib.h>
#include "form.h"

TestSuite(know, .init = harness_begin, .fini = harness_end);

Test(know, transports)
{
	struct kipc_transport_info info = { .size = sizeof(info) };
	unsigned n = 0;
	int r;

	while ((r = kipc_transport_info(n, &info)) == 0) {
		must(*info.scheme && *info.about && info.caps);
		must_eq(info.size, sizeof(info));
		must(info.status <= 0);
		if (info.status)
			must(*info.why && info.cure);
		n++;
	}
	must_eq(r, -ENOENT);
	must_eq(n, 3);
	must_eq(kipc_transport_info(1000000, &info), -ENOENT);
	info.size = 1;
	must_eq(kipc_transport_info(0, &info), -EINVAL);
	must_eq(kipc_transport_info(0, NULL), -EINVAL);
}

/* The order of preference: what auto takes first comes first. */
Test(know, order_of_preference)
{
	static const char *const order[] = { "kmod", "shm", "unix" };
	struct kipc_transport_info info = { .size = sizeof(info) };

	for (unsigned i = 0; i < 3; i++) {
		must_eq(kipc_transport_info(i, &info), 0);
		must(!strcmp(info.scheme, order[i]));
	}
}

Test(know, auto_takes_the_best_that_runs)
{
	struct kipc_transport_info kmod = form_info("kmod");
	struct kipc_chan *c[2];

	unsetenv("KIPC_TRANSPORT");
	must_eq(kipc_chan_pair(c, "auto://", KIPC_PAIR, NULL), 0);
	must(!strcmp(kipc_chan_transport(c[0]), kmod.status ? "shm" : "kmod"));
	if (kmod.status)
		must(strstr(kipc_why(), kmod.why));
	else
		must(!*kipc_why());
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
}

Test(know, environment_overrides_auto)
{
	struct kipc_chan *c[2];

	setenv("KIPC_TRANSPORT", "unix", 1);
	must_eq(kipc_chan_pair(c, "auto://", KIPC_PAIR, NULL), 0);
	must(!strcmp(kipc_chan_transport(c[0]), "unix"));
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
	must_eq(kipc_chan_pair(c, "shm://", KIPC_PAIR, NULL), 0);
	must(!strcmp(kipc_chan_transport(c[0]), "shm"));
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
	setenv("KIPC_TRANSPORT", "nosuch", 1);
	must_eq(kipc_chan_pair(c, "auto://", KIPC_PAIR, NULL), -EPROTONOSUPPORT);
	must(strstr(kipc_why(), "nosuch"));
	setenv("KIPC_TRANSPORT", "auto", 1); /* leaves the choice where it is */
	must_eq(kipc_chan_pair(c, "auto://", KIPC_PAIR, NULL), 0);
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
}

Test(know, version)
{
	char text[40];

	snprintf(text, sizeof(text), "%d.%d.", KIPC_VERSION_MAJOR, KIPC_VERSION_MINOR);
	must(!strncmp(kipc_version(), text, strlen(text)));
	must(isdigit((unsigned char)kipc_version()[strlen(text)]));
}

Test(know, strerror)
{
	static const int known[] = { -EINVAL, -EAGAIN,          -ETIMEDOUT,    -EINTR,
		                     -EPIPE,  -EBADMSG,         -EMSGSIZE,     -ESTALE,
		                     -EACCES, -EOPNOTSUPP,      -ENOENT,       -EEXIST,
		                     -EBUSY,  -ENOSPC,          -ENOMEM,       -EMFILE,
		                     -ENODEV, -EPROTONOSUPPORT, -ENAMETOOLONG, -E2BIG };
	const int n = sizeof(known) / sizeof(*known);

	for (int i = 0; i < n; i++) {
		must(*kipc_strerror(known[i]));
		for (int k = 0; k < i; k++)
			must(strcmp(kipc_strerror(known[i]), kipc_strerror(known[k])) != 0);
	}
	for (int err = -5000; err < 5000; err += 7)
		must(kipc_strerror(err));
	must(kipc_strerror(INT32_MIN) && kipc_strerror(INT32_MAX));
}

/* A success says nothing, and does not repeat what an earlier failure said. */
Test(know, why_belongs_to_the_last_call)
{
	struct kipc_chan *c[2];

	must_eq(kipc_chan_pair(c, "nosuch://", KIPC_PAIR, NULL), -EPROTONOSUPPORT);
	must(strstr(kipc_why(), "nosuch"));
	must_eq(kipc_chan_pair(c, "shm://", KIPC_PAIR, NULL), 0);
	must(!*kipc_why());
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
}

/* ---- of one channel --------------------------------------------------------------------- */

EACH_FORM(know_caps_are_those_of_the_transport)
{
	struct duo d;

	duo_both(&d, f, "");
	must_eq(kipc_chan_caps(d.end[0]), form_info(f->scheme).caps);
	must(!strcmp(kipc_chan_transport(d.end[1]), f->scheme));
	must(form_can(f, KIPC_CAP_MSG_BORDERS | KIPC_CAP_ORDERED | KIPC_CAP_RELIABLE));
	duo_close(&d);
}

/* What a capability bit denies is refused, not half done. */
EACH_ANON(know_caps_deny)
{
	char uri[URI_MAX];
	struct kipc_chan *c;
	struct form named = { f->id, f->scheme, true };
	struct duo d;

	duo_both(&d, f, "");
	form_uri(&named, "", uri, sizeof(uri));
	if (!form_can(f, KIPC_CAP_NAMED))
		must_eq(kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL), -EOPNOTSUPP);
	if (!form_can(f, KIPC_CAP_POLL_FD))
		must_eq(kipc_chan_fd(d.end[0], KIPC_IN), -EOPNOTSUPP);
	if (!form_can(f, KIPC_CAP_HANDOVER))
		must_eq(kipc_chan_handover(d.end[0]), -EOPNOTSUPP);
	if (!form_can(f, KIPC_CAP_ZEROCOPY)) {
		must_eq(chan_get(d.end[0], KIPC_OPT_RING_BYTES), 0);
		must_eq(chan_get(d.end[0], KIPC_OPT_PAGE_BYTES), 0);
	}
	duo_close(&d);
}

/* In place: what is written into the ring after the peek is seen through the peeked pointer. */
EACH_ANON(know_zerocopy_is_true)
{
	struct kipc_msg out = { .len = 64 }, in;
	struct duo d;

	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return;
	duo_both(&d, f, "");
	must_eq(kipc_reserve(d.end[0], &out, 1, 0), 1);
	memset(out.data, 1, 64);
	must_eq(kipc_commit(d.end[0], &out, 1), 1);
	must_eq(kipc_peek(d.end[1], &in, 1, 0), 1);
	must_eq(*(volatile uint8_t *)in.data, 1);
	*(volatile uint8_t *)out.data = 2;
	must_eq(*(volatile uint8_t *)in.data, 2);
	duo_close(&d);
}

EACH_ANON(know_node_is_honoured_or_refused)
{
	char uri[URI_MAX];
	struct kipc_chan *c[2];

	form_uri(f, "node=0", uri, sizeof(uri));
	must_eq(kipc_chan_pair(c, uri, KIPC_PAIR, NULL), 0);
	if (form_can(f, KIPC_CAP_NUMA))
		must_eq(chan_get(c[0], KIPC_OPT_NODE), 1);
	else
		must_eq(chan_get(c[0], KIPC_OPT_NODE), 0);
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
	form_uri(f, "node=local", uri, sizeof(uri));
	must_eq(kipc_chan_pair(c, uri, KIPC_PAIR, NULL), 0);
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
	form_uri(f, "node=9999", uri, sizeof(uri));
	must_eq(kipc_chan_pair(c, uri, KIPC_PAIR, NULL), -EINVAL);
}

EACH_FORM(know_numbers)
{
	uint64_t value;
	struct duo d;

	duo_both(&d, f, "size=5000&spin=777");
	if (form_can(f, KIPC_CAP_ZEROCOPY)) {
		must_eq(chan_get(d.end[0], KIPC_OPT_RING_BYTES), 8192);
		must(chan_get(d.end[0], KIPC_OPT_PAGE_BYTES) >= 4096);
	}
	must(chan_get(d.end[0], KIPC_OPT_MAX_MSG) >= 4096);
	must_eq(chan_get(d.end[0], KIPC_OPT_SPIN_NS), 777);
	must_eq(kipc_chan_set(d.end[0], KIPC_OPT_SPIN_NS, 0), 0);
	must_eq(chan_get(d.end[0], KIPC_OPT_SPIN_NS), 0);
	must_eq(kipc_chan_set(d.end[0], KIPC_OPT_SPIN_NS, INT64_MAX), 0);
	must_eq(kipc_chan_set(d.end[0], KIPC_OPT_SPIN_NS, (uint64_t)INT64_MAX + 1), -EINVAL);
	must_eq(chan_get(d.end[0], KIPC_OPT_SPIN_NS), INT64_MAX);
	must_eq(kipc_chan_set(d.end[0], KIPC_OPT_SPIN_NS, UINT64_MAX), 0); /* as measured */
	must_eq(kipc_chan_set(d.end[0], KIPC_OPT_WAIT, 0), -EINVAL);
	must_eq(kipc_chan_set(d.end[0], KIPC_OPT_WAIT, 4), -EINVAL);
	must_eq(kipc_chan_set(d.end[0], KIPC_OPT_MAX_MSG, 10), -EACCES);
	must_eq(kipc_chan_set(d.end[0], KIPC_OPT_RING_BYTES, 10), -EACCES);
	must_eq(kipc_chan_set(d.end[0], (enum kipc_opt)99, 1), -EINVAL);
	must_eq(kipc_chan_get(d.end[0], (enum kipc_opt)99, &value), -EINVAL);
	must_eq(kipc_chan_get(d.end[0], (enum kipc_opt)0, &value), -EINVAL);
	must_eq(kipc_chan_get(d.end[0], KIPC_OPT_WAIT, NULL), -EINVAL);
	must_eq(kipc_chan_get(NULL, KIPC_OPT_WAIT, &value), -EINVAL);
	duo_close(&d);
}

EACH_FORM(know_stats)
{
	struct kipc_stats s = { .size = 1 };
	struct kipc_msg m[4] = { { .len = 10 }, { .len = 20 }, { .len = 30 }, { .len = 40 } };
	struct duo d;

	duo_both(&d, f, "");
	must_eq(kipc_chan_stats(d.end[0], &s), -EINVAL);
	must_eq(kipc_chan_stats(d.end[0], NULL), -EINVAL);
	must_eq(send_one(d.end[0], 100, 1, 0, 0), 0);
	must_eq(kipc_reserve(d.end[0], m, 4, 0), 4);
	must_eq(kipc_commit(d.end[0], m, 3), 3);
	s = chan_stats(d.end[0]);
	must(s.sent_msgs == 4 && s.sent_bytes == 160 && s.recv_msgs == 0);
	recv_one(d.end[1], 100, 1, 0);
	must_eq(kipc_peek(d.end[1], m, 4, 0), 3);
	must_eq(kipc_release(d.end[1], 3), 3);
	s = chan_stats(d.end[1]);
	must(s.recv_msgs == 4 && s.recv_bytes == 160 && s.sent_msgs == 0);
	must_eq(kipc_recv(d.end[1], m, sizeof(m), 0), -EAGAIN);
	must_eq(kipc_send(d.end[0], &s, 1 << 30, 0), -EMSGSIZE);
	must_eq(chan_stats(d.end[1]).recv_msgs, 4);
	must_eq(chan_stats(d.end[0]).sent_msgs, 4);
	duo_close(&d);
}
