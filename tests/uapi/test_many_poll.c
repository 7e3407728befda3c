// SPDX-License-Identifier: MIT
/*
 * Channels with many ends: polling.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "many.h"

TestSuite(many_poll, .init = harness_begin);

#define QUEUE  KIPC_KIND_QUEUE
#define PUBSUB KIPC_KIND_PUBSUB

Test(many_poll, a_side_is_ready_until_it_is_armed)
{
	struct many m;

	many_new(&m, harness_name(), QUEUE, 0);
	must_eq(poll_now(m.fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	must_eq(many_arm(&m, DATA, KIPC_ARMED_POLLED), 0);
	must_eq(poll_now(m.fd, POLLIN | POLLOUT), POLLOUT);
	must_eq(many_arm(&m, DATA, 0), 0); /* found something behind it */
	must_eq(poll_now(m.fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	must_eq(many_arm(&m, DATA, KIPC_ARMED_POLLED), 0);
	must_eq(poll_now(m.fd, POLLIN | POLLOUT), POLLOUT);
	must_eq(many_arm(&m, SPACE, KIPC_ARMED_POLLED), 0);
	must_eq(poll_now(m.fd, POLLIN | POLLOUT), 0);
	must_eq(many_seen(&m, DATA) & KIPC_ARMED_FLAGS, KIPC_ARMED_POLLED);
	must_eq(many_ring(&m, DATA, KIPC_RING_ONE), 0);
	must_eq(poll_now(m.fd, POLLIN | POLLOUT), POLLIN);
	must_eq(many_seen(&m, DATA) & KIPC_ARMED_FLAGS, 0);
	must_eq(many_arm(&m, DATA, KIPC_ARMED_POLLED), 0);
	must_eq(poll_now(m.fd, POLLIN | POLLOUT), 0);
	must_sys(munmap(m.own, PAGE));
	must_eq(poll_now(m.fd, 0), POLLHUP);
	must_eq(poll_now(m.fd, POLLIN | POLLOUT), POLLIN | POLLOUT | POLLHUP);
}

Test(many_poll, each_role_of_a_pubsub_polls_its_side)
{
	const char *name = harness_name();
	struct many pub, sub;

	many_new(&pub, name, PUBSUB, PUB);
	many_join(&sub, name, PUBSUB, SUB);
	must_eq(poll_now(pub.fd, POLLIN | POLLOUT), POLLOUT);
	must_eq(poll_now(sub.fd, POLLIN | POLLOUT), POLLIN);
	must_eq(many_arm(&sub, DATA, KIPC_ARMED_POLLED), 0);
	must_eq(poll_now(sub.fd, POLLIN | POLLOUT), 0);
	must_eq(many_ring(&pub, DATA, KIPC_RING_ONE), 0);
	must_eq(poll_now(sub.fd, POLLIN | POLLOUT), POLLIN);
}

/* Every poller of a crowd is told of each event, by level and by edge. */
Test(many_poll, all_pollers_are_told)
{
	const char *name = harness_name();
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));
	struct many m[NR_ENDS];
	struct epoll_event ev[NR_ENDS];

	for (unsigned i = 0; i < NR_ENDS; i++) {
		ev[0] = (struct epoll_event){ .events = EPOLLIN | (i % 2 ? EPOLLET : 0),
			                      .data.u32 = i };
		if (i)
			many_join(&m[i], name, QUEUE, 0);
		else
			many_new(&m[i], name, QUEUE, 0);
		must_eq(many_arm(&m[i], DATA, KIPC_ARMED_POLLED), 0);
		must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, m[i].fd, &ev[0]));
	}
	for (unsigned round = 0; round < 3; round++) {
		must_eq(epoll_wait(ep, ev, NR_ENDS, 0), 0);
		must_eq(many_ring(&m[round], DATA, KIPC_RING_ONE), 0);
		must_eq(epoll_wait(ep, ev, NR_ENDS, -1), NR_ENDS);
		must_eq(epoll_wait(ep, ev, NR_ENDS, 0), NR_ENDS / 2); /* those by level */
		for (unsigned i = 0; i < NR_ENDS; i++)
			must_eq(many_arm(&m[i], DATA, KIPC_ARMED_POLLED), 0);
	}
}

/* ---- more than who rings tells itself --------------------------------------------------- */

#define CROWD   64 /* bits of a word */
#define AT_ONCE 8  /* the others hear of it from a worker */

static void crowd_new(struct many *m, const char *name)
{
	struct kipc_ioc_create c = many_arg(name, QUEUE, 0);
	int control = uapi_control();

	c.nr_ends = CROWD;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	must_sys(close(control));
	many_map(&m[0], c.fd[0]);
	for (unsigned i = 1; i < CROWD; i++)
		many_join(&m[i], name, QUEUE, 0);
}

/* Every step-th; says which. */
static uint64_t crowd_arm(const struct many *m, unsigned step)
{
	uint64_t armed = 0;

	for (unsigned i = 0; i < CROWD; i += step) {
		must_eq(many_arm(&m[i], DATA, KIPC_ARMED_POLLED), 0);
		armed |= 1ULL << i;
	}
	return armed;
}

