// SPDX-License-Identifier: MIT
#include "path.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the linker: where the code of this program begins and ends. The C library is not in there. */
extern const char __executable_start[], etext[];

static void *enlarge(void *old, size_t n, size_t size)
{
	void *p = realloc(old, n * size);

	if (!p) {
		perror("kipc: kill");
		exit(1);
	}
	return p;
}

void path_clear(struct path *p)
{
	p->n = p->points = 0;
}

void path_add(struct path *p, uintptr_t at)
{
	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 4096;
		p->step = enlarge(p->step, p->room, sizeof(*p->step));
		p->point = enlarge(p->point, p->room, sizeof(*p->point));
	}
	p->step[p->n++] = (struct path_step){ .at = at };
}

/* ---- where to kill ------------------------------------------------------------------------- */

static bool is_own(uintptr_t at)
{
	return at >= (uintptr_t)__executable_start && at < (uintptr_t)etext;
}

/* Of the C library, those that write where the program says: perhaps into memory that is shared. */
static bool copies(uintptr_t at)
{
	static const char *const names[] = { "memcpy",        "memmove", "memset",
		                             "strncpy",       "mempcpy", "__memcpy_chk",
		                             "__memmove_chk", "strcpy",  "stpcpy" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (at == (uintptr_t)dlsym(RTLD_DEFAULT, names[i]))
			return true;
	return false;
}

/* All players have the code at the same addresses. */
static bool is_system_call(uintptr_t at)
{
	return memcmp((const void *)at, "\x0f\x05", 2) == 0;
}

/* Behind an instruction of this program, of a copy, or a system call. Whatever else the C library does
 * happens in memory that goes with the process, so that nobody can tell before from behind. Where the
 * tracer does not know the addresses, every instruction counts.
 */
static void find_points(struct path *p)
{
	bool copying = false;
	size_t i;

	p->point[p->points++] = 0;
	for (i = 0; i + 1 < p->n; i++) {
		uintptr_t at = p->step[i].at, next = p->step[i + 1].at;

		if (is_own(at))
			copying = !is_own(next) && copies(next);
		if (!at || copying || is_own(at) || is_system_call(at))
			p->point[p->points++] = i + 1;
	}
}

/* ---- how to get there ---------------------------------------------------------------------- */

struct arrival {
	uintptr_t at;
	size_t step;
};

static int compare(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->step < y->step ? -1 : x->step > y->step;
}

static void count_arrivals(struct path *p)
{
	struct arrival *a = enlarge(NULL, p->n, sizeof(*a));
	uint32_t nth = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		a[i] = (struct arrival){ .at = p->step[i].at, .step = i };
	qsort(a, p->n, sizeof(*a), compare);
	for (i = 0; i < p->n; i++) {
		nth = i && a[i].at == a[i - 1].at ? nth + 1 : 1;
		p->step[a[i].step].nth = nth;
	}
	free(a);
}

/* By as few stops as there can be: at each arrival at one address, then one by one. */
void path_end(struct path *p)
{
	uint32_t stops = 0;
	size_t i, from = 0;

	if (!p->n)
		return;
	find_points(p);
	count_arrivals(p);
	for (i = 0; i < p->n; i++) {
		stops++;
		if (i == 0 || p->step[i].nth <= stops) {
			stops = i ? p->step[i].nth : 0;
			from = i;
		}
		p->step[i].from = from;
	}
}
