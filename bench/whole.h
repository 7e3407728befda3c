/* SPDX-License-Identifier: MIT */
/* whole.h - a file that gets its new content at once, or keeps the old one */
#ifndef WHOLE_H
#define WHOLE_H

#include <stdbool.h>

#define WHOLE_PATH_MAX 4096

struct whole {
	const char *path;
	char part[WHOLE_PATH_MAX]; /* where the content is written meanwhile */
	bool beside;               /* that is another file, which takes the place of path */
};

/* Only an ordinary file, or none, is replaced; a device, a pipe and the like are written to. Without
 * permission that shows here already. A negative errno.
 */
int whole_begin(struct whole *w, const char *path);

/* r: what became of the content. If it is there, it takes its place, else nothing of it stays. r, or a
 * negative errno.
 */
int whole_end(const struct whole *w, int r);

#endif /* WHOLE_H */
