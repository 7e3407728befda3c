// SPDX-License-Identifier: MIT
/* main.c - the command line of kipc-bench-report: results.json as tables or as a page */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../whole.h"
#include "bars.h"
#include "page.h"
#include "table.h"

struct arguments {
	const char *in;
	const char *html;
	bool all;
	bool store;
};

#define KEY_HELP 256

static const struct argp_option options[] = {
	{ "html", 'h', "FILE", 0, "Write the page there too", 0 },
	{ "store", 's', NULL, 0, "Keep the bars' verdicts in the results file", 0 },
	{ "all", 'a', NULL, 0, "Print every table, not only the main ones", 0 },
	{ "help", KEY_HELP, NULL, 0, "Print this and end", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static int complain(const char *what, int err)
{
	fprintf(stderr, "kipc: bench-report: %s: %s\n", what, strerror(-err));
	return 1;
}

/* What was printed goes out: the status to exit with. */
static int flush(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return complain("stdout", errno ? -errno : -EIO);
}

static _Noreturn void help(const struct argp_state *state)
{
	argp_help(state->root_argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, state->name);
	exit(flush());
}

/* argp itself takes two lines for it, and gives no help where it is not to say this. */
static _Noreturn void refuse(const char *what, const char *why)
{
	fprintf(stderr, "kipc: bench-report: %s: %s; see --help\n", what, why);
	exit(2);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	if (key == 'h')
		a->html = arg;
	else if (key == 'a')
		a->all = true;
	else if (key == 's')
		a->store = true;
	else if (key == ARGP_KEY_ARG && !a->in)
		a->in = arg;
	else if (key == ARGP_KEY_END && !a->in)
		refuse("RESULTS.JSON", "no results file given");
	else if (key == KEY_HELP)
		help(state);
	else if (key == ARGP_KEY_ERROR)
		refuse(state->argv[state->next > 1 ? state->next - 1 : state->argc - 1],
		       "unknown option, value missing or too many");
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "RESULTS.JSON",
	.doc = "Prints the results of kipc-bench as tables, and as a page with pictures.",
};

/* On a terminal the medians are enough. */
static bool is_main(const struct table *t)
{
	return t->measure == &measure_p50 || t->measure == &measure_msgs ||
	       t->measure == &measure_bytes || t->measure == &measure_idle ||
	       t->measure == &measure_memory;
}

/* A placement that few rows saw is left to the page. */
static bool is_usual(const struct results *all, const char *placement)
{
	size_t most = 0;

	for (const char *const *p = placements; *p; p++) {
		if (rows_placed(all, *p) > most)
			most = rows_placed(all, *p);
	}
	return 2 * rows_placed(all, placement) > most;
}

static void print_tables(const struct results *all, bool every)
{
	for (const struct table *t = tables; t->title; t++) {
		if (!every && !is_main(t))
			continue;
		table_text(stdout, all, t, "");
		for (const char *const *p = placements; *p; p++) {
			if (every || is_usual(all, *p))
				table_text(stdout, all, t, *p);
		}
	}
	skipped_text(stdout, all);
	bars_text(stdout, all);
}

static int store(const char *path, const struct results *all)
{
	struct whole w;
	int r = whole_begin(&w, path);

	if (r < 0)
		return r;
	json_object_set_new(all->json, "bars", bars_json(all));
	r = json_dump_file(all->json, w.part, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	return whole_end(&w, r < 0 ? -EIO : 0);
}

/* What was asked for beside the tables; the status to exit with. */
static int write_files(const struct arguments *a, const struct results *all)
{
	int r = a->store ? store(a->in, all) : 0;

	if (r < 0)
		return complain(a->in, r);
	r = a->html ? page_write(a->html, all) : 0;
	if (r < 0)
		return complain(a->html, r);
	if (a->html)
		printf("\nresults: %s\nreport:  %s\n", a->in, a->html);
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments a = { 0 };
	struct results all;
	int status;

	argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &a);
	if (rows_load(&all, a.in) < 0)
		return 1;
	print_tables(&all, a.all);
	status = write_files(&a, &all);
	rows_free(&all);
	return flush() || status;
}
