// SPDX-License-Identifier: MIT
/*
 * poll, epoll and SIGIO on endpoint files.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(poll, .init = harness_begin);

#define DATA  KIPC_SIDE_DATA
#define SPACE KIPC_SIDE_SPACE
#define ALL   (POLLIN | POLLOUT | POLLRDHUP)

Test(poll, tells_what_the_positions_say)
{
	static const uint64_t starts[] = { 0, 1ULL << 63, UINT64_MAX - 7, UINT64_MAX - 127 };

	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct both b;
		struct side *s = &b.s[0], *peer = &b.s[1];
		uint64_t at = starts[i];

		both_map(&b, at, at);
		/* Nothing to read; room, as long as nothing else was asked for. */
		must_eq(poll_now(s->fd, ALL), POLLOUT);
		side_move(peer, DATA, at + 64);
		must_eq(poll_now(s->fd, ALL), POLLIN | POLLOUT);
		side_move(s, SPACE, at + 64);
		must_eq(poll_now(s->fd, ALL), POLLOUT);
		/* Waiting for space: until cons gets there. */
		s->own->hints.space_at = at + 128;
		must_eq(poll_now(s->fd, ALL), 0);
		side_move(peer, SPACE, at + 120);
		must_eq(poll_now(s->fd, ALL), 0);
		side_move(peer, SPACE, at + 128);
		must_eq(poll_now(s->fd, ALL), POLLOUT);
	}
}

Test(poll, arms_what_it_is_asked_for)
{
	struct both b;
	struct side *s = &b.s[0];

	both_map(&b, 0, 0);
	poll_now(s->fd, POLLRDHUP);
	must_eq(side_bell(s, DATA)->armed | side_bell(s, SPACE)->armed, 0);
	poll_now(s->fd, POLLIN);
	must_eq(side_bell(s, DATA)->armed, KIPC_ARMED_POLLED);
	must_eq(side_bell(s, SPACE)->armed, 0);
	poll_now(s->fd, POLLOUT);
	must_eq(side_bell(s, SPACE)->armed, KIPC_ARMED_POLLED);
	must_eq(side_wake(&b.s[1], DATA), 0);
	must_eq(side_bell(s, DATA)->armed, 0);
	must_eq(side_wake(&b.s[1], SPACE), 0);
	must_eq(side_bell(s, SPACE)->armed, 0);
	/* The peer's bells are its own. */
	must_eq(side_peer_bell(s, DATA)->armed | side_peer_bell(s, SPACE)->armed, 0);
}

Test(poll, shutdown_is_told_by_direction)
{
	struct both b;

	both_map(&b, 0, 0);
	b.s[0].own->hints.space_at = 8;
	b.s[1].own->hints.space_at = 8;
	must_eq(poll_now(b.s[0].fd, ALL), 0);
	must_eq(side_shutdown(&b.s[1], KIPC_DIR_OUT), 0);
	must_eq(poll_now(b.s[0].fd, ALL), POLLIN | POLLRDHUP);
	must_eq(poll_now(b.s[1].fd, ALL), POLLOUT); /* it would not wait there */
	must_eq(side_shutdown(&b.s[1], KIPC_DIR_IN), 0);
	must_eq(poll_now(b.s[0].fd, ALL), POLLIN | POLLRDHUP | POLLOUT);
	must_eq(poll_now(b.s[1].fd, ALL), POLLIN | POLLRDHUP | POLLOUT);
	must_eq(side_shutdown(&b.s[0], KIPC_DIR_IN | KIPC_DIR_OUT), 0);
	must_eq(poll_now(b.s[1].fd, ALL), POLLIN | POLLRDHUP | POLLOUT);
}

/* A thread polls, another one of the same process shuts what it waits for. */
Test(poll, ones_own_shutdown_ends_a_poll)
{
	static const struct {
		unsigned dir;
		uint32_t asked, heard;
	} cases[] = {
		{ KIPC_DIR_IN, EPOLLIN | EPOLLRDHUP, EPOLLIN | EPOLLRDHUP },
		{ KIPC_DIR_OUT, EPOLLOUT | EPOLLRDHUP, EPOLLOUT },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct listener l;
		struct both b;

		both_map(&b, 0, 0);
		b.s[0].own->hints.space_at = 8;
		listener_start(&l, b.s[0].fd, cases[i].asked);
		must_eq(side_shutdown(&b.s[0], cases[i].dir), 0);
		must_eq(listener_end(&l), cases[i].heard);
	}
}

