// SPDX-License-Identifier: MIT
/*
 * Who publishes to a crowd wakes a few, and those wake the others. Some here are deaf: they sleep on the bell
 * and do nothing when they are woken, as one that is killed or stopped then.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../harness.h"
#include "os/wake.h"
#include "transport/hub_shm.h"

TestSuite(hub_call, .init = harness_begin, .fini = harness_end);

#define MOST 32

struct deaf {
	pthread_t thread;
	pid_t tid;
	uint32_t *word, armed;
};

struct call {
	char uri[100];
	struct kipc_chan *pub;
	uint32_t *word;
	struct deaf deaf[MOST];
};

static void call_make(struct call *s)
{
	struct kipc__hub *h;

	snprintf(s->uri, sizeof(s->uri), "shm://%s", harness_name());
	must_eq(kipc_chan_open(&s->pub, s->uri, KIPC_PUBSUB | KIPC_SEND | KIPC_CREATE, NULL), 0);
	h = (struct kipc__hub *)s->pub;
	s->word = &kipc__hub_bell(h, KIPC_SIDE_DATA)->armed;
	kipc__hub_shm_leash_make(h); /* so that a vigil can be kept on it */
}

static unsigned flags(const struct call *s)
{
	return kipc__load_relaxed(s->word) & KIPC_ARMED_FLAGS;
}

static void *sleep_once(void *arg)
{
	struct deaf *d = arg;

	kipc__store_release(&d->tid, (pid_t)syscall(SYS_gettid));
	while (kipc__futex_wait(d->word, d->armed, KIPC__NEVER, KIPC__NEVER) == -EINTR)
		;
	return NULL;
}

/* n of them, behind whoever sleeps already. */
static void deaf_sleep(struct call *s, unsigned n)
{
	uint32_t armed = kipc__fetch_or(s->word, KIPC_ARMED_PARKED) | KIPC_ARMED_PARKED;

	for (unsigned i = 0; i < n; i++) {
		s->deaf[i] = (struct deaf){ .word = s->word, .armed = armed };
		must_eq(pthread_create(&s->deaf[i].thread, NULL, sleep_once, &s->deaf[i]), 0);
		while (kipc__load_acquire(&s->deaf[i].tid) == 0)
			usleep(100);
		await_asleep(s->deaf[i].tid);
	}
}

static void deaf_join(struct call *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pthread_join(s->deaf[i].thread, NULL);
}

/* However many sleep, and however many messages come: so many are woken for each, until nobody sleeps. */
Test(hub_call, few_are_woken_for_a_message)
{
	static const unsigned crowd[] = { 0, 1, 2, 3, 8, MOST };
	struct call s;

	call_make(&s);
	for (unsigned i = 0; i < sizeof(crowd) / sizeof(*crowd); i++)
		for (unsigned messages = 1; messages < 4; messages++) {
			unsigned n = crowd[i], most = messages * KIPC__HUB_CHOSEN;

			if (n)
				deaf_sleep(&s, n);
			for (unsigned k = 0; k < messages; k++)
				must_eq(kipc_send(s.pub, "x", 1, -1), 0);
			must_eq(flags(&s), most <= n && n ? KIPC_ARMED_CALL : 0);
			must_eq(kipc__futex_wake_some(s.word, INT_MAX), n > most ? n - most : 0);
			deaf_join(&s, n);
			must_eq(kipc_send(s.pub, "x", 1, -1), 0);
			must_eq(flags(&s), 0);
		}
	kipc_chan_close(s.pub);
}

/* ---- with subscribers ------------------------------------------------------------------- */

static void hear_one(struct peer *me, void *arg)
{
	struct call *s = arg;
	struct kipc_chan *c = NULL;
	char byte;

	must_eq(kipc_chan_open(&c, s->uri, KIPC_PUBSUB | KIPC_RECV, NULL), 0);
	must_eq(kipc_chan_set(c, KIPC_OPT_WAIT, KIPC_WAIT_BLOCK), 0);
	peer_tell(me, 'j');
	peer_expect(me, 's');
	must_eq(kipc_recv(c, &byte, 1, -1), 1);
	peer_tell(me, 'g');
	peer_expect(me, 'e');
	kipc_chan_close(c);
}

