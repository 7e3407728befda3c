// SPDX-License-Identifier: MIT
/* Places, deaths and bells of a region with many ends, under a kind that does nothing. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../harness.h"
#include "os/fork.h"
#include "transport/hub_shm.h"
#include "transport/shm_chan.h"

TestSuite(hub, .init = harness_begin, .fini = harness_end);

#define ENDS 5

/* The data area counts what happens: deaths of each end, and how often "ready" is. */
struct counts {
	uint32_t died[KIPC_RING_ENDS];
	uint32_t messages;
	uint32_t taken;
	uint32_t left;
};

static struct counts *counts_of(struct kipc__hub *h)
{
	return (struct counts *)h->data;
}

static int idle_plan(const struct kipc__config *cfg, struct kipc__hub_plan *p)
{
	p->nr_ends = ENDS;
	p->first = cfg->flags & KIPC_SEND ? 0 : 1;
	p->last = cfg->flags & KIPC_SEND ? 0 : ENDS - 1;
	p->data_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static int idle_format(struct kipc__hub *h)
{
	(void)h;
	return 0;
}

static int idle_check(struct kipc__hub *h, const struct kipc__config *cfg)
{
	(void)h;
	(void)cfg;
	return 0;
}

static bool dies_over_joining, fails_to_join;

static int idle_join(struct kipc__hub *h, const struct kipc__config *cfg)
{
	(void)cfg;
	h->watch[1] = ENDS - 1;
	if (dies_over_joining)
		raise(SIGKILL);
	return fails_to_join ? -EBADMSG : 0;
}

static void idle_leave(struct kipc__hub *h)
{
	counts_of(h)->left++;
}

static void idle_died(struct kipc__hub *h, unsigned end)
{
	kipc__fetch_add(&counts_of(h)->died[end], 1);
	kipc__hub_wake(h, KIPC_SIDE_DATA, true);
}

static int idle_ready(struct kipc__hub *h, unsigned side)
{
	return side == KIPC_SIDE_DATA && kipc__load_acquire(&counts_of(h)->messages) > 0;
}

static const struct kipc__transport idle_ops = { .kinds = 77 };

static const struct kipc__hub_kind idle_kind = {
	.ops = &idle_ops,
	.name = "idle",
	.kind = 77,
	.handle_bytes = sizeof(struct kipc__hub),
	.plan = idle_plan,
	.format = idle_format,
	.check = idle_check,
	.join = idle_join,
	.leave = idle_leave,
	.died = idle_died,
	.ready = idle_ready,
};

static struct kipc__hub *must_open(const char *name, unsigned flags)
{
	struct kipc__config cfg = {
		.name = name, .flags = flags, .mode = 0600, .node = -1, .wait = KIPC_WAIT_BLOCK
	};
	struct kipc_chan *c = NULL;

	must_ok(kipc__fork_generation());
	must_eq(kipc__hub_open(&c, &cfg, &idle_kind, &kipc__hub_shm), 0);
	return (struct kipc__hub *)c;
}

static int open_result(const char *name, unsigned flags)
{
	struct kipc__config cfg = { .name = name, .flags = flags, .mode = 0600, .node = -1 };
	struct kipc_chan *c = NULL;
	int r = kipc__hub_open(&c, &cfg, &idle_kind, &kipc__hub_shm);

	if (r == 0)
		kipc__hub_close(c, true);
	return r;
}

static bool name_exists(const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "/dev/shm/kipc.%s", name);
	return access(path, F_OK) == 0;
}

Test(hub, places_are_taken_and_freed)
{
	const char *name = harness_name();
	struct kipc__hub *h[ENDS];

	must_eq(open_result(name, KIPC_RECV), -ENOENT);
	h[0] = must_open(name, KIPC_SEND | KIPC_CREATE);
	must_eq(h[0]->end, 0);
	for (unsigned i = 1; i < ENDS; i++) {
		h[i] = must_open(name, KIPC_RECV);
		must_eq(h[i]->end, i);
	}
	must_eq(open_result(name, KIPC_SEND | KIPC_CREATE), -EBUSY);
	must_eq(open_result(name, KIPC_RECV), -EBUSY);
	must_eq(open_result(name, KIPC_RECV | KIPC_CREATE | KIPC_EXCL), -EEXIST);
	kipc__hub_close(&h[2]->base, true);
	h[2] = must_open(name, KIPC_RECV);
	must_eq(h[2]->end, 2);
	must_eq(h[2]->status->ends[2].generation, 2);
	for (unsigned i = 0; i < ENDS; i++) {
		must(name_exists(name));
		kipc__hub_close(&h[i]->base, true);
	}
	must(!name_exists(name));
}

