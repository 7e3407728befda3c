// SPDX-License-Identifier: MIT
/*
 * doorbell.c - model of a publisher and two subscribers that share a doorbell
 *
 * The subscribers sleep until their descriptors are readable, and take what is there, or less; now and then one
 * sleeps in the call. The FIFO holds two letters only, so that who rings often has to make room. Now and then a
 * courier takes a letter, for a worker to write it later. Nothing ticks and nobody leaves, so nothing makes up
 * for a wake-up that is lost. Right is: each gets every message.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "transport/hub_shm.h"
#include "crowd.h"

#define BYTES    512 /* room for all */
#define MESSAGES 4
#define LETTERS  2

#define BELL_FD  1000
#define EPOLL_FD 2000 /* and the end */

#define COURIER ((struct kipc__courier *)1)

#define PATTERN(number) (0xaa00000000000000ULL + (number))

#define WORKER CROWD

const unsigned kipc__model_threads = CROWD + 1;

static unsigned messages;

/* What the kernel has: letters in the FIFO; by end, what its epoll has not reported yet, and how often it was told. */
static uint32_t letters, edge[CROWD], told[CROWD];

/* The worker's letter, and whether more may come. */
#define LETTER 1u
#define OVER   2u

static uint32_t post;

static void declare(void)
{
	const struct kipc__hub *h = kipc__model_hub(0);
	const struct kipc_ring_pub *pub = (const struct kipc_ring_pub *)kipc__hub_ctrl(h, 0);
	unsigned e;

	kipc__model_area(h->data, BYTES, true);
	kipc__model_word(&pub->prod, 8, pub->prod);
	kipc__model_word(&pub->last, 8, pub->last);
	kipc__model_word(&pub->claim, 8, pub->claim);
	kipc__model_word(&pub->oldest, 8, pub->oldest);
	kipc__model_word(&pub->hints.space_at, 8, 0);
	for (e = 0; e < 2; e++)
		kipc__model_word(&h->status->sets.bound[e], 8, 0);
	for (e = 1; e < CROWD; e++) {
		kipc__model_word(&kipc__hub_ctrl(h, e)->cons.pos, 8, 0);
		kipc__model_word(&kipc__hub_ctrl(h, e)->hints.joined, 8, 0);
	}
	kipc__model_word(&letters, 4, kipc__model_rand(LETTERS + 1));
	kipc__model_word(&post, 4, 0);
	for (e = 0; e < CROWD; e++) {
		kipc__model_word(&edge[e], 4, 0);
		kipc__model_word(&told[e], 4, 0);
		kipc__model_word(&kipc__hub_shm_of(kipc__model_hub(e))->bell[KIPC_SIDE_DATA], 4,
		                 BELL_FD);
	}
}

void kipc__model_setup(void)
{
	static const struct kipc__hub_plan plan = { .nr_ends = CROWD,
		                                    .data_bytes = BYTES,
		                                    .geom = { { .bytes = BYTES, .align = 8 } } };
	static const struct kipc__config cfg = { .patience = -1 };
	unsigned e;

	messages = 1 + kipc__model_rand(MESSAGES);
	kipc__model_crowd_setup(&kipc__pubsub_kind, &plan, false);
	declare();
	for (e = 0; e < CROWD; e++) {
		struct kipc__hub_shm *s = kipc__hub_shm_of(kipc__model_hub(e));

		kipc__model_crowd_join(e, &cfg);
		s->polled[KIPC_SIDE_DATA] = e != 0;
		s->courier = e == 0 ? COURIER : NULL;
		s->epoll[KIPC_SIDE_DATA] = EPOLL_FD + (int)e;
	}
}

/* ---- the kernel --------------------------------------------------------------------------- */

static void wake(unsigned e)
{
	kipc__fetch_or(&edge[e], 1);
	kipc__fetch_add(&told[e], 1);
	kipc__model_futex_wake(&told[e], 1);
}

