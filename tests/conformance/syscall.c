// SPDX-License-Identifier: MIT
/* While the peer is awake no system call is made per message: by the counters, and by strace. */
#include <sched.h>
#include <sys/wait.h>
#include "form.h"
#include "helper.h"

#define MESSAGES 100000
/* What starting, mapping, meeting and ending may take, in all threads and processes together. */
#define OVERHEAD 1500

EACH_FORM(syscall_counters_stay_zero)
{
	struct kipc_stats s;
	struct duo d;

	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return; /* a copying transport makes one per message */
	for (int w = 0; w < 3; w++) {
		duo_both(&d, f, "size=4K");
		chan_set_wait(d.end[0], wait_modes[w]);
		chan_set_wait(d.end[1], wait_modes[w]);
		for (unsigned i = 0; i < 5000; i++) {
			must_eq(send_one(d.end[0], i % 500, 1, i, -1), 0);
			recv_one(d.end[1], i % 500, 1, i);
		}
		for (int k = 0; k < 2; k++) {
			s = chan_stats(d.end[k]);
			must_eq(s.wakes, 0);
			must_eq(s.sleeps, 0);
		}
		duo_close(&d);
	}
}

static void receive_spinning(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	unsigned n = harness_rounds(20000);

	(void)me;
	chan_set_wait(c, KIPC_WAIT_SPIN);
	for (unsigned i = 0; i < n; i++)
		recv_one(c, 16, 1, i);
	must_eq(chan_stats(c).sleeps, 0);
	must_eq(chan_stats(c).wakes, 0);
	kipc_chan_close(c);
}

EACH_FORM(syscall_spinning_peer_is_never_woken)
{
	unsigned n = harness_rounds(20000);
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;

	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return;
	duo_make(&d, f, "size=4K");
	peer_start(&peer, receive_spinning, &d);
	c = duo_mine(&d);
	chan_set_wait(c, KIPC_WAIT_SPIN);
	for (unsigned i = 0; i < n; i++)
		must_eq(send_one(c, 16, 1, i, -1), 0);
	peer_end(&peer);
	must_eq(chan_stats(c).wakes, 0);
	must_eq(chan_stats(c).sleeps, 0);
	kipc_chan_close(c);
}

/* ---- strace ----------------------------------------------------------------------------- */

static void need_strace(void)
{
	int status = system("strace -o /dev/null -f -c true >/dev/null 2>&1");

	if (status != 0)
		harness_skip("strace", WEXITSTATUS(status) == 127 ? "not installed"
		                                                  : "it may not trace here");
}

/* The total that strace -c prints last: "100.00  0.01  1  123  4 total". */
static long total_calls(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[300];
	long calls = -1, per_call;
	double percent, seconds;

	must(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, " total") &&
		    sscanf(line, "%lf %lf %ld %ld", &percent, &seconds, &per_call, &calls) != 4)
			calls = -1;
	fclose(file);
	return calls;
}

static void show(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[300];

	while (file && fgets(line, sizeof(line), file))
		fputs(line, stderr);
	if (file)
		fclose(file);
}

/* Where the clock is no business of the kernel's (the usual case) clock_gettime is no call at all. */
static long count_calls(const char *mode, const char *uri, const char *messages)
{
	const char *args[] = { mode, uri, messages, NULL };
	char path[100];
	const char *strace[] = { "strace", "-f", "-c", "-e", "trace=!clock_gettime",
		                 "-o",     path, NULL };
	long calls;

	snprintf(path, sizeof(path), "%s/calls", harness_dir());
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	must_eq(helper_run(strace, args), 0);
	calls = total_calls(path);
	if (calls < 0 || calls > OVERHEAD)
		show(path);
	must(calls >= 0);
	return calls;
}

static void must_cost_nothing(const struct form *f, const char *mode, const char *options)
{
	char uri[URI_MAX], messages[20];
	long idle, busy;

	form_uri(f, options, uri, sizeof(uri));
	snprintf(messages, sizeof(messages), "%u", harness_rounds(MESSAGES));
	idle = count_calls(mode, uri, "1");
	busy = count_calls(mode, uri, messages);
	fprintf(stderr, "%s %s %s: %ld system calls for 1 message, %ld for %s\n", f->id, mode,
	        options, idle, busy, messages);
	must(busy <= OVERHEAD);
}

static int own_cpus(void)
{
	cpu_set_t set;

	must_sys(sched_getaffinity(0, sizeof(set), &set));
	return CPU_COUNT(&set);
}

EACH_ANON(syscall_none_per_message)
{
	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return;
	need_strace();
	must_cost_nothing(f, "self", "size=4K");
	must_cost_nothing(f, "self", "size=4K&wait=block");
	if (own_cpus() > 1) /* else each side has to yield to the other */
		must_cost_nothing(f, "stream", "size=4K&wait=spin");
}
