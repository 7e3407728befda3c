// SPDX-License-Identifier: MIT
/* What one half of an end finds out is known to the other one, and to who waits for it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#include "../harness.h"
#include "core/atomic.h"
#include "os/mutex.h"
#include "transport/shm_chan.h"

TestSuite(shm_fault, .init = harness_begin, .fini = harness_end);

static struct kipc__ring_chan *ring_of(struct kipc_chan *c)
{
	return (struct kipc__ring_chan *)c;
}

static void pair_make(struct kipc_chan *end[2], const char *uri)
{
	struct kipc_peer who = { .size = sizeof(who) };

	must_ok(kipc_chan_pair(end, uri, KIPC_PAIR, NULL));
	for (int i = 0; i < 2; i++)
		must_eq(kipc_chan_peer(end[i], &who), 0);
}

static void pair_free(struct kipc_chan *end[2])
{
	kipc_chan_close(end[0]);
	kipc_chan_close(end[1]);
}

/* The peer says that it has consumed what was never sent; the sender finds out when it needs room. */
static void break_by_sending(struct kipc_chan *c)
{
	struct kipc__ring_chan *ring = ring_of(c);
	static const uint8_t bytes[1000];
	int r;

	kipc__store_relaxed(&ring->ctrl[1 - ring->end]->cons.pos, ~0ULL / 3);
	do
		r = kipc_send(c, bytes, sizeof(bytes), 0);
	while (r == 0);
	must_eq(r, -EBADMSG);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return must_sys(poll(&p, 1, 0)) == 1;
}

Test(shm_fault, waits_tell_of_a_broken_ring)
{
	struct kipc_chan *end[2];
	int in;

	pair_make(end, "shm://?size=4K&wait=block");
	in = (int)must_ok(kipc_chan_fd(end[0], KIPC_IN));
	must_eq(kipc_recv(end[0], NULL, 0, 0), -EAGAIN);
	must(!readable(in));
	break_by_sending(end[0]);
	must(readable(in));
	must(readable((int)must_ok(kipc_chan_fd(end[0], KIPC_OUT))));
	for (unsigned events = KIPC_IN; events <= (KIPC_IN | KIPC_OUT); events++) {
		must_eq(kipc_wait(end[0], events, 0), -EBADMSG);
		must_eq(kipc_wait(end[0], events, -1), -EBADMSG);
	}
	must_eq(kipc_recv(end[0], NULL, 0, -1), -EBADMSG);
	pair_free(end);
}

/* ---- a sleeper in another thread -------------------------------------------------------- */

struct sleeper {
	struct kipc_chan *c;
	pid_t tid;
	int result;
	bool waits;
};

static void *sleep_in(void *arg)
{
	struct sleeper *s = arg;

	kipc__store_release(&s->tid, gettid());
	s->result = s->waits ? kipc_wait(s->c, KIPC_IN, -1) : (int)kipc_recv(s->c, NULL, 0, -1);
	return NULL;
}

Test(shm_fault, a_sleeper_is_told)
{
	static const char *const uris[] = { "shm://?size=4K&wait=block",
		                            "shm://?size=4K&wait=spin" };

	for (unsigned i = 0; i < 4; i++) {
		struct sleeper s = { .waits = i & 1 };
		struct kipc_chan *end[2];
		pthread_t thread;

		pair_make(end, uris[i / 2]);
		s.c = end[0];
		must_eq(pthread_create(&thread, NULL, sleep_in, &s), 0);
		while (kipc__load_acquire(&s.tid) == 0)
			sched_yield();
		if (i < 2)
			await_asleep(s.tid);
		break_by_sending(end[0]);
		pthread_join(thread, NULL);
		must_eq(s.result, -EBADMSG);
		pair_free(end);
	}
}

/* ---- who is there ----------------------------------------------------------------------- */

/* A word that says "alive" is not believed where nobody holds the lock, and it is not me who is there. */
Test(shm_fault, a_dead_peer_is_not_this_process)
{
	struct kipc_peer who = { .size = sizeof(who) };
	struct kipc_chan *end[2];
	struct kipc__ring_chan *ring;

	pair_make(end, "shm://");
	ring = ring_of(end[0]);
	must_eq(kipc_chan_peer(end[0], &who), 0);
	must(who.state == KIPC_PEER_ALIVE && who.pid == getpid());
	kipc_chan_close(end[1]);
	must_eq(kipc_chan_peer(end[0], &who), 0);
	must(who.state == KIPC_PEER_GONE && who.pid == 0);
	kipc__store_relaxed(&ring->status->ends[1].state, KIPC_END_LIVE);
	must_eq(kipc_chan_peer(end[0], &who), 0);
	must(who.state == KIPC_PEER_GONE && who.pid == 0);
	kipc_chan_close(end[0]);
}

/* ---- from a signal handler -------------------------------------------------------------- */

/* As if it was long ago that anybody looked. */
static void look_is_due(struct kipc_chan *c)
{
	ring_of(c)->credit = 1;
	ring_of(c)->looked_at = 0;
	((struct kipc__shm_chan *)c)->looked_at = 0;
}

/* A handler interrupts its own thread, which may have what it would wait for. */
static void send_under_the_lock(struct kipc_chan *end[2])
{
	static const uint8_t bytes[1000];
	int r;

	kipc__mutex_lock(KIPC__MUTEX_LOCKFILES);
	look_is_due(end[0]);
	must_eq(kipc_send(end[0], bytes, 8, 0), 0);
	do {
		look_is_due(end[0]);
		r = kipc_send(end[0], bytes, sizeof(bytes), 0);
	} while (r == 0);
	must_eq(r, -EAGAIN);
	kipc__mutex_unlock(KIPC__MUTEX_LOCKFILES);
}

Test(shm_fault, a_sender_waits_for_no_lock)
{
	struct kipc_chan *end[2];
	char uri[100];

	pair_make(end, "shm://?size=4K");
	send_under_the_lock(end);
	pair_free(end);
	snprintf(uri, sizeof(uri), "shm://%s?size=4K", harness_name());
	must_ok(kipc_chan_open(&end[0], uri, KIPC_PAIR | KIPC_CREATE, NULL));
	must_ok(kipc_chan_open(&end[1], uri, KIPC_PAIR, NULL));
	send_under_the_lock(end);
	pair_free(end);
}

/* ---- numbers ---------------------------------------------------------------------------- */

/* Written by whoever made the region. */
Test(shm_fault, any_node_is_a_number)
{
	static const struct {
		int32_t node;
		uint64_t told;
	} rows[] = {
		{ -1, 0 }, { 0, 1 }, { -5, 0 }, { INT32_MIN, 0 }, { INT32_MAX, 1ULL << 31 },
	};
	struct kipc_chan *end[2];
	uint64_t value;

	pair_make(end, "shm://");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ring_of(end[0])->geom[0].node = ring_of(end[0])->geom[1].node = rows[i].node;
		must_eq(kipc_chan_get(end[0], KIPC_OPT_NODE, &value), 0);
		must(value == rows[i].told);
	}
	pair_free(end);
}
