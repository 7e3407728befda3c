// SPDX-License-Identifier: MIT
/*
 * Channels with many ends: who learns what when an end goes, and what becomes of its place.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "many.h"

TestSuite(many_death, .init = harness_begin);

#define QUEUE  KIPC_KIND_QUEUE
#define PUBSUB KIPC_KIND_PUBSUB
#define NONE   KIPC_END_NONE

/* ---- victims ---------------------------------------------------------------------------- */

enum way { KILLED, EXITS, EXECS, UNMAPS, SAYS_GOODBYE };

struct victim {
	const char *name;
	uint32_t kind, role;
	enum way way;
	bool bind;
	bool undo; /* takes an end to undo and never does */
	struct hostage *hostage;
	struct peer p;
};

static void go(const struct victim *v, struct many *m)
{
	static char *const sleep_args[] = { "sleep", "600", NULL };
	uint32_t dirs = v->kind == QUEUE ? 3 : m->end ? KIPC_DIR_IN : KIPC_DIR_OUT;

	if (v->way == EXITS)
		_exit(0);
	if (v->way == EXECS)
		execvp("sleep", sleep_args);
	if (v->way == SAYS_GOODBYE)
		must_eq(many_shutdown(m, dirs), 0);
	many_leave(m);
}

/* Its place may be that of a process whose memory is still being given back. */
static void come(const struct victim *v, struct many *m)
{
	int64_t until = harness_now() + SOON;
	int fd;

	do {
		fd = many_attach(v->name, v->kind, v->role);
		must(harness_now() < until);
	} while (fd == -EBUSY);
	many_map(m, (int)must_ok(fd));
}

static void live(struct peer *me, void *arg)
{
	const struct victim *v = arg;
	struct many m;

	come(v, &m);
	if (v->hostage)
		hostage_take(v->hostage);
	if (v->bind)
		must_eq(many_bind(&m, 1), 0);
	if (v->undo)
		must(many_undo(&m, NONE, NULL) != NONE);
	peer_tell(me, (uint8_t)m.end);
	peer_expect(me, 'g');
	go(v, &m);
	if (v->way != EXECS)
		peer_tell(me, 'l');
	pause();
}

static unsigned start(struct victim *v)
{
	peer_start(&v->p, live, v);
	return (unsigned)peer_hear(&v->p);
}

static void end(struct victim *v)
{
	if (v->way == KILLED) {
		peer_kill(&v->p);
		return;
	}
	peer_tell(&v->p, 'g');
	if (v->way == EXITS)
		peer_end(&v->p);
	else if (v->way != EXECS)
		peer_expect(&v->p, 'l');
}

struct sleeper {
	const struct many *m;
	unsigned side;
	uint32_t seen;
	int result;
	pthread_t thread;
	pid_t tid;
};

static void *sleep_once(void *arg)
{
	struct sleeper *s = arg;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_SEQ_CST);
	s->result = many_sleep(s->m, s->side, s->seen, KIPC_FOREVER);
	return NULL;
}

static void put_to_sleep(struct sleeper *s, const struct many *m, unsigned side)
{
	*s = (struct sleeper){ m, side, many_seen(m, side), 1, 0, 0 };
	must_eq(pthread_create(&s->thread, NULL, sleep_once, s), 0);
	await_armed(many_bell(m, side), KIPC_ARMED_PARKED);
	while (!__atomic_load_n(&s->tid, __ATOMIC_SEQ_CST))
		sched_yield();
	await_asleep(s->tid);
}

static void awake(struct sleeper *s, int result)
{
	must_eq(pthread_join(s->thread, NULL), 0);
	must_eq(s->result, result);
}

/* ---- queue ------------------------------------------------------------------------------ */

/* With two places. */
static void create_small(struct many *m, const char *name)
{
	struct kipc_ioc_create c = many_arg(name, QUEUE, 0);
	int control = uapi_control();

	c.nr_ends = 2;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	must_sys(close(control));
	many_map(m, c.fd[0]);
}

