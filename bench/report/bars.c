// SPDX-License-Identifier: MIT
/* bars.c - what a run says about libkipc; see bars.h */
#include "bars.h"

#include <math.h>
#include <string.h>

#include "table.h"

enum verdict { MET, MISSED, UNSURE, NOISY, ABSENT };

static const char *const verdicts[] = { "met", "missed", "within the spread", "noisy: run again" };

/* The figure of the first row against that of the best row that the second one matches. */
struct bar {
	const char *what;
	struct selector ours;
	struct selector theirs; /* no transport: against the constant */
	bool rate;              /* more is better, by messages a second; else less is, by p50 */
	double ratio;           /* the bar: ours at most (rate: at least) this much of theirs */
	double constant;        /* in place of theirs, in the figure's own unit */
};

/* clang-format off */
#define TRIP "roundtrip"
#define LINE { TRIP, "limit:line", "spin", "two", "copy", NULL, 1, 8 }
#define OURS(transport_, wait_, cpus_, size_) { TRIP, transport_, wait_, cpus_, "copy", NULL, 1, size_ }
#define FLOW(transport_, wait_, cpus_, size_) { "stream", transport_, wait_, cpus_, "copy", NULL, 1, size_ }
#define USUAL "stock:@(pipe|unix-stream|unix-seqpacket|unix-dgram)"

static const struct bar bars[] = {
	{ "Spin round trip of 40 B over shm against the bare line",
	  OURS("kipc:shm", "spin", "two", 40), LINE, false, 2.0, 0 },
	{ "Stream of 64 B in batches of 32, copying, over shm, near, against 80 M/s",
	  { "stream", "kipc:shm", "spin", "two", "copy", "near", 32, 64 }, { 0 }, true, 1.0, 80e6 },
	{ "Blocked round trip of 64 B over shm, same CPU, against a shared futex",
	  OURS("kipc:shm", "block", "same", 64), OURS("stock:futex", "block", "same", 64), false, 1.1, 0 },
	{ "Blocked round trip of 64 B over kmod, same CPU, against a shared futex",
	  OURS("kipc:kmod", "block", "same", 64), OURS("stock:futex", "block", "same", 64), false, 1.1, 0 },
	{ "Spin round trip of 64 B over shm against the best stock mechanism",
	  OURS("kipc:shm", "spin", "two", 64), OURS("stock:*", "spin", "two", 64), false, 1.0, 0 },
	{ "Default waiting, round trip of 64 B, two CPUs, against pure spin",
	  OURS("kipc:shm", "adaptive", "two", 64), OURS("kipc:shm", "spin", "two", 64), false, 1.25, 0 },
	{ "Blocked round trip of 64 B over shm, two CPUs, against pipe and unix sockets",
	  OURS("kipc:shm", "block", "two", 64), OURS(USUAL, "block", "two", 64), false, 1.0, 0 },
	{ "Spin stream of 64 B over shm against pipe and unix sockets",
	  FLOW("kipc:shm", "spin", "two", 64), FLOW(USUAL, "spin", "two", 64), true, 1.0, 0 },
	{ "Blocked stream of 64 B over shm, two CPUs, against pipe and unix sockets",
	  FLOW("kipc:shm", "block", "two", 64), FLOW(USUAL, "block", "two", 64), true, 1.0, 0 },
	{ "Blocked stream of 64 B over shm, same CPU, against pipe and unix sockets",
	  FLOW("kipc:shm", "block", "same", 64), FLOW(USUAL, "block", "same", 64), true, 1.0, 0 },
	{ "Spin stream of 4 KiB over shm against the copy limit",
	  FLOW("kipc:shm", "spin", "two", 4096), FLOW("limit:copy", "spin", "two", 4096), true, 0.8, 0 },
	{ "Spin stream of 64 KiB over shm against the copy limit",
	  FLOW("kipc:shm", "spin", "two", 65536), FLOW("limit:copy", "spin", "two", 65536), true, 0.9, 0 },
	{ "Spin stream of 1 MiB over shm against the copy limit",
	  FLOW("kipc:shm", "spin", "two", 1 << 20), FLOW("limit:copy", "spin", "two", 1 << 20), true, 0.95, 0 },
	{ "In place, stream of 64 B in batches of 32 over shm, against the bare slot stream",
	  { "stream", "kipc:shm", "spin", "two", "inplace", NULL, 32, 64 },
	  FLOW("limit:slot-stream", "spin", "two", 64), true, 0.85, 0 },
};
/* clang-format on */

static double figure(const struct row *r, const struct bar *b)
{
	return b->rate ? r->msgs : r->p50;
}

