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

/* What auto:// takes for a name, found by taking it; the name is gone at once. */
static void ask_auto(char *took, size_t bytes)
{
	struct kipc_chan *c;
	char uri[64];
	int r;

	snprintf(uri, sizeof(uri), "auto://kipc-doctor-%d", (int)getpid());
	r = kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE | KIPC_EXCL, NULL);
	if (r < 0) {
		snprintf(took, bytes, "nothing: %s", *kipc_why() ? kipc_why() : kipc_strerror(r));
		return;
	}
	snprintf(took, bytes, "%s", kipc_chan_transport(c));
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

static void print_all(const struct finding *f, unsigned n, const char *took)
{
	char text[FACT_BYTES];
	const char *name;

	printf("transports, best first\n");
	for (unsigned i = 0; i < n; i++)
		print_finding(&f[i]);
	printf("auto:// takes %s\n\nthis machine\n", took);
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

static void put_all(const struct finding *f, unsigned n, const char *took)
{
	char text[FACT_BYTES];
	const char *name;

	put_field("{\n  ", "version", kipc_version());
	printf(",\n  \"transports\": [\n");
	for (unsigned i = 0; i < n; i++) {
		put_finding(&f[i]);
		printf("%s\n", i + 1 < n ? "," : "");
	}
	put_field("  ],\n  ", "auto", took);
	printf(",\n  \"machine\": {");
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
	char took[240];
	bool json = false, any = false;
	unsigned n;

	arguments_parse(&argp, argc, argv, &json);
	n = examine_all(found);
	for (unsigned i = 0; i < n; i++)
		any |= found[i].runs;
	ask_auto(took, sizeof(took));
	(json ? put_all : print_all)(found, n, took);
	if (fflush(stdout)) {
		complain("stdout", "%s", strerror(errno));
		return STATUS_BAD;
	}
	return any ? 0 : STATUS_MISSING;
}
