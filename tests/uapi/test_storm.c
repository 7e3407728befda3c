// SPDX-License-Identifier: MIT
/*
 * Everything at once, at random, with kill -9 in between; afterwards nothing is left.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(storm, .init = harness_begin);

#define WORKERS 3U
#define NAMES   3U
#define LITTLE  (200 * 1000) /* ns */

struct storm {
	int control;
	uint64_t seed;
};

static unsigned roll(uint64_t *seed, unsigned n)
{
	return (unsigned)(harness_random(seed) >> 32) % n;
}

/* One call of any kind; most fail for one reason or another. */
static void do_something(struct side *s, uint64_t *seed)
{
	unsigned which = roll(seed, 2);
	uint64_t at = roll(seed, 64) * 8;

	switch (roll(seed, 8)) {
	case 0:
		side_move(s, which, at);
		break;
	case 1:
		side_wait(s, which, at, harness_now() + roll(seed, LITTLE));
		break;
	case 2:
		side_wake(s, which);
		break;
	case 3:
		side_xchg(s, at, roll(seed, 3), harness_now() + roll(seed, LITTLE));
		break;
	case 4:
		poll_now(s->fd, POLLIN | POLLOUT);
		break;
	case 5:
		s->own->hints.fence = roll(seed, 2) ? KIPC_FENCE_PEER : 0;
		break;
	case 6:
		if (roll(seed, 64) == 0)
			side_shutdown(s, 1 + roll(seed, 3));
		break;
	default:
		s->own->hints.data_at = at;
		s->own->hints.space_at = at;
	}
}

static void *do_things(void *arg)
{
	struct side *s = arg;
	uint64_t seed = 1 + (uint64_t)getpid();

	for (unsigned i = 0; i < 300; i++)
		do_something(s, &seed);
	return NULL;
}

/* A child that maps its end, if it still can, and acts with two threads until it is killed. Some leave
 * a child of their own behind that holds all files for a moment.
 */
static void play(int fd, uint64_t seed)
{
	struct kipc_ioc_peer peer = { .size = sizeof(peer) };
	struct side s;
	pthread_t thread;

	alarm(60);
	if (uapi_call(fd, KIPC_IOC_PEER, &peer) || peer.state == KIPC_END_DEAD)
		_exit(0);
	side_map(&s, fd);
	if (roll(&seed, 4) == 0 && fork() == 0) {
		usleep(roll(&seed, 20000));
		_exit(0);
	}
	if (pthread_create(&thread, NULL, do_things, &s) == 0)
		do_things(&s);
	if (roll(&seed, 4) == 0)
		uapi_call(fd, KIPC_IOC_HANDOVER, NULL);
	if (roll(&seed, 2))
		munmap(s.own, 4096); /* under the feet of the other thread's calls */
	_exit(0);
}

/* Both ends of something: made, or met by name. -1 where there is none. */
static void get_ends(const struct storm *st, uint64_t *seed, int fd[2])
{
	struct kipc_ioc_create c = uapi_create(4096U << roll(seed, 6));
	struct kipc_ioc_attach a = { .size = sizeof(a), .kind = KIPC_KIND_PAIR };

	fd[0] = fd[1] = -1;
	if (roll(seed, 2)) {
		snprintf(c.name, sizeof(c.name), "storm-%u", roll(seed, NAMES));
		memcpy(a.name, c.name, sizeof(a.name));
		c.mode = 0600;
	}
	if (uapi_call(st->control, KIPC_IOC_CREATE, &c) == 0) {
		fd[0] = c.fd[0];
		fd[1] = c.fd[1];
	}
	if (c.name[0] && uapi_call(st->control, KIPC_IOC_ATTACH, &a) == 0)
		fd[1] = a.fd;
}

static void rage(struct peer *me, void *arg)
{
	struct storm st = *(struct storm *)arg;
	uint64_t seed = st.seed;

	(void)me;
	if (geteuid() == 0)
		become_user(55555, 55555);
	for (unsigned i = 0; i < harness_rounds(40); i++) {
		int fd[2];
		pid_t child[2];

		get_ends(&st, &seed, fd);
		for (unsigned e = 0; e < 2; e++) {
			child[e] = fd[e] < 0 ? 0 : must_sys(fork());
			if (fd[e] >= 0 && child[e] == 0)
				play(fd[e], seed + e);
		}
		for (unsigned e = 0; e < 2; e++)
			if (fd[e] >= 0 && roll(&seed, 2))
				must_sys(close(fd[e])), fd[e] = -1;
		usleep(roll(&seed, 30000));
		for (unsigned e = 0; e < 2; e++) {
			if (child[e] && roll(&seed, 4))
				kill(child[e], SIGKILL);
			if (child[e])
				must_eq(waitpid(child[e], NULL, 0), child[e]);
			if (fd[e] >= 0)
				must_sys(close(fd[e]));
		}
	}
}

/* What the user that everybody became holds. */
static void count_holdings(struct peer *me, void *arg)
{
	struct kipc_ioc_info info = { .size = sizeof(info) };
	int64_t until = harness_now() + SOON;

	(void)me;
	if (geteuid() == 0)
		become_user(55555, 55555);
	do {
		must(harness_now() < until);
		sched_yield();
		must_eq(uapi_call(*(int *)arg, KIPC_IOC_INFO, &info), 0);
	} while (info.user_chans || info.user_bytes);
}

Test(storm, leaves_nothing)
{
	struct storm st = { .control = uapi_control() };
	struct peer worker[WORKERS], after;

	for (unsigned w = 0; w < WORKERS; w++) {
		st.seed = 1 + w;
		peer_start(&worker[w], rage, &st);
	}
	for (unsigned w = 0; w < WORKERS; w++)
		peer_end(&worker[w]);
	peer_start(&after, count_holdings, &st.control);
	peer_end(&after);
	/* The names, too. */
	for (unsigned n = 0; n < NAMES; n++) {
		struct kipc_ioc_create c = uapi_create(4096);

		snprintf(c.name, sizeof(c.name), "storm-%u", n);
		must_eq(uapi_call(st.control, KIPC_IOC_CREATE, &c), 0);
	}
}
