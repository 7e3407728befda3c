// SPDX-License-Identifier: MIT
/* kipc ping - round-trip times of small messages between two processes */
#include "times.h"
#include "tool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- arguments -------------------------------------------------------------------------- */

struct ping {
	const char *uri;
	struct kipc_chan *c;
	struct kipc_opts opts;
	const char *wait; /* as the user wrote it */
	bool listen, self;
	uint64_t count; /* 0: until interrupted */
	size_t size;
	int64_t interval, timeout;
	char *out, *in; /* what is sent, what came back */
	struct times times;
};

static const struct argp_option options[] = {
	{ "listen", 'l', NULL, 0, "Answer until the other side leaves", 0 },
	{ "self", 'S', NULL, 0, "Fork the answering side; the URI has no name (default auto://)",
	  0 },
	{ "count", 'c', "N", 0, "Round trips, 0: until Ctrl-C (default 10000)", 0 },
	{ "size", 's', "BYTES", 0, "Length of a message, from 8 (default 8)", 0 },
	{ "interval", 'i', "SECONDS", 0, "Pause between two round trips (default 0)", 0 },
	{ "wait", 'w', "MODE", 0, "spin, block or adaptive (default adaptive)", 0 },
	{ "timeout", 't', "SECONDS", 0, "Give up when an answer takes this long (default 10)", 0 },
	{ 0 },
};

static const struct {
	const char *name;
	uint32_t mode;
} waits[] = {
	{ "adaptive", KIPC_WAIT_ADAPTIVE },
	{ "spin", KIPC_WAIT_SPIN },
	{ "block", KIPC_WAIT_BLOCK },
};

static uint32_t parse_wait(const char *text)
{
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
		if (!strcmp(text, waits[i].name))
			return waits[i].mode;
	complain("--wait", "'%s' is none of adaptive, spin, block", text);
	exit(STATUS_BAD);
}

