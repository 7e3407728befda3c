// SPDX-License-Identifier: MIT
/* URIs and options become a configuration; reasons are put together. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include "uri.h"
#include "../harness.h"

TestSuite(text, .init = harness_begin, .fini = harness_end);

static struct kipc__uri parse(const char *text)
{
	struct kipc__uri uri;
	int r = kipc__uri_parse(&uri, text, KIPC_PAIR, NULL);

	if (r < 0)
		harness_fail(__FILE__, __LINE__, "%s: %s", text, kipc_why());
	return uri;
}

Test(text, uri_of_nothing_but_a_name)
{
	struct kipc__uri u;

	must_eq(kipc__uri_parse(&u, "shm://feed", KIPC_PAIR | KIPC_CREATE, NULL), 0);
	must(!strcmp(u.scheme, "shm"));
	must(!strcmp(u.name, "feed"));
	must(u.cfg.name == u.name);
	must_eq(u.cfg.flags, KIPC_PAIR | KIPC_CREATE);
	must_eq(u.cfg.given, 0);
	must_eq(u.cfg.ring_bytes, 256 * 1024);
	must_eq(u.cfg.mode, 0600);
	must_eq(u.cfg.align, 8);
	must_eq(u.cfg.node, -1);
	must_eq(u.cfg.wait, KIPC_WAIT_ADAPTIVE);
	must_eq(u.cfg.rfo, -1);
	must(u.cfg.uring);
	must(u.cfg.spin_ns == KIPC__SPIN_MEASURED);
	must(!u.cfg.payload);
}

Test(text, uri_with_everything)
{
	struct kipc__uri u = parse("unix:///run/x.sock?size=8M&mode=0660&align=64&payload=1&node=0"
	                           "&wait=spin&spin=20000&rfo=1&uring=0");

	must(!strcmp(u.scheme, "unix"));
	must(!strcmp(u.name, "/run/x.sock"));
	must_eq(u.cfg.ring_bytes, 8 << 20);
	must_eq(u.cfg.mode, 0660);
	must_eq(u.cfg.align, 64);
	must(u.cfg.payload);
	must_eq(u.cfg.node, 0);
	must_eq(u.cfg.wait, KIPC_WAIT_SPIN);
	must_eq(u.cfg.spin_ns, 20000);
	must_eq(u.cfg.rfo, 1);
	must(!u.cfg.uring);
	must_eq(u.cfg.given, KIPC__GIVEN_SIZE | KIPC__GIVEN_ALIGN | KIPC__GIVEN_PAYLOAD |
	                             KIPC__GIVEN_MODE | KIPC__GIVEN_NODE);
}

Test(text, uri_sizes_round_up)
{
	static const struct {
		const char *uri;
		uint64_t bytes;
	} sizes[] = {
		{ "shm://?size=1", 4096 },          { "shm://?size=4096", 4096 },
		{ "shm://?size=4097", 8192 },       { "shm://?size=5K", 8192 },
		{ "shm://?size=1000000", 1048576 }, { "shm://?size=3M", 4 << 20 },
		{ "shm://?size=1G", 1ULL << 30 },   { "shm://?size=1024M", 1ULL << 30 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		must_eq(parse(sizes[i].uri).cfg.ring_bytes, sizes[i].bytes);
}

Test(text, uri_beyond_the_limits)
{
	static const char *const uris[] = { "shm://?size=1025M", "shm://?size=2G",
		                            "shm://?size=1048577K", "shm://?size=1073741825",
		                            "shm://?size=18014398509481985K" };
	struct kipc__uri u;

	for (size_t i = 0; i < sizeof(uris) / sizeof(*uris); i++) {
		must_eq(kipc__uri_parse(&u, uris[i], KIPC_PAIR, NULL), -EINVAL);
		must(strstr(kipc_why(), "size"));
	}
}

Test(text, uri_last_of_equal_options_wins)
{
	must_eq(parse("shm://?size=4K&size=64K").cfg.ring_bytes, 65536);
}

Test(text, why_names_the_option)
{
	struct kipc__uri u;

	must_eq(kipc__uri_parse(&u, "shm://x?align=9", KIPC_PAIR, NULL), -EINVAL);
	must(strstr(kipc_why(), "align") && strstr(kipc_why(), "9"));
	must_eq(kipc__uri_parse(&u, "shm://x?colour=red", KIPC_PAIR, NULL), -EINVAL);
	must(strstr(kipc_why(), "colour"));
	must_eq(kipc__uri_parse(&u, "shm://x?wait=never", KIPC_PAIR, NULL), -EINVAL);
	must(strstr(kipc_why(), "never"));
}

/* Every byte that can stand in a URI, at every place, and every truncation: no crash. */
Test(text, uri_with_any_byte)
{
	static const char whole[] = "shm://name?size=8M&align=64&wait=spin&mode=0660";
	struct kipc__uri u;
	char text[sizeof(whole)];
	int accepted = 0;

	for (size_t at = 0; at < sizeof(whole) - 1; at++)
		for (int byte = 0; byte < 256; byte++) {
			memcpy(text, whole, sizeof(whole));
			text[at] = (char)byte;
			if (kipc__uri_parse(&u, text, KIPC_PAIR, NULL) == 0)
				accepted++;
			else
				must(*kipc_why());
		}
	must(accepted > 0);
}

