// SPDX-License-Identifier: MIT
/*
 * base_futex.c - shared memory and a shared futex
 *
 * One word per counter that its poster increments and its only waiter sleeps on. The waiter says that
 * it is about to sleep, so that nobody makes a system call to wake somebody who is awake.
 */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "slots.h"

struct counter {
	_Alignas(128) atomic_uint posted; /* written by the poster */
	_Alignas(128) atomic_uint asleep; /* set by the waiter, cleared by the poster */
	uint32_t taken;                   /* the waiter's own */
};

static struct counter *counter_of(const struct side *s, unsigned int index)
{
	return (struct counter *)s->pair->map + index;
}

void futex_tokens_init(struct pair *p)
{
	for (unsigned int i = 0; i < TOKENS; i++)
		((struct counter *)p->map)[i].posted = slots_initial(p->cell.size, i);
}

static int post(struct side *s, unsigned int index)
{
	struct counter *c = counter_of(s, index);

	/* Pairs with the acquire load in wait(): what was written before is seen after. */
	atomic_store_explicit(&c->posted,
	                      atomic_load_explicit(&c->posted, memory_order_relaxed) + 1,
	                      memory_order_release);
	if (s->spin)
		return 0;
	/* Pairs with the fence in wait(): either the waiter sees posted or this side sees asleep. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&c->asleep, memory_order_relaxed))
		syscall(SYS_futex, &c->posted, FUTEX_WAKE, 1, NULL, NULL, 0);
	return 0;
}

static int wait(struct side *s, unsigned int index)
{
	struct counter *c = counter_of(s, index);

	/* Pairs with the release store in post(). */
	while (atomic_load_explicit(&c->posted, memory_order_acquire) == c->taken) {
		if (s->spin) {
			cpu_relax();
			continue;
		}
		atomic_store_explicit(&c->asleep, 1, memory_order_relaxed);
		/* Pairs with the fence in post(); the kernel looks at posted again. */
		atomic_thread_fence(memory_order_seq_cst);
		if (syscall(SYS_futex, &c->posted, FUTEX_WAIT, c->taken, NULL, NULL, 0) < 0 &&
		    errno != EAGAIN && errno != EINTR)
			return bench_fail(s->pair, -errno, "futex: %m");
		/* Only the waiter clears it: a poster that did could undo the next sleep's mark. */
		atomic_store_explicit(&c->asleep, 0, memory_order_relaxed);
	}
	c->taken++;
	return 0;
}

const struct token_ops futex_tokens = { post, wait };

static int setup(struct pair *p)
{
	int r = slots_map(p);

	if (r == 0)
		futex_tokens_init(p);
	return r;
}

static int join(struct side *s)
{
	s->tokens = &futex_tokens;
	return 0;
}

const struct mech mech_futex = {
	.name = "stock:futex",
	.about = "shared memory slots and shared futexes, woken only when asleep",
	.waits = BIT(WAIT_BLOCK),
	.setup = setup,
	.join = join,
	.send = slots_send,
	.recv = slots_recv,
};
