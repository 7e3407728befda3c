// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fork.h"

/* In an owner word: a thread of this generation is about to take it. */
#define CLAIMING (1ULL << 63)

static const uint64_t none;
const uint64_t *kipc__fork_word = &none;

static uint64_t counter; /* copied into a child, so that it never repeats its parent's */

/* A page that is wiped in a child. */
static int page_make(void)
{
	long bytes = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t *unmade = &none;

	if (p == MAP_FAILED)
		return -errno;
	if (madvise(p, bytes, MADV_WIPEONFORK) != 0) {
		munmap(p, bytes);
		return -EOPNOTSUPP;
	}
	/* Another thread may have made one meanwhile. Pairs with the load in kipc__fork_generation(). */
	if (!kipc__compare_exchange(&kipc__fork_word, &unmade, (const uint64_t *)p))
		munmap(p, bytes);
	return 0;
}

/* Without a lock, for a child that another thread's fork() makes meanwhile comes here too. */
int64_t kipc__fork_generation(void)
{
	uint64_t *word, unset = 0;
	int r;

	if (kipc__load_acquire(&kipc__fork_word) == &none) {
		r = page_make();
		if (r < 0)
			return r;
	}
	word = (uint64_t *)kipc__load_acquire(&kipc__fork_word); /* pairs with page_make() */
	if (kipc__load_relaxed(word) == 0)
		(void)kipc__compare_exchange(word, &unset, kipc__fetch_add(&counter, 1) + 1);
	return (int64_t)kipc__load_relaxed(word);
}

bool kipc__fork_foreign(const uint64_t *owner)
{
	uint64_t seen = kipc__load_acquire(owner) & ~CLAIMING;

	return seen != 0 && seen != kipc__load_relaxed(kipc__load_relaxed(&kipc__fork_word));
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
