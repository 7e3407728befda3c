// SPDX-License-Identifier: MIT
/* The one doorbell of all who poll on a side: who makes it, who rings it, and that nobody misses it. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "../harness.h"
#include "transport/hub_shm.h"

TestSuite(hub_doorbell, .init = harness_begin, .fini = harness_end);

#define MOST 16

/* One who rings, and others who poll for messages. */
struct street {
	char uri[100];
	struct kipc__hub *rings;
	struct kipc__hub *polls[MOST];
	unsigned n;
	unsigned rounds;
	pthread_barrier_t start;
};

static struct kipc__hub *move_in(const struct street *s)
{
	struct kipc_chan *c = NULL;

	must_eq(kipc_chan_open(&c, s->uri, KIPC_QUEUE | KIPC_CREATE, NULL), 0);
	return (struct kipc__hub *)c;
}

/* Polls from here on. Without ticks: what is readable then was rung for. */
static void watch(struct kipc__hub *h)
{
	struct itimerspec never = { .it_value = { 0 } };

	must_ok(kipc_chan_fd(&h->base, KIPC_IN));
	must_sys(timerfd_settime(kipc__hub_shm_of(h)->ticker, 0, &never, NULL));
	h->back->idle(h, KIPC_SIDE_DATA);
}

static struct street street_new(unsigned n)
{
	struct street s = { .n = n };

	snprintf(s.uri, sizeof(s.uri), "shm://%s", harness_name());
	s.rings = move_in(&s);
	for (unsigned i = 0; i < n; i++) {
		s.polls[i] = move_in(&s);
		watch(s.polls[i]);
	}
	return s;
}

static void street_free(struct street *s)
{
	for (unsigned i = 0; i < s->n; i++)
		kipc_chan_close(&s->polls[i]->base);
	kipc_chan_close(&s->rings->base);
}

