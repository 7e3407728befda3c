// SPDX-License-Identifier: MIT
/*
 * roundtrip - what one blocking round trip between two processes costs on one CPU
 *
 * Seven ways to do the same: the module's WAKE and WAIT, its XCHG, a shared futex, an eventfd, a pipe;
 * the library's kipc_call() and kipc_reply_next(), and the same in two steps on each side.
 * Both processes run on the same CPU and sleep for every answer. Per round trip are told:
 *
 *   calls     system calls of both, as they count them themselves
 *   switches  voluntary context switches of both, as the kernel counts them (getrusage): a call that
 *             did not sleep, and so did not do its part, would show here
 *   ticks     the time stamp counter, the least of the batches; on a machine that counts instructions
 *             (run.sh -i) these are instructions of both, user and kernel together
 *
 * A table goes to stderr, lines "roundtrip name=value..." to stdout. Fails when a way does not sleep
 * once per leg, or when XCHG and kipc_call() do not halve the calls of their two steps.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "roundtrip.h"

#define BATCHES 7U
#define TRIPS   1000U

static long counted(struct leg *leg, long result)
{
	leg->tally->calls++;
	return result;
}

static uint64_t ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
#endif
}

/* ---- the module ------------------------------------------------------------------------- */

static void kipc_prepare(struct leg *leg)
{
	struct kipc_ioc_create c = {
		.size = sizeof(c),
		.kind = KIPC_KIND_PAIR,
		.ring_bytes = { 65536, 65536 },
		.align = { 8, 8 },
		.node = { KIPC_NODE_ANY, KIPC_NODE_ANY },
	};
	int control = open(KIPC_DEV_PATH, O_RDWR | O_CLOEXEC);

	if (control < 0)
		err(1, "%s", KIPC_DEV_PATH);
	if (ioctl(control, KIPC_IOC_CREATE, &c) < 0)
		err(1, "create");
	close(control);
	memcpy(leg->fd[0], c.fd, sizeof(c.fd));
}

static void *map(int fd, uint64_t offset, uint64_t bytes, int prot)
{
	void *at = mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)offset);

	if (at == MAP_FAILED)
		err(1, "mmap");
	return at;
}

static void kipc_open(struct leg *leg)
{
	int fd = leg->fd[0][leg->me];
	const struct kipc_ring_ident *id;

	close(leg->fd[0][1 - leg->me]);
	leg->status = map(fd, 0, (uint64_t)sysconf(_SC_PAGESIZE), PROT_READ);
	id = &leg->status->ident;
	leg->own = map(fd, id->ctrl_off + leg->me * id->ctrl_bytes, id->ctrl_bytes,
	               PROT_READ | PROT_WRITE);
	leg->other =
		map(fd, id->ctrl_off + (1 - leg->me) * id->ctrl_bytes, id->ctrl_bytes, PROT_READ);
}

static void kipc_publish(struct leg *leg, uint64_t count)
{
	__atomic_store_n((uint64_t *)&leg->own->prod.pos, count, __ATOMIC_RELEASE); /* (E) */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);                                    /* (F) */
}

/* (G) Does the other side sleep? */
static int kipc_is_armed(const struct leg *leg)
{
	return __atomic_load_n(&leg->status->bells[leg->me].data.armed, __ATOMIC_RELAXED) != 0;
}

static int kipc_has(const struct leg *leg, uint64_t expect)
{
	uint64_t pos = __atomic_load_n((const uint64_t *)&leg->other->prod.pos, __ATOMIC_ACQUIRE);

	return kipc_ring_due(pos, expect);
}

static void kipc_wait(struct leg *leg, uint64_t expect)
{
	struct kipc_ioc_wait w = {
		.size = sizeof(w),
		.ring = 1 - leg->me,
		.position = expect,
		.deadline = KIPC_FOREVER,
	};

	while (!kipc_has(leg, expect))
		if (counted(leg, ioctl(leg->fd[0][leg->me], KIPC_IOC_WAIT, &w)) < 0)
			err(1, "WAIT");
}

static void kipc_send(struct leg *leg, uint64_t count)
{
	struct kipc_ioc_wake w = { .size = sizeof(w), .ring = leg->me };

	kipc_publish(leg, count);
	if (kipc_is_armed(leg) && counted(leg, ioctl(leg->fd[0][leg->me], KIPC_IOC_WAKE, &w)) < 0)
		err(1, "WAKE");
}