static void join_and_stay(struct peer *me, void *arg)
{
	(void)must_open(arg, KIPC_RECV);
	peer_tell(me, 'j');
	for (;;)
		pause();
}

/* Every one of those who look must find out, and one of them must clean up. */
Test(hub, a_death_is_cleaned_up_once)
{
	char name[64];
	struct kipc__hub *h[3];
	struct peer p;

	snprintf(name, sizeof(name), "%s", harness_name());
	h[0] = must_open(name, KIPC_SEND | KIPC_CREATE);
	h[1] = must_open(name, KIPC_RECV);
	for (unsigned round = 1; round <= 3; round++) {
		peer_start(&p, join_and_stay, name);
		peer_expect(&p, 'j');
		kipc__hub_look(h[0]);
		must_eq(counts_of(h[0])->died[2], round - 1);
		peer_kill(&p);
		for (unsigned i = 0; i < 2; i++)
			kipc__hub_look(h[i]);
		must_eq(counts_of(h[0])->died[2], round);
		must_eq(kipc__hub_state(h[0], 2), KIPC_END_DEAD);
	}
	h[2] = must_open(name, KIPC_RECV);
	must_eq(h[2]->end, 2);
	for (unsigned i = 0; i < 3; i++)
		kipc__hub_close(&h[i]->base, true);
	must(!name_exists(name));
}

static void die_over_joining(struct peer *me, void *arg)
{
	(void)me;
	dies_over_joining = true;
	(void)must_open(arg, KIPC_RECV);
}

/* What it may have left is undone as soon as anybody looks; no newcomer is needed for it. */
Test(hub, a_death_over_joining_is_seen)
{
	char name[64];
	struct kipc__hub *h;
	struct peer p;

	snprintf(name, sizeof(name), "%s", harness_name());
	h = must_open(name, KIPC_SEND | KIPC_CREATE);
	peer_start(&p, die_over_joining, name);
	must_eq(peer_hear(&p), -1);
	peer_kill(&p);
	kipc__hub_look(h);
	must_eq(counts_of(h)->died[1], 1);
	must_eq(kipc__hub_state(h, 1), KIPC_END_DEAD);
	kipc__hub_close(&h->base, true);
}

/* It has been live, and leaves what it began as anybody who leaves. */
Test(hub, who_cannot_join_leaves)
{
	char name[64];
	struct kipc__hub *h;

	snprintf(name, sizeof(name), "%s", harness_name());
	h = must_open(name, KIPC_SEND | KIPC_CREATE);
	fails_to_join = true;
	must_eq(open_result(name, KIPC_RECV), -EBADMSG);
	fails_to_join = false;
	must_eq(counts_of(h)->left, 1);
	must_eq(kipc__hub_state(h, 1), KIPC_END_FREE);
	must_eq(open_result(name, KIPC_RECV), 0);
	kipc__hub_close(&h->base, true);
}

static void *look_once(void *arg)
{
	struct kipc__hub *h = arg;

	while (kipc__hub_state(h, ENDS - 1) == KIPC_END_LIVE)
		kipc__hub_look(h);
	return NULL;
}

