// SPDX-License-Identifier: MIT
/* Thousands of idle channels to another process, behind one epoll on either side: they cost nothing, the
 * wake of one costs what it costs with ten, and the death of the other process is told to all of them.
 */
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include "form.h"

#define CHANNELS 10000
#define FEW      10
#define WAKES    500
#define IDLE_MS  2000
#define SPARE    100 /* descriptors and mappings for everything else */

struct crowd {
	struct duo *duo;
	unsigned n;
	int epoll;
	struct peer peer;
	uint64_t random;
	uint64_t sent; /* messages so far, over all channels */
	unsigned fds;  /* of all of them here: with both ends fresh, or with one polled */
	unsigned maps;
};

/* Whose descriptor is readable; one with nothing behind it is told so, and sleeps on. -1: nobody within
 * the time.
 */
static int who(int epoll, struct crowd *c, unsigned end, int ms)
{
	struct epoll_event e;
	char byte;

	while (epoll_wait(epoll, &e, 1, ms) == 1) {
		struct kipc_chan *chan = c->duo[e.data.u32].end[end];

		if (kipc_wait(chan, KIPC_IN, 0) == KIPC_IN)
			return (int)e.data.u32;
		must_eq(kipc_recv(chan, &byte, 0, 0), -EAGAIN);
	}
	return -1;
}

/* Take all ends of one side into use, with one epoll for their messages. */
static int gather(struct crowd *c, unsigned end)
{
	int epoll = (int)must_sys(epoll_create1(EPOLL_CLOEXEC));

	for (unsigned i = 0; i < c->n; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = i };
		int fd = (int)must_ok(kipc_chan_fd(c->duo[i].end[end], KIPC_IN));

		must_sys(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e));
	}
	return epoll;
}

/* Sends back what comes, to where it came from. */
static void echo(struct peer *me, void *arg)
{
	struct crowd *c = arg;
	uint64_t word;
	int epoll;

	for (unsigned i = 0; i < c->n; i++)
		duo_theirs(&c->duo[i]);
	epoll = gather(c, 1);
	peer_tell(me, 'r');
	for (;;) {
		struct kipc_chan *chan = c->duo[who(epoll, c, 1, -1)].end[1];
		ssize_t r;

		while ((r = kipc_recv(chan, &word, sizeof(word), 0)) == sizeof(word))
			must_eq(kipc_send(chan, &word, sizeof(word), 0), 0);
		must_eq(r, -EAGAIN);
	}
}

static void crowd_begin(struct crowd *c, const struct form *f, unsigned n)
{
	unsigned fds = form_fds(), maps = form_maps(), fresh;

	*c = (struct crowd){ .n = n, .random = 4711 };
	c->duo = calloc(n, sizeof(*c->duo));
	for (unsigned i = 0; i < n; i++)
		duo_make(&c->duo[i], f, "size=4K");
	fresh = form_fds() - fds;
	peer_start(&c->peer, echo, c);
	for (unsigned i = 0; i < n; i++)
		duo_mine(&c->duo[i]);
	c->epoll = gather(c, 0);
	peer_expect(&c->peer, 'r');
	while (who(c->epoll, c, 0, 0) >= 0)
		;
	c->fds = form_fds() - fds - 2; /* the gate and the epoll */
	c->fds = c->fds > fresh ? c->fds : fresh;
	c->maps = form_maps() - maps;
}

static void crowd_end(struct crowd *c)
{
	for (unsigned i = 0; i < c->n; i++)
		duo_close(&c->duo[i]);
	close(c->epoll);
	free(c->duo);
}