static void kipc_wake_then_wait(struct leg *leg, uint64_t count, uint64_t expect)
{
	kipc_send(leg, count);
	kipc_wait(leg, expect);
}

static void kipc_xchg(struct leg *leg, uint64_t count, uint64_t expect)
{
	struct kipc_ioc_xchg x = {
		.size = sizeof(x),
		.wake = { .size = sizeof(x.wake), .ring = leg->me, .hint = KIPC_HINT_SYNC },
		.wait = {
			.size = sizeof(x.wait),
			.ring = 1 - leg->me,
			.position = expect,
			.deadline = KIPC_FOREVER,
		},
	};

	kipc_publish(leg, count);
	if (kipc_is_armed(leg) && counted(leg, ioctl(leg->fd[0][leg->me], KIPC_IOC_XCHG, &x)) < 0)
		err(1, "XCHG");
	kipc_wait(leg, expect);
}

/* ---- a shared futex --------------------------------------------------------------------- */

static void futex_prepare(struct leg *leg)
{
	leg->shared->word[0] = leg->shared->word[1] = 0;
}

static void nothing_to_open(struct leg *leg)
{
	(void)leg;
}

static void futex_wait(struct leg *leg, uint64_t expect)
{
	uint32_t *word = &leg->shared->word[1 - leg->me], seen;

	while ((seen = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != (uint32_t)expect)
		if (counted(leg, syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0)) < 0 &&
		    errno != EAGAIN)
			err(1, "FUTEX_WAIT");
}

static void futex_send(struct leg *leg, uint64_t count)
{
	uint32_t *word = &leg->shared->word[leg->me];

	__atomic_store_n(word, (uint32_t)count, __ATOMIC_SEQ_CST);
	if (counted(leg, syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0)) < 0)
		err(1, "FUTEX_WAKE");
}

static void futex_both(struct leg *leg, uint64_t count, uint64_t expect)
{
	futex_send(leg, count);
	futex_wait(leg, expect);
}

/* ---- descriptors: eventfd and pipe ------------------------------------------------------ */

static void eventfd_prepare(struct leg *leg)
{
	for (unsigned d = 0; d < 2; d++) {
		leg->fd[d][0] = leg->fd[d][1] = eventfd(0, EFD_CLOEXEC);
		if (leg->fd[d][0] < 0)
			err(1, "eventfd");
	}
}

static void pipe_prepare(struct leg *leg)
{
	for (unsigned d = 0; d < 2; d++)
		if (pipe2(leg->fd[d], O_CLOEXEC) < 0)
			err(1, "pipe");
}

static void fd_wait(struct leg *leg, uint64_t expect)
{
	uint64_t word;

	(void)expect;
	if (counted(leg, read(leg->fd[1 - leg->me][0], &word, sizeof(word))) != sizeof(word))
		err(1, "read");
}

static void fd_send(struct leg *leg, uint64_t count)
{
	const uint64_t one = 1;

	(void)count;
	if (counted(leg, write(leg->fd[leg->me][1], &one, sizeof(one))) != sizeof(one))
		err(1, "write");
}

static void fd_both(struct leg *leg, uint64_t count, uint64_t expect)
{
	fd_send(leg, count);
	fd_wait(leg, expect);
}

static const struct way ways[] = {
	{ "kipc-wake-wait", kipc_prepare, kipc_open, kipc_wait, kipc_send, kipc_wake_then_wait },
	{ "kipc-xchg", kipc_prepare, kipc_open, kipc_wait, kipc_send, kipc_xchg },
	{ "futex", futex_prepare, nothing_to_open, futex_wait, futex_send, futex_both },
	{ "eventfd", eventfd_prepare, nothing_to_open, fd_wait, fd_send, fd_both },
	{ "pipe", pipe_prepare, nothing_to_open, fd_wait, fd_send, fd_both },
	{ "call-in-steps", call_prepare, call_open, call_wait, call_send, call_in_steps },
	{ "call", call_prepare, call_open, call_wait, call_send, call_at_once },
};

#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

