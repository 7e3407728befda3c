/* SPDX-License-Identifier: MIT */
/*
 * tool.h - what the subcommands of kipc share
 *
 * Data goes to stdout and nothing else does. An error is one line on stderr, "kipc: what: why", and
 * one of the statuses below; whatever arrives from outside is printed without control characters.
 */
#ifndef KIPC_TOOL_H
#define KIPC_TOOL_H

#include <argp.h>
#include <kipc.h>
#include <stdbool.h>
#include <stdint.h>

#define STATUS_BAD     1   /* usage, or what the user gave is wrong */
#define STATUS_MISSING 2   /* this machine lacks something, or refuses it */
#define STATUS_PEER    3   /* the other side is gone or misbehaves */
#define STATUS_TIMEOUT 124 /* as timeout(1) has it */

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
	const char *about;
};

int cmd_doctor(int argc, char **argv);
int cmd_cat(int argc, char **argv);
int cmd_ping(int argc, char **argv);

/* ---- speaking --------------------------------------------------------------------------- */

/* One line on stderr. */
void complain(const char *what, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same with the text of a library result; returns the status to exit with. */
int complain_of(const char *what, int err);

/* Exit status for a result of the library. */
int status_of(int err);

/* What was printed goes out: 0, or the status to exit with after saying why it did not. */
int stdout_flush(void);

void version_print(void);

/* ---- arguments -------------------------------------------------------------------------- */

/* Runs argp with the project's way of reporting errors; does not come back on --help, --version or
 * an error. The parser of cmd calls complain() and exits by itself for what it finds wrong.
 */
void arguments_parse(const struct argp *cmd, int argc, char **argv, void *input);

/* Does not come back when text is no such number. */
uint64_t parse_count(const char *what, const char *text, uint64_t min, uint64_t max);
uint64_t parse_bytes(const char *what, const char *text);  /* "64K", "8M" */
int64_t parse_seconds(const char *what, const char *text); /* "0.5"; gives nanoseconds */

/* ---- opening ---------------------------------------------------------------------------- */

/* An open or pair that failed: the line with what kipc_why() has to say; the status to exit with. */
int complain_of_open(const char *uri, int err);

/* 0, or the status to exit with after the error has been told. */
int chan_open(struct kipc_chan **c, const char *uri, unsigned flags, const struct kipc_opts *opts);

/* ---- time and signals ------------------------------------------------------------------- */

int64_t now_ns(void);

/* From here on SIGINT, SIGTERM and SIGHUP only ask to stop: calls that sleep end with EINTR. */
void stop_install(void);
bool stop_asked(void);

/* Ends the process by the signal that asked, so that a shell sees what happened. */
_Noreturn void stop_obey(void);

#endif /* KIPC_TOOL_H */
