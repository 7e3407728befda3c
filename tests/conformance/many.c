// SPDX-License-Identifier: MIT
/* Thousands of idle channels in one process behind one epoll: they cost nothing, and the wake of one
 * costs what it costs with ten.
 */
#include <sys/epoll.h>
#include <sys/resource.h>
#include "form.h"

#define CHANNELS 10000
#define FEW      10
#define WAKES    1000
#define SPARE    100 /* descriptors and mappings for everything else */

struct crowd {
	const struct form *form;
	struct duo *duo;
	unsigned n;
	int epoll;
	uint64_t random;
	uint64_t sent; /* messages so far, over all channels */
};

static void crowd_begin(struct crowd *c, const struct form *f, unsigned most)
{
	*c = (struct crowd){ .form = f, .random = 4711 };
	c->duo = calloc(most, sizeof(*c->duo));
	c->epoll = must_sys(epoll_create1(EPOLL_CLOEXEC));
}

static void crowd_grow(struct crowd *c, unsigned n)
{
	for (; c->n < n; c->n++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = c->n };
		struct duo *d = &c->duo[c->n];
		int fd;

		duo_both(d, c->form, "size=4K");
		must_eq(send_one(d->end[0], 10, 0, c->n, 0), 0);
		recv_one(d->end[1], 10, 0, c->n);
		fd = must_ok(kipc_chan_fd(d->end[1], KIPC_IN));
		must_sys(epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e));
	}
}

static void crowd_end(struct crowd *c)
{
	while (c->n > 0)
		duo_close(&c->duo[--c->n]);
	close(c->epoll);
	free(c->duo);
}

/* Whose descriptor is readable; one without a message behind it is told so, and sleeps on. -1: nobody
 * within the time.
 */
static int who(struct crowd *c, int ms)
{
	struct epoll_event e;
	char byte;

	while (epoll_wait(c->epoll, &e, 1, ms) == 1) {
		struct kipc_chan *end = c->duo[e.data.u32].end[1];

		if (kipc_wait(end, KIPC_IN, 0) == KIPC_IN)
			return (int)e.data.u32;
		must_eq(kipc_recv(end, &byte, 0, 0), -EAGAIN);
	}
	return -1;
}

/* One message to anybody among the first n; ns until its receiver has it. */
static int64_t wake_one(struct crowd *c, unsigned n)
{
	unsigned i = (unsigned)(harness_random(&c->random) % n);
	int64_t start = harness_now();

	must_eq(send_one(c->duo[i].end[0], 24, 1, c->sent, 0), 0);
	must_eq(who(c, -1), i);
	recv_one(c->duo[i].end[1], 24, 1, c->sent++);
	must_eq(kipc_recv(c->duo[i].end[1], NULL, 0, 0), -EAGAIN);
	return harness_now() - start;
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int64_t median_wake(struct crowd *c, unsigned n)
{
	int64_t took[WAKES];

	for (unsigned i = 0; i < WAKES; i++)
		took[i] = wake_one(c, n);
	qsort(took, WAKES, sizeof(*took), by_value);
	return took[WAKES / 2];
}

/* Nobody is woken, and nothing runs: the one sleep of the wait itself is all. */
static void must_be_idle(struct crowd *c)
{
	struct rusage before, after;

	must_eq(who(c, 0), -1);
	must_sys(getrusage(RUSAGE_SELF, &before));
	must_eq(who(c, 300), -1);
	must_sys(getrusage(RUSAGE_SELF, &after));
	must(after.ru_nvcsw - before.ru_nvcsw <= 2);
}

/* ---- limits ----------------------------------------------------------------------------- */

static rlim_t descriptors(rlim_t wanted)
{
	struct rlimit limit;

	must_sys(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted; /* root may */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return wanted;
	must_sys(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	must_sys(setrlimit(RLIMIT_NOFILE, &limit));
	return limit.rlim_max;
}

static rlim_t mappings(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long n = 65530;

	if (file) {
		must_eq(fscanf(file, "%lu", &n), 1);
		fclose(file);
	}
	return n;
}

/* How many channels the machine lets one process have, from what a few take. */
static unsigned allowed(unsigned fds, unsigned maps)
{
	unsigned n = harness_rounds(CHANNELS);
	rlim_t by_fds = (descriptors((rlim_t)n * fds + SPARE) - SPARE) / fds;
	rlim_t by_maps = maps ? (mappings() - SPARE) / maps : n;
	rlim_t least = by_fds < by_maps ? by_fds : by_maps;

	if (least >= n)
		return n;
	fprintf(stderr, "many: %u of %u channels: the limit of %s is reached\n", (unsigned)least, n,
	        by_fds < by_maps ? "descriptors" : "mappings");
	return (unsigned)least;
}

EACH_ANON(many_idle_channels)
{
	struct crowd c;
	unsigned fds, maps, n;
	int64_t with_few;

	crowd_begin(&c, f, harness_rounds(CHANNELS) + FEW);
	crowd_grow(&c, 1); /* what the library takes once is not counted */
	fds = form_fds();
	maps = form_maps();
	crowd_grow(&c, FEW);
	fds = (form_fds() - fds) / (FEW - 1);
	maps = (form_maps() - maps) / (FEW - 1);
	must_be_idle(&c);
	with_few = median_wake(&c, FEW);
	n = allowed(fds, maps);
	crowd_grow(&c, n);
	must_be_idle(&c);
	/* Any of thousands is out of the caches, which is not the wake's doing. */
	fprintf(stderr, "many: %s: a channel takes %u descriptors and %u mappings; ", f->scheme,
	        fds, maps);
	fprintf(stderr, "a wake: %lld ns with %u, %lld ns of the same with %u, %lld ns of any\n",
	        (long long)with_few, FEW, (long long)median_wake(&c, FEW), n,
	        (long long)median_wake(&c, n));
	must_be_idle(&c);
	crowd_end(&c);
}