/* Several find out at the same time: one cleans up. */
Test(hub, lookers_race)
{
	char name[64];
	struct kipc__hub *h[ENDS - 1];
	unsigned rounds = harness_rounds(100);
	pthread_t t[ENDS - 1];
	struct peer p;

	snprintf(name, sizeof(name), "%s", harness_name());
	for (unsigned i = 0; i < ENDS - 1; i++)
		h[i] = must_open(name, i ? KIPC_RECV : KIPC_SEND | KIPC_CREATE);
	for (unsigned round = 1; round <= rounds; round++) {
		peer_start(&p, join_and_stay, name);
		peer_expect(&p, 'j');
		for (unsigned i = 0; i < ENDS - 1; i++)
			pthread_create(&t[i], NULL, look_once, h[i]);
		peer_kill(&p);
		for (unsigned i = 0; i < ENDS - 1; i++)
			pthread_join(t[i], NULL);
		must_eq(counts_of(h[0])->died[ENDS - 1], round);
	}
	for (unsigned i = 0; i < ENDS - 1; i++)
		kipc__hub_close(&h[i]->base, true);
}

/* A place whose owner died is free for a newcomer, also when nobody has looked. */
Test(hub, a_newcomer_takes_a_dead_place)
{
	char name[64];
	struct kipc__hub *h[ENDS];
	struct peer p;

	snprintf(name, sizeof(name), "%s", harness_name());
	h[0] = must_open(name, KIPC_SEND | KIPC_CREATE);
	for (unsigned i = 1; i < ENDS - 1; i++)
		h[i] = must_open(name, KIPC_RECV);
	peer_start(&p, join_and_stay, name);
	peer_expect(&p, 'j');
	must_eq(open_result(name, KIPC_RECV), -EBUSY);
	peer_kill(&p);
	h[ENDS - 1] = must_open(name, KIPC_RECV);
	must_eq(h[ENDS - 1]->end, ENDS - 1);
	must_eq(counts_of(h[0])->died[ENDS - 1], 1);
	for (unsigned i = 0; i < ENDS; i++)
		kipc__hub_close(&h[i]->base, true);
}

/* Who cleaned up died over it: the next one who looks does it again. */
Test(hub, an_abandoned_clean_up_is_repeated)
{
	char name[64];
	struct kipc__hub *h;
	uint32_t *state;

	snprintf(name, sizeof(name), "%s", harness_name());
	h = must_open(name, KIPC_SEND | KIPC_CREATE);
	state = &h->status->ends[3].state;
	*state = KIPC_END_REAP | 4 << 8; /* by place 3, which nobody has */
	kipc__hub_look(h);
	must_eq(counts_of(h)->died[3], 1);
	must_eq(kipc__hub_state(h, 3), KIPC_END_DEAD);
	*state = KIPC_END_REAP | 0xff << 8; /* by a newcomer, who holds the setup lock at it */
	must_eq(kipc__lockfile_take(kipc__hub_shm_of(h)->file, KIPC__SHM_SETUP_BYTE), 0);
	kipc__hub_look(h);
	must_eq(counts_of(h)->died[3], 1);
	kipc__lockfile_drop(kipc__hub_shm_of(h)->file, KIPC__SHM_SETUP_BYTE);
	kipc__hub_look(h);
	must_eq(counts_of(h)->died[3], 2);
	must_eq(kipc__hub_state(h, 3), KIPC_END_DEAD);
	kipc__hub_close(&h->base, true);
}

/* What all who held it left by dying is replaced by the next who opens the name. */
Test(hub, a_stale_name_is_reclaimed)
{
	char name[64];
	struct kipc__hub *h;
	struct peer p;

	snprintf(name, sizeof(name), "%s", harness_name());
	h = must_open(name, KIPC_SEND | KIPC_CREATE);
	peer_start(&p, join_and_stay, name);
	peer_expect(&p, 'j');
	kipc__hub_close(&h->base, true);
	must(name_exists(name));
	peer_kill(&p); /* from here on any newcomer, of another test too, may remove it */
	must_eq(open_result(name, KIPC_RECV), -ENOENT);
	must(!name_exists(name));
}

/* ---- sleeping in crowds ----------------------------------------------------------------- */

static void *sleeper(void *arg)
{
	struct kipc__hub *h = arg;
	uint32_t *messages = &counts_of(h)->messages;
	uint32_t seen;

	for (;;) {
		must_eq(kipc__hub_wait_for(h, KIPC_SIDE_DATA, -1), 0);
		seen = kipc__load_acquire(messages);
		if (seen && kipc__compare_exchange(messages, &seen, seen - 1))
			break;
	}
	kipc__fetch_add(&counts_of(h)->taken, 1);
	return NULL;
}

