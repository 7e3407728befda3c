// SPDX-License-Identifier: MIT
/*
 * The life of an end: who learns what when its owner goes, however it goes.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(death, .init = harness_begin);

#define DATA   KIPC_SIDE_DATA
#define SPACE  KIPC_SIDE_SPACE
#define DEAD   KIPC_GONE_DEAD
#define CLOSED KIPC_GONE_CLOSED

/* What the survivor s sees of the other end: of both its bells, by gone. */
static void check_gone(const struct side *s, uint32_t gone)
{
	must_eq(side_peer_bell(s, SPACE)->gone, gone); /* it consumed what s sends */
	must_eq(side_peer_bell(s, DATA)->gone, gone);  /* and is not there to be sent to */
	must_eq(side_bell(s, DATA)->gone | side_bell(s, SPACE)->gone, 0);
}

static void check_dead(const struct side *s, uint32_t gone)
{
	check_gone(s, gone);
	must_eq(s->status->ends[1 - s->end].state, KIPC_END_DEAD);
	must_eq(s->status->ends[s->end].state, KIPC_END_LIVE);
	must_eq(side_peer(s).state, KIPC_END_DEAD);
	must_eq(poll_now(s->fd, POLLIN | POLLOUT | POLLRDHUP),
	        POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	must_eq(side_wait(s, DATA, s->other->prod.pos + 8, KIPC_FOREVER), -EPIPE);
	must_eq(side_wait(s, SPACE, s->other->cons.pos + 8, KIPC_FOREVER), -EPIPE);
	must_eq(side_wait(s, DATA, s->other->prod.pos, KIPC_FOREVER), 0);
}

/* ---- ways to go ------------------------------------------------------------------------- */

struct victim {
	int fd[2];
	struct hostage hostage;
	bool held;
};

static void live_until_killed(struct peer *me, void *arg)
{
	struct victim *v = arg;
	struct side s;

	close(v->fd[0]);
	side_map(&s, v->fd[1]);
	if (v->held)
		hostage_take(&v->hostage);
	side_move(&s, DATA, 64);
	peer_tell(me, 'r');
	pause();
}

struct waiting {
	struct side *side;
	unsigned which;
	int result;
};

static void *wait_forever(void *arg)
{
	struct waiting *w = arg;

	w->result = side_wait(w->side, w->which, 1 << 20, KIPC_FOREVER);
	return NULL;
}

/* Both kinds of waiters and an epoll at once. */
static void kill_under_waiters(bool held)
{
	struct waiting w[2];
	pthread_t thread[2];
	struct epoll_event ev = { .events = EPOLLRDHUP };
	struct victim v = { .held = held };
	struct peer p;
	struct side s;
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));

	uapi_pair(v.fd);
	hostage_prepare(&v.hostage);
	peer_start(&p, live_until_killed, &v);
	must_sys(close(v.fd[1]));
	side_map(&s, v.fd[0]);
	must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, s.fd, &ev));
	peer_expect(&p, 'r');
	for (unsigned i = 0; i < 2; i++) {
		w[i] = (struct waiting){ &s, i, 0 };
		must_eq(pthread_create(&thread[i], NULL, wait_forever, &w[i]), 0);
		await_armed(side_bell(&s, i), KIPC_ARMED_PARKED);
	}
	must_sys(kill(p.pid, SIGKILL));
	for (unsigned i = 0; i < 2; i++) {
		must_eq(pthread_join(thread[i], NULL), 0);
		must_eq(w[i].result, -EPIPE);
	}
	must_eq(epoll_wait(ep, &ev, 1, -1), 1);
	must_eq(ev.events, EPOLLRDHUP | EPOLLHUP);
	check_dead(&s, DEAD);
	must_eq(s.other->prod.pos, 64); /* what was committed is still there */
	peer_kill(&p);
	hostage_free(&v.hostage);
}