/* Sleepers of both sides and a poller hear of it; one survivor undoes; then the place is free. */
static void lose_from_queue(enum way way, bool held)
{
	struct hostage hostage;
	struct victim v = { .name = harness_name(), .kind = QUEUE, .way = way };
	struct sleeper s[2];
	struct many m;
	unsigned place;

	if (held) {
		hostage_prepare(&hostage);
		v.hostage = &hostage;
	}
	create_small(&m, v.name);
	place = start(&v);
	must_eq(place, 1);
	must_eq(many_state(&m, place), KIPC_END_LIVE);
	must_eq(many_arm(&m, DATA, KIPC_ARMED_POLLED), 0);
	put_to_sleep(&s[0], &m, DATA);
	put_to_sleep(&s[1], &m, SPACE);
	end(&v);
	awake(&s[0], 0);
	awake(&s[1], 0);
	must_eq(poll_now(m.fd, POLLIN), POLLIN);
	must_eq(many_state(&m, place), KIPC_END_REAP);
	must_eq(many_undone(&m), 1ULL << place);
	must_eq(many_undo(&m, NONE, NULL), place);
	must_eq(many_undone(&m), 0);
	must_eq(m.status->ends[place].state & 0xffff, KIPC_END_REAP | (m.end + 1) << 8);
	must_eq(many_undo(&m, NONE, NULL), NONE);
	must_eq(many_undo(&m, place, NULL), NONE);
	must_eq(many_state(&m, place), KIPC_END_DEAD);
	must_eq(many_undo(&m, place, NULL), -EPERM);
	must_eq(many_undo(&m, NR_ENDS, NULL), -EPERM);
	v.hostage = NULL;
	v.way = KILLED;
	must_eq(start(&v), place);
	must_eq(m.status->ends[place].generation, 2);
	peer_kill(&v.p);
	if (held)
		hostage_free(&hostage);
}

Test(many_death, a_killed_end_of_a_queue_is_undone_by_a_survivor)
{
	lose_from_queue(KILLED, false);
}

Test(many_death, files_in_a_forked_child_do_not_hide_it)
{
	lose_from_queue(KILLED, true);
}

Test(many_death, so_is_one_that_exits_or_becomes_another_program)
{
	lose_from_queue(EXITS, false);
	lose_from_queue(EXECS, false);
}

Test(many_death, so_is_one_that_only_unmaps)
{
	lose_from_queue(UNMAPS, false);
}

Test(many_death, who_leaves_with_empty_hands_leaves_nothing_to_undo)
{
	struct victim v = { .name = harness_name(), .kind = QUEUE, .way = SAYS_GOODBYE };
	struct many m;

	many_new(&m, v.name, QUEUE, 0);
	must_eq(start(&v), 1);
	end(&v);
	must_eq(many_state(&m, 1), KIPC_END_FREE);
	must_eq(many_undone(&m), 0);
	must_eq(many_undo(&m, NONE, NULL), NONE);
	must_eq(start(&v), 1);
	end(&v);
}

Test(many_death, what_an_undoer_leaves_is_undone_by_another)
{
	const char *name = harness_name();
	struct victim first = { .name = name, .kind = QUEUE };
	struct victim second = { .name = name, .kind = QUEUE, .undo = true };
	struct many m;
	uint32_t again;
	int64_t got;
	uint64_t done = 0;

	many_new(&m, name, QUEUE, 0);
	must_eq(start(&first), 1);
	end(&first);
	must_eq(start(&second), 2);
	must_eq(m.status->ends[1].state & 0xffff, KIPC_END_REAP | (2 + 1) << 8);
	must_eq(many_undone(&m), 0);
	must_eq(many_undo(&m, NONE, NULL), NONE);
	must_eq(many_undo(&m, 1, NULL), -EPERM);
	end(&second);
	must_eq(many_undone(&m), 1 << 1 | 1 << 2);
	got = many_undo(&m, NONE, &again);
	for (unsigned i = 0; i < 2; i++) {
		must(got == 1 || got == 2);
		must_eq(again != 0, got == 1);
		done |= 1ULL << got;
		got = many_undo(&m, (uint32_t)got, &again);
	}
	must_eq(got, NONE);
	must_eq(done, 1 << 1 | 1 << 2);
}

/* A place that is to be undone is waited for, and given away then. */
static void join_late(struct peer *me, void *arg)
{
	struct many m;

	peer_tell(me, 'r');
	for (;;) {
		int fd = many_attach(arg, QUEUE, 0);

		if (fd == -EBUSY)
			continue;
		must_ok(fd);
		many_map(&m, fd);
		break;
	}
	peer_tell(me, (uint8_t)m.end);
	peer_expect(me, 'x');
}

