// SPDX-License-Identifier: MIT
/* progress.c - what a person sees while the bench runs; see progress.h */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define LOG_EVERY_S 20

const char *progress_size(size_t size)
{
	static char text[24];

	if (size >= 1 << 20 && size % (1 << 20) == 0)
		snprintf(text, sizeof(text), "%zu MiB", size >> 20);
	else if (size >= 1 << 10 && size % (1 << 10) == 0)
		snprintf(text, sizeof(text), "%zu KiB", size >> 10);
	else
		snprintf(text, sizeof(text), "%zu B", size);
	return text;
}

static unsigned int seconds_left(const struct run *run, double at_s, unsigned int left)
{
	double by_count = run->attempts > 10 ? at_s / run->attempts * left : run->budget_s;
	double by_time = run->budget_s > at_s ? run->budget_s - at_s : 0;

	return by_count < by_time ? by_count : by_time;
}

void progress_show(const struct run *run, const struct task *t, double line_ns, double at_s,
                   unsigned int left)
{
	static double last = -LOG_EVERY_S;
	bool terminal = isatty(STDERR_FILENO);
	unsigned int total = run->attempts + left, togo = seconds_left(run, at_s, left);
	const struct cell *c = &t->cell;

	if (at_s - last < (terminal ? 0.1 : LOG_EVERY_S))
		return;
	last = at_s;
	fprintf(stderr, "%sbench: %3u %%, about %u:%02u left, pass %u: %s %s %s, %s, %s CPU%s",
	        terminal ? "\r\033[K" : "", 100 * run->attempts / total, togo / 60, togo % 60,
	        run->passes, c->mech->name, c->bench->name, progress_size(c->size),
	        wait_names[c->wait], cpus_names[c->cpus], c->cpus == CPUS_TWO ? "s" : "");
	if (line_ns > 0)
		fprintf(stderr, ", line %.0f ns", line_ns);
	if (!terminal)
		fputc('\n', stderr);
	fflush(stderr);
}

void progress_end(const struct run *run)
{
	fprintf(stderr, "%sbench: %u repetitions in %u passes, %.0f s%s\n",
	        isatty(STDERR_FILENO) ? "\r\033[K" : "", run->attempts, run->passes, run->took_s,
	        run->out_of_time ? ", then the time was over" : "");
}