/* Does it sleep by a vigil, without a timer for what it waits for? */
static bool keeps_vigil(pid_t pid)
{
	char path[64], link[64];
	ssize_t n;

	for (int fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(path, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		if (!strcmp(link, "anon_inode:[io_uring]"))
			return true;
	}
	return false;
}

static void await_vigil(pid_t pid)
{
	while (!keeps_vigil(pid))
		usleep(1000);
	await_asleep(pid);
}

static void needs_uring(void)
{
	if (syscall(SYS_io_uring_setup, 0, NULL) < 0 && (errno == EPERM || errno == ENOSYS))
		harness_skip("io_uring", "it is not allowed here");
}

/* It is the first of those who sleep, and takes nothing and sleeps no more afterwards. */
Test(hub_call, who_was_woken_wakes_the_others)
{
	struct call s;
	struct peer p;

	needs_uring();
	call_make(&s);

	peer_start(&p, hear_one, &s);
	peer_expect(&p, 'j');
	peer_tell(&p, 's');
	await_vigil(p.pid);
	deaf_sleep(&s, 8);
	must_eq(kipc_send(s.pub, "x", 1, -1), 0);
	deaf_join(&s, 8);
	peer_expect(&p, 'g');
	peer_tell(&p, 'e');
	peer_end(&p);
	kipc_chan_close(s.pub);
}

/* Those who are woken do nothing, and no other message comes. */
Test(hub_call, the_others_hear_if_nobody_wakes_them)
{
	struct peer p[3];
	struct call s;

	needs_uring();
	call_make(&s);
	for (unsigned i = 0; i < 3; i++) {
		peer_start(&p[i], hear_one, &s);
		peer_expect(&p[i], 'j');
	}
	deaf_sleep(&s, KIPC__HUB_CHOSEN);
	for (unsigned i = 0; i < 3; i++) {
		peer_tell(&p[i], 's');
		await_vigil(p[i].pid);
	}
	must_eq(kipc_send(s.pub, "x", 1, -1), 0);
	deaf_join(&s, KIPC__HUB_CHOSEN);
	for (unsigned i = 0; i < 3; i++)
		peer_expect(&p[i], 'g');
	for (unsigned i = 0; i < 3; i++) {
		peer_tell(&p[i], 'e');
		peer_end(&p[i]);
	}
	kipc_chan_close(s.pub);
}

/* Who comes as the third makes the others take turns, too. */
Test(hub_call, a_newcomer_makes_it_a_crowd)
{
	struct peer p[3];
	struct call s;

	needs_uring();
	call_make(&s);
	for (unsigned i = 0; i < 2; i++) {
		peer_start(&p[i], hear_one, &s);
		peer_expect(&p[i], 'j');
		peer_tell(&p[i], 's');
		await_vigil(p[i].pid);
	}
	peer_start(&p[2], hear_one, &s);
	peer_expect(&p[2], 'j');
	deaf_sleep(&s, KIPC__HUB_CHOSEN);
	for (unsigned i = 0; i < 2; i++)
		await_vigil(p[i].pid);
	must_eq(kipc_send(s.pub, "x", 1, -1), 0);
	deaf_join(&s, KIPC__HUB_CHOSEN);
	for (unsigned i = 0; i < 2; i++)
		peer_expect(&p[i], 'g');
	peer_tell(&p[2], 's');
	for (unsigned i = 0; i < 3; i++) {
		if (i == 2)
			peer_expect(&p[i], 'g');
		peer_tell(&p[i], 'e');
		peer_end(&p[i]);
	}
	kipc_chan_close(s.pub);
}
