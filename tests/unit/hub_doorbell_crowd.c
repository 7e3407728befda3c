// SPDX-License-Identifier: MIT
/*
 * Many who poll at once, each in its own way, while others come and go, and the bell is full now and then. Nothing
 * ticks, so a wake-up that is lost is one that nothing makes up for, and the test does not end.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "../harness.h"
#include "transport/hub_shm.h"

TestSuite(hub_doorbell_crowd, .init = harness_begin, .fini = harness_end);

#define MOST 16

/* LEVEL takes all that is there, FEW leaves some of it, EDGE is told of changes only, and TURNS waits in the call
 * by turns.
 */
enum way { LEVEL, FEW, EDGE, TURNS, WAYS };

struct crowd {
	char uri[100];
	unsigned n;     /* messages */
	unsigned ends;  /* that poll for them */
	uint32_t taken; /* by all of them */
	uint32_t number;
	int bell;
};

struct poller {
	struct crowd *crowd;
	struct kipc_chan *c;
	enum way way;
	int ep;
	uint64_t random;
};

static struct crowd crowd_new(unsigned n, unsigned ends, const char *options)
{
	struct crowd s = { .n = n, .ends = ends };

	snprintf(s.uri, sizeof(s.uri), "shm://%s?%s", harness_name(), options);
	return s;
}

static struct kipc_chan *must_join(const struct crowd *s, unsigned flags)
{
	struct kipc_chan *c = NULL;

	must_eq(kipc_chan_open(&c, s->uri, flags | KIPC_CREATE, NULL), 0);
	return c;
}

/* It polls in this direction, without ticks. */
static void begin(struct poller *p, unsigned dir)
{
	struct kipc__hub_shm *own = kipc__hub_shm_of((struct kipc__hub *)p->c);
	struct epoll_event e = { .events = EPOLLIN | (p->way == EDGE ? EPOLLET : 0) };
	struct itimerspec never = { .it_value = { 0 } };

	p->ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));
	must_sys(epoll_ctl(p->ep, EPOLL_CTL_ADD, (int)must_ok(kipc_chan_fd(p->c, dir)), &e));
	must_sys(timerfd_settime(own->ticker, 0, &never, NULL));
}

static void await_ready(const struct poller *p)
{
	struct epoll_event e;

	while (epoll_wait(p->ep, &e, 1, -1) != 1)
		must_eq(errno, EINTR);
}

static void be_busy(struct poller *p)
{
	for (unsigned n = harness_random(&p->random) % 8 ? 0 : 50; n; n--)
		sched_yield();
}

/* How many it takes before it polls again. */
static unsigned at_once(struct poller *p)
{
	return p->way == FEW ? 1 + (unsigned)(harness_random(&p->random) % 4) : UINT32_MAX;
}

static int64_t patience(struct poller *p)
{
	return p->way == TURNS && harness_random(&p->random) % 4 == 0 ? -1 : 0;
}

/* Until the call would block; false: it is over. */
static bool take(struct poller *p, uint64_t *next)
{
	unsigned left = at_once(p);
	uint64_t got;
	ssize_t r;

	for (; left; left--) {
		r = kipc_recv(p->c, &got, sizeof(got), patience(p));
		if (r == -EAGAIN || r == -EPIPE)
			return r == -EAGAIN;
		must_eq(r, sizeof(got));
		if (next)
			must(got == (*next)++);
		kipc__fetch_add(&p->crowd->taken, 1);
	}
	return true;
}

/* As many letters as the bell holds, so that the next one who rings has to make room. */
static void fill(const struct crowd *s)
{
	char page[4096] = { 0 };

	while (write(s->bell, page, sizeof(page)) > 0)
		;
}

/* It stays open when that end is closed. */
static int bell_of(const struct kipc_chan *c)
{
	return (int)must_sys(
		dup(kipc__hub_shm_of((const struct kipc__hub *)c)->bell[KIPC_SIDE_DATA]));
}

/* ---- a topic ---------------------------------------------------------------------------- */

static void *subscribe(void *arg)
{
	struct poller *p = arg;
	uint64_t next = 0;

	do {
		be_busy(p);
		await_ready(p);
	} while (take(p, &next));
	must(next == p->crowd->n);
	kipc_chan_close(p->c);
	close(p->ep);
	return NULL;
}