Test(death, kill_is_noticed_by_every_waiter)
{
	kill_under_waiters(false);
}

Test(death, kill_is_noticed_while_a_child_holds_the_files)
{
	kill_under_waiters(true);
}

static void leave(struct peer *me, void *arg)
{
	struct victim *v = arg;
	struct side s;

	side_map(&s, v->fd[1]);
	peer_tell(me, 'r');
}

Test(death, exit_without_a_word)
{
	struct victim v = { 0 };
	struct peer p;
	struct side s;

	uapi_pair(v.fd);
	side_map(&s, v.fd[0]);
	peer_start(&p, leave, &v);
	peer_expect(&p, 'r');
	peer_end(&p);
	check_dead(&s, DEAD); /* although v.fd[1] is still open here */
}

static void become_another_program(struct peer *me, void *arg)
{
	struct victim *v = arg;
	struct side s;

	side_map(&s, v->fd[1]);
	must_sys(fcntl(v->fd[1], F_SETFD, 0));
	must_sys(dup2(me->gate, 0));
	must_sys(dup2(me->gate, 1));
	execlp("cat", "cat", (char *)NULL); /* lives while the gate is open */
	_exit(1);
}

Test(death, exec_gives_up_what_was_mapped)
{
	struct victim v = { 0 };
	struct peer p;
	struct side s;

	uapi_pair(v.fd);
	side_map(&s, v.fd[0]);
	peer_start(&p, become_another_program, &v);
	must_eq(side_wait(&s, DATA, 8, KIPC_FOREVER), -EPIPE);
	check_dead(&s, DEAD);
	peer_tell(&p, 'x');
	peer_expect(&p, 'x'); /* it is alive and has the file */
	peer_kill(&p);
}

Test(death, unmapping_and_closing_are_told_apart_from_dying)
{
	struct side s, other;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	side_map(&other, fd[1]);
	must_sys(close(fd[1])); /* the mapping holds the file */
	check_gone(&s, 0);
	side_unmap_own(&other);
	check_dead(&s, DEAD | CLOSED);

	uapi_pair(fd);
	side_map(&s, fd[0]);
	must_sys(close(fd[1])); /* never mapped */
	check_dead(&s, DEAD | CLOSED);
}

Test(death, a_free_end_dies_with_its_last_file)
{
	int fd[2], copy, mail[2];
	struct peer courier = { 0 }, receiver = { 0 };
	struct side s;

	uapi_pair(fd);
	side_map(&s, fd[0]);
	must_sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, mail));
	courier.gate = mail[0];
	receiver.gate = mail[1];
	copy = (int)must_sys(dup(fd[1]));
	must_sys(close(fd[1]));
	check_gone(&s, 0);
	peer_give_fd(&courier, copy); /* which closes it here */
	check_gone(&s, 0);            /* it is in the mail */
	peer_give_fd(&courier, peer_take_fd(&receiver));
	check_gone(&s, 0);
	must_sys(close(mail[0]));
	must_sys(close(mail[1])); /* never collected */
	must_eq(side_wait(&s, DATA, 8, KIPC_FOREVER), -EPIPE);
	check_dead(&s, DEAD | CLOSED);
}

/* ---- afterwards ------------------------------------------------------------------------- */

