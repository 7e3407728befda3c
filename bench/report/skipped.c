// SPDX-License-Identifier: MIT
/* skipped.c - which rows have no figure, and why; see table.h */
#include <stdlib.h>
#include <string.h>

#include "table.h"

struct reason {
	const char *transport;
	const char *why;
	size_t rows;
	const struct row *first;
};

struct reasons {
	struct reason *list;
	size_t n;
};

static bool same_mode(const struct row *a, const struct row *b)
{
	return strcmp(a->wait, b->wait) == 0 && strcmp(a->cpus, b->cpus) == 0;
}

/* Adds the row to its reason; false when there is no memory for a new one. */
static bool count(struct reasons *all, const struct row *r)
{
	struct reason *grown;

	for (size_t i = 0; i < all->n; i++) {
		struct reason *x = &all->list[i];

		if (strcmp(x->transport, r->transport) == 0 && strcmp(x->why, r->skipped) == 0) {
			x->rows++;
			return true;
		}
	}
	grown = realloc(all->list, (all->n + 1) * sizeof(*grown));
	if (!grown)
		return false;
	all->list = grown;
	grown[all->n++] = (struct reason){ r->transport, r->skipped, 1, r };
	return true;
}

/* The sizes that a reason concerns, as text. */
static void name_sizes(const struct results *all, const struct reason *x, char *text, size_t room)
{
	size_t seen[16], n = 0, at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < all->rows && n < 16 && at < room; i++) {
		const struct row *r = &all->row[i];
		bool known = false;

		if (strcmp(r->transport, x->transport) || strcmp(r->skipped, x->why))
			continue;
		for (size_t k = 0; k < n; k++)
			known |= seen[k] == r->size;
		if (known)
			continue;
		seen[n++] = r->size;
		at += snprintf(text + at, room - at, "%s%s", n > 1 ? ", " : "", size_name(r->size));
	}
}

/* The mode too where the reason concerns only one. */
static const char *name_mode(const struct results *all, const struct reason *x)
{
	static char text[64];

	for (size_t i = 0; i < all->rows; i++) {
		const struct row *r = &all->row[i];

		if (!strcmp(r->transport, x->transport) && !strcmp(r->skipped, x->why) &&
		    !same_mode(r, x->first))
			return "";
	}
	snprintf(text, sizeof(text), "%s, %s CPU%s, ", x->first->wait, x->first->cpus,
	         strcmp(x->first->cpus, "two") ? "" : "s");
	return text;
}

static void collect(struct reasons *found, const struct results *all)
{
	*found = (struct reasons){ 0 };
	for (size_t i = 0; i < all->rows; i++) {
		if (*all->row[i].skipped && !count(found, &all->row[i]))
			return;
	}
}

void skipped_text(FILE *out, const struct results *all)
{
	struct reasons found;
	char sizes[256];

	collect(&found, all);
	if (found.n)
		fputs("\nNo figure for\n", out);
	for (size_t i = 0; i < found.n; i++) {
		name_sizes(all, &found.list[i], sizes, sizeof(sizes));
		fprintf(out, "  %s (%s%s): %s\n", found.list[i].transport,
		        name_mode(all, &found.list[i]), sizes, found.list[i].why);
	}
	free(found.list);
}

void html_escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else
			fputc(*text, out);
	}
}

void skipped_html(FILE *out, const struct results *all)
{
	struct reasons found;
	char sizes[256];

	collect(&found, all);
	fputs("<table><tr><th>transport</th><th>how</th><th>rows</th><th>reason</th></tr>\n", out);
	for (size_t i = 0; i < found.n; i++) {
		const struct reason *x = &found.list[i];

		name_sizes(all, x, sizes, sizeof(sizes));
		fprintf(out, "<tr><th>%s</th><td>%s%s</td><td>%zu</td><td class=\"text\">",
		        x->transport, name_mode(all, x), sizes, x->rows);
		html_escape(out, x->why);
		fputs("</td></tr>\n", out);
	}
	fputs("</table>\n", out);
	free(found.list);
}
