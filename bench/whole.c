// SPDX-License-Identifier: MIT
/* whole.c - a file that gets its new content at once, or keeps the old one; see whole.h */
#include "whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not by opening it: the reader of a pipe would take that for all it gets. */
static int may_write(const struct whole *w, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	return access(w->path, W_OK) < 0 ? -errno : 0;
}

int whole_begin(struct whole *w, const char *path)
{
	struct stat st;
	int fd, n;

	w->path = path;
	w->beside = stat(path, &st) < 0 || S_ISREG(st.st_mode);
	n = snprintf(w->part, sizeof(w->part), "%s%s", path, w->beside ? ".part" : "");
	if (n < 0 || (size_t)n >= sizeof(w->part))
		return -ENAMETOOLONG;
	if (!w->beside)
		return may_write(w, &st);
	fd = open(w->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int whole_end(const struct whole *w, int r)
{
	if (!w->beside)
		return r;
	if (r >= 0 && rename(w->part, w->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(w->part);
	return r;
}