/* Comes and goes as long as there is something to come for. */
static void *visit(void *arg)
{
	struct poller p = { .crowd = arg, .random = 9 };
	bool more = true;
	uint64_t got;
	ssize_t r;

	while (more) {
		p.way = harness_random(&p.random) % WAYS;
		p.c = must_join(p.crowd, KIPC_PUBSUB | KIPC_RECV);
		begin(&p, KIPC_IN);
		for (unsigned n = 1 + harness_random(&p.random) % 20; n && more; n--) {
			await_ready(&p);
			while ((r = kipc_recv(p.c, &got, sizeof(got), 0)) == sizeof(got))
				;
			more = r != -EPIPE;
		}
		kipc_chan_close(p.c);
		close(p.ep);
	}
	return NULL;
}

static void await_all(struct crowd *s, unsigned sent)
{
	while (kipc__load_acquire(&s->taken) < sent * s->ends)
		sched_yield();
}

static void send_to_each(const char *options)
{
	struct crowd s = crowd_new(harness_rounds(5000), MOST, options);
	struct kipc_chan *pub = must_join(&s, KIPC_PUBSUB | KIPC_SEND);
	struct poller p[MOST];
	pthread_t t[MOST + 1];
	uint64_t random = 5;

	for (unsigned i = 0; i < MOST; i++) {
		p[i] = (struct poller){ .crowd = &s, .way = i % WAYS, .random = i + 1 };
		p[i].c = must_join(&s, KIPC_PUBSUB | KIPC_RECV);
		begin(&p[i], KIPC_IN);
	}
	s.bell = bell_of(p[0].c);
	for (unsigned i = 0; i < MOST; i++)
		must_eq(pthread_create(&t[i], NULL, subscribe, &p[i]), 0);
	must_eq(pthread_create(&t[MOST], NULL, visit, &s), 0);
	for (uint64_t i = 0; i < s.n; i++) {
		must_eq(kipc_send(pub, &i, sizeof(i), -1), 0);
		if (harness_random(&random) % 4 == 0)
			await_all(&s, (unsigned)i + 1);
		if (harness_random(&random) % 64 == 0)
			fill(&s);
	}
	must_eq(kipc_shutdown(pub, KIPC_OUT), 0);
	for (unsigned i = 0; i <= MOST; i++)
		must_eq(pthread_join(t[i], NULL), 0);
	kipc_chan_close(pub);
	close(s.bell);
}

/* A worker of the kernel rings for so many, and without one the publisher does. */
Test(hub_doorbell_crowd, each_gets_every_message)
{
	send_to_each("size=8K");
}

Test(hub_doorbell_crowd, each_gets_every_message_without_io_uring)
{
	send_to_each("size=8K&uring=0");
}

/* ---- a queue, both of whose sides are polled -------------------------------------------- */

#define STOP UINT64_MAX

static void *work(void *arg)
{
	struct poller *p = arg;
	uint64_t got = 0;
	ssize_t r;

	while (got != STOP) {
		be_busy(p);
		await_ready(p);
		for (unsigned left = at_once(p); left && got != STOP; left--) {
			r = kipc_recv(p->c, &got, sizeof(got), patience(p));
			if (r == -EAGAIN)
				break;
			must_eq(r, sizeof(got));
			kipc__fetch_add(&p->crowd->taken, 1);
		}
	}
	kipc_chan_close(p->c);
	close(p->ep);
	return NULL;
}

static void put(struct poller *p, uint64_t word)
{
	int r;

	while ((r = kipc_send(p->c, &word, sizeof(word), patience(p))) == -EAGAIN)
		await_ready(p);
	must_eq(r, 0);
}

static void *order(void *arg)
{
	struct poller *p = arg;
	uint32_t i;

	while ((i = kipc__fetch_add(&p->crowd->number, 1)) < p->crowd->n) {
		put(p, i);
		if (harness_random(&p->random) % 64 == 0)
			fill(p->crowd);
	}
	put(p, STOP);
	kipc_chan_close(p->c);
	close(p->ep);
	return NULL;
}

Test(hub_doorbell_crowd, each_message_is_taken)
{
	struct crowd s = crowd_new(harness_rounds(20000), MOST / 2, "slots=4&slot=8");
	struct poller p[MOST];
	pthread_t t[MOST];

	for (unsigned i = 0; i < MOST; i++) {
		p[i] = (struct poller){ .crowd = &s, .way = i / 2 % WAYS, .random = i + 1 };
		p[i].c = must_join(&s, KIPC_QUEUE);
		begin(&p[i], i % 2 ? KIPC_OUT : KIPC_IN);
	}
	s.bell = bell_of(p[0].c);
	for (unsigned i = 0; i < MOST; i++)
		must_eq(pthread_create(&t[i], NULL, i % 2 ? order : work, &p[i]), 0);
	for (unsigned i = 0; i < MOST; i++)
		must_eq(pthread_join(t[i], NULL), 0);
	must_eq(s.taken, s.n + s.ends);
	close(s.bell);
}