/* ---- running ---------------------------------------------------------------------------- */

struct row {
	double calls, switches, ticks;
};

static uint64_t voluntary_switches(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) < 0)
		err(1, "getrusage");
	return (uint64_t)usage.ru_nvcsw;
}

/* One CPU for both; where it is permitted, one that serves them alone and in turn. */
static void settle(void)
{
	const struct sched_param first = { .sched_priority = 1 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		err(1, "sched_setaffinity");
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0 && errno != EPERM)
		err(1, "sched_setscheduler");
}

static void answer(const struct way *way, struct leg *leg)
{
	const uint64_t last = (BATCHES + 1) * TRIPS;
	uint64_t switches, i;

	way->open(leg);
	way->wait(leg, 1);
	switches = voluntary_switches();
	for (i = 1; i < last; i++)
		way->send_and_wait(leg, i, i + 1);
	way->send(leg, i);
	leg->tally->switches = voluntary_switches() - switches;
}

/* The first batch only warms up. What the answering side counts covers all batches alike. */
static struct row ask(const struct way *way, struct leg *leg)
{
	uint64_t switches, start, spent, least = UINT64_MAX, i = 0;

	way->open(leg);
	switches = voluntary_switches();
	for (unsigned batch = 0; batch <= BATCHES; batch++) {
		start = ticks();
		for (unsigned k = 0; k < TRIPS; k++, i++)
			way->send_and_wait(leg, i + 1, i + 1);
		spent = ticks() - start;
		if (batch > 0 && spent < least)
			least = spent;
	}
	leg->tally->switches = voluntary_switches() - switches;
	return (struct row){ .ticks = (double)least / TRIPS };
}

static struct row run(const struct way *way, struct shared *shared)
{
	const double trips = (BATCHES + 1) * TRIPS;
	struct leg leg = { .shared = shared };
	struct row row;
	pid_t child;
	int status;

	call_done();
	memset(shared, 0, sizeof(*shared));
	way->prepare(&leg);
	child = fork();
	if (child < 0)
		err(1, "fork");
	leg.me = child == 0;
	leg.tally = &shared->tally[leg.me];
	if (child == 0) {
		answer(way, &leg);
		_exit(0);
	}
	row = ask(way, &leg);
	if (waitpid(child, &status, 0) < 0 || status != 0)
		errx(1, "%s: the answering process failed", way->name);
	row.calls = (double)(shared->tally[0].calls + shared->tally[1].calls) / trips;
	row.switches = (double)(shared->tally[0].switches + shared->tally[1].switches) / trips;
	return row;
}

static int judge_half(const struct row rows[NR_WAYS], unsigned one, unsigned two)
{
	if (rows[one].calls <= 0.505 * rows[two].calls)
		return 0;
	warnx("%s makes %.3f calls, %s %.3f: not half of it", ways[one].name, rows[one].calls,
	      ways[two].name, rows[two].calls);
	return 1;
}

static int judge(const struct row rows[NR_WAYS])
{
	int failed = 0;

	for (unsigned i = 0; i < NR_WAYS; i++)
		if (rows[i].switches < 1.99 || rows[i].switches > 2.1) {
			warnx("%s: %.3f switches per round trip instead of 2", ways[i].name,
			      rows[i].switches);
			failed = 1;
		}
	return failed | judge_half(rows, 1, 0) | judge_half(rows, 6, 5);
}

int main(void)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct row rows[NR_WAYS];

	if (shared == MAP_FAILED)
		err(1, "mmap");
	alarm(300);
	settle();
	fprintf(stderr, "%-16s %8s %8s %10s   per round trip\n", "way", "calls", "switches",
	        "ticks");
	for (unsigned i = 0; i < NR_WAYS; i++) {
		rows[i] = run(&ways[i], shared);
		fprintf(stderr, "%-16s %8.3f %8.3f %10.1f\n", ways[i].name, rows[i].calls,
		        rows[i].switches, rows[i].ticks);
		printf("roundtrip way=%s calls=%.4f switches=%.4f ticks=%.1f batches=%u trips=%u\n",
		       ways[i].name, rows[i].calls, rows[i].switches, rows[i].ticks, BATCHES,
		       TRIPS);
		fflush(stdout);
	}
	return judge(rows);
}