Test(many_death, a_newcomer_waits_for_the_place_of_the_dead)
{
	const char *name = harness_name();
	struct victim v[NR_ENDS];
	struct many m;
	struct peer p;

	many_new(&m, name, QUEUE, 0);
	for (unsigned i = 1; i < NR_ENDS; i++) {
		v[i] = (struct victim){ .name = name, .kind = QUEUE };
		must_eq(start(&v[i]), i);
	}
	end(&v[3]);
	peer_start(&p, join_late, (void *)name);
	peer_expect(&p, 'r');
	must(!peer_told_within(&p, 50));
	must_eq(many_undo(&m, NONE, NULL), 3);
	must(!peer_told_within(&p, 50));
	must_eq(many_undo(&m, 3, NULL), NONE);
	peer_expect(&p, 3);
	peer_tell(&p, 'x');
	peer_end(&p);
	for (unsigned i = 1; i < NR_ENDS; i++)
		if (i != 3)
			end(&v[i]);
}

/* ---- pubsub ----------------------------------------------------------------------------- */

static void lose_publisher(enum way way, uint32_t gone)
{
	struct victim v = { .name = harness_name(), .kind = PUBSUB, .role = PUB, .way = way };
	struct sleeper s[2];
	struct many sub[2];

	many_new(&sub[0], v.name, PUBSUB, SUB);
	many_join(&sub[1], v.name, PUBSUB, SUB);
	for (unsigned round = 0; round < 2; round++) {
		must_eq(start(&v), 0);
		must_eq(many_bell(&sub[0], DATA)->gone, 0);
		for (unsigned i = 0; i < 2; i++) {
			must_eq(many_arm(&sub[i], DATA, KIPC_ARMED_POLLED), 0);
			put_to_sleep(&s[i], &sub[i], DATA);
		}
		end(&v);
		for (unsigned i = 0; i < 2; i++) {
			awake(&s[i], 0);
			must_eq(poll_now(sub[i].fd, POLLIN), POLLIN);
		}
		if (way != SAYS_GOODBYE)
			must_eq(many_bell(&sub[0], DATA)->gone, gone);
		must_eq(many_bell(&sub[0], DATA)->gone & gone, gone);
		many_await_state(&sub[0], 0, KIPC_END_DEAD);
		must_eq(sub[0].status->ends[0].generation, round + 1);
		must_eq(many_undone(&sub[0]), 0);
	}
}

Test(many_death, subscribers_are_told_of_the_publishers_and_of_the_next_one)
{
	lose_publisher(KILLED, KIPC_GONE_DEAD);
	lose_publisher(EXITS, KIPC_GONE_DEAD);
	lose_publisher(EXECS, KIPC_GONE_DEAD);
	lose_publisher(UNMAPS, KIPC_GONE_DEAD | KIPC_GONE_CLOSED);
	lose_publisher(SAYS_GOODBYE, KIPC_GONE_SHUT);
}

static void lose_subscriber(enum way way)
{
	struct victim v = { .name = harness_name(), .kind = PUBSUB, .role = SUB, .way = way };
	struct sleeper s;
	struct many pub, other;

	v.bind = true;
	many_new(&pub, v.name, PUBSUB, PUB);
	many_join(&other, v.name, PUBSUB, SUB);
	must_eq(many_bind(&other, 1), 0);
	must_eq(start(&v), 2);
	must_eq(many_bound(&pub), 1 << 1 | 1 << 2);
	put_to_sleep(&s, &pub, SPACE);
	end(&v);
	awake(&s, 0);
	must_eq(many_bound(&pub), 1 << 1);
	must_eq(many_bell(&pub, DATA)->gone, 0);
	many_await_state(&pub, 2, KIPC_END_DEAD);
}

Test(many_death, a_dead_subscriber_is_waited_for_no_longer)
{
	lose_subscriber(KILLED);
	lose_subscriber(EXITS);
	lose_subscriber(UNMAPS);
	lose_subscriber(SAYS_GOODBYE);
}

