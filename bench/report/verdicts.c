// SPDX-License-Identifier: MIT
/* verdicts.c - the bars as text, as a table of the page, and in results.json; see bars.h */
#include <string.h>

#include "bars.h"
#include "table.h"

static const char *const words[] = { "ok", "missed", "no figure" };

typedef void (*print_fn)(void *to, const struct bar *b, const struct result *x,
                         const char *placement);

/* Each bar in each placement that gives it a figure, or once to say that none does. */
static void each(const struct results *all, print_fn print, void *to)
{
	static const char *const places[] = { "core", "near", "far", "" };

	for (const struct bar *b = bars; b->what; b++) {
		struct result x;
		int n = 0;

		for (size_t p = 0; p < sizeof(places) / sizeof(*places); p++) {
			x = bar_judge(all, b, places[p]);
			if (x.verdict == BAR_NO_FIGURE)
				continue;
			print(to, b, &x, places[p]);
			n++;
		}
		if (n == 0) {
			bar_explain(all, b, &x);
			print(to, b, &x, "");
		}
	}
}

/* How sure the verdict is. */
static const char *doubt(const struct result *x)
{
	if (x->noisy)
		return ", but noisy: run again";
	return x->spread ? ", within the spread" : "";
}

/* "<= 0.750 x" of a row, or "<= 100 µs". */
static const char *wanted(const struct bar *b)
{
	static char text[48];
	double v = b->theirs.transport ? b->ratio : b->ratio * b->constant;

	snprintf(text, sizeof(text), "%s %s %s", b->figure->more ? "≥" : "≤", number(v),
	         b->theirs.transport ? "×" : b->figure->unit);
	return text;
}

/* Which cell it was, where the bar ranges over several. */
static const char *cell(const struct bar *b, const struct row *r)
{
	static char text[64];

	if (b->pick == PICK_BEST || !strcmp(r->bench, "memory") || !strcmp(r->bench, "idle"))
		return "";
	if (b->pick == PICK_WORST)
		snprintf(text, sizeof(text), " (%s)", size_name(r->size));
	else
		snprintf(text, sizeof(text), " (%s, %s, %s CPU%s)", size_name(r->size), r->wait,
		         r->cpus, strcmp(r->cpus, "two") ? "" : "s");
	return text;
}

static const char *place(const struct result *x, const char *placement)
{
	if (*placement)
		return placement;
	return x->ours && strcmp(x->ours->cpus, "same") == 0 ? "same CPU" : "";
}

static void print_text(void *to, const struct bar *b, const struct result *x, const char *placement)
{
	const char *unit = b->figure->unit, *where = place(x, placement);
	FILE *out = to;

	fprintf(out, "  %s%s%s\n      wanted %s, ", b->what, *where ? ", " : "", where, wanted(b));
	if (x->verdict == BAR_NO_FIGURE) {
		fprintf(out, "no figure (%s)\n", x->reason);
		return;
	}
	if (x->theirs)
		fprintf(out, "measured %s × (%s %s against %s of %s)", number(x->ratio),
		        number(x->have), unit, number(x->want), x->theirs->transport);
	else
		fprintf(out, "measured %s %s", number(x->have), unit);
	fprintf(out, "%s: %s%s\n", cell(b, x->ours), words[x->verdict], doubt(x));
}

/* The style of a row: a verdict in doubt is neither good nor bad. */
static int color(const struct result *x)
{
	return x->verdict != BAR_NO_FIGURE && (x->noisy || x->spread) ? 3 : (int)x->verdict;
}

static void print_html(void *to, const struct bar *b, const struct result *x, const char *placement)
{
	const char *unit = b->figure->unit;
	FILE *out = to;

	fprintf(out, "<tr class=\"v%d\"><th class=\"text\">%s", color(x), b->what);
	if (x->verdict == BAR_NO_FIGURE) {
		fprintf(out,
		        "</th><td>%s</td><td>%s</td><td class=\"text\" colspan=\"5\">no figure: ",
		        place(x, placement), wanted(b));
		html_escape(out, x->reason);
		fputs("</td></tr>\n", out);
		return;
	}
	fprintf(out, "%s</th><td>%s</td><td>%s</td><td>%s %s</td><td>%s %s</td>", cell(b, x->ours),
	        place(x, placement), wanted(b), number(x->have), unit, number(x->want), unit);
	fprintf(out, "<td class=\"text\">%s</td><td>%s</td><td class=\"text\">%s%s</td></tr>\n",
	        x->theirs ? x->theirs->transport : "the bar itself", number(x->ratio),
	        words[x->verdict], doubt(x));
}

static void add_json(void *to, const struct bar *b, const struct result *x, const char *placement)
{
	bool none = x->verdict == BAR_NO_FIGURE;
	json_t *one = json_pack("{s:s s:s s:s s:s s:b}", "what", b->what, "wanted", wanted(b),
	                        "verdict", words[x->verdict], "unit", b->figure->unit, "at_least",
	                        b->figure->more);

	json_object_set_new(one, "placement", *placement ? json_string(placement) : json_null());
	json_object_set_new(one, "reason", none ? json_string(x->reason) : json_null());
	json_object_set_new(one, "bar", json_real(b->ratio));
	json_object_set_new(one, "ratio", none ? json_null() : json_real(x->ratio));
	json_object_set_new(one, "measured", none ? json_null() : json_real(x->have));
	json_object_set_new(one, "reference", none ? json_null() : json_real(x->want));
	json_object_set_new(one, "against",
	                    x->theirs ? json_string(x->theirs->transport) : json_null());
	json_object_set_new(one, "size", x->ours ? json_integer(x->ours->size) : json_null());
	json_object_set_new(one, "noisy", json_boolean(x->noisy));
	json_object_set_new(one, "within_spread", json_boolean(x->spread));
	json_array_append_new(to, one);
}

static void count(void *to, const struct bar *b, const struct result *x, const char *placement)
{
	(void)b;
	(void)placement;
	((unsigned int *)to)[x->verdict]++;
}

static void print_sum(FILE *out, const struct results *all)
{
	unsigned int n[3] = { 0 };

	each(all, count, n);
	fprintf(out, "bars: %u ok, %u missed, %u without a figure", n[BAR_OK], n[BAR_MISSED],
	        n[BAR_NO_FIGURE]);
}

void bars_text(FILE *out, const struct results *all)
{
	fputs("\nBars: ratios of rows of one run with like probes\n", out);
	each(all, print_text, out);
	print_sum(out, all);
	fputc('\n', out);
}

void bars_html(FILE *out, const struct results *all)
{
	fputs("<table><tr><th>bar</th><th>CPUs</th><th>wanted</th><th>libkipc</th><th>reference</th>"
	      "<th class=\"text\">which</th><th>ratio</th><th class=\"text\">verdict</th></tr>\n",
	      out);
	each(all, print_html, out);
	fputs("</table>\n<p>", out);
	print_sum(out, all);
	fputs(". Figures of a row marked noisy or within the spread of its repetitions decide "
	      "nothing: run again on a quiet machine.</p>\n",
	      out);
}

json_t *bars_json(const struct results *all)
{
	json_t *list = json_array();

	each(all, add_json, list);
	return list;
}