Test(death, a_dead_end_stays_dead)
{
	struct kipc_ioc_self self = { .size = sizeof(self) };
	struct side s;
	uint64_t ctrl;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	ctrl = s.status->ident.ctrl_off;
	side_unmap_own(&s);
	must_eq(s.status->ends[0].state, KIPC_END_DEAD);
	must_eq(side_wait(&s, DATA, 0, 0), -EPIPE);
	must_eq(side_wake(&s, DATA), -EPIPE);
	must_eq(side_xchg(&s, 0, 0, 0), -EPIPE);
	must_eq(side_shutdown(&s, KIPC_DIR_IN), -EPIPE);
	must_eq(uapi_call(s.fd, KIPC_IOC_HANDOVER, NULL), -EPIPE);
	must_eq(uapi_map(s.fd, ctrl, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, NULL), -EPIPE);
	must_eq(uapi_map(s.fd, s.status->geom[0].data_off, 2 * RING_BYTES, PROT_READ | PROT_WRITE,
	                 MAP_SHARED, NULL),
	        -EPIPE);
	/* Looking is still allowed. */
	must_eq(uapi_map(s.fd, ctrl, 4096, PROT_READ, MAP_SHARED, NULL), 0);
	must_eq(uapi_call(s.fd, KIPC_IOC_SELF, &self), 0);
	must_eq(poll_now(s.fd, 0), POLLHUP);
}

Test(death, threads_of_the_dead_end_wake_too)
{
	struct waiting w;
	pthread_t thread;
	struct side s;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	w = (struct waiting){ &s, DATA, 0 };
	must_eq(pthread_create(&thread, NULL, wait_forever, &w), 0);
	await_armed(side_bell(&s, DATA), KIPC_ARMED_PARKED);
	side_unmap_own(&s);
	must_eq(pthread_join(thread, NULL), 0);
	must_eq(w.result, -EPIPE);
}

/* ---- shutdown --------------------------------------------------------------------------- */

Test(death, shutdown_ends_one_direction)
{
	struct side s, other;
	struct waiting w;
	pthread_t thread;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	side_map(&other, fd[1]);
	side_move(&other, DATA, 64);
	w = (struct waiting){ &s, DATA, 0 };
	must_eq(pthread_create(&thread, NULL, wait_forever, &w), 0);
	await_armed(side_bell(&s, DATA), KIPC_ARMED_PARKED);
	must_eq(side_shutdown(&other, KIPC_DIR_OUT), 0);
	must_eq(pthread_join(thread, NULL), 0);
	must_eq(w.result, -EPIPE);
	must_eq(side_peer_bell(&s, SPACE)->gone, KIPC_GONE_SHUT);
	must_eq(side_peer_bell(&s, DATA)->gone, 0);
	must_eq(side_wait(&s, DATA, 64, KIPC_FOREVER), 0);
	must_eq(side_wait(&s, SPACE, 8, 0), -ETIMEDOUT);

	w = (struct waiting){ &s, SPACE, 0 };
	must_eq(pthread_create(&thread, NULL, wait_forever, &w), 0);
	await_armed(side_bell(&s, SPACE), KIPC_ARMED_PARKED);
	must_eq(side_shutdown(&other, KIPC_DIR_IN), 0);
	must_eq(pthread_join(thread, NULL), 0);
	must_eq(w.result, -EPIPE);
	must_eq(side_peer_bell(&s, DATA)->gone, KIPC_GONE_SHUT);

	/* Death adds to it. */
	must_eq(s.status->ends[1].state, KIPC_END_LIVE);
	side_unmap_own(&other);
	must_eq(side_peer_bell(&s, DATA)->gone, KIPC_GONE_SHUT | DEAD | CLOSED);
}

/* ---- handover --------------------------------------------------------------------------- */

static void take_over(struct peer *me, void *arg)
{
	int fd = peer_take_fd(me);
	struct side s;

	(void)arg;
	side_map(&s, fd);
	must_eq(s.own->prod.pos, 64);
	must_eq(memcmp(s.out, "from the first owner", 20), 0);
	side_move(&s, DATA, 128);
	must_eq(side_wake(&s, DATA), 0);
	peer_tell(me, 'm');
	peer_expect(me, 'x');
}

