// SPDX-License-Identifier: MIT
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fork.h"

static const uint64_t none;
const uint64_t *kipc__fork_word = &none;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t *page;   /* wiped in a child */
static uint64_t counter; /* copied into a child, so that it never repeats its parent's */

static int page_make(void)
{
	long bytes = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	if (madvise(p, bytes, MADV_WIPEONFORK) != 0) {
		munmap(p, bytes);
		return -EOPNOTSUPP;
	}
	page = p;
	kipc__fork_word = page;
	return 0;
}

int64_t kipc__fork_generation(void)
{
	int64_t r = 0;

	pthread_mutex_lock(&lock);
	if (!page)
		r = page_make();
	if (r == 0) {
		if (*page == 0)
			*page = ++counter;
		r = (int64_t)*page;
	}
	pthread_mutex_unlock(&lock);
	return r;
}