static error_t parse_more(int key, char *arg, struct ping *p)
{
	switch (key) {
	case 'i':
		p->interval = parse_seconds("--interval", arg);
		return 0;
	case 't':
		p->timeout = parse_seconds("--timeout", arg);
		return 0;
	case 'w':
		p->opts.wait = parse_wait(arg);
		return 0;
	case ARGP_KEY_ARG:
		if (p->uri)
			return ARGP_ERR_UNKNOWN;
		p->uri = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct ping *p = state->input;

	switch (key) {
	case 'l':
		p->listen = true;
		return 0;
	case 'S':
		p->self = true;
		return 0;
	case 'c':
		p->count = parse_count("--count", arg, 0, UINT64_MAX);
		return 0;
	case 's':
		p->size = parse_bytes("--size", arg);
		return 0;
	default:
		return parse_more(key, arg, p);
	}
}

static const struct argp argp = {
	options,
	parse,
	"URI\n--listen URI\n--self [URI]",
	"Measure round-trip times over a channel.\v"
	"  kipc ping --self --wait spin\n"
	"  kipc ping --listen shm://p & kipc ping shm://p",
	NULL,
	NULL,
	NULL,
};

/* ---- the answering side ----------------------------------------------------------------- */

/* Sends everything back as it came. 0 when the other side has left. */
static int answer(struct kipc_chan *c, uint64_t *count)
{
	struct kipc_msg m;
	int r;

	while (!stop_asked()) {
		r = kipc_peek(c, &m, 1, -1);
		if (r > 0)
			r = kipc_send(c, m.data, m.len, -1);
		if (r == -EPIPE)
			return 0;
		if (r < 0 && r != -EINTR)
			return r;
		if (r >= 0) {
			kipc_release(c, 1);
			++*count;
		}
	}
	return 0;
}

static int listen_side(struct ping *p)
{
	uint64_t count = 0;
	int r = answer(p->c, &count);

	if (r < 0)
		return complain_of(p->uri, r);
	printf("%llu answered\n", (unsigned long long)count);
	return 0;
}

/* The child of --self. It goes when its parent's end goes, also when that is killed. */
static _Noreturn void be_peer(struct kipc_chan *ends[2])
{
	uint64_t count = 0;
	int r;

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	kipc_chan_close(ends[0]);
	r = answer(ends[1], &count);
	kipc_chan_close(ends[1]);
	_exit(r ? status_of(r) : 0);
}

static int fork_peer(struct ping *p, pid_t *pid)
{
	struct kipc_chan *ends[2];
	int r = kipc_chan_pair(ends, p->uri, KIPC_PAIR, &p->opts);

	if (r < 0)
		return complain_of_open(p->uri, r);
	fflush(stdout);
	*pid = fork();
	if (*pid == 0)
		be_peer(ends);
	kipc_chan_close(ends[1]);
	p->c = ends[0];
	if (*pid < 0) {
		complain("fork", "%s", strerror(errno));
		return STATUS_MISSING;
	}
	return 0;
}

/* ---- the asking side -------------------------------------------------------------------- */

/* A number of this process and of this message goes first: an answer is told from somebody else's
 * message, two asking sides from an asking and an answering one.
 */
static void stamp(struct ping *p, uint32_t seq)
{
	const uint32_t words[2] = { (uint32_t)getpid(), seq };

	memcpy(p->out, words, sizeof(words));
}

static int judge(struct ping *p, ssize_t r)
{
	if (r == -EPIPE) {
		complain(p->uri, "the other side died or left");
		return STATUS_PEER;
	}
	if (r == -ETIMEDOUT || r == -EAGAIN) {
		complain(p->uri, "no answer within %g s", (double)p->timeout / 1e9);
		return STATUS_TIMEOUT;
	}
	if (r < 0 && r != -EMSGSIZE)
		return complain_of(p->uri, (int)r);
	complain(p->uri, "the answer is not what was sent: is the other side kipc ping --listen?");
	return STATUS_PEER;
}

static int round_trip(struct ping *p, uint32_t seq)
{
	int64_t start;
	ssize_t r;

	stamp(p, seq);
	start = now_ns();
	do
		r = kipc_send(p->c, p->out, p->size, p->timeout);
	while (r == -EINTR && !stop_asked());
	while (r >= 0 || (r == -EINTR && !stop_asked())) {
		r = kipc_recv(p->c, p->in, p->size, p->timeout);
		if (r != -EINTR)
			break;
	}
	if (r == -EINTR)
		return STATUS_BAD;
	if (r < 0 || (size_t)r != p->size || memcmp(p->in, p->out, p->size))
		return judge(p, r);
	times_add(&p->times, (uint64_t)(now_ns() - start));
	return 0;
}

static void report(const struct ping *p)
{
	const struct times *t = &p->times;

	if (!t->count)
		return;
	printf("%s over %s, %zu bytes: %llu round trips, us: min %.3f p50 %.3f p99 %.3f max %.3f\n",
	       p->uri, kipc_chan_transport(p->c), p->size, (unsigned long long)t->count,
	       (double)t->min / 1e3, (double)times_percentile(t, 0.5) / 1e3,
	       (double)times_percentile(t, 0.99) / 1e3, (double)t->max / 1e3);
}

static void pause_for(int64_t ns)
{
	const struct timespec t = { ns / 1000000000, ns % 1000000000 };

	if (ns)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static int ask_all(struct ping *p)
{
	int status = 0;

	for (uint64_t i = 0; !status && !stop_asked() && (!p->count || i < p->count); i++) {
		if (i)
			pause_for(p->interval);
		if (!stop_asked())
			status = round_trip(p, (uint32_t)i);
	}
	report(p);
	/* Ctrl-C is how an endless ping ends; it has failed only without a single answer. */
	if (stop_asked())
		return p->times.count ? 0 : STATUS_BAD;
	return status;
}

static int ask_side(struct ping *p)
{
	uint64_t max;
	int status, r = kipc_chan_get(p->c, KIPC_OPT_MAX_MSG, &max);

	if (r < 0)
		return complain_of(p->uri, r);
	if (p->size > max) {
		complain("--size", "this channel carries at most %llu bytes in a message",
		         (unsigned long long)max);
		return STATUS_BAD;
	}
	p->out = calloc(2, p->size);
	if (!p->out)
		return complain_of("--size", -ENOMEM);
	p->in = p->out + p->size;
	status = ask_all(p);
	free(p->out);
	return status;
}

/* ---- the command ------------------------------------------------------------------------ */

static int check(struct ping *p)
{
	if (p->self && p->listen) {
		complain("ping", "--self and --listen exclude each other");
		return STATUS_BAD;
	}
	if (p->self && !p->uri)
		p->uri = "auto://";
	if (!p->uri) {
		complain("ping", "a URI such as shm://feed is needed, or --self");
		return STATUS_BAD;
	}
	if (p->size < 2 * sizeof(uint32_t)) {
		complain("--size", "a message needs at least 8 bytes");
		return STATUS_BAD;
	}
	return 0;
}

int cmd_ping(int argc, char **argv)
{
	static struct ping p = { .opts.size = sizeof(p.opts), .count = 10000, .size = 8 };
	pid_t pid = -1;
	int status;

	p.timeout = 10 * 1000000000LL;
	arguments_parse(&argp, argc, argv, &p);
	status = check(&p);
	if (status)
		return status;
	stop_install();
	if (p.self)
		status = fork_peer(&p, &pid);
	else
		status = chan_open(&p.c, p.uri, KIPC_PAIR | KIPC_CREATE, &p.opts);
	if (!status)
		status = p.listen ? listen_side(&p) : ask_side(&p);
	kipc_chan_close(p.c);
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	if (stdout_flush())
		return STATUS_BAD;
	if (stop_asked() && status)
		stop_obey();
	return status;
}