Test(death, handover_is_none)
{
	struct side s, other;
	struct waiting w;
	struct peer heir;
	pthread_t thread;
	int fd[2];

	uapi_pair(fd);
	peer_start(&heir, take_over, NULL);
	side_map(&s, fd[0]);
	side_map(&other, fd[1]);
	memcpy(other.out, "from the first owner", 20);
	side_move(&other, DATA, 64);
	w = (struct waiting){ &other, DATA, 0 };
	must_eq(pthread_create(&thread, NULL, wait_forever, &w), 0);
	await_armed(side_bell(&other, DATA), KIPC_ARMED_PARKED);

	must_eq(uapi_call(fd[1], KIPC_IOC_HANDOVER, NULL), 0);
	must_eq(s.status->ends[1].state, KIPC_END_LIVE);
	must_sys(munmap(other.out, 2 * RING_BYTES));
	side_unmap_own(&other);
	must_eq(s.status->ends[1].state, KIPC_END_FREE);
	check_gone(&s, 0);
	must_eq(poll_now(s.fd, POLLIN | POLLRDHUP), POLLIN);
	/* A thread of the old owner must not take the new owner's wake-ups. */
	must_eq(pthread_join(thread, NULL), 0);
	must_eq(w.result, -EPERM);
	must_eq(side_bell(&other, DATA)->armed, 0);

	peer_give_fd(&heir, (int)must_sys(dup(fd[1])));
	must_eq(side_wait(&s, DATA, 128, KIPC_FOREVER), 0);
	peer_expect(&heir, 'm');
	must_eq(s.status->ends[1].state, KIPC_END_LIVE);
	must_eq(s.status->ends[1].generation, 2);
	must_eq(side_peer(&s).pid, heir.pid);
	must_eq(side_peer(&s).generation, 2);
	must_eq(side_wake(&other, DATA), -EPERM);
	peer_tell(&heir, 'x');
	peer_end(&heir);
	/* It was for one time only. */
	check_dead(&s, DEAD);
}

static void promise_and_die(struct peer *me, void *arg)
{
	struct victim *v = arg;
	struct side s;

	side_map(&s, v->fd[1]);
	must_eq(uapi_call(v->fd[1], KIPC_IOC_HANDOVER, NULL), 0);
	peer_tell(me, 'r');
	pause();
}

Test(death, a_promise_to_hand_over_dies_with_who_gave_it)
{
	struct victim v = { 0 };
	struct peer p;
	struct side s;

	uapi_pair(v.fd);
	side_map(&s, v.fd[0]);
	peer_start(&p, promise_and_die, &v);
	peer_expect(&p, 'r');
	peer_kill(&p);
	check_dead(&s, DEAD);
}

/* ---- at any instruction ----------------------------------------------------------------- */

static void work_until_killed(struct peer *me, void *arg)
{
	struct victim *v = arg;
	struct side s;

	(void)me;
	side_map(&s, v->fd[1]);
	for (uint64_t at = 8;; at += 8) {
		side_move(&s, DATA, at);
		side_wake(&s, DATA);
		if (side_wait(&s, DATA, at, KIPC_FOREVER))
			_exit(1);
	}
}

Test(death, comes_at_any_moment)
{
	unsigned rounds = harness_rounds(40);
	uint64_t seed = 42;

	for (unsigned i = 0; i < rounds; i++) {
		uint64_t trips = harness_random(&seed) % 50, at = 8;
		struct victim v = { 0 };
		struct peer p;
		struct side s;
		int rc = 0;

		uapi_pair(v.fd);
		side_map(&s, v.fd[0]);
		peer_start(&p, work_until_killed, &v);
		for (; rc == 0; at += 8) {
			rc = side_wait(&s, DATA, at, KIPC_FOREVER);
			side_move(&s, DATA, at);
			side_wake(&s, DATA);
			if (at / 8 == trips + 1)
				must_sys(kill(p.pid, SIGKILL));
		}
		must_eq(rc, -EPIPE);
		check_gone(&s, DEAD);
		peer_kill(&p);
		side_unmap_own(&s);
		must_sys(close(v.fd[0]));
		must_sys(close(v.fd[1]));
	}
}
