// SPDX-License-Identifier: MIT
/* plot.c - pictures by gnuplot; see plot.h */
#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table.h"

struct plot {
	FILE *gnuplot;
	char path[64];
};

bool plot_possible(void)
{
	return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

static int begin(struct plot *p, unsigned int width, unsigned int height, const char *title)
{
	static unsigned int number;
	int fd;

	strcpy(p->path, "/tmp/kipc-bench-plot-XXXXXX");
	fd = mkstemp(p->path);
	if (fd < 0)
		return -1;
	close(fd);
	p->gnuplot = popen("gnuplot", "we");
	if (!p->gnuplot) {
		unlink(p->path);
		return -1;
	}
	fprintf(p->gnuplot,
	        "set encoding utf8\n"
	        "set terminal svg size %u,%u dynamic enhanced font 'sans-serif,13' "
	        "background '#ffffff' name 'plot%u'\n"
	        "set output '%s'\n"
	        "set title \"%s\" noenhanced font ',15'\n"
	        "set border lc '#888888'\nset grid lc '#dddddd'\nset tics nomirror\n",
	        width, height, number++, p->path, title);
	return 0;
}

/* What stands before <svg> is for files of their own, not for a page. */
static int copy_svg(FILE *out, const char *path)
{
	char line[4096];
	bool inside = false;
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		inside |= strncmp(line, "<svg", 4) == 0;
		if (inside)
			fputs(line, out);
	}
	fclose(f);
	return inside ? 0 : -1;
}

static int end(struct plot *p, FILE *out)
{
	int r = pclose(p->gnuplot);

	fputs("<figure>\n", out);
	if (r != 0 || copy_svg(out, p->path) < 0) {
		fputs("<p>gnuplot could not draw this picture.</p>\n", out);
		r = -1;
	}
	fputs("</figure>\n", out);
	unlink(p->path);
	return r;
}

/* libkipc stands out, limits are quiet, all others are alike. */
static const char *color_of(const char *label)
{
	if (strncmp(label, "kipc:", 5) == 0)
		return "0xd1495b";
	if (strncmp(label, "limit:", 6) == 0)
		return "0x2e8b57";
	return strncmp(label, "peer:", 5) == 0 ? "0x8e6bbf" : "0x3d6b9e";
}

int plot_ranking(FILE *out, const char *title, const char *axis, const struct item *item, size_t n)
{
	struct plot p;

	if (!n || begin(&p, 900, 120 + 20 * n, title) < 0)
		return -1;
	fputs("$d << EOD\n", p.gnuplot);
	for (size_t i = 0; i < n; i++)
		fprintf(p.gnuplot, "%zu %g %g %g %s \"%s  %s\"\n", n - i, item[i].value,
		        item[i].low, item[i].high, color_of(item[i].label), item[i].label,
		        number(item[i].value));
	fprintf(p.gnuplot,
	        "EOD\n"
	        "set logscale x\nset yrange [0.3:%zu.7]\nset xlabel \"%s\"\nset key off\n"
	        "set format x '%%.6g'\nset grid noytics\nset ytics scale 0 noenhanced\n"
	        "set lmargin 34\n"
	        "plot $d using 3:1:($4-$3):(0):5:ytic(6) with vectors nohead lw 3 lc rgb variable, "
	        "$d using 2:1:5 with points pt 7 ps 0.9 lc rgb variable\n",
	        n, axis);
	return end(&p, out);
}

int plot_curves(FILE *out, const struct axes *axes, const struct curve *curve, size_t n)
{
	static const char *const colors[] = { "#3d6b9e", "#e08e45", "#5aa9a3", "#7d5ba6",
		                              "#8a8d3b", "#7f7f7f", "#b0698c", "#4f5d75" };
	static const char *const ours[] = { "#d1495b", "#f28482", "#9b2226" };
	unsigned int stock = 0, peers = 0, own = 0;
	struct plot p;

	if (!n || begin(&p, 900, 520, axes->title) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		fprintf(p.gnuplot, "$c%zu << EOD\n", i);
		for (size_t k = 0; k < curve[i].points; k++)
			fprintf(p.gnuplot, "%g %g\n", curve[i].x[k], curve[i].y[k]);
		fputs("EOD\n", p.gnuplot);
	}
	fprintf(p.gnuplot,
	        "set logscale y\n%sset xlabel \"%s\"\nset ylabel \"%s\"\nset format y '%%.6g'\n"
	        "set key outside right top noenhanced\nplot ",
	        axes->x_setup, axes->x, axes->y);
	for (size_t i = 0; i < n; i++) {
		bool kipc = strncmp(curve[i].label, "kipc:", 5) == 0;
		bool limit = strncmp(curve[i].label, "limit:", 6) == 0;
		bool peer = strncmp(curve[i].label, "peer:", 5) == 0;

		fprintf(p.gnuplot,
		        "%s$c%zu using 1:2 with linespoints lw %d pt 7 ps 0.6 dt %d lc rgb '%s' "
		        "title \"%s\"",
		        i ? ", " : "", i, kipc ? 3 : 2,
		        limit  ? 2
		        : peer ? 3
		               : 1,
		        kipc    ? ours[own++ % 3]
		        : limit ? "#2e8b57"
		                : colors[(peer ? peers++ : stock++) % 8],
		        curve[i].label);
	}
	fputc('\n', p.gnuplot);
	return end(&p, out);
}

int plot_points(FILE *out, const struct axes *axes, const json_t *pairs)
{
	struct plot p;
	json_t *one;
	size_t i;

	if (!json_array_size(pairs) || begin(&p, 900, 300, axes->title) < 0)
		return -1;
	fputs("$d << EOD\n", p.gnuplot);
	json_array_foreach(pairs, i, one)
		fprintf(p.gnuplot, "%g %g\n", json_number_value(json_array_get(one, 0)),
	                json_number_value(json_array_get(one, 1)));
	fprintf(p.gnuplot,
	        "EOD\nset logscale y\nset yrange [10:2000]\nset key off\nset xlabel \"%s\"\n"
	        "set ylabel \"%s\"\n%splot $d using 1:2 with points pt 7 ps 0.3 lc rgb '#3d6b9e'\n",
	        axes->x, axes->y, axes->x_setup);
	return end(&p, out);
}
