// SPDX-License-Identifier: MIT
/* kipc cat - stdin to a channel, a channel to stdout */
#include "cat.h"

#include <stdlib.h>

#define CHUNK_MAX (1u << 20)
#define RING_MAX  (1u << 30)

/* ---- arguments -------------------------------------------------------------------------- */

enum { KEY_CHUNK = 0x100 };

static const struct argp_option options[] = {
	{ "send", 's', NULL, 0, "Read stdin and send it", 0 },
	{ "recv", 'r', NULL, 0, "Receive and write to stdout", 0 },
	{ "size", 'b', "BYTES", 0, "Ring size, 4K to 1G, if this side creates the channel", 0 },
	{ "chunk", KEY_CHUNK, "BYTES", 0, "Longest message sent (default: a quarter of the ring)",
	  0 },
	{ "timeout", 't', "SECONDS", 0, "Give up a wait for the other side after this long", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct cat *t = state->input;

	switch (key) {
	case 's':
	case 'r':
		t->dir |= key == 's' ? KIPC_SEND : KIPC_RECV;
		return 0;
	case 'b':
		t->opts.ring_bytes = parse_bytes("--size", arg);
		if (t->opts.ring_bytes <= RING_MAX)
			return 0;
		complain("--size", "'%s' is more than a ring can have, 1G", arg);
		exit(STATUS_BAD);
	case KEY_CHUNK:
		t->chunk = parse_bytes("--chunk", arg);
		return 0;
	case 't':
		t->timeout = parse_seconds("--timeout", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (t->uri)
			return ARGP_ERR_UNKNOWN;
		t->uri = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options,
	parse,
	"--send|--recv URI",
	"Move bytes between two processes: one sends its stdin, the other writes to stdout. Either may "
	"come first; both succeed only when everything has arrived.\v"
	"  kipc cat --recv shm://feed > copy &\n"
	"  kipc cat --send shm://feed < file",
	NULL,
	NULL,
	NULL,
};

/* ---- the command ------------------------------------------------------------------------ */

/* Four messages to a ring let both sides copy at the same time. */
static int choose_chunk(struct cat *t)
{
	uint64_t max;
	int r = kipc_chan_get(t->c, KIPC_OPT_MAX_MSG, &max);

	if (r < 0)
		return complain_of(t->uri, r);
	if (!t->chunk)
		t->chunk = max / 4 < CHUNK_MAX ? max / 4 : CHUNK_MAX;
	if (t->chunk > max) {
		complain("--chunk", "this channel carries at most %llu bytes in a message",
		         (unsigned long long)max);
		return STATUS_BAD;
	}
	return 0;
}

static int check(const struct cat *t)
{
	if (t->dir != KIPC_SEND && t->dir != KIPC_RECV) {
		complain("cat", "one of --send and --recv is needed; see kipc cat --help");
		return STATUS_BAD;
	}
	if (!t->uri) {
		complain("cat", "a URI is needed, such as shm://feed");
		return STATUS_BAD;
	}
	return 0;
}

int cmd_cat(int argc, char **argv)
{
	struct cat t = { .timeout = -1, .opts.size = sizeof(t.opts) };
	int status;

	arguments_parse(&argp, argc, argv, &t);
	status = check(&t);
	if (status)
		return status;
	stop_install();
	/* Both directions stay open on both sides: one for the data, one for the answers. */
	status = chan_open(&t.c, t.uri, KIPC_PAIR | KIPC_CREATE, &t.opts);
	if (status)
		return status;
	status = choose_chunk(&t);
	if (!status)
		status = t.dir == KIPC_SEND ? cat_send(&t) : cat_recv(&t);
	kipc_chan_close(t.c);
	if (stop_asked())
		stop_obey();
	return status;
}
