// SPDX-License-Identifier: MIT
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fork.h"

/* In an owner word: a thread of this generation is about to take it. */
#define CLAIMING (1ULL << 63)

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

int kipc__fork_claim(uint64_t *owner)
{
	int64_t mine = kipc__fork_generation();
	uint64_t claim = (uint64_t)mine | CLAIMING;
	uint64_t seen;

	if (mine < 0)
		return (int)mine;
	while ((seen = kipc__load_acquire(owner)) != (uint64_t)mine) {
		if (seen == 0)
			seen = kipc__exchange(owner, claim);
		if (seen == 0)
			return 1;
		/* It was settled between the look and the exchange. */
		if (seen == (uint64_t)mine)
			kipc__store_release(owner, seen);
		else if (seen != claim)
			return -ESTALE;
		else
			sched_yield();
	}
	return 0;
}

void kipc__fork_settle(uint64_t *owner, bool taken)
{
	kipc__store_release(owner, taken ? *kipc__fork_word : 0); /* pairs with the acquires */
}