Test(many_death, binding_and_cutting)
{
	const char *name = harness_name();
	struct many pub, sub[2];
	uint32_t seen;

	many_new(&pub, name, PUBSUB, PUB);
	many_join(&sub[0], name, PUBSUB, SUB);
	many_join(&sub[1], name, PUBSUB, SUB);
	must_eq(many_bind(&sub[0], 2), -EINVAL);
	must_eq(many_bind(&sub[0], 1), 0);
	must_eq(many_bind(&sub[0], 1), 0);
	must_eq(many_bind(&sub[1], 1), 0);
	must_eq(many_bound(&pub), 6);
	must_eq(many_cut(&pub, 1 << 1 | 1ULL << 63), 0);
	must_eq(many_bound(&pub), 4);
	seen = many_seen(&pub, SPACE);
	must_eq(many_bind(&sub[0], 0), 0);
	must_eq(many_seen(&pub, SPACE), seen); /* it was bound no more */
	must_eq(many_bind(&sub[1], 0), 0);
	must(many_seen(&pub, SPACE) != seen);
	must_eq(many_bound(&pub), 0);
	must_eq(many_bind(&sub[0], 1), 0);
	must_eq(many_shutdown(&sub[0], KIPC_DIR_IN), 0);
	must_eq(many_bound(&pub), 0);
}

/* ---- the end that goes ------------------------------------------------------------------- */

Test(many_death, threads_of_the_dead_end_wake_too)
{
	static const uint32_t what[3][3] = { { QUEUE, 0, DATA },
		                             { PUBSUB, PUB, SPACE },
		                             { PUBSUB, SUB, DATA } };

	for (unsigned i = 0; i < 3; i++) {
		struct sleeper s;
		struct many m;

		many_new(&m, harness_name(), what[i][0], what[i][1]);
		put_to_sleep(&s, &m, what[i][2]);
		must_sys(munmap(m.own, PAGE));
		awake(&s, -EPIPE);
	}
}

Test(many_death, others_of_its_side_sleep_on)
{
	const char *name = harness_name();
	struct victim v = { .name = name, .kind = PUBSUB, .role = SUB };
	struct sleeper s;
	struct many pub, sub;

	many_new(&pub, name, PUBSUB, PUB);
	many_join(&sub, name, PUBSUB, SUB);
	start(&v);
	put_to_sleep(&s, &sub, DATA);
	end(&v);
	many_await_state(&pub, 2, KIPC_END_DEAD);
	must_eq(many_seen(&sub, DATA), KIPC_ARMED_PARKED);
	must_eq(many_ring(&pub, DATA, KIPC_RING_ALL), 0);
	awake(&s, 0);
}

/* ---- at any moment ---------------------------------------------------------------------- */

static void undo_all(const struct many *m)
{
	int64_t got = many_undo(m, NONE, NULL);

	while (got != NONE)
		got = many_undo(m, (uint32_t)got, NULL);
}

static void come_and_stay(struct peer *me, void *arg)
{
	struct many m;
	uint64_t i;

	many_join(&m, arg, QUEUE, 0);
	peer_tell(me, 'r');
	for (i = 0;; i++) {
		undo_all(&m);
		must_eq(many_ring(&m, i % 2, i % 3 == 0), 0);
		(void)many_sleep(&m, DATA, many_seen(&m, DATA), harness_now() + 100000);
	}
}

/* Ends that undo, ring and sleep are killed one after the other: all places come back. */
Test(many_death, comes_at_any_moment)
{
	const char *name = harness_name();
	unsigned rounds = harness_rounds(300);
	struct peer p[4];
	uint64_t seed = 77;
	struct many m;

	many_new(&m, name, QUEUE, 0);
	for (unsigned i = 0; i < 4; i++) {
		peer_start(&p[i], come_and_stay, (void *)name);
		peer_expect(&p[i], 'r');
	}
	for (unsigned i = 0; i < rounds; i++) {
		unsigned k = i % 4;

		for (uint64_t spin = harness_random(&seed) % 100000; spin--;)
			__asm__ volatile("" ::: "memory");
		peer_kill(&p[k]);
		undo_all(&m);
		peer_start(&p[k], come_and_stay, (void *)name);
		peer_expect(&p[k], 'r');
	}
	for (unsigned i = 0; i < 4; i++)
		peer_kill(&p[i]);
	undo_all(&m);
	must_eq(many_undone(&m), 0);
	for (unsigned e = 1; e < NR_ENDS; e++)
		must(many_state(&m, e) == KIPC_END_DEAD || many_state(&m, e) == KIPC_END_FREE);
}
