// SPDX-License-Identifier: MIT
/* The doorbells of others that an end has open: both of its halves ring them, at the same time. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include "../harness.h"
#include "transport/hub_shm.h"

TestSuite(hub_ringers, .init = harness_begin, .fini = harness_end);

struct street {
	struct kipc__hub *h[2]; /* the first rings, the second has a doorbell */
	unsigned rounds;
};

static void street_make(struct street *s)
{
	char uri[100];

	snprintf(uri, sizeof(uri), "shm://%s", harness_name());
	for (unsigned i = 0; i < 2; i++) {
		struct kipc_chan *c = NULL;

		must_eq(kipc_chan_open(&c, uri, KIPC_QUEUE | KIPC_CREATE, NULL), 0);
		s->h[i] = (struct kipc__hub *)c;
	}
	must_ok(kipc_chan_fd(&s->h[1]->base, KIPC_IN));
}

static void street_free(struct street *s)
{
	for (unsigned i = 0; i < 2; i++)
		kipc_chan_close(&s->h[i]->base);
}

static unsigned fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	must(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* As if the one with the doorbell polled again, and was a new owner of its place. */
static void ring_once(struct street *s)
{
	(void)kipc__hub_shm_arm(s->h[1], KIPC_SIDE_DATA, KIPC_ARMED_POLLED);
	kipc__fetch_add(&s->h[1]->status->ends[s->h[1]->end].generation, 1);
	kipc__hub_wake(s->h[0], KIPC_SIDE_DATA, true);
}

static void *ring_on(void *arg)
{
	struct street *s = arg;

	for (unsigned i = 0; i < s->rounds; i++)
		ring_once(s);
	return NULL;
}

/* A descriptor that is closed twice is one of somebody else the second time, and so is one that is written to
 * when it is closed.
 */
static void use_descriptors(void)
{
	int p[2];
	char byte;

	must_sys(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	must(read(p[0], &byte, 1) == -1 && errno == EAGAIN);
	must_sys(close(p[0]));
	must_sys(close(p[1]));
}

Test(hub_ringers, both_halves_ring)
{
	struct street s = { .rounds = harness_rounds(20000) };
	unsigned before;
	pthread_t t[2];

	street_make(&s);
	ring_once(&s);
	before = fds();
	for (unsigned i = 0; i < 2; i++)
		must_eq(pthread_create(&t[i], NULL, ring_on, &s), 0);
	for (unsigned i = 0; i < s.rounds; i++)
		use_descriptors();
	for (unsigned i = 0; i < 2; i++)
		must_eq(pthread_join(t[i], NULL), 0);
	must_eq(fds(), before);
	street_free(&s);
}

/* The other half is interrupted over it, by a handler that rings. */
Test(hub_ringers, one_rings_over_the_other)
{
	struct pollfd bell = { .events = POLLIN };
	struct street s;
	unsigned before;

	street_make(&s);
	bell.fd = kipc__hub_shm_of(s.h[1])->bell[KIPC_SIDE_DATA];
	before = fds();
	must_eq(poll(&bell, 1, 0), 0);
	kipc__hub_shm_of(s.h[0])->ringing = 1;
	ring_once(&s);
	must_eq(poll(&bell, 1, 0), 1);
	must_eq(fds(), before);
	kipc__hub_shm_of(s.h[0])->ringing = 0;
	street_free(&s);
}
