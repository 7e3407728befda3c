// SPDX-License-Identifier: MIT
/* base_eventfd.c - shared memory and eventfds used as semaphores */
#include <sys/eventfd.h>
#include <unistd.h>

#include "slots.h"

static int setup(struct pair *p)
{
	int spin = p->cell.wait == WAIT_SPIN ? EFD_NONBLOCK : 0;

	for (unsigned int i = 0; i < TOKENS; i++) {
		int fd = eventfd(slots_initial(p->cell.size, i), EFD_SEMAPHORE | spin);

		if (fd < 0)
			return bench_fail(p, -errno, "eventfd: %m");
		p->fd[i / 2][i % 2] = fd;
	}
	return slots_map(p);
}

static int post(struct side *s, unsigned int index)
{
	uint64_t one = 1;

	if (write(s->pair->fd[index / 2][index % 2], &one, sizeof(one)) < 0)
		return bench_fail(s->pair, -errno, "write of an eventfd: %m");
	return 0;
}

static int wait(struct side *s, unsigned int index)
{
	uint64_t one;

	while (read(s->pair->fd[index / 2][index % 2], &one, sizeof(one)) < 0) {
		if (errno == EAGAIN && s->spin)
			cpu_relax();
		else if (errno != EINTR)
			return bench_fail(s->pair, -errno, "read of an eventfd: %m");
	}
	return 0;
}

static const struct token_ops eventfd_tokens = { post, wait };

static int join(struct side *s)
{
	s->tokens = &eventfd_tokens;
	return 0;
}

const struct mech mech_eventfd = {
	.name = "stock:eventfd",
	.about = "shared memory slots and eventfds as semaphores",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = join,
	.send = slots_send,
	.recv = slots_recv,
};