/* The pipe's lock makes one step of the letters; its sleepers are woken one by one. */
ssize_t write(int fd, const void *buf, size_t n)
{
	uint32_t seen;
	unsigned e;

	if (fd != BELL_FD)
		return syscall(SYS_write, fd, buf, n);
	seen = kipc__fetch_add(&letters, 0);
	do {
		if (seen == LETTERS) {
			errno = EAGAIN;
			return -1;
		}
	} while (!kipc__compare_exchange(&letters, &seen, seen + 1));
	for (e = 1; e < CROWD; e++)
		wake(e);
	return (ssize_t)n;
}

ssize_t read(int fd, void *buf, size_t n)
{
	return fd == BELL_FD ? (ssize_t)kipc__exchange(&letters, 0) : syscall(SYS_read, fd, buf, n);
}

int epoll_wait(int epoll, struct epoll_event *e, int n, int timeout)
{
	(void)n, (void)timeout;
	e->data.u32 = 0;
	return kipc__exchange(&edge[epoll - EPOLL_FD], 0) != 0;
}

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *e)
{
	(void)fd, (void)e;
	if (op == EPOLL_CTL_MOD)
		wake((unsigned)(epoll - EPOLL_FD));
	return 0;
}

/* One letter at a time, if there is room. */
int kipc__courier_send(struct kipc__courier *c, int fd)
{
	kipc__model_assert(c == COURIER && fd == BELL_FD, "another courier");
	if (kipc__model_rand(2) || kipc__fetch_add(&letters, 0) == LETTERS ||
	    kipc__fetch_or(&post, 0) & LETTER)
		return -EAGAIN;
	kipc__fetch_or(&post, LETTER);
	kipc__model_futex_wake(&post, 1);
	return 0;
}

static void work(void)
{
	uint32_t seen;

	do {
		seen = kipc__fetch_or(&post, 0);
		if (seen == 0) {
			kipc__model_futex_wait(&post, 0, false);
		} else if (seen & LETTER) {
			(void)write(BELL_FD, "r", 1);
			kipc__fetch_and(&post, ~LETTER);
		}
	} while (seen != OVER);
}

static void await_readable(unsigned e)
{
	for (;;) {
		uint32_t before = kipc__fetch_add(&told[e], 0);

		if (kipc__fetch_add(&edge[e], 0))
			return;
		kipc__model_futex_wait(&told[e], before, false);
	}
}

/* ---- the threads ------------------------------------------------------------------------ */

static void publish(void)
{
	struct kipc_chan *c = &kipc__model_hub(0)->base;
	unsigned number;

	for (number = 0; number < messages; number++) {
		uint64_t word = PATTERN(number);
		struct kipc_msg m = { .data = &word, .len = 8 };

		kipc__model_assert(c->ops->send(c, &m, 1, -1) == 1, "publishing fails");
	}
	kipc__fetch_or(&post, OVER);
	kipc__model_futex_wake(&post, 1);
}

/* 1, or -EAGAIN, if it does not wait. */
static int take(unsigned e, unsigned number, int64_t timeout)
{
	struct kipc_chan *c = &kipc__model_hub(e)->base;
	uint64_t word = 0;
	struct kipc_msg m = { .data = &word, .len = 8 };
	int r = c->ops->recv(c, &m, 1, timeout);

	kipc__model_assert(r == 1 || (r == -EAGAIN && timeout == 0), "taking fails");
	kipc__model_assert(r != 1 || word == PATTERN(number), "not what was published");
	return r;
}

static void poll_and_take(unsigned e)
{
	unsigned number = 0, left;

	/* Who has just got the descriptor has asked once. */
	kipc__hub_shm_idle(kipc__model_hub(e), KIPC_SIDE_DATA);
	while (number < messages) {
		await_readable(e);
		for (left = 1 + kipc__model_rand(3); left && number < messages; left--) {
			if (take(e, number, kipc__model_rand(4) ? 0 : -1) != 1)
				break;
			number++;
		}
	}
}

void kipc__model_thread(unsigned i)
{
	if (kipc__model_rand(2))
		kipc__model_sluggish(50);
	if (i == 0)
		publish();
	else if (i == WORKER)
		work();
	else
		poll_and_take(i);
}

void kipc__model_after(void)
{
}