Test(poll, death_is_told_even_to_who_asked_for_nothing)
{
	struct both b;

	both_map(&b, 0, 0);
	must_eq(poll_now(b.s[0].fd, 0), 0);
	side_unmap_own(&b.s[1]);
	must_eq(poll_now(b.s[0].fd, 0), POLLHUP);
	must_eq(poll_now(b.s[0].fd, ALL), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
}

/* ---- epoll ------------------------------------------------------------------------------ */

static uint32_t events_now(int ep)
{
	struct epoll_event ev = { 0 };

	return must_sys(epoll_wait(ep, &ev, 1, 0)) ? ev.events : 0;
}

/* As the library does: ring only where the bell is armed. */
static void publish(struct side *s, unsigned which, uint64_t at)
{
	side_move(s, which, at);
	if (__atomic_load_n(&side_peer_bell(s, which)->armed, __ATOMIC_RELAXED))
		must_eq(side_wake(s, which), 0);
}

Test(poll, level_triggered_epoll_repeats_until_it_is_consumed)
{
	struct both b;
	int ep;

	both_map(&b, 0, 0);
	ep = epoll_of(b.s[0].fd, EPOLLIN);
	must_eq(events_now(ep), 0);
	for (uint64_t at = 8; at <= 80; at += 8) {
		publish(&b.s[1], DATA, at);
		must_eq(events_now(ep), EPOLLIN);
		must_eq(events_now(ep), EPOLLIN);
		side_move(&b.s[0], SPACE, at);
		must_eq(events_now(ep), 0);
	}
}

Test(poll, edge_triggered_epoll_tells_each_arrival_once)
{
	struct both b;
	int ep;

	both_map(&b, 0, 0);
	ep = epoll_of(b.s[0].fd, EPOLLIN | EPOLLET);
	must_eq(events_now(ep), 0);
	for (uint64_t at = 8; at <= 80; at += 8) {
		publish(&b.s[1], DATA, at);
		must_eq(events_now(ep), EPOLLIN);
		must_eq(events_now(ep), 0);
		if (at % 16 == 0) /* consumed or not: the next one is an edge */
			side_move(&b.s[0], SPACE, at);
	}
}

Test(poll, epoll_tells_space_and_death)
{
	struct both b;
	int ep;

	both_map(&b, 0, 0);
	b.s[0].own->hints.space_at = 64;
	ep = epoll_of(b.s[0].fd, EPOLLOUT | EPOLLRDHUP);
	must_eq(events_now(ep), 0);
	publish(&b.s[1], SPACE, 64);
	must_eq(events_now(ep), EPOLLOUT);
	b.s[0].own->hints.space_at = 128;
	must_eq(events_now(ep), 0);
	side_unmap_own(&b.s[1]);
	must_eq(events_now(ep), EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
}

#define TRIPS 2000U

static void poll_and_answer(struct peer *me, void *arg)
{
	struct epoll_event ev;
	struct side s;
	int ep;

	(void)me;
	side_map(&s, *(int *)arg);
	ep = epoll_of(s.fd, EPOLLIN | EPOLLET);
	for (uint64_t at = 8; at <= 8ULL * harness_rounds(TRIPS); at += 8) {
		while (__atomic_load_n((const uint64_t *)&s.other->prod.pos, __ATOMIC_ACQUIRE) !=
		       at)
			must_sys(epoll_wait(ep, &ev, 1, -1));
		side_move(&s, SPACE, at);
		publish(&s, DATA, at);
	}
}

/* One side sleeps in epoll, the other in poll. A lost wake-up is a hang. */
Test(poll, no_wake_up_is_lost_between_pollers)
{
	struct pollfd pfd = { .events = POLLIN };
	struct peer p;
	struct side s;
	int fd[2];

	uapi_pair(fd);
	peer_start(&p, poll_and_answer, &fd[1]);
	side_map(&s, fd[0]);
	pfd.fd = fd[0];
	for (uint64_t at = 8; at <= 8ULL * harness_rounds(TRIPS); at += 8) {
		publish(&s, DATA, at);
		while (__atomic_load_n((const uint64_t *)&s.other->prod.pos, __ATOMIC_ACQUIRE) !=
		       at)
			must_sys(poll(&pfd, 1, -1));
		side_move(&s, SPACE, at);
	}
	peer_end(&p);
}

/* ---- exclusive pollers ------------------------------------------------------------------ */

static void *wait_for_message(void *arg)
{
	must_eq(side_wait(arg, DATA, 8, KIPC_FOREVER), 0);
	return NULL;
}

/* A walk over a wait queue ends at an exclusive entry that took the wake-up. */
Test(poll, an_exclusive_poller_hides_no_sleeper)
{
	struct listener listener;
	pthread_t sleeper;
	struct both b;

	both_map(&b, 0, 0);
	listener_start(&listener, b.s[0].fd, EPOLLIN | EPOLLEXCLUSIVE);
	must_eq(pthread_create(&sleeper, NULL, wait_for_message, &b.s[0]), 0);
	await_armed(side_bell(&b.s[0], DATA), KIPC_ARMED_PARKED);
	publish(&b.s[1], DATA, 8);
	must_eq(listener_end(&listener), EPOLLIN);
	must_eq(pthread_join(sleeper, NULL), 0);
}

Test(poll, all_exclusive_pollers_hear_of_a_death)
{
	struct listener l[3];
	struct both b;

	both_map(&b, 0, 0);
	b.s[0].own->hints.space_at = 8;
	for (unsigned i = 0; i < 3; i++)
		listener_start(&l[i], b.s[0].fd, EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE);
	side_unmap_own(&b.s[1]);
	for (unsigned i = 0; i < 3; i++)
		must(listener_end(&l[i]) & EPOLLHUP);
}

/* The one that were chosen might be closed before it looks. */
Test(poll, all_exclusive_pollers_hear_of_a_message)
{
	struct listener l[2];
	struct both b;

	both_map(&b, 0, 0);
	for (unsigned i = 0; i < 2; i++)
		listener_start(&l[i], b.s[0].fd, EPOLLIN | EPOLLEXCLUSIVE);
	publish(&b.s[1], DATA, 8);
	for (unsigned i = 0; i < 2; i++)
		must_eq(listener_end(&l[i]), EPOLLIN);
}

/* ---- aio ---------------------------------------------------------------------------------- */

/* It waits in one queue alone. */
Test(poll, by_aio)
{
	for (unsigned which = 0; which < 2; which++) {
		struct uapi_aio a;
		struct both b;

		both_map(&b, 0, 0);
		b.s[0].own->hints.space_at = 8;
		must_eq(uapi_aio_poll(&a, b.s[0].fd, POLLIN | POLLOUT), 0);
		publish(&b.s[1], which, 8);
		must_eq(uapi_aio_end(&a), which == DATA ? POLLIN : POLLOUT);
	}
}

/* ---- SIGIO ------------------------------------------------------------------------------ */

static void set_async(int fd, bool on)
{
	int flags = (int)must_sys(fcntl(fd, F_GETFL));

	must_sys(fcntl(fd, F_SETOWN, getpid()));
	must_sys(fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC));
}

static bool take_signal(const sigset_t *set)
{
	struct timespec none = { 0 };

	return sigtimedwait(set, NULL, &none) == SIGIO;
}

Test(poll, sigio_comes_with_every_wake)
{
	struct both b;
	struct side *s = &b.s[0];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	must_sys(sigprocmask(SIG_BLOCK, &set, NULL));
	both_map(&b, 0, 0);
	set_async(s->fd, true);
	/* Armed for good, or nobody would ring. */
	for (uint64_t at = 8; at <= 32; at += 8)
		for (unsigned which = 0; which < 2; which++) {
			must_eq(side_bell(s, which)->armed, KIPC_ARMED_POLLED);
			must(!take_signal(&set));
			publish(&b.s[1], which, at);
			must(take_signal(&set));
		}
	must_eq(side_shutdown(&b.s[1], KIPC_DIR_OUT), 0);
	must(take_signal(&set));
	set_async(s->fd, false);
	must_eq(side_wake(&b.s[1], DATA), 0);
	must_eq(side_bell(s, DATA)->armed, 0);
	must(!take_signal(&set));
}

static int take_code(const sigset_t *set)
{
	struct timespec none = { 0 };
	siginfo_t info;

	return sigtimedwait(set, &info, &none) == SIGRTMIN ? info.si_code : 0;
}

Test(poll, a_signal_of_ones_choice_says_what_happened)
{
	struct both b;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	must_sys(sigprocmask(SIG_BLOCK, &set, NULL));
	both_map(&b, 0, 0);
	must_sys(fcntl(b.s[0].fd, F_SETSIG, SIGRTMIN));
	set_async(b.s[0].fd, true);
	publish(&b.s[1], DATA, 8);
	must_eq(take_code(&set), POLL_IN);
	publish(&b.s[1], SPACE, 8);
	must_eq(take_code(&set), POLL_OUT);
	must_eq(take_code(&set), 0);
	side_unmap_own(&b.s[1]);
	must_eq(take_code(&set), POLL_HUP);
}
