// SPDX-License-Identifier: MIT
#include <errno.h>
#include <liburing.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../core/atomic.h"
#include "fork.h"
#include "sys.h"
#include "vigil.h"

/* What a completion is of: the one of descriptor i. */
#define LOOK(i)    (0x100u + (i))
#define CHANGE(i)  (0x200u + (i))
#define REMOVAL(i) (0x300u + (i))

#define ZEROS 0 /* the number of the event descriptor in the ring */

struct kipc__vigil {
	struct io_uring ring;
	uint64_t thread;
	int64_t process;
	unsigned n;

	/* A read takes 8 bytes {1, 0} from an event descriptor: the second half is for the word. */
	uint32_t waste;
	struct iovec into[2];
};

/* A number that no other thread of this process ever has. */
static uint64_t this_thread(void)
{
	static uint64_t last;
	static _Thread_local uint64_t mine;

	if (mine == 0)
		mine = kipc__fetch_add(&last, 1) + 1;
	return mine;
}

static void free_all(struct kipc__vigil *v)
{
	io_uring_queue_exit(&v->ring);
	free(v);
}

static void ask(struct kipc__vigil *v, unsigned i, const struct pollfd *what)
{
	struct io_uring_sqe *look = io_uring_get_sqe(&v->ring);
	struct io_uring_sqe *change = io_uring_get_sqe(&v->ring);

	io_uring_prep_poll_add(look, what->fd, (unsigned)what->events);
	look->flags |= IOSQE_IO_LINK;
	look->user_data = LOOK(i);
	io_uring_prep_readv(change, ZEROS, v->into, 2, 0);
	change->flags |= IOSQE_FIXED_FILE;
	change->user_data = CHANGE(i);
}

/* The ring keeps the event descriptor; the process's table has only that of the ring. */
static int take_zeros(struct kipc__vigil *v, unsigned n)
{
	int zeros = eventfd(n, EFD_SEMAPHORE | EFD_CLOEXEC);
	int r = zeros < 0 ? -errno : io_uring_register_files(&v->ring, &zeros, 1);

	kipc__fd_close(zeros);
	return r;
}

static int prepare(struct kipc__vigil *v, unsigned n)
{
	int r = io_uring_queue_init(2 * n, &v->ring, 0);

	if (r < 0)
		return r;
	r = kipc__fd_scarce(v->ring.ring_fd) ? -EMFILE : take_zeros(v, n);
	if (r < 0)
		io_uring_queue_exit(&v->ring);
	return r;
}

int kipc__vigil_open(struct kipc__vigil **out, const struct pollfd *what, unsigned n,
                     uint32_t *word)
{
	struct kipc__vigil *v = calloc(1, sizeof(*v));
	unsigned i;
	int r;

	if (!v)
		return -ENOMEM;
	r = prepare(v, n);
	if (r < 0) {
		free(v);
		return r;
	}
	v->thread = this_thread();
	v->process = kipc__fork_generation();
	v->into[0] = (struct iovec){ &v->waste, sizeof(v->waste) };
	v->into[1] = (struct iovec){ word, sizeof(*word) };
	for (i = 0; i < n; i++)
		ask(v, i, &what[i]);
	r = io_uring_submit(&v->ring);
	if (r != (int)(2 * n)) {
		free_all(v); /* what was not submitted must not be now */
		return r < 0 ? r : -EAGAIN;
	}
	v->n = n;
	*out = v;
	return 0;
}

bool kipc__vigil_stands(const struct kipc__vigil *v)
{
	return v->thread == this_thread() && io_uring_cq_ready(&v->ring) == 0;
}

int kipc__vigil_sleep(uint32_t *mine, uint32_t expected_mine, uint32_t *shared, uint32_t expected,
                      int64_t deadline)
{
	struct futex_waitv on[2] = {
		{ .uaddr = (uintptr_t)shared, .val = expected, .flags = FUTEX_32 },
		{ .uaddr = (uintptr_t)mine,
		  .val = expected_mine,
		  .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
	};
	struct timespec until;
	long r;

	if (deadline != KIPC__NEVER)
		until = kipc__timespec(deadline);
	r = syscall(SYS_futex_waitv, on, 2, 0, deadline == KIPC__NEVER ? NULL : &until,
	            CLOCK_MONOTONIC);
	return r >= 0 || errno == EAGAIN ? 0 : -errno;
}

/* Until each word is safe: its look could be removed, so nothing stands behind it any more, or the change
 * is over. No completion was taken before.
 */
static void await_quiet(struct kipc__vigil *v)
{
	bool quiet[KIPC__VIGIL_MOST] = { false };
	struct io_uring_cqe *c;
	unsigned i, left = v->n;
	int r;

	while (left) {
		r = io_uring_wait_cqe(&v->ring, &c);
		if (r == -EINTR)
			continue;
		if (r < 0)
			return;
		for (i = 0; i < v->n; i++) {
			bool over = c->user_data == CHANGE(i) ||
			            (c->user_data == REMOVAL(i) && c->res == 0);

			left -= over && !quiet[i];
			quiet[i] |= over;
		}
		io_uring_cqe_seen(&v->ring, c);
	}
}

void kipc__vigil_close(struct kipc__vigil *v)
{
	struct io_uring_sqe *s;
	unsigned i;

	if (!v)
		return;
	if (v->process == kipc__fork_generation()) {
		for (i = 0; i < v->n; i++) {
			s = io_uring_get_sqe(&v->ring);
			io_uring_prep_poll_remove(s, LOOK(i));
			s->user_data = REMOVAL(i);
		}
		if (io_uring_submit(&v->ring) == (int)v->n)
			await_quiet(v);
	}
	free_all(v);
}
