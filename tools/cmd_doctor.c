// SPDX-License-Identifier: MIT
/*
 * kipc doctor - which transports run here, and why not the others
 *
 * Asks the library for each transport, then sends one message through it: a transport that only says
 * that it runs is reported with what went wrong.
 */
#include "machine.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NR_TRANSPORTS 16

/* ---- transports ------------------------------------------------------------------------- */

struct finding {
	const char *scheme, *about;
	uint64_t caps;
	bool runs;
	char why[200], cure[200];
};

static const struct {
	uint64_t bit;
	const char *name;
} cap_names[] = {
	{ KIPC_CAP_ZEROCOPY, "zerocopy" },
	{ KIPC_CAP_MSG_BORDERS, "msg-borders" },
	{ KIPC_CAP_ORDERED, "ordered" },
	{ KIPC_CAP_RELIABLE, "reliable" },
	{ KIPC_CAP_POLL_FD, "poll-fd" },
	{ KIPC_CAP_DEATH_NOTICE, "death-notice" },
	{ KIPC_CAP_HOSTILE_SAFE, "hostile-safe" },
	{ KIPC_CAP_PEER_CRED, "peer-cred" },
	{ KIPC_CAP_HANDOVER, "handover" },
	{ KIPC_CAP_NAMED, "named" },
	{ KIPC_CAP_NUMA, "numa" },
};

#define NR_CAPS (sizeof(cap_names) / sizeof(*cap_names))

/* One message through a pair of this transport; 0 or the negative errno of what failed. */
static int try_pair(const char *scheme)
{
	static const char sent[] = "how do you do";
	struct kipc_chan *ends[2];
	char uri[48], got[sizeof(sent)];
	ssize_t r;

	snprintf(uri, sizeof(uri), "%s://", scheme);
	r = kipc_chan_pair(ends, uri, KIPC_PAIR, NULL);
	if (r < 0)
		return (int)r;
	r = kipc_send(ends[0], sent, sizeof(sent), 1000000000);
	if (r >= 0)
		r = kipc_recv(ends[1], got, sizeof(got), 1000000000);
	if (r >= 0 && (r != sizeof(sent) || memcmp(got, sent, sizeof(sent)) != 0))
		r = -EBADMSG;
	kipc_chan_close(ends[0]);
	kipc_chan_close(ends[1]);
	return r < 0 ? (int)r : 0;
}

static void examine(const struct kipc_transport_info *i, struct finding *f)
{
	int r;

	f->scheme = i->scheme;
	f->about = i->about;
	f->caps = i->caps;
	snprintf(f->why, sizeof(f->why), "%s", i->status ? i->why : "");
	snprintf(f->cure, sizeof(f->cure), "%s", i->status && i->cure ? i->cure : "");
	f->runs = !i->status;
	if (!f->runs)
		return;
	r = try_pair(f->scheme);
	if (!r)
		return;
	f->runs = false;
	snprintf(f->why, sizeof(f->why),
	         "says that it runs, but a message does not get through: %s", kipc_strerror(r));
}

static unsigned examine_all(struct finding *f)
{
	struct kipc_transport_info info = { .size = sizeof(info) };
	unsigned n = 0;

	while (n < NR_TRANSPORTS && kipc_transport_info(n, &info) >= 0) {
		examine(&info, &f[n++]);
		info.size = sizeof(info);
	}
	return n;
}

/* What auto:// takes for each kind of channel. */
struct choice {
	const char *kind;
	unsigned flags;
	char took[240];
	char why[240]; /* not better ones, or "" */
};

#define NR_KINDS 3

/* Found by taking it; the name is gone at once. */
static void ask_auto(struct choice *a)
{
	struct kipc_chan *c;
	char uri[64];
	int r;

	snprintf(uri, sizeof(uri), "auto://kipc-doctor-%d", (int)getpid());
	r = kipc_chan_open(&c, uri, a->flags | KIPC_CREATE | KIPC_EXCL, NULL);
	if (r < 0) {
		snprintf(a->took, sizeof(a->took), "nothing: %s",
		         *kipc_why() ? kipc_why() : kipc_strerror(r));
		return;
	}
	snprintf(a->took, sizeof(a->took), "%s", kipc_chan_transport(c));
	snprintf(a->why, sizeof(a->why), "%s", kipc_why());
	kipc_chan_close(c);
}

/* ---- telling a person ------------------------------------------------------------------- */