static const struct row *best(const struct results *all, const struct bar *b,
                              const struct selector *want)
{
	const struct row *found = NULL;

	for (size_t i = 0; i < all->rows; i++) {
		const struct row *r = &all->row[i];

		if (*r->skipped || !row_matches(r, want))
			continue;
		if (!found ||
		    (b->rate ? figure(r, b) > figure(found, b) : figure(r, b) < figure(found, b)))
			found = r;
	}
	return found;
}

struct result {
	const struct row *ours, *theirs;
	double have, want, ratio;
	enum verdict verdict;
};

/* The least and the most that the repetitions would make of the ratio. */
static bool spread_covers(const struct bar *b, const struct result *x)
{
	const struct row *o = x->ours, *t = x->theirs;
	double low, high;

	if (b->rate) {
		low = o->msgs_min / (t ? t->msgs_max : b->constant);
		high = o->msgs_max / (t ? t->msgs_min : b->constant);
	} else {
		low = o->p50_min / (t ? t->p50_max : b->constant);
		high = o->p50_max / (t ? t->p50_min : b->constant);
	}
	return low < b->ratio && b->ratio < high;
}

/* Only rows of one placement are compared. */
static struct result judge(const struct results *all, const struct bar *b, const char *placement)
{
	struct selector ours = b->ours, theirs = b->theirs;
	struct result x = { .verdict = ABSENT };

	if (ours.placement && strcmp(ours.placement, placement))
		return x;
	ours.placement = theirs.placement = placement;
	x.ours = best(all, b, &ours);
	x.theirs = b->theirs.transport ? best(all, b, &theirs) : NULL;
	if (!x.ours || (b->theirs.transport && !x.theirs))
		return x;
	x.have = figure(x.ours, b);
	x.want = x.theirs ? figure(x.theirs, b) : b->constant;
	x.ratio = x.have / x.want;
	x.verdict = (b->rate ? x.ratio >= b->ratio : x.ratio <= b->ratio) ? MET : MISSED;
	if (spread_covers(b, &x))
		x.verdict = UNSURE;
	if (x.ours->noisy || (x.theirs && x.theirs->noisy))
		x.verdict = NOISY;
	return x;
}

static const char *show(double v, bool rate)
{
	return rate ? number(v / 1e6) : number(v / 1e3);
}

typedef void (*print_fn)(FILE *out, const struct bar *b, const struct result *x,
                         const char *placement);

static void print_text(FILE *out, const struct bar *b, const struct result *x,
                       const char *placement)
{
	const char *unit = b->rate ? "M/s" : "µs";

	fprintf(out, "  %s%s%s\n      %s %s against %s %s (%s): %s x, bar %s %s: %s\n", b->what,
	        *placement ? ", " : "", placement, show(x->have, b->rate), unit,
	        show(x->want, b->rate), unit, x->theirs ? x->theirs->transport : "constant",
	        number(x->ratio), b->rate ? ">=" : "<=", number(b->ratio), verdicts[x->verdict]);
}

static void print_html(FILE *out, const struct bar *b, const struct result *x,
                       const char *placement)
{
	const char *unit = b->rate ? "M/s" : "µs";

	fprintf(out,
	        "<tr class=\"v%d\"><th class=\"text\">%s</th><td>%s</td><td>%s %s</td><td>%s "
	        "%s</td><td>%s</td><td>%s</td><td>%s%s</td><td>%s</td></tr>\n",
	        x->verdict, b->what, *placement ? placement : "same CPU", show(x->have, b->rate),
	        unit, show(x->want, b->rate), unit, x->theirs ? x->theirs->transport : "constant",
	        number(x->ratio), b->rate ? "≥ " : "≤ ", number(b->ratio), verdicts[x->verdict]);
}

/* Each bar in each placement that the run saw; how many there were. */
static unsigned int each(FILE *out, const struct results *all, print_fn print)
{
	static const char *const places[] = { "core", "near", "far", "" };
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(bars) / sizeof(*bars); i++) {
		for (size_t p = 0; p < 4; p++) {
			struct result x = judge(all, &bars[i], places[p]);

			if (x.verdict == ABSENT)
				continue;
			print(out, &bars[i], &x, places[p]);
			n++;
		}
	}
	return n;
}

void bars_text(FILE *out, const struct results *all)
{
	fputs("\nComparisons of rows with like probes\n", out);
	if (!each(out, all, print_text))
		fputs("  none: this run has no rows of libkipc to compare\n", out);
}

void bars_html(FILE *out, const struct results *all)
{
	fputs("<table><tr><th>comparison</th><th>CPUs</th><th>libkipc</th><th>reference</th>"
	      "<th>which</th><th>ratio</th><th>bar</th><th>verdict</th></tr>\n",
	      out);
	each(out, all, print_html);
	fputs("</table>\n", out);
}
