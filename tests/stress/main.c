// SPDX-License-Identifier: MIT
/*
 * long - many processes on few CPUs, for a long time
 *
 * They talk in one of five ways, one after the other, over and over, with every verb, wait mode and size, and
 * check what they receive: PAIRS pairs under names by messages, by streams of bytes or by calls; one topic for
 * all; one queue for all. Meanwhile some of them are killed and replaced, and signals interrupt them. Who
 * makes no progress is reported with what everybody was doing.
 *
 *   long [-s shm|unix|kmod] [-m KIND] [-t seconds] [-r seed] [-k]     -k: kill nobody
 *
 * The last line is "long: N passed, N failed, N skipped": of each kind one for each pair, topic or queue, and
 * one for what is left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "session.h"
#include "../sweep.h"

struct table *table;

static const struct kind {
	const char *name;
	unsigned flags; /* of the end that asks whether the transport carries it */
	void (*run)(unsigned i, struct worker *me, uint64_t *random);
} kinds[] = {
	{ "messages", KIPC_PAIR, messages_run }, { "bytes", KIPC_PAIR, bytes_run },
	{ "calls", KIPC_PAIR, calls_run },       { "pubsub", KIPC_PUBSUB | KIPC_SEND, topic_run },
	{ "queue", KIPC_QUEUE, queue_run },
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

static const struct kind *kind; /* the present one */
static unsigned passed, failed, skipped;

static unsigned patience_s = 60; /* without progress; KIPC_TEST_PATIENCE */
static unsigned kills;

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 * MSEC + ts.tv_nsec;
}

/* ---- workers ---------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	(void)sig;
}

/* Before there are workers, for one may be signalled as soon as it is there. Without SA_RESTART: what
 * sleeps is interrupted.
 */
static void take_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void worker_run(unsigned i)
{
	struct worker *me = &table->worker[i];
	uint64_t random = (table->seed + i * 7919 + me->lives * 104729) * 0x9e3779b97f4a7c15ULL | 1;

	me->stats.size = sizeof(me->stats);
	while (!__atomic_load_n(&table->stop, __ATOMIC_RELAXED))
		kind->run(i, me, &random);
	_exit(0);
}

static void worker_start(unsigned i)
{
	pid_t parent = getpid();
	pid_t pid;

	table->worker[i].lives++;
	pid = fork();
	if (pid < 0) {
		perror("long: fork");
		exit(1);
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		worker_run(i);
	}
	table->worker[i].pid = pid;
}

/* ---- watching --------------------------------------------------------------------------- */

/* Where in the kernel it is, if that may be read. */
static void tell_kernel_side(pid_t pid)
{
	static const char *const files[] = { "wchan", "syscall" };
	char path[60], text[200];

	for (unsigned i = 0; i < 2; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		f = fopen(path, "re");
		if (f && fgets(text, sizeof(text), f))
			fprintf(stderr, " %s %.*s", files[i], (int)strcspn(text, "\n"), text);
		if (f)
			fclose(f);
	}
}

static void tell_all(void)
{
	static const char *const halves[2] = { "sending", "receiving" };

	for (unsigned i = 0; i < WORKERS; i++) {
		const struct worker *w = &table->worker[i];
		const struct kipc_stats *st = &w->stats;

		fprintf(stderr,
		        "long: worker %u: process %d, channel %llu, sent %llu received %llu "
		        "spins %llu sleeps %llu wakes %llu;",
		        i, w->pid, (unsigned long long)w->session,
		        (unsigned long long)st->sent_msgs, (unsigned long long)st->recv_msgs,
		        (unsigned long long)st->spins, (unsigned long long)st->sleeps,
		        (unsigned long long)st->wakes);
		for (unsigned h = 0; h < 2; h++)
			fprintf(stderr, " %s: %s after %llu calls, the last gave %lld;", halves[h],
			        w->half[h].call ? w->half[h].call : "nothing",
			        (unsigned long long)w->half[h].calls, (long long)w->half[h].result);
		tell_kernel_side(w->pid);
		fputc('\n', stderr);
	}
}

static void end_all(void)
{
	for (unsigned i = 0; i < WORKERS; i++)
		if (table->worker[i].pid > 0)
			kill(table->worker[i].pid, SIGKILL);
}

/* Of a run that failed; what is left by one that did not is a failure itself. */
static void place_remove(void)
{
	DIR *dir = *table->place ? opendir(table->place) : NULL;
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	(void)rmdir(table->place);
}

