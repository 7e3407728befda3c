// SPDX-License-Identifier: MIT
/* judge.c - is a bar met? see bars.h */
#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "bars.h"

static double get(const struct row *r, size_t offset)
{
	return *(const double *)((const char *)r + offset);
}

static double figure_of(const struct row *r, const struct bar *b)
{
	return get(r, b->figure->offset) * b->figure->scale;
}

static bool usable(const struct row *r, const struct bar *b, const struct selector *want)
{
	return !*r->skipped && row_matches(r, want) && !isnan(figure_of(r, b));
}

/* The row with the most (or the least) of the figure. */
static const struct row *extreme(const struct results *all, const struct bar *b,
                                 const struct selector *want, bool most)
{
	const struct row *found = NULL;

	for (size_t i = 0; i < all->rows; i++) {
		const struct row *r = &all->row[i];

		if (!usable(r, b, want))
			continue;
		if (!found || (figure_of(r, b) > figure_of(found, b)) == most)
			found = r;
	}
	return found;
}

static void compare(const struct bar *b, const struct row *ours, const struct row *theirs,
                    struct result *x)
{
	x->ours = ours;
	x->theirs = theirs;
	x->have = figure_of(ours, b);
	x->want = theirs ? figure_of(theirs, b) : b->constant;
	x->ratio = x->have / x->want;
}

/* Of all rows of ours that have a fellow which differs only in the transport (and in how it waits, if
 * the bar says how theirs do), the worst ratio.
 */
static void compare_alike(const struct results *all, const struct bar *b,
                          const struct selector *ours, const struct selector *theirs,
                          struct result *x)
{
	bool more = b->figure->more;

	for (size_t i = 0; i < all->rows; i++) {
		const struct row *r = &all->row[i], *t;
		struct selector like = *theirs;
		struct result one = { 0 };

		if (!usable(r, b, ours))
			continue;
		if (!like.wait)
			like.wait = r->wait;
		like.cpus = r->cpus;
		like.batch = r->batch;
		like.size = r->size;
		t = extreme(all, b, &like, more);
		if (!t)
			continue;
		compare(b, r, t, &one);
		if (!x->ours || (more ? one.ratio < x->ratio : one.ratio > x->ratio))
			*x = one;
	}
}

static void find(const struct results *all, const struct bar *b, const char *placement,
                 struct result *x)
{
	struct selector ours = b->ours, theirs = b->theirs;
	const struct row *o, *t = NULL;
	bool more = b->figure->more;

	ours.placement = theirs.placement = placement;
	if (b->pick == PICK_ALIKE) {
		compare_alike(all, b, &ours, &theirs, x);
		return;
	}
	o = extreme(all, b, &ours, b->pick == PICK_WORST ? !more : more);
	if (b->theirs.transport)
		t = extreme(all, b, &theirs, more);
	if (o && (t || !b->theirs.transport))
		compare(b, o, t, x);
}

/* The least and the most that the repetitions would make of the ratio. */
static bool spread_covers(const struct bar *b, const struct result *x)
{
	const struct figure *f = b->figure;
	double low, high;

	if (!f->low)
		return false;
	low = get(x->ours, f->low) / (x->theirs ? get(x->theirs, f->high) : x->want / f->scale);
	high = get(x->ours, f->high) / (x->theirs ? get(x->theirs, f->low) : x->want / f->scale);
	return low < b->ratio && b->ratio < high;
}

struct result bar_judge(const struct results *all, const struct bar *b, const char *placement)
{
	struct result x = { .verdict = BAR_NO_FIGURE };

	if (b->where && fnmatch(b->where, placement, FNM_EXTMATCH) != 0)
		return x;
	find(all, b, placement, &x);
	if (!x.ours)
		return x;
	x.verdict = (b->figure->more ? x.ratio >= b->ratio : x.ratio <= b->ratio) ? BAR_OK
	                                                                          : BAR_MISSED;
	x.spread = spread_covers(b, &x);
	x.noisy = x.ours->noisy || (x.theirs && x.theirs->noisy);
	return x;
}

/* What keeps these rows from having a figure; false: nothing does. */
static bool obstacle(const struct results *all, const struct bar *b, const struct selector *want,
                     char *reason, size_t room)
{
	const struct row *skipped = NULL;

	for (size_t i = 0; i < all->rows; i++) {
		const struct row *r = &all->row[i];

		if (!row_matches(r, want))
			continue;
		if (usable(r, b, want))
			return false;
		if (*r->skipped && !skipped)
			skipped = r;
	}
	if (skipped)
		snprintf(reason, room, "%s: %s", skipped->transport, skipped->skipped);
	else
		snprintf(reason, room, "%s was not measured in this run%s", want->transport,
		         strncmp(want->transport, "peer:", 5) ? "" : "; see PEERS=1");
	return true;
}

void bar_explain(const struct results *all, const struct bar *b, struct result *x)
{
	if (obstacle(all, b, &b->ours, x->reason, sizeof(x->reason)))
		return;
	if (b->theirs.transport && obstacle(all, b, &b->theirs, x->reason, sizeof(x->reason)))
		return;
	snprintf(x->reason, sizeof(x->reason), "%s",
	         b->where ? "the CPUs were never placed so" : "never both in one placement");
}
