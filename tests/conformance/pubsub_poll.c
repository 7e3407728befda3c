// SPDX-License-Identifier: MIT
/* A message to many who poll: each of them gets it, the busy ones and those who have just come, too. */
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include "pubsub.h"

#define MAX   100
#define CROWD 64 /* all places */
#define STAY  60 /* of them */
#define SENDS 30
#define FIRST 30 /* before those: not counted, for who rings sets itself up meanwhile */

struct square {
	struct topic topic;
	uint64_t n;
};

static int epoll_on(struct kipc_chan *c)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));

	must_sys(epoll_ctl(ep, EPOLL_CTL_ADD, (int)must_ok(kipc_chan_fd(c, KIPC_IN)), &e));
	return ep;
}

static void await_ready(int ep)
{
	struct epoll_event e;

	while (epoll_wait(ep, &e, 1, -1) != 1)
		must_eq(errno, EINTR);
}

static void be_busy(uint64_t *random)
{
	for (unsigned n = harness_random(random) % 8 ? 0 : 100; n; n--)
		sched_yield();
}

/* Some take all that is there, some a few at a time; now and then there is something else to do. */
static void stay(struct peer *me, void *arg)
{
	struct square *s = arg;
	struct kipc_chan *c = topic_subscribe(&s->topic, "");
	uint64_t random = (uint64_t)getpid(), next = 0;
	int ep = epoll_on(c);
	ssize_t r;

	peer_tell(me, 'j');
	do {
		be_busy(&random);
		await_ready(ep);
		for (unsigned n = 1 + harness_random(&random) % 20; n; n--) {
			r = topic_take(c, MAX, next, 0);
			if (r < 0)
				break;
			next++;
		}
		must(r >= 0 || r == -EAGAIN || r == -EPIPE);
	} while (r != -EPIPE);
	must(next == s->n);
	must(topic_lost(c) == 0);
	close(ep);
	kipc_chan_close(c);
}

static void come_and_go(struct peer *me, void *arg)
{
	struct square *s = arg;
	uint64_t random = (uint64_t)getpid();
	char buf[MAX];
	ssize_t r = 0;

	peer_tell(me, 'j');
	while (r != -EPIPE) {
		struct kipc_chan *c = topic_subscribe(&s->topic, "");
		int ep = epoll_on(c);

		for (unsigned n = 1 + harness_random(&random) % 8; n && r != -EPIPE; n--) {
			await_ready(ep);
			while ((r = kipc_recv(c, buf, sizeof(buf), 0)) >= 0)
				;
			must(r == -EAGAIN || r == -EPIPE);
		}
		close(ep);
		kipc_chan_close(c);
	}
}

PUBSUB(poll_crowd_of_64)
{
	struct square s = { .topic = topic_new(f), .n = harness_rounds(1000) };
	struct kipc_chan *pub = topic_publish(&s.topic, "size=16K");
	struct peer p[CROWD];
	uint64_t random = 7;

	for (unsigned i = 0; i < CROWD; i++)
		peer_start(&p[i], i < STAY ? stay : come_and_go, &s);
	for (unsigned i = 0; i < CROWD; i++)
		peer_expect(&p[i], 'j');
	for (uint64_t i = 0; i < s.n; i++) {
		must_eq(topic_put(pub, MAX, i, -1), 0);
		if (harness_random(&random) % 32 == 0)
			await_asleep(p[i % STAY].pid);
	}
	kipc_chan_close(pub);
	for (unsigned i = 0; i < CROWD; i++)
		peer_end(&p[i]);
}

/* ---- each in its own process, one message at a time ------------------------------------- */