static void fail(const char *why, int status, unsigned worker)
{
	fprintf(stderr, "long: %s: worker %u %s (%d); seed %llu\n", kind->name, worker, why, status,
	        (unsigned long long)table->seed);
	tell_all();
	end_all();
	place_remove();
	fprintf(stderr, "long: %u passed, %u failed, %u skipped\n", passed, failed + 1, skipped);
	exit(1);
}

/* Who ended by itself? Before the end nobody should. */
static void reap(bool ending)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &table->worker[i];
		int status;

		if (w->pid <= 0 || waitpid(w->pid, &status, WNOHANG) != w->pid)
			continue;
		w->pid = 0;
		if (!ending || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail("has ended with status", status, i);
	}
}

static bool anybody(void)
{
	for (unsigned i = 0; i < WORKERS; i++)
		if (table->worker[i].pid > 0)
			return true;
	return false;
}

static uint64_t seen[WORKERS];
static int64_t since[WORKERS];

/* Every worker must do something within the patience, in one of its halves. */
static void watch(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct worker *w = &table->worker[i];
		uint64_t calls = __atomic_load_n(&w->half[0].calls, __ATOMIC_RELAXED) +
		                 __atomic_load_n(&w->half[1].calls, __ATOMIC_RELAXED) + w->session;

		if (calls != seen[i] || w->pid <= 0 || since[i] == 0) {
			seen[i] = calls;
			since[i] = now();
		} else if (now() - since[i] > patience_s * 1000 * MSEC) {
			fail("makes no progress", 0, i);
		}
	}
}

/* ---- disturbing ------------------------------------------------------------------------- */

static void replace(unsigned i)
{
	struct worker *w = &table->worker[i];
	int status;

	kill(w->pid, SIGKILL);
	waitpid(w->pid, &status, 0);
	if (!WIFSIGNALED(status))
		fail("has ended with status", status, i);
	kills++;
	worker_start(i);
}

static void disturb(uint64_t *random, bool killing)
{
	unsigned i = (unsigned)random_below(random, WORKERS);

	if (killing && random_below(random, 4) == 0)
		replace(i);
	else
		kill(table->worker[i].pid, SIGUSR1);
}

/* ---- the run ---------------------------------------------------------------------------- */

/* Names of this run in a directory. */
static unsigned left_in(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	char mark[40];
	unsigned n = 0;

	if (!dir)
		return 0;
	snprintf(mark, sizeof(mark), "kstress-%d-", getpid());
	while ((e = readdir(dir)))
		if (strstr(e->d_name, mark)) {
			fprintf(stderr, "long: left behind: %s/%s\n", path, e->d_name);
			n++;
		}
	closedir(dir);
	return n;
}

static bool in_pairs(void)
{
	return kind->flags & KIPC_PAIR;
}

/* Whoever compared nothing has shown nothing. */
static unsigned idle(void)
{
	unsigned n = 0, any = 0;

	for (unsigned i = 0; i < WORKERS; i++) {
		any += table->worker[i].compared != 0;
		if (!in_pairs() || i % 2 == 0 || table->worker[i].compared ||
		    table->worker[i - 1].compared)
			continue;
		fprintf(stderr, "long: %s: pair %u compared nothing\n", kind->name, i / 2);
		n++;
	}
	if (!any && !in_pairs())
		fprintf(stderr, "long: %s: nobody compared anything\n", kind->name);
	return in_pairs() ? n : !any;
}

static void report(unsigned wrong)
{
	struct worker sum = { 0 };
	unsigned all = in_pairs() ? PAIRS : 1;

	for (unsigned i = 0; i < WORKERS; i++) {
		const struct worker *w = &table->worker[i];

		sum.messages += w->messages;
		sum.bytes += w->bytes;
		sum.compared += w->compared;
		sum.unknown += w->unknown;
		sum.strangers += w->strangers;
	}
	wrong += idle();
	wrong = wrong < all ? wrong : all;
	fprintf(stderr,
	        "long: %s: %s: %llu compared, %llu not known, %llu messages, %llu MB, %llu met "
	        "strangers or came again, %u killed\n",
	        table->scheme, kind->name, (unsigned long long)sum.compared,
	        (unsigned long long)sum.unknown, (unsigned long long)sum.messages,
	        (unsigned long long)(sum.bytes >> 20), (unsigned long long)sum.strangers, kills);
	passed += all - wrong;
	failed += wrong;
}

static void begin(void)
{
	memset(table->worker, 0, sizeof(table->worker));
	memset(table->tickets, 0, sizeof(table->tickets));
	memset(since, 0, sizeof(since));
	table->stop = false;
	kills = 0;
}