Test(text, why_is_cut_not_overrun)
{
	char text[2000];

	memset(text, 'w', sizeof(text));
	text[sizeof(text) - 1] = 0;
	kipc__why_set("%s", text);
	must(strlen(kipc_why()) >= 100 && strlen(kipc_why()) < sizeof(text));
	for (int i = 0; i < 100; i++)
		kipc__why_add("%s", text);
	must(strlen(kipc_why()) < sizeof(text));
	kipc__why_set("%d", 5);
	kipc__why_add("%s", "6");
	must(!strcmp(kipc_why(), "56"));
	kipc__why_clear();
	must(!*kipc_why());
}

/* An option belongs to kinds and directions, and is refused elsewhere. */
Test(text, options_of_one_kind)
{
	struct kipc__uri u;

	must_eq(kipc__uri_parse(&u, "shm://x?loss=1&join=oldest", KIPC_PUBSUB | KIPC_RECV, NULL),
	        0);
	must(u.cfg.lossy && u.cfg.from_oldest && u.cfg.patience < 0);
	must_eq(kipc__uri_parse(&u, "shm://x?patience=0", KIPC_PUBSUB | KIPC_SEND, NULL), 0);
	must_eq(u.cfg.patience, 0);
	must_eq(kipc__uri_parse(&u, "shm://x?loss=1", KIPC_PUBSUB | KIPC_SEND, NULL), -EINVAL);
	must(strstr(kipc_why(), "loss"));
	must_eq(kipc__uri_parse(&u, "shm://x?patience=0", KIPC_PUBSUB | KIPC_RECV, NULL), -EINVAL);
	must_eq(kipc__uri_parse(&u, "shm://x?join=newest", KIPC_PAIR, NULL), -EINVAL);
	must_eq(kipc__uri_parse(&u, "shm://x?join=now", KIPC_PUBSUB | KIPC_RECV, NULL), -EINVAL);
	must(strstr(kipc_why(), "newest or oldest"));
	must_eq(kipc__uri_parse(&u, "shm://x?loss=2", KIPC_PUBSUB | KIPC_RECV, NULL), -EINVAL);
}

static int open_kind(const char *uri, unsigned flags)
{
	struct kipc_chan *c;
	int r = kipc_chan_open(&c, uri, flags, NULL);

	kipc_chan_close(c);
	return r;
}

Test(text, kinds_that_a_transport_does_not_carry)
{
	struct kipc_chan *c[2];

	must_eq(open_kind("unix:///tmp/none", KIPC_PUBSUB | KIPC_RECV), -EOPNOTSUPP);
	must(strstr(kipc_why(), "unix"));
	must_eq(open_kind("shm://none", KIPC_PUBSUB | KIPC_PAIR), -EINVAL);
	must_eq(open_kind("shm://none", KIPC_SEND), -EINVAL);
	must_eq(kipc_chan_pair(c, "shm://", KIPC_PUBSUB, NULL), -EOPNOTSUPP);
	must(*kipc_why());
	must_eq(kipc_chan_from_fd(c, 0, KIPC_PUBSUB | KIPC_RECV, NULL), -EOPNOTSUPP);
}