/* One word to anybody among the first n, and back: ns. */
static int64_t wake_one(struct crowd *c, unsigned n)
{
	unsigned i = (unsigned)(harness_random(&c->random) % n);
	struct kipc_chan *chan = c->duo[i].end[0];
	uint64_t word, sent = c->sent++;
	int64_t start = harness_now();

	must_eq(kipc_send(chan, &sent, sizeof(sent), 0), 0);
	must_eq(who(c->epoll, c, 0, -1), i);
	must_eq(kipc_recv(chan, &word, sizeof(word), 0), sizeof(word));
	must_eq(word, sent);
	must_eq(kipc_recv(chan, NULL, 0, 0), -EAGAIN);
	return harness_now() - start;
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static long long median_wake(struct crowd *c, unsigned n)
{
	int64_t took[WAKES];

	for (unsigned i = 0; i < WAKES; i++)
		took[i] = wake_one(c, n);
	qsort(took, WAKES, sizeof(*took), by_value);
	return took[WAKES / 2];
}

/* Each one is woken, and wakes: all of them at once. */
static void wake_all(struct crowd *c)
{
	uint64_t word;

	for (uint64_t i = 0; i < c->n; i++)
		must_eq(kipc_send(c->duo[i].end[0], &i, sizeof(i), 0), 0);
	for (unsigned i = 0; i < c->n; i++) {
		unsigned which = (unsigned)who(c->epoll, c, 0, -1);
		struct kipc_chan *chan = c->duo[which].end[0];

		must_eq(kipc_recv(chan, &word, sizeof(word), 0), sizeof(word));
		must_eq(word, which);
		must_eq(kipc_recv(chan, NULL, 0, 0), -EAGAIN);
	}
}

/* ---- idle ------------------------------------------------------------------------------- */

static int64_t cpu_ns(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	must_eq(clock_getcpuclockid(pid, &clock), 0);
	must_sys(clock_gettime(clock, &t));
	return t.tv_sec * SEC + t.tv_nsec;
}

/* Nobody is woken: the peer sleeps all the time, and the one sleep here is that of the wait itself. What
 * CPU time it took is told.
 */
static int64_t must_be_idle(struct crowd *c)
{
	struct rusage before, after;
	int64_t cpu;
	long peer;

	await_asleep(c->peer.pid);
	must_eq(who(c->epoll, c, 0, 0), -1);
	peer = form_switches(c->peer.pid);
	cpu = cpu_ns(0) + cpu_ns(c->peer.pid);
	must_sys(getrusage(RUSAGE_SELF, &before));
	must_eq(who(c->epoll, c, 0, IDLE_MS), -1);
	must_sys(getrusage(RUSAGE_SELF, &after));
	cpu = cpu_ns(0) + cpu_ns(c->peer.pid) - cpu;
	must_eq(form_switches(c->peer.pid), peer);
	must(after.ru_nvcsw - before.ru_nvcsw <= 2);
	return cpu;
}

/* ---- the end ---------------------------------------------------------------------------- */

/* The one epoll tells each of them, and each of them then says so itself. */
static void all_are_told(struct crowd *c)
{
	bool *told = calloc(c->n, sizeof(*told));
	unsigned n = 0;
	char byte;

	while (n < c->n) {
		struct epoll_event e[64];
		int got = (int)must_sys(epoll_wait(c->epoll, e, 64, -1));

		for (int i = 0; i < got; i++) {
			unsigned which = e[i].data.u32;
			struct kipc_chan *chan = c->duo[which].end[0];
			int r = kipc_recv(chan, &byte, 1, 0);

			if (r == -EAGAIN) /* the doorbell was first */
				continue;
			must_eq(r, -EPIPE);
			must(!told[which]);
			told[which] = true;
			n++;
			must_sys(epoll_ctl(c->epoll, EPOLL_CTL_DEL, kipc_chan_fd(chan, KIPC_IN),
			                   NULL));
		}
	}
	free(told);
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
static unsigned allowed(const struct crowd *few)
{
	unsigned n = harness_rounds(CHANNELS);
	rlim_t wanted = (rlim_t)n * few->fds / FEW + SPARE;
	rlim_t by_fds = (descriptors(wanted) - SPARE) * FEW / few->fds;
	rlim_t by_maps = few->maps ? (mappings() - SPARE) * FEW / few->maps : n;
	rlim_t least = by_fds < by_maps ? by_fds : by_maps;

	if (least >= n)
		return n;
	fprintf(stderr, "many: %u of %u channels: the limit of %s is reached\n", (unsigned)least, n,
	        by_fds < by_maps ? "descriptors" : "mappings");
	return (unsigned)least;
}

EACH_ANON(many_idle_channels)
{
	struct crowd few, many;
	long long with_few, same, any;
	int64_t cpu;

	crowd_begin(&few, f, FEW);
	with_few = median_wake(&few, FEW);
	crowd_begin(&many, f, allowed(&few));
	harness_note("%u channels", many.n);
	wake_all(&many);
	cpu = must_be_idle(&many);
	/* Any of thousands is out of the caches, which is not the wake's doing. */
	same = median_wake(&many, FEW);
	any = median_wake(&many, many.n);
	fprintf(stderr, "many: %s: %u channels take %u descriptors and %u mappings at an end; ",
	        f->scheme, many.n, many.fds, many.maps);
	fprintf(stderr, "%lld us of CPU in %d ms; there and back: %lld ns with %d, ",
	        (long long)cpu / 1000, IDLE_MS, with_few, FEW);
	fprintf(stderr, "%lld ns by the same with all, %lld ns by any\n", same, any);
	peer_kill(&many.peer);
	all_are_told(&many);
	crowd_end(&many);
	peer_kill(&few.peer);
	all_are_told(&few);
	crowd_end(&few);
}