static void run(int64_t seconds, bool killing)
{
	int64_t end = now() + seconds * 1000 * MSEC;
	uint64_t random = table->seed | 1;
	unsigned wrong = 0;

	begin();
	if (kind->flags & KIPC_QUEUE && !queue_keep())
		wrong++;
	for (unsigned i = 0; i < WORKERS; i++)
		worker_start(i);
	while (now() < end) {
		pause_for((int64_t)random_below(&random, 100 * MSEC));
		reap(false);
		disturb(&random, killing);
		watch();
	}
	__atomic_store_n(&table->stop, true, __ATOMIC_RELAXED);
	while (anybody()) {
		pause_for(10 * MSEC);
		reap(true);
		watch();
	}
	if (kind->flags & KIPC_QUEUE)
		wrong += queue_settle();
	report(wrong);
}

/* A unix socket needs a directory; its name ends with a slash. */
static void place_make(void)
{
	char path[60];

	if (strcmp(table->scheme, "unix") != 0)
		return;
	snprintf(path, sizeof(path), "/tmp/kstress-%d-XXXXXX", getpid());
	if (!mkdtemp(path)) {
		perror("long: mkdtemp");
		exit(1);
	}
	snprintf(table->place, sizeof(table->place), "%s/", path);
}

static bool runs_here(const char *scheme)
{
	struct kipc_transport_info info = { .size = sizeof(info) };

	for (unsigned i = 0; kipc_transport_info(i, &info) == 0; i++)
		if (!strcmp(info.scheme, scheme) && info.status == 0)
			return true;
	fprintf(stderr, "long: skipped: %s does not run here\n", scheme);
	fprintf(stderr, "long: 0 passed, 0 failed, 1 skipped\n");
	return false;
}

static bool carries(const struct kind *k)
{
	struct kipc_chan *c;
	char uri[160];
	int r;

	snprintf(uri, sizeof(uri), "%s://%skstress-%d-probe", table->scheme, table->place,
	         getpid());
	r = kipc_chan_open(&c, uri, k->flags | KIPC_CREATE, NULL);
	if (r == 0)
		kipc_chan_close(c);
	if (r != -EOPNOTSUPP)
		return true;
	fprintf(stderr, "long: skipped: %s: %s\n", k->name, kipc_why());
	skipped++;
	return false;
}

/* All kinds, or the one that was asked for, each for the same part of the time. */
static int run_kinds(const char *only, int64_t seconds, bool killing)
{
	const struct kind *list[KINDS];
	unsigned n = 0, left;

	for (unsigned i = 0; i < KINDS; i++)
		if ((!only || !strcmp(only, kinds[i].name)) && carries(&kinds[i]))
			list[n++] = &kinds[i];
	take_signals();
	for (unsigned i = 0; i < n; i++) {
		kind = list[i];
		run(seconds / n ? seconds / n : 1, killing);
	}
	left = left_in(*table->place ? table->place : "/dev/shm") != 0;
	passed += !left;
	failed += left;
	place_remove();
	fprintf(stderr, "long: %u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed ? 1 : 0;
}

static struct {
	int64_t seconds;
	bool killing;
	const char *only;
} wanted = { .seconds = 25, .killing = true };

static bool options(int argc, char **argv)
{
	char *end = "";
	int opt;

	opterr = 0;
	while ((opt = getopt(argc, argv, "s:t:r:m:k")) != -1) {
		if (opt == 's')
			table->scheme = optarg;
		else if (opt == 't')
			wanted.seconds = strtoll(optarg, &end, 0);
		else if (opt == 'r')
			table->seed = strtoull(optarg, &end, 0);
		else if (opt == 'm')
			wanted.only = optarg;
		else if (opt == 'k')
			wanted.killing = false;
		if (opt == '?' || *end)
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	const char *text = getenv("KIPC_TEST_PATIENCE");

	if (text && atoi(text) > 0)
		patience_s = (unsigned)atoi(text);
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	if (table == MAP_FAILED) {
		perror("long: mmap");
		return 1;
	}
	table->scheme = "shm";
	table->seed = (uint64_t)now();
	if (!options(argc, argv)) {
		fprintf(stderr, "kipc: long: unknown option, or no number where one belongs\n");
		return 2;
	}
	if (!runs_here(table->scheme))
		return 0;
	sweep_names("kstress");
	place_make();
	return run_kinds(wanted.only, wanted.seconds, wanted.killing);
}
