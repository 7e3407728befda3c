// SPDX-License-Identifier: MIT
/*
 * Channels with many ends: everything at once, at random, with kill -9 in between; afterwards nothing is
 * left.
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
#include "many.h"

TestSuite(many_storm, .init = harness_begin);

#define WORKERS  4U
#define CHILDREN 3U
#define NAMES    3U
#define LITTLE   (200 * 1000) /* ns */
#define USER     55556

static unsigned roll(uint64_t *seed, unsigned n)
{
	return (unsigned)(harness_random(seed) >> 32) % n;
}

/* Takes what there is to undo and finishes it, or not. */
static void undo_some(const struct many *m, uint64_t *seed)
{
	int64_t got = many_undo(m, KIPC_END_NONE, NULL);

	while (got >= 0 && got != KIPC_END_NONE && roll(seed, 8))
		got = many_undo(m, (uint32_t)got, NULL);
}

/* One call of any kind; many fail for one reason or another. */
static void do_something(const struct many *m, uint64_t *seed)
{
	unsigned side = roll(seed, 2);
	int64_t until = harness_now() + roll(seed, LITTLE);
	uint64_t *word = (uint64_t *)&m->own->cons.pos;

	switch (roll(seed, 10)) {
	case 0:
		many_sleep(m, side, many_seen(m, side), until);
		break;
	case 1:
		many_sleep_word(m, side, many_seen(m, side), PAGE * (1 + m->end) + 128, *word,
		                until);
		break;
	case 2:
	case 3:
		many_ring(m, side, roll(seed, 2));
		break;
	case 4:
		many_bind(m, roll(seed, 2));
		break;
	case 5:
		many_cut(m, harness_random(seed));
		break;
	case 6:
		undo_some(m, seed);
		break;
	case 7:
		many_arm(m, side, roll(seed, 2) ? KIPC_ARMED_POLLED : KIPC_ARMED_PARKED);
		poll_now(m->fd, POLLIN | POLLOUT);
		break;
	case 8:
		if (roll(seed, 64) == 0)
			many_shutdown(m, 1 + roll(seed, 3));
		break;
	default:
		__atomic_store_n(word, harness_random(seed), __ATOMIC_SEQ_CST);
	}
}

static void *do_things(void *arg)
{
	uint64_t seed = 1 + (uint64_t)gettid();

	for (unsigned i = 0; i < 300; i++)
		do_something(arg, &seed);
	return NULL;
}

/* A child that maps its end and acts with two threads until it is killed. Some leave a child of their own
 * behind that holds all files for a moment.
 */
static void play(int fd, uint64_t seed)
{
	struct many m;
	pthread_t thread;

	alarm(60);
	many_map(&m, fd);
	if (roll(&seed, 4) == 0 && fork() == 0) {
		usleep(roll(&seed, 20000));
		_exit(0);
	}
	if (pthread_create(&thread, NULL, do_things, &m) == 0)
		do_things(&m);
	if (roll(&seed, 2))
		munmap(m.own, PAGE); /* under the feet of the other thread's calls */
	_exit(0);
}

/* An end of one of a few channels, which is made if there is none. -1: not now. */
static int get_end(int control, uint64_t *seed)
{
	unsigned which = roll(seed, NAMES);
	uint32_t kind = which ? KIPC_KIND_QUEUE : KIPC_KIND_PUBSUB;
	uint32_t role = which ? 0 : roll(seed, 3) ? SUB : PUB;
	struct kipc_ioc_create c;
	struct kipc_ioc_attach a;
	char name[32];

	snprintf(name, sizeof(name), "many-storm-%u", which);
	a = many_attach_arg(name, kind, role);
	c = many_arg(name, kind, role);
	if (uapi_call(control, KIPC_IOC_ATTACH, &a) == 0)
		return a.fd;
	return uapi_call(control, KIPC_IOC_CREATE, &c) == 0 ? c.fd[0] : -1;
}

struct storm {
	int control;
	uint64_t seed;
};

static void start_children(const struct storm *st, uint64_t *seed, pid_t child[CHILDREN])
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		int fd = get_end(st->control, seed);

		child[i] = fd < 0 ? 0 : (pid_t)must_sys(fork());
		if (fd >= 0 && child[i] == 0)
			play(fd, *seed + i);
		if (fd >= 0)
			must_sys(close(fd));
	}
}

static void rage(struct peer *me, void *arg)
{
	struct storm st = *(struct storm *)arg;
	uint64_t seed = st.seed;

	(void)me;
	if (geteuid() == 0)
		become_user(USER, USER);
	for (unsigned i = 0; i < harness_rounds(40); i++) {
		pid_t child[CHILDREN];

		start_children(&st, &seed, child);
		usleep(roll(&seed, 30000));
		for (unsigned c = 0; c < CHILDREN; c++) {
			if (child[c] && roll(&seed, 4))
				kill(child[c], SIGKILL);
			if (child[c])
				must_eq(waitpid(child[c], NULL, 0), child[c]);
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
		become_user(USER, USER);
	do {
		must(harness_now() < until);
		sched_yield();
		must_eq(uapi_call(*(int *)arg, KIPC_IOC_INFO, &info), 0);
	} while (info.user_chans || info.user_bytes);
}

Test(many_storm, leaves_nothing)
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
		char name[32];

		snprintf(name, sizeof(name), "many-storm-%u", n);
		must_sys(close((int)must_ok(many_create(name, KIPC_KIND_QUEUE, 0))));
	}
}