static bool readable(struct kipc__hub *h)
{
	struct pollfd p = { .fd = kipc_chan_fd(&h->base, KIPC_IN), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static bool all_readable(const struct street *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!readable(s->polls[i]))
			return false;
	return true;
}

static bool none_readable(const struct street *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (readable(s->polls[i]))
			return false;
	return true;
}

static void ring(const struct street *s)
{
	kipc__hub_wake(s->rings, KIPC_SIDE_DATA, true);
}

static void idle(const struct street *s)
{
	for (unsigned i = 0; i < s->n; i++)
		s->polls[i]->back->idle(s->polls[i], KIPC_SIDE_DATA);
}

/* What a poller has open of it. */
static int bell_of(const struct kipc__hub *h)
{
	return kipc__hub_shm_of(h)->bell[KIPC_SIDE_DATA];
}

static int letters(const struct street *s)
{
	int n = 0;

	must_sys(ioctl(bell_of(s->polls[0]), FIONREAD, &n));
	return n;
}

static void bell_path(const struct street *s, char *path, size_t size)
{
	const __u64 *id = s->rings->ident.id;

	snprintf(path, size, "/dev/shm/kipc.%s.%016llx%016llx.bell%u",
	         kipc__hub_shm_of(s->rings)->name, id[0], id[1], KIPC__HUB_BELL(KIPC_SIDE_DATA));
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

/* ---- ringing ---------------------------------------------------------------------------- */

/* What it costs to ring does not depend on how many poll. */
Test(hub_doorbell, one_letter_for_all)
{
	struct street s = street_new(MOST);

	must(none_readable(&s));
	for (int i = 1; i <= 10; i++) {
		ring(&s);
		must(all_readable(&s));
		must_eq(letters(&s), i);
		idle(&s);
		must(none_readable(&s));
	}
	street_free(&s);
}

/* Nobody has armed since: nobody needs to be told again. */
Test(hub_doorbell, no_letter_for_who_knows_already)
{
	struct street s = street_new(3);

	for (int i = 0; i < 10; i++)
		ring(&s);
	must_eq(letters(&s), 1);
	must(all_readable(&s));
	street_free(&s);
}

/* One has armed again, the others are about their business, and stay readable whatever it does. */
Test(hub_doorbell, who_is_busy_stays_readable)
{
	struct street s = street_new(3);

	ring(&s);
	for (int i = 0; i < 5; i++) {
		s.polls[0]->back->idle(s.polls[0], KIPC_SIDE_DATA);
		must(!readable(s.polls[0]));
		must(readable(s.polls[1]) && readable(s.polls[2]));
		ring(&s);
		must(all_readable(&s));
	}
	street_free(&s);
}

static void fill(const struct street *s)
{
	char page[4096] = { 0 };

	while (write(bell_of(s->polls[0]), page, sizeof(page)) > 0)
		;
	must_eq(errno, EAGAIN);
	while (write(bell_of(s->polls[0]), page, 1) > 0)
		;
}

/* Letters are never read, but to make room for another one. */
Test(hub_doorbell, a_full_one_rings)
{
	struct street s = street_new(3);
	int full;

	fill(&s);
	full = letters(&s);
	idle(&s);
	must(none_readable(&s));
	ring(&s);
	must(all_readable(&s));
	must(letters(&s) < full);
	street_free(&s);
}

/* Somebody found it full and made room, before those who were rung for have looked. */
Test(hub_doorbell, who_empties_it_takes_nothing_away)
{
	struct street s = street_new(3);
	char old[64];

	ring(&s);
	must_eq(read(bell_of(s.polls[0]), old, sizeof(old)), 1);
	must(all_readable(&s));
	idle(&s);
	must(none_readable(&s));
	street_free(&s);
}

/* What came just before it armed makes it readable again, and no one else. */
Test(hub_doorbell, what_is_there_is_told_to_one)
{
	struct street s = street_new(2);
	char byte = 'x';

	must_eq(kipc_send(&s.rings->base, &byte, 1, -1), 0);
	must_eq(kipc_recv(&s.polls[1]->base, &byte, 1, 0), 1);
	must_eq(kipc_recv(&s.polls[1]->base, &byte, 1, 0), -EAGAIN);
	idle(&s);
	must(none_readable(&s));
	kipc__store_relaxed(&kipc__hub_bell(s.rings, KIPC_SIDE_DATA)->armed, 0);
	must_eq(kipc_send(&s.rings->base, &byte, 1, -1), 0);
	must(none_readable(&s));
	for (int i = 0; i < 3; i++) {
		s.polls[0]->back->idle(s.polls[0], KIPC_SIDE_DATA);
		must(readable(s.polls[0]) && !readable(s.polls[1]));
	}
	street_free(&s);
}

/* ---- who has it open -------------------------------------------------------------------- */

static void *ring_on(void *arg)
{
	struct street *s = arg;

	(void)pthread_barrier_wait(&s->start);
	for (unsigned i = 0; i < s->rounds; i++) {
		(void)kipc__hub_shm_arm(s->polls[0], KIPC_SIDE_DATA, KIPC_ARMED_POLLED);
		ring(s);
	}
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

/* Both halves of an end open it when they first need it, perhaps at the same time. */
Test(hub_doorbell, both_halves_ring)
{
	struct street s = street_new(1);
	unsigned before = fds();
	pthread_t t[2];

	s.rounds = 20;
	must_eq(pthread_barrier_init(&s.start, NULL, 2), 0);
	for (unsigned round = harness_rounds(1000); round; round--) {
		for (unsigned i = 0; i < 2; i++)
			must_eq(pthread_create(&t[i], NULL, ring_on, &s), 0);
		for (unsigned i = 0; i < s.rounds; i++)
			use_descriptors();
		for (unsigned i = 0; i < 2; i++)
			must_eq(pthread_join(t[i], NULL), 0);
		must_eq(fds(), before + 1);
		must_sys(close(bell_of(s.rings)));
		kipc__hub_shm_of(s.rings)->bell[KIPC_SIDE_DATA] = -1;
	}
	street_free(&s);
}

/* It is the region's: who made it may go, and who comes finds the same one. */
Test(hub_doorbell, it_outlives_its_maker)
{
	struct street s = street_new(2);
	struct stat a, b;
	char path[200];

	bell_path(&s, path, sizeof(path));
	must_sys(stat(path, &a));
	for (unsigned i = 0; i < 4; i++) {
		kipc_chan_close(&s.polls[i % 2]->base);
		must_sys(stat(path, &b));
		s.polls[i % 2] = move_in(&s);
		watch(s.polls[i % 2]);
		must_sys(stat(path, &b));
		must_eq(a.st_ino, b.st_ino);
		ring(&s);
		must(all_readable(&s));
	}
	street_free(&s);
	must(access(path, F_OK) == -1);
}

/* The name is somebody else's, or nobody's: the bell bears the id, and goes with the last end. */
Test(hub_doorbell, it_goes_without_the_name)
{
	struct street s = street_new(1);
	char path[200], name[200];

	bell_path(&s, path, sizeof(path));
	snprintf(name, sizeof(name), "/dev/shm/kipc.%s", kipc__hub_shm_of(s.rings)->name);
	must_sys(unlink(name));
	street_free(&s);
	must(access(path, F_OK) == -1);
}

/* Whoever may write the region can change what it says of itself. */
Test(hub_doorbell, it_goes_whatever_the_region_says)
{
	struct street s = street_new(1);
	char path[200];

	bell_path(&s, path, sizeof(path));
	s.rings->status->ident.id[0]++;
	street_free(&s);
	must(access(path, F_OK) == -1);
}

static void refused(const struct street *s)
{
	struct kipc__hub *h = move_in(s);

	must(kipc_chan_fd(&h->base, KIPC_IN) < 0);
	(void)kipc__hub_shm_arm(h, KIPC_SIDE_DATA, KIPC_ARMED_POLLED);
	ring(s);
	kipc_chan_close(&h->base);
}

/* Who could put something else there is not written to. */
Test(hub_doorbell, another_file_is_none)
{
	struct street s = street_new(0);
	char path[200], target[200];
	struct stat st;

	bell_path(&s, path, sizeof(path));
	snprintf(target, sizeof(target), "%s/target", harness_dir());
	must_sys(close((int)must_sys(open(path, O_CREAT | O_WRONLY, 0600))));
	refused(&s);
	must_sys(stat(path, &st));
	must_eq(st.st_size, 0);
	must_sys(unlink(path));
	must_sys(mkfifo(target, 0600));
	must_sys(symlink(target, path));
	refused(&s);
	must_sys(unlink(path));
	street_free(&s);
}