/* Who is ready by level, or has been told since by edge. */
static unsigned crowd_hear(int ep, int timeout, uint64_t *heard)
{
	struct epoll_event ev[CROWD];
	unsigned n = (unsigned)must_sys(epoll_wait(ep, ev, CROWD, timeout));

	for (unsigned i = 0; i < n; i++)
		*heard |= 1ULL << ev[i].data.u32;
	return n;
}

/* Also those who arm again before the worker comes to them: they are told of what happens next. */
Test(many_poll, each_of_a_crowd_is_told)
{
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));
	struct many m[CROWD];

	crowd_new(m, harness_name());
	crowd_arm(m, 1);
	for (unsigned i = 0; i < CROWD; i++) {
		struct epoll_event e = { .events = EPOLLIN | (i % 2 ? EPOLLET : 0), .data.u32 = i };

		must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, m[i].fd, &e));
	}
	for (unsigned round = 0; round < 30; round++) {
		uint64_t heard = 0;

		must_eq(crowd_hear(ep, 0, &heard), 0);
		must_eq(many_ring(&m[round], DATA, KIPC_RING_ONE), 0);
		must(crowd_hear(ep, 0, &heard) >= AT_ONCE);
		heard &= ~crowd_arm(m, 1 + round % 3);
		must_eq(many_ring(&m[round], DATA, KIPC_RING_ALL), 0);
		while (~heard)
			crowd_hear(ep, -1, &heard);
		crowd_arm(m, 1);
	}
}

/* The worker does not come to an end that is gone, and the channel goes when the worker has ended. */
Test(many_poll, a_crowd_that_goes_is_told_no_more)
{
	struct many m[CROWD];

	for (unsigned round = 0; round < 4; round++) {
		crowd_new(m, harness_name());
		crowd_arm(m, 1);
		must_eq(many_ring(&m[0], DATA, KIPC_RING_ONE), 0);
		for (unsigned i = 0; i < CROWD; i++)
			many_leave(&m[round % 2 ? i : CROWD - 1 - i]);
	}
}

/* Each has an end of its own, so each is told, also of those that share wake-ups by EPOLLEXCLUSIVE. */
Test(many_poll, exclusive_pollers_of_several_ends_are_told)
{
	const char *name = harness_name();
	struct listener l[3];
	struct many m[3];

	many_new(&m[0], name, QUEUE, 0);
	many_join(&m[1], name, QUEUE, 0);
	many_join(&m[2], name, QUEUE, 0);
	for (unsigned i = 0; i < 3; i++) {
		must_eq(many_arm(&m[i], DATA, KIPC_ARMED_POLLED), 0);
		listener_start(&l[i], m[i].fd, EPOLLIN | EPOLLEXCLUSIVE);
	}
	must_eq(many_ring(&m[0], DATA, KIPC_RING_ONE), 0);
	for (unsigned i = 0; i < 3; i++)
		must_eq(listener_end(&l[i]), EPOLLIN);
}

/* Who is ready again by ARM {how 0} is so alone. A file that is ready tells by edges that it was woken. */
Test(many_poll, disarming_is_heard_by_nobody_else)
{
	const char *name = harness_name();
	struct epoll_event ev;
	struct many m[2];
	int ep;

	many_new(&m[0], name, QUEUE, 0);
	many_join(&m[1], name, QUEUE, 0);
	ep = epoll_of(m[0].fd, EPOLLIN | EPOLLET);
	must_eq(epoll_wait(ep, &ev, 1, 0), 1);
	must_eq(epoll_wait(ep, &ev, 1, 0), 0);
	must_eq(many_arm(&m[1], DATA, KIPC_ARMED_POLLED), 0);
	must_eq(many_arm(&m[1], DATA, 0), 0);
	must_eq(epoll_wait(ep, &ev, 1, 0), 0);
	must_eq(many_seen(&m[0], DATA) & KIPC_ARMED_FLAGS, 0);
	must_eq(many_arm(&m[0], DATA, 0), 0);
	must_eq(epoll_wait(ep, &ev, 1, 0), 1);
}

Test(many_poll, death_is_told_even_to_who_asked_for_nothing)
{
	struct listener l;
	struct many m;

	many_new(&m, harness_name(), QUEUE, 0);
	listener_start(&l, m.fd, 0);
	must_sys(munmap(m.own, PAGE));
	must_eq(listener_end(&l), EPOLLHUP);
}

/* It waits in one queue alone. */
Test(many_poll, by_aio)
{
	struct uapi_aio a;
	struct many m;

	many_new(&m, harness_name(), QUEUE, 0);
	must_eq(many_arm(&m, DATA, KIPC_ARMED_POLLED), 0);
	must_eq(many_arm(&m, SPACE, KIPC_ARMED_POLLED), 0);
	must_eq(uapi_aio_poll(&a, m.fd, POLLIN | POLLOUT), 0);
	must_eq(many_ring(&m, SPACE, KIPC_RING_ONE), 0);
	must_eq(uapi_aio_end(&a), POLLOUT);
}
