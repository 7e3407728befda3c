// SPDX-License-Identifier: MIT
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "../../lib/os/map.h"
#include "tsan.h"

/*
 * ThreadSanitizer tells memory by its address. Two ends map the same pages at two addresses, so it would
 * see neither that one side's access meets the other's, nor that a release is met by an acquire.
 * Here the linker's --wrap lets whoever maps the same piece of a file in the same way have the mapping
 * that is there already. All the rest is the code of both sides as it is.
 *
 * What stays unseen: the second half of a mirror is another address than the first one. And a reader
 * that may be overtaken races by intent: it asks afterwards whether what it read was overwritten. Such an
 * end gets the data at addresses of its own, and the test checks the content of what comes; all other
 * words are shared as ever.
 */

#define SPANS 8

int __real_kipc__map_row(void **out, int fd, const struct kipc__span *spans, unsigned n, int prot);
void __real_kipc__unmap(void *addr, size_t bytes);
int __wrap_kipc__map_row(void **out, int fd, const struct kipc__span *spans, unsigned n, int prot);
int __wrap_kipc__map(void **out, int fd, uint64_t off, size_t bytes, int prot);
int __wrap_kipc__map_mirror(void **out, int fd, uint64_t off, size_t bytes, int prot);
void __wrap_kipc__unmap(void *addr, size_t bytes);

struct piece {
	struct piece *next;
	dev_t dev;
	ino_t ino;
	struct kipc__span span[SPANS]; /* zero behind the last */
	int prot;
	unsigned users;
	void *addr;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct piece *pieces;

bool map_data_apart;

static struct piece *find(const struct piece *like)
{
	struct piece *p;

	for (p = pieces; p; p = p->next)
		if (p->dev == like->dev && p->ino == like->ino && p->prot == like->prot &&
		    memcmp(p->span, like->span, sizeof(p->span)) == 0)
			return p;
	return NULL;
}

static int make(struct piece **out, const struct piece *like, int fd, unsigned n)
{
	struct piece *p = malloc(sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = *like;
	r = __real_kipc__map_row(&p->addr, fd, p->span, n, p->prot);
	if (r < 0) {
		free(p);
		return r;
	}
	p->next = pieces;
	pieces = *out = p;
	return 0;
}

int __wrap_kipc__map_row(void **out, int fd, const struct kipc__span *spans, unsigned n, int prot)
{
	struct piece like = { .prot = prot };
	struct piece *p;
	struct stat st;
	int r = 0;

	if (n > SPANS || fstat(fd, &st) != 0)
		return -EINVAL;
	like.dev = st.st_dev;
	like.ino = st.st_ino;
	memcpy(like.span, spans, n * sizeof(*spans));
	pthread_mutex_lock(&mutex);
	p = find(&like);
	if (!p)
		r = make(&p, &like, fd, n);
	if (r == 0) {
		p->users++;
		*out = p->addr;
	}
	pthread_mutex_unlock(&mutex);
	return r;
}

int __wrap_kipc__map(void **out, int fd, uint64_t off, size_t bytes, int prot)
{
	const struct kipc__span once = { off, bytes };

	return __wrap_kipc__map_row(out, fd, &once, 1, prot);
}

int __wrap_kipc__map_mirror(void **out, int fd, uint64_t off, size_t bytes, int prot)
{
	const struct kipc__span twice[2] = { { off, bytes }, { off, bytes } };

	if (map_data_apart)
		return __real_kipc__map_row(out, fd, twice, 2, prot);
	return __wrap_kipc__map_row(out, fd, twice, 2, prot);
}

void __wrap_kipc__unmap(void *addr, size_t bytes)
{
	struct piece **at, *p;

	pthread_mutex_lock(&mutex);
	for (at = &pieces; *at && (*at)->addr != addr; at = &(*at)->next)
		;
	p = *at;
	if (!p)
		__real_kipc__unmap(addr, bytes);
	if (p && --p->users == 0) {
		*at = p->next;
		__real_kipc__unmap(addr, bytes);
		free(p);
	}
	pthread_mutex_unlock(&mutex);
}
