// SPDX-License-Identifier: MIT
/* probe.c - how far apart are the two CPUs right now? See probe.h */
#include "probe.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu.h"
#include "clock.h"
#include "lines.h"

#define PROBE_MS   5
#define START_MS   100 /* for the other process to appear */
#define GROUP      32
#define GROUPS_MAX 8192
#define CORE_NS    40
#define NEAR_NS    150
#define FAR_NS     3000 /* more is another program on one of the CPUs */
#define AGREE      1.5  /* how much two probes may differ */

const char *const placement_names[] = { "none", "core", "near", "far" };

static struct lines *lines;

int probe_init(void)
{
	lines = mmap(NULL, sizeof(*lines), PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return lines == MAP_FAILED ? -errno : 0;
}

static _Noreturn void answer(pid_t parent, int cpu)
{
	uint64_t n = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || cpu_pin(cpu) < 0)
		_exit(1);
	while (line_answer(lines, false, n))
		n++;
	_exit(0);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The first round trip, bounded in time: the other process may never run. */
static bool first_trip(void)
{
	uint64_t end = clock_ticks() + clock_ticks_of_ms(START_MS);

	atomic_store_explicit(&lines->there, 1, memory_order_release);
	while (atomic_load_explicit(&lines->there, memory_order_acquire) != 2) {
		if (clock_ticks() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/* The median of small groups: other programs' time slices fall into few of them. */
static double measure(void)
{
	static uint64_t ticks[GROUPS_MAX];
	uint64_t trip = 1, end;
	unsigned int n = 0;

	if (!first_trip())
		return 0;
	end = clock_ticks() + clock_ticks_of_ms(PROBE_MS);
	do {
		uint64_t start = clock_ticks();

		for (int i = 0; i < GROUP; i++)
			line_pass(lines, false, ++trip);
		ticks[n++] = clock_ticks() - start;
	} while (n < GROUPS_MAX && clock_ticks() < end);
	qsort(ticks, n, sizeof(*ticks), compare);
	return ticks[n / 2] * clock_ns_per_tick / GROUP;
}

double probe_line(const int cpu[2])
{
	pid_t self = getpid(), child;
	double ns;

	memset(lines, 0, sizeof(*lines));
	child = fork();
	if (child == 0)
		answer(self, cpu[1]);
	if (child < 0)
		return 0;
	ns = measure();
	line_end(lines);
	if (ns == 0)
		kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return ns;
}

enum placement probe_placement(double line_ns)
{
	if (line_ns <= 0 || line_ns > FAR_NS)
		return PLACE_NONE;
	if (line_ns < CORE_NS)
		return PLACE_CORE;
	return line_ns < NEAR_NS ? PLACE_NEAR : PLACE_FAR;
}

bool probes_agree(double before, double after)
{
	double low = before < after ? before : after, high = before < after ? after : before;

	return probe_placement(low) != PLACE_NONE &&
	       probe_placement(low) == probe_placement(high) && high <= AGREE * low;
}
