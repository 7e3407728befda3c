// SPDX-License-Identifier: MIT
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include "../core/atomic.h"
#include "courier.h"
#include "fork.h"
#include "sys.h"

/* Letters under way. Who sends faster than the workers write does so himself. */
#define MOST 8U

/* What a thread writes itself before it is worth a courier. */
#define PATIENCE 16U

/* How many CPUs the workers of a bound thread get, and how far from its own they are looked for. */
#define CPUS   4U
#define NEARBY 128

struct kipc__courier {
	bool busy;    /* somebody is inside */
	bool refused; /* the kernel does not allow it here, and will not */
	bool begun;
	unsigned under_way;
	unsigned refusals; /* of the last sender's first letters */
	pthread_t sender;
	pthread_t master; /* whose workers write */
	int64_t process;
	struct io_uring ring; /* file 0: the FIFO */
};

struct kipc__courier *kipc__courier_new(void)
{
	struct kipc__courier *c = calloc(1, sizeof(*c));

	if (c)
		c->process = kipc__fork_generation();
	return c;
}

/* ---- where the workers run -------------------------------------------------------------- */

/* The only CPU that this thread may use; -1: there are more. */
static int bound_to(void)
{
	cpu_set_t may;
	int cpu;

	if (sched_getaffinity(0, sizeof(may), &may) != 0 || CPU_COUNT(&may) != 1)
		return -1;
	for (cpu = 0; !CPU_ISSET(cpu, &may); cpu++)
		;
	return cpu;
}

/* May they run on these? Only the kernel knows the process's cpuset. */
static bool bind_to(struct io_uring *ring, const cpu_set_t *cpus)
{
	return io_uring_register_iowq_aff(ring, sizeof(*cpus), cpus) == 0;
}

static void try_one(struct io_uring *ring, int cpu, cpu_set_t *found)
{
	cpu_set_t one;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (bind_to(ring, &one))
		CPU_SET(cpu, found);
}

/* CPUs of neighbouring numbers are most likely near. */
static bool bind_elsewhere(struct io_uring *ring, int mine)
{
	cpu_set_t found;
	int away;

	CPU_ZERO(&found);
	for (away = 1; away < NEARBY && (unsigned)CPU_COUNT(&found) < CPUS; away++) {
		try_one(ring, mine + away, &found);
		try_one(ring, mine - away, &found);
	}
	return CPU_COUNT(&found) && bind_to(ring, &found);
}

/* ---- the ring --------------------------------------------------------------------------- */

static void end(struct kipc__courier *c)
{
	if (c->begun)
		io_uring_queue_exit(&c->ring);
	c->begun = false;
	c->under_way = 0;
}

static int prepare(struct kipc__courier *c, int fd)
{
	int mine = bound_to();
	int r = io_uring_register_files(&c->ring, &fd, 1);

	if (r == 0 && kipc__fd_scarce(c->ring.ring_fd))
		return -EMFILE;
	return r == 0 && mine >= 0 && !bind_elsewhere(&c->ring, mine) ? -EPERM : r;
}

static int begin(struct kipc__courier *c, int fd)
{
	int r = io_uring_queue_init(MOST, &c->ring, 0);

	if (r == 0) {
		c->begun = true;
		c->master = c->sender;
		r = prepare(c, fd);
		if (r < 0)
			end(c);
	}
	c->refused = r == -EPERM || r == -ENOSYS;
	return r;
}

/* Did all of them come that are not under way any more? */
static bool collect(struct kipc__courier *c)
{
	struct io_uring_cqe *done;
	bool came = true;

	while (c->under_way && io_uring_peek_cqe(&c->ring, &done) == 0) {
		came &= done->res == 1;
		io_uring_cqe_seen(&c->ring, done);
		c->under_way--;
	}
	return came;
}

/* A letter waits for room for ever, or is lost. */
static bool has_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

/* A request that was not submitted would stay in the ring. */
static int hand_over(struct kipc__courier *c)
{
	struct io_uring_sqe *letter = io_uring_get_sqe(&c->ring);

	io_uring_prep_write(letter, 0, "r", 1, 0);
	letter->flags |= IOSQE_ASYNC | IOSQE_FIXED_FILE;
	if (io_uring_submit(&c->ring) == 1) {
		c->under_way++;
		return 0;
	}
	c->refused = true;
	return -EAGAIN;
}

/* Has this thread been patient? Another one's workers may be bound elsewhere, and end with it. */
static bool is_due(struct kipc__courier *c)
{
	pthread_t me = pthread_self();

	if (!pthread_equal(c->sender, me))
		c->refusals = 0;
	c->sender = me;
	if (c->refusals == PATIENCE)
		return true;
	c->refusals++;
	return false;
}

/* The ring is this thread's. */
static bool is_ready(struct kipc__courier *c, int fd)
{
	bool came = collect(c);

	if (came && c->begun && !pthread_equal(c->master, c->sender)) {
		if (c->under_way)
			return false;
		end(c);
	}
	if (came && (c->begun || begin(c, fd) == 0))
		return true;
	c->refusals = 0;
	return false;
}

static int dispatch(struct kipc__courier *c, int fd)
{
	if (fd < 0 || c->refused || c->process != kipc__fork_generation())
		return -EAGAIN;
	if (!is_due(c) || !is_ready(c, fd))
		return -EAGAIN;
	return c->under_way < MOST && has_room(fd) ? hand_over(c) : -EAGAIN;
}

int kipc__courier_send(struct kipc__courier *c, int fd)
{
	int saved = errno, r;

	if (kipc__exchange(&c->busy, true))
		return -EAGAIN;
	r = dispatch(c, fd);
	kipc__store_release(&c->busy, false); /* pairs with the exchange */
	errno = saved;
	return r;
}

/* ---- the end ---------------------------------------------------------------------------- */

void kipc__courier_forget(struct kipc__courier *c)
{
	if (c)
		end(c);
}

/* Whether anything can still come: somebody may have closed a descriptor that is not his. */
static bool await(struct kipc__courier *c)
{
	struct io_uring_cqe *done;
	int r = io_uring_wait_cqe(&c->ring, &done);

	return r == 0 || r == -EINTR;
}

void kipc__courier_free(struct kipc__courier *c)
{
	if (!c)
		return;
	if (c->process == kipc__fork_generation())
		while (c->under_way && await(c))
			(void)collect(c);
	end(c);
	free(c);
}