static void print_finding(const struct finding *f)
{
	printf("  %-6s %-4s %s\n", f->scheme, f->runs ? "yes" : "no", f->runs ? f->about : f->why);
	if (!f->runs) {
		if (*f->cure)
			printf("%14scure: %s\n", "", f->cure);
		return;
	}
	printf("%13s", "");
	for (size_t i = 0; i < NR_CAPS; i++)
		if (f->caps & cap_names[i].bit)
			printf(" %s", cap_names[i].name);
	printf("\n");
}

/* Of the other kinds only what is not as with a pair. */
static void print_auto(const struct choice *a)
{
	printf("auto:// takes %s\n", a[0].took);
	for (unsigned i = 1; i < NR_KINDS; i++)
		if (strcmp(a[i].took, a[0].took))
			printf("%14s%s for a %s%s%s\n", "", a[i].took, a[i].kind,
			       *a[i].why ? ": " : "", a[i].why);
}

static void print_all(const struct finding *f, unsigned n, const struct choice *a)
{
	char text[FACT_BYTES];
	const char *name;

	printf("transports, best first\n");
	for (unsigned i = 0; i < n; i++)
		print_finding(&f[i]);
	print_auto(a);
	printf("\nthis machine\n");
	for (size_t i = 0; (name = machine_fact(i, text)); i++)
		printf("  %-15s %s\n", name, text);
}

/* ---- telling a program ------------------------------------------------------------------ */

static void put_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20) {
			printf("\\u%04x", *s);
			continue;
		}
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('"');
}

static void put_field(const char *before, const char *name, const char *value)
{
	printf("%s", before);
	put_string(name);
	printf(": ");
	put_string(value);
}

static void put_finding(const struct finding *f)
{
	const char *sep = "";

	put_field("    {", "scheme", f->scheme);
	put_field(", ", "about", f->about);
	printf(", \"runs\": %s", f->runs ? "true" : "false");
	put_field(", ", "why", f->why);
	put_field(", ", "cure", f->cure);
	printf(", \"caps\": [");
	for (size_t i = 0; i < NR_CAPS; i++) {
		if (!(f->caps & cap_names[i].bit))
			continue;
		printf("%s", sep);
		put_string(cap_names[i].name);
		sep = ", ";
	}
	printf("]}");
}

static void put_all(const struct finding *f, unsigned n, const struct choice *a)
{
	char text[FACT_BYTES];
	const char *name;

	put_field("{\n  ", "version", kipc_version());
	printf(",\n  \"transports\": [\n");
	for (unsigned i = 0; i < n; i++) {
		put_finding(&f[i]);
		printf("%s\n", i + 1 < n ? "," : "");
	}
	put_field("  ],\n  ", "auto", a[0].took);
	for (unsigned i = 1; i < NR_KINDS; i++)
		put_field(i == 1 ? ",\n  \"auto_kinds\": {" : ", ", a[i].kind, a[i].took);
	printf("},\n  \"machine\": {");
	for (size_t i = 0; (name = machine_fact(i, text)); i++)
		put_field(i ? ",\n    " : "\n    ", name, text);
	printf("\n  }\n}\n");
}

/* ---- the command ------------------------------------------------------------------------ */

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Write JSON", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != 'j')
		return ARGP_ERR_UNKNOWN;
	*(bool *)state->input = true;
	return 0;
}

static const struct argp argp = {
	options, parse, "",  "Tell which transports run here, and why not the others.",
	NULL,    NULL,  NULL
};

int cmd_doctor(int argc, char **argv)
{
	static struct finding found[NR_TRANSPORTS];
	struct choice took[NR_KINDS] = { { .kind = "pair", .flags = KIPC_PAIR },
		                         { .kind = "pubsub", .flags = KIPC_PUBSUB | KIPC_SEND },
		                         { .kind = "queue", .flags = KIPC_QUEUE } };
	bool json = false, any = false;
	unsigned n;

	arguments_parse(&argp, argc, argv, &json);
	n = examine_all(found);
	for (unsigned i = 0; i < n; i++)
		any |= found[i].runs;
	for (unsigned i = 0; i < NR_KINDS; i++)
		ask_auto(&took[i]);
	(json ? put_all : print_all)(found, n, took);
	if (stdout_flush())
		return STATUS_BAD;
	return any ? 0 : STATUS_MISSING;
}
