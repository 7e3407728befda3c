// SPDX-License-Identifier: MIT
/* page.c - the report as one HTML file; see page.h */
#include "page.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../whole.h"
#include "bars.h"
#include "plot.h"
#include "table.h"

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<title>libkipc bench</title>\n<style>\n"
	"body{font:15px/1.5 sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222;"
	"background:#fff}\n"
	"table{border-collapse:collapse;font-size:13px;margin:.5em 0 1em}\n"
	"th,td{border:1px solid #ddd;padding:.15em .6em;text-align:right;white-space:nowrap}\n"
	"th:first-child,.text{text-align:left;white-space:normal}\n"
	"tr.f0{color:#2e8b57}tr.f1{color:#a3253a;font-weight:600}\n"
	"tr.v0 td:last-child{background:#d9f2e3}tr.v1 td:last-child{background:#f9d5d8}\n"
	"tr.v2 td{color:#777}tr.v3 td:last-child{background:#fdf1c9}\n"
	"figure{margin:1em 0}svg{max-width:100%;height:auto}\n"
	"summary{cursor:pointer;padding:.15em 0}details[open]>summary{font-weight:600}\n"
	"</style></head><body>\n<h1>libkipc bench</h1>\n";

static const char reading[] =
	"<h2>How to read this</h2>\n<ul>\n"
	"<li><b>Round trip</b>: a message and its echo, each one timed. <b>Stream</b>: one way, from "
	"the first to the last message at the receiver. Every message's number is checked at head and "
	"tail.</li>\n"
	"<li><b>core</b>, <b>near</b> and <b>far</b>: what a cache line took between the two CPUs right "
	"before and after the repetition: below 40 ns (two threads of one core), below 150 ns (two "
	"cores with a cache in common), or more. Only rows of one kind may be compared: the same "
	"program is several times slower far.</li>\n"
	"<li><b>spin</b> never sleeps, <b>block</b> sleeps at once, <b>adaptive</b> (libkipc's default) "
	"spins a little first. Compare like with like.</li>\n"
	"<li>Figures are medians over repetitions; the least and the most are shown when the pointer "
	"rests on a cell. <b>~</b>: no repetition was quiet, others used the CPUs too.</li>\n"
	"<li>In place: only the first and last 8 bytes of a message are touched, so that GB/s there are "
	"nominal.</li>\n"
	"<li>call: rows are round trips by kipc_call() and kipc_reply(); x16: with 16 of them in flight, "
	"each of which waits for the others. bytes: rows are streams by kipc_write() and "
	"kipc_read().</li>\n"
	"<li>limit: rows are what the hardware and the kernel allow; they carry no message. limit:copy "
	"is the slower of copying into and out of memory the other CPU touched last, at the best of "
	"several buffer sizes.</li>\n</ul>\n";

static void list_object(FILE *out, json_t *object)
{
	const char *key;
	json_t *v;

	fputs("<table>\n", out);
	json_object_foreach(object, key, v)
	{
		char *text = json_is_string(v) ? NULL
		                               : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

		fprintf(out, "<tr><th>%s</th><td class=\"text\">%s</td></tr>\n", key,
		        text ? text : json_string_value(v));
		free(text);
	}
	fputs("</table>\n", out);
}

static const char *word(const struct results *all, const char *object, const char *key)
{
	const char *t = json_string_value(json_object_get(json_object_get(all->json, object), key));

	return t ? t : "unknown";
}

static void summarize(FILE *out, const struct results *all)
{
	json_t *run = json_object_get(all->json, "run");

	fprintf(out, "<p>%s, kernel %s, %s. Commit %s, %lld repetitions in %.0f s%s.",
	        word(all, "machine", "cpu"), word(all, "machine", "kernel"),
	        word(all, "machine", "date"), word(all, "run", "commit"),
	        (long long)json_integer_value(json_object_get(run, "repetitions")),
	        json_number_value(json_object_get(run, "took_s")),
	        json_is_true(json_object_get(run, "quick")) ? ", a quick run" : "");
	for (const char *const *p = placements; *p; p++) {
		if (rows_placed(all, *p))
			fprintf(out, " %zu rows were taken %s (line %.0f ns).",
			        rows_placed(all, *p), *p, rows_line(all, *p));
	}
	fputs("</p>\n", out);
}

static void write_all(FILE *out, const struct results *all)
{
	fputs(head, out);
	summarize(out, all);
	fputs("<h2>Bars</h2>\n", out);
	bars_html(out, all);
	fputs("<h2>Pictures</h2>\n", out);
	if (plot_possible())
		pictures_html(out, all);
	else
		fputs("<p>There is no gnuplot here (package gnuplot-nox); the tables have all "
		      "figures.</p>\n",
		      out);
	fputs(reading, out);
	fputs("<h2>Tables</h2>\n", out);
	for (const struct table *t = tables; t->title; t++) {
		table_html(out, all, t, "");
		for (const char *const *p = placements; *p; p++)
			table_html(out, all, t, *p);
	}
	fputs("<h2>Rows without a figure</h2>\n", out);
	skipped_html(out, all);
	fputs("<h2>Machine and run</h2>\n", out);
	list_object(out, json_object_get(all->json, "machine"));
	list_object(out, json_object_get(all->json, "run"));
	fputs("</body></html>\n", out);
}

int page_write(const char *path, const struct results *all)
{
	struct whole w;
	FILE *out;
	int r = whole_begin(&w, path);

	if (r < 0)
		return r;
	out = fopen(w.part, "we");
	if (!out)
		return whole_end(&w, -errno);
	write_all(out, all);
	/* A page that misses something in the middle is none. */
	r = ferror(out) ? -EIO : 0;
	if (fclose(out) != 0)
		r = -errno;
	return whole_end(&w, r);
}