static void tell_of_each(struct peer *me, void *arg)
{
	struct square *s = arg;
	struct kipc_chan *c = topic_subscribe(&s->topic, "");
	uint64_t next = 0;
	int ep = epoll_on(c);
	ssize_t r;

	form_pin(1);
	peer_tell(me, 'j');
	do {
		await_ready(ep);
		while ((r = topic_take(c, MAX, next, 0)) >= 0) {
			next++;
			peer_tell(me, 'g');
		}
		must(r == -EAGAIN || r == -EPIPE);
	} while (r != -EPIPE);
	close(ep);
	kipc_chan_close(c);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Of this thread: without the time that those who were woken take from it. */
static int64_t own_time(void)
{
	struct timespec t;

	must_sys(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	return t.tv_sec * SEC + t.tv_nsec;
}

static int median_us(int64_t *took)
{
	qsort(took, SENDS, sizeof(*took), by_size);
	return (int)(took[SENDS / 2] / 1000);
}

/* Says what a send takes that wakes all of them; nothing depends on it. */
PUBSUB(poll_each_message)
{
	int64_t took[SENDS], own[SENDS];
	struct square s = { .topic = topic_new(f), .n = FIRST + SENDS };
	struct kipc_chan *pub = topic_publish(&s.topic, "size=16K");
	struct peer p[CROWD];

	for (unsigned i = 0; i < CROWD; i++) {
		peer_start(&p[i], tell_of_each, &s);
		peer_expect(&p[i], 'j');
	}
	form_pin(0);
	for (uint64_t i = 0; i < s.n; i++) {
		int64_t *t = &took[i % SENDS], *o = &own[i % SENDS];

		for (unsigned k = 0; k < CROWD; k++)
			await_asleep(p[k].pid);
		*o = own_time();
		*t = harness_now();
		must_eq(topic_put(pub, MAX, i, -1), 0);
		*t = harness_now() - *t;
		*o = own_time() - *o;
		for (unsigned k = 0; k < CROWD; k++)
			peer_expect(&p[k], 'g');
	}
	fprintf(stderr, "%s: a send to %d who poll: %d us, %d of them its own (medians of %d)\n",
	        f->id, CROWD, median_us(took), median_us(own), SENDS);
	kipc_chan_close(pub);
	for (unsigned i = 0; i < CROWD; i++)
		peer_end(&p[i]);
}

/* ---- the publisher is killed ------------------------------------------------------------ */

#define HERD 12 /* more than who publishes wakes itself */

/* All see the same one. */
struct herd {
	struct topic topic;
	pid_t pid[HERD];
	uint64_t sent; /* that calls have returned for */
};

/* Nothing that was sent before may be missing, although the wake-up for it may never come. */
static void await_the_end(struct peer *me, void *arg)
{
	struct herd *h = arg;
	struct kipc_chan *c = topic_subscribe(&h->topic, "");
	int why, ep = epoll_on(c);
	uint64_t next = 0;

	peer_tell(me, 'j');
	do {
		await_ready(ep);
		next = topic_drain(c, MAX, next, 0, &why);
		must(why == -EAGAIN || why == -EPIPE);
	} while (why != -EPIPE);
	must(topic_lost(c) == 0);
	must(next >= __atomic_load_n(&h->sent, __ATOMIC_ACQUIRE));
	close(ep);
	kipc_chan_close(c);
}

/* Now and then to those who sleep, so that it rings. */
static void send_until_killed(struct peer *me, void *arg)
{
	struct herd *h = arg;
	struct kipc_chan *c = topic_publish(&h->topic, "size=16K");
	uint64_t random = (uint64_t)getpid();

	peer_tell(me, 'p');
	peer_expect(me, 'g');
	for (uint64_t i = 0;; i++) {
		if (harness_random(&random) % 2)
			await_asleep(h->pid[i % HERD]);
		must_eq(topic_put(c, MAX, i, -1), 0);
		__atomic_store_n(&h->sent, i + 1, __ATOMIC_RELEASE);
	}
}

static void herd_round(struct herd *h, uint64_t enough)
{
	struct peer publisher, p[HERD];

	h->sent = 0;
	peer_start(&publisher, send_until_killed, h);
	peer_expect(&publisher, 'p');
	for (unsigned i = 0; i < HERD; i++) {
		peer_start(&p[i], await_the_end, h);
		peer_expect(&p[i], 'j');
		h->pid[i] = p[i].pid;
	}
	peer_tell(&publisher, 'g');
	while (__atomic_load_n(&h->sent, __ATOMIC_ACQUIRE) < enough)
		sched_yield();
	peer_kill(&publisher);
	for (unsigned i = 0; i < HERD; i++)
		peer_end(&p[i]);
}

PUBSUB(poll_to_the_publishers_death)
{
	struct herd *h =
		mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t random = 3;

	must(h != MAP_FAILED);
	h->topic = topic_new(f);
	for (unsigned n = harness_rounds(20); n; n--)
		herd_round(h, 50 + harness_random(&random) % 50);
	munmap(h, sizeof(*h));
}

/* ---- two users -------------------------------------------------------------------------- */

static void poll_as_another(struct peer *me, void *arg)
{
	struct square *s = arg;
	struct kipc_chan *c;

	become_user(NOBODY, form_group(s->topic.form));
	c = topic_subscribe(&s->topic, "");
	must_ok(kipc_chan_fd(c, KIPC_IN));
	peer_tell(me, 'j');
	peer_expect(me, 'e');
	kipc_chan_close(c);
}

/* Whoever was the first to poll, who may open the name may poll, too. */
PUBSUB(poll_as_two_users)
{
	struct kipc_chan *pub, *mine[2];
	struct square s;
	struct peer p;

	if (geteuid() != 0)
		harness_skip("root", "two users need root");
	for (int round = 0; round < 2; round++) {
		s.topic = topic_new(f);
		pub = topic_publish(&s.topic, "mode=0666");
		for (int i = 0; i < 2; i++) {
			mine[i] = topic_subscribe(&s.topic, "");
			if (i == round)
				must_ok(kipc_chan_fd(mine[i], KIPC_IN));
			if (i == 0) {
				peer_start(&p, poll_as_another, &s);
				peer_expect(&p, 'j');
			}
		}
		must_ok(kipc_chan_fd(mine[1 - round], KIPC_IN));
		must_eq(topic_put(pub, MAX, 0, -1), 0);
		peer_tell(&p, 'e');
		peer_end(&p);
		for (int i = 0; i < 2; i++)
			kipc_chan_close(mine[i]);
		kipc_chan_close(pub);
	}
}
