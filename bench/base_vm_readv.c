// SPDX-License-Identifier: MIT
/*
 * base_vm_readv.c - process_vm_readv: the receiver reads out of the sender's own memory
 *
 * The sender publishes where its message lies; the receiver copies it once, without a buffer between.
 * The hand-over is by futex where the side blocks, by the bare word where it spins. A sender waits
 * until its previous message was taken.
 */
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "slots.h"

/* In the first slot's place of each direction. */
struct letter {
	_Alignas(128) const void *where;
	size_t len;
};

static struct letter *letter_of(const struct side *s, int from)
{
	return (struct letter *)((char *)s->pair->map + SLOTS_COUNTERS) + from;
}

static int setup(struct pair *p)
{
	int r = slots_map(p);

	if (r < 0)
		return r;
	futex_tokens_init(p);
	return 0;
}

/* One letter a direction, so that all but one of the space tokens are taken away. Where a security
 * module lets only a parent read, the reader is permitted by name.
 */
static int join(struct side *s)
{
	s->tokens = &futex_tokens;
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	for (unsigned int n = slots_depth(s->cell->size); n > 1; n--)
		s->tokens->wait(s, token_index(s->who, TOKEN_SPACE));
	return 0;
}

static int send_message(struct side *s, const void *buf)
{
	struct letter *l = letter_of(s, s->who);
	int r = s->tokens->wait(s, token_index(s->who, TOKEN_SPACE));

	if (r < 0)
		return r;
	*l = (struct letter){ buf, s->cell->size };
	return s->tokens->post(s, token_index(s->who, TOKEN_ITEM));
}

static int recv_message(struct side *s, void *buf)
{
	struct letter *l = letter_of(s, !s->who);
	struct iovec to, from;
	ssize_t n;
	int r = s->tokens->wait(s, token_index(!s->who, TOKEN_ITEM));

	if (r < 0)
		return r;
	to = (struct iovec){ buf, s->cell->size };
	from = (struct iovec){ (void *)l->where, l->len };
	n = process_vm_readv(s->pair->pid[!s->who], &to, 1, &from, 1, 0);
	if (n < 0)
		return bench_fail(s->pair, -errno, "process_vm_readv: %m");
	if (n != (ssize_t)s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "process_vm_readv: %zd bytes", n);
	return s->tokens->post(s, token_index(!s->who, TOKEN_SPACE));
}

const struct mech mech_vm_readv = {
	.name = "stock:process_vm_readv",
	.about = "one copy out of the sender's memory; hand-over by futex or by spinning",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.keeps_buffer = true,
	.setup = setup,
	.join = join,
	.send = send_message,
	.recv = recv_message,
};