/* As many messages as sleepers, one wake-up each, or one for all. */
static void crowd(bool all)
{
	char name[64];
	struct kipc__hub *h[ENDS];
	pthread_t t[ENDS];
	unsigned rounds = harness_rounds(2000);

	snprintf(name, sizeof(name), "%s", harness_name());
	h[0] = must_open(name, KIPC_SEND | KIPC_CREATE);
	for (unsigned i = 1; i < ENDS; i++)
		h[i] = must_open(name, KIPC_RECV);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 1; i < ENDS; i++)
			pthread_create(&t[i], NULL, sleeper, h[i]);
		for (unsigned i = 1; i < ENDS; i++) {
			kipc__fetch_add(&counts_of(h[0])->messages, 1);
			kipc__hub_published(h[0], KIPC_SIDE_DATA, all);
		}
		for (unsigned i = 1; i < ENDS; i++)
			pthread_join(t[i], NULL);
	}
	must_eq(counts_of(h[0])->taken, (ENDS - 1) * rounds);
	for (unsigned i = 0; i < ENDS; i++)
		kipc__hub_close(&h[i]->base, true);
}

Test(hub, one_is_woken_for_each_message)
{
	crowd(false);
}

Test(hub, all_are_woken)
{
	crowd(true);
}

/* To be polled from here on. Without ticks: what makes it readable is a ring. */
static void must_poll(struct kipc__hub *h)
{
	struct itimerspec never = { .it_value = { 0 } };

	must_ok(kipc__hub_fd(&h->base, KIPC_IN));
	must_sys(timerfd_settime(kipc__hub_shm_of(h)->ticker, 0, &never, NULL));
	h->back->idle(h, KIPC_SIDE_DATA);
}

static bool readable(struct kipc__hub *h)
{
	struct pollfd p = { .fd = kipc__hub_shm_of(h)->epoll[KIPC_SIDE_DATA], .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Who cleans up before it has a place of its own tells who polls at place 0, too. */
Test(hub, a_newcomer_rings_for_the_dead)
{
	char name[64];
	struct kipc__hub *h[2];
	struct peer p;

	snprintf(name, sizeof(name), "%s", harness_name());
	h[0] = must_open(name, KIPC_SEND | KIPC_CREATE);
	must_poll(h[0]);
	peer_start(&p, join_and_stay, name);
	peer_expect(&p, 'j');
	peer_kill(&p);
	must(!readable(h[0]));
	h[1] = must_open(name, KIPC_RECV);
	must_eq(counts_of(h[0])->died[1], 1);
	must(readable(h[0]));
	for (unsigned i = 0; i < 2; i++)
		kipc__hub_close(&h[i]->base, true);
}

Test(hub, all_pollers_are_rung)
{
	char name[64];
	struct kipc__hub *h[3];

	snprintf(name, sizeof(name), "%s", harness_name());
	h[0] = must_open(name, KIPC_SEND | KIPC_CREATE);
	for (unsigned i = 1; i < 3; i++) {
		h[i] = must_open(name, KIPC_RECV);
		must_poll(h[i]);
		must(!readable(h[i]));
	}
	counts_of(h[0])->messages = 1;
	kipc__hub_published(h[0], KIPC_SIDE_DATA, true);
	must(readable(h[1]) && readable(h[2]));
	counts_of(h[0])->messages = 0;
	must_eq(kipc__hub_wait_for(h[1], KIPC_SIDE_DATA, 0), -EAGAIN);
	must(!readable(h[1]));
	kipc__hub_published(h[0], KIPC_SIDE_DATA, true);
	must(readable(h[1]) && readable(h[2]));
	kipc__hub_close(&h[1]->base, true);
	h[1] = must_open(name, KIPC_RECV);
	must_poll(h[1]);
	kipc__hub_published(h[0], KIPC_SIDE_DATA, true);
	must(readable(h[1]));
	for (unsigned i = 0; i < 3; i++)
		kipc__hub_close(&h[i]->base, true);
}
