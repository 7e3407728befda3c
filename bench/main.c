// SPDX-License-Identifier: MIT
/* main.c - the command line of kipc-bench */
#include <argp.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "kipc_pair.h"
#include "clock.h"
#include "json.h"
#include "machine.h"
#include "peers.h"
#include "progress.h"
#include "run.h"

#define SIZES_MAX     16
#define FULL_S        480
#define QUICK_S       30
#define PEERS_S       420 /* more, where there are peers */
#define QUICK_PEERS_S 60

enum {
	KEY_REPS = 256,
	KEY_MS,
	KEY_SIZES,
	KEY_CPUS,
	KEY_LIST,
	KEY_HELP,
	KEY_KIPC,
	KEY_BUDGET,
	KEY_COMMIT,
	KEY_PEERS
};

struct arguments {
	struct plan_options plan;
	size_t sizes[SIZES_MAX];
	const char *json;
	const char *commit;
	const char *peers;
	unsigned int budget_s;
	int cpu[2];
	bool cpus_given;
	bool list;
};

static const struct argp_option options[] = {
	{ "quick", 'q', NULL, 0, "Fewer sizes, shorter and fewer repetitions (30 s)", 0 },
	{ "only", 'o', "PATTERNS", 0, "Only transports that match, for example shm,stock:unix*",
	  0 },
	{ "sizes", KEY_SIZES, "LIST", 0, "Message sizes in bytes, for example 8,64,4K,1M", 0 },
	{ "reps", KEY_REPS, "N", 0, "Quiet repetitions wanted of each figure (1 to 12)", 0 },
	{ "ms", KEY_MS, "N", 0, "Length of one repetition in milliseconds", 0 },
	{ "budget", KEY_BUDGET, "S", 0, "Seconds after which no repetition is begun", 0 },
	{ "cpus", KEY_CPUS, "A,B", 0, "The two CPUs to run on", 0 },
	{ "kipc", KEY_KIPC, "OPTIONS", 0, "URI options of libkipc's channels, as in align=64", 0 },
	{ "peers", KEY_PEERS, "FOLDER", 0, "Other libraries too, by the drivers in that folder",
	  0 },
	{ "json", 'j', "FILE", 0, "Write the results there (default: bench.json)", 0 },
	{ "commit", KEY_COMMIT, "NAME", 0, "What was built, for the record", 0 },
	{ "list", KEY_LIST, NULL, 0, "Print what would be measured, and end", 0 },
	{ "help", KEY_HELP, NULL, 0, "Print this and end", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static _Noreturn void refuse(const char *what, const char *text, const char *why)
{
	fprintf(stderr, "kipc: bench: --%s=%s: %s\n", what, text, why);
	exit(2);
}

static int complain(const char *what, int err)
{
	fprintf(stderr, "kipc: bench: %s: %s\n", what, strerror(-err));
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

static unsigned long parse_number(const char *what, const char *text, unsigned long low,
                                  unsigned long high)
{
	char *end, why[64];
	unsigned long v = strtoul(text, &end, 10);
	unsigned int shift = 0;

	if (end != text && *end == 'K')
		shift = 10, end++;
	else if (end != text && *end == 'M')
		shift = 20, end++;
	snprintf(why, sizeof(why), "not a number from %lu to %lu", low, high);
	if (end == text || *end || v > high >> shift || v << shift < low || *text == '-')
		refuse(what, text, why);
	return v << shift;
}

static void parse_sizes(struct arguments *a, char *list)
{
	char *item;
	size_t size;

	while ((item = strsep(&list, ","))) {
		if (a->plan.n_sizes == SIZES_MAX)
			refuse("sizes", item, "too many");
		size = parse_number("sizes", item, BENCH_MSG_MIN, 64 << 20);
		if (size > BENCH_MSG_MIN && size < 2 * BENCH_MSG_MIN)
			refuse("sizes", item, "head and tail of a message would overlap");
		a->sizes[a->plan.n_sizes++] = size;
	}
	a->plan.sizes = a->sizes;
}

/* One that were cut off would match what nobody asked for. */
static const char *parse_only(const char *text)
{
	if (strlen(text) > PLAN_ONLY_MAX)
		refuse("only", text, "too long");
	return text;
}

/* Tried at once: a whole run of rows that say the same would help nobody. */
static void parse_cpus(struct arguments *a, const char *text)
{
	int n = 0;

	if (sscanf(text, "%d,%d%n", &a->cpu[0], &a->cpu[1], &n) != 2 || text[n])
		refuse("cpus", text, "not two numbers of CPUs");
	for (int i = 0; i < 2; i++) {
		if (a->cpu[i] < 0 || a->cpu[i] >= CPU_SETSIZE || cpu_pin(a->cpu[i]) < 0)
			refuse("cpus", text, "not both are CPUs that this process may use");
	}
	a->cpus_given = true;
}

static _Noreturn void help(const struct argp_state *state)
{
	argp_help(state->root_argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, state->name);
	exit(flush());
}

/* argp itself takes two lines for it, and gives no help where it is not to say this. */
static _Noreturn void refuse_argument(const struct argp_state *state)
{
	fprintf(stderr, "kipc: bench: %s: unknown option, value missing or too many; see --help\n",
	        state->argv[state->next > 1 ? state->next - 1 : state->argc - 1]);
	exit(2);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	if (key == 'q')
		a->plan.quick = true;
	else if (key == 'o')
		a->plan.only = parse_only(arg);
	else if (key == 'j')
		a->json = arg;
	else if (key == KEY_SIZES)
		parse_sizes(a, arg);
	else if (key == KEY_REPS)
		a->plan.reps = parse_number("reps", arg, 1, REPS_MAX);
	else if (key == KEY_MS)
		a->plan.ms = parse_number("ms", arg, 1, 60000);
	else if (key == KEY_BUDGET)
		a->budget_s = parse_number("budget", arg, 1, 86400);
	else if (key == KEY_CPUS)
		parse_cpus(a, arg);
	else if (key == KEY_KIPC)
		kipc_extra_options = arg;
	else if (key == KEY_PEERS)
		a->peers = arg;
	else if (key == KEY_COMMIT)
		a->commit = arg;
	else if (key == KEY_LIST)
		a->list = true;
	else if (key == KEY_HELP)
		help(state);
	else if (key == ARGP_KEY_ERROR)
		refuse_argument(state);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Measures libkipc's transports, every stock mechanism of the system and the limits of "
	       "the hardware in one run, and writes the figures as JSON.",
};

static int list(const struct plan *plan)
{
	for (unsigned int i = 0; i < plan->tasks; i++) {
		const struct task *t = &plan->task[i];
		const struct cell *c = &t->cell;

		printf("%-9s %-22s %-8s %-4s %-7s batch %-2u %8s  %u x %u ms%s%s\n", c->bench->name,
		       c->mech->name, wait_names[c->wait], cpus_names[c->cpus],
		       variant_names[c->variant], c->batch, progress_size(c->size), t->reps, c->ms,
		       t->skipped[0] ? "  skipped: " : "", t->skipped);
	}
	return flush();
}

/* The command as it could be given again. */
static void join_words(char *text, size_t size, int argc, char **argv)
{
	size_t at = 0;

	text[0] = '\0';
	for (int i = 0; i < argc && at < size; i++)
		at += snprintf(text + at, size - at, "%s%s", i ? " " : "", argv[i]);
}

static unsigned int budget(const struct arguments *a)
{
	if (a->budget_s)
		return a->budget_s;
	if (a->plan.quick)
		return QUICK_S + (a->peers ? QUICK_PEERS_S : 0);
	return FULL_S + (a->peers ? PEERS_S : 0);
}

int main(int argc, char **argv)
{
	struct arguments a = { .json = "bench.json", .commit = "unknown" };
	char command[512];
	struct json_extra extra = { .command = command };
	struct plan plan;
	struct run run = { .plan = &plan };
	int r;

	join_words(command, sizeof(command), argc, argv);
	argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &a);
	a.plan.two_cpus = machine_choose_cpus(run.cpu);
	if (a.cpus_given) {
		memcpy(run.cpu, a.cpu, sizeof(run.cpu));
		a.plan.two_cpus = a.cpu[0] != a.cpu[1];
	}
	r = a.peers ? peers_add(a.peers) : 0;
	if (r == 0)
		r = plan_make(&plan, &a.plan);
	if (r < 0)
		return complain("plan", r);
	if (!plan.tasks)
		refuse("only", a.plan.only, "no transport has such a name; see --list");
	if (a.list)
		return list(&plan);
	r = json_try(a.json);
	if (r < 0)
		return complain(a.json, r);
	clock_calibrate();
	run.two_cpus = a.plan.two_cpus;
	run.budget_s = budget(&a);
	r = run_plan(&run);
	if (r < 0)
		return complain("cannot begin", r);
	extra.commit = a.commit;
	extra.quick = a.plan.quick;
	r = json_write(a.json, &run, &extra);
	free(run.probe);
	free(plan.task);
	return r < 0 ? complain(a.json, r) : 0;
}
