// SPDX-License-Identifier: MIT
/* Errors, arguments and opening, the same for every subcommand. */
#include "tool.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- speaking --------------------------------------------------------------------------- */

/* A URI may hold anything; a line of ours holds no line break and no escape sequence. */
static void put_line(char *line)
{
	for (char *s = line; *s; s++)
		if (iscntrl((unsigned char)*s))
			*s = '?';
	fprintf(stderr, "%s\n", line);
}

void complain(const char *what, const char *fmt, ...)
{
	char why[512], line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "kipc: %.400s: %s", *what ? what : "''", why);
	put_line(line);
}

static const struct {
	int err, status;
} statuses[] = {
	{ -ENODEV, STATUS_MISSING }, { -EACCES, STATUS_MISSING },     { -EPERM, STATUS_MISSING },
	{ -ENOSPC, STATUS_MISSING }, { -ENOMEM, STATUS_MISSING },     { -EMFILE, STATUS_MISSING },
	{ -EFBIG, STATUS_MISSING },  { -EOPNOTSUPP, STATUS_MISSING }, { -EPIPE, STATUS_PEER },
	{ -EBADMSG, STATUS_PEER },   { -ETIMEDOUT, STATUS_TIMEOUT },  { -EAGAIN, STATUS_TIMEOUT },
};

int status_of(int err)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (statuses[i].err == err)
			return statuses[i].status;
	return STATUS_BAD;
}

int complain_of(const char *what, int err)
{
	complain(what, "%s", kipc_strerror(err));
	return status_of(err);
}

int stdout_flush(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	/* An earlier write may have failed, and nothing be left to flush. */
	complain("stdout", "%s", strerror(errno ? errno : EIO));
	return STATUS_BAD;
}

void version_print(void)
{
	printf("kipc %s\n", kipc_version());
}

/* ---- arguments -------------------------------------------------------------------------- */

static const struct argp_option common_options[] = {
	{ "help", 'h', NULL, 0, "Print this and exit", -1 },
	{ "version", 'V', NULL, 0, "Print the version and exit", -1 },
	{ 0 },
};

/* argp's own messages take two lines and its own status, so both are off and this says it. */
static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	const char *near;

	(void)arg;
	switch (key) {
	case 'h':
		argp_help(state->root_argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK,
		          state->name);
		exit(stdout_flush());
	case 'V':
		version_print();
		exit(stdout_flush());
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ERROR:
		near = state->argv[state->next > 1 ? state->next - 1 : state->argc - 1];
		complain(near, "unknown option, argument missing or too many; see %s --help",
		         state->name);
		exit(STATUS_BAD);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void arguments_parse(const struct argp *cmd, int argc, char **argv, void *input)
{
	const struct argp_child children[] = { { cmd, 0, NULL, 0 }, { 0 } };
	const struct argp outer = { common_options, parse_common, cmd->args_doc, cmd->doc,
		                    children,       NULL,         NULL };

	argp_parse(&outer, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, input);
}

uint64_t parse_count(const char *what, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || n < min || n > max) {
		complain(what, "'%s' is not a whole number from %llu to %llu", text,
		         (unsigned long long)min, (unsigned long long)max);
		exit(STATUS_BAD);
	}
	return n;
}

uint64_t parse_bytes(const char *what, const char *text)
{
	static const char units[] = "KMG";
	const char *unit;
	unsigned shift = 0;
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
	}
	if (!isdigit((unsigned char)*text) || *end || errno || !n || n > UINT64_MAX >> shift) {
		complain(what, "'%s' is not a number of bytes such as 65536, 64K or 8M", text);
		exit(STATUS_BAD);
	}
	return n << shift;
}

int64_t parse_seconds(const char *what, const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !isfinite(s) || s < 0 || s > 1e9) {
		complain(what, "'%s' is not a number of seconds such as 2 or 0.5", text);
		exit(STATUS_BAD);
	}
	return (int64_t)(s * 1e9);
}

/* ---- opening ---------------------------------------------------------------------------- */

int complain_of_open(const char *uri, int err)
{
	complain(uri, "%s", *kipc_why() ? kipc_why() : kipc_strerror(err));
	/* What is no channel at all is a wrong name here, not yet a peer that misbehaves. */
	return err == -EBADMSG ? STATUS_BAD : status_of(err);
}

int chan_open(struct kipc_chan **c, const char *uri, unsigned flags, const struct kipc_opts *opts)
{
	int r = kipc_chan_open(c, uri, flags, opts);

	return r < 0 ? complain_of_open(uri, r) : 0;
}

/* ---- time ------------------------------------------------------------------------------- */

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}
