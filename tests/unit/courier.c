// SPDX-License-Identifier: MIT
/* Letters that a worker of the kernel writes: those that were accepted come, each of them, and no others. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>
#include "os/courier.h"
#include "../harness.h"

TestSuite(courier, .init = harness_begin, .fini = harness_end);

#define FIRST 16 /* letters that a thread writes itself */
#define MANY  (4 * FIRST)

struct post {
	struct kipc__courier *courier;
	int in, out; /* of a pipe */
	unsigned accepted;
};

static struct post post_new(void)
{
	struct io_uring ring;
	cpu_set_t cpus;
	struct post p = { .accepted = 0 };
	int fds[2], r = io_uring_queue_init(1, &ring, 0);

	if (r == -EPERM || r == -ENOSYS)
		harness_skip("io_uring", "it is not allowed here");
	must_eq(r, 0);
	io_uring_queue_exit(&ring);
	must_sys(sched_getaffinity(0, sizeof(cpus), &cpus));
	if (CPU_COUNT(&cpus) == 1)
		harness_skip("two CPUs", "no worker runs where its thread must");
	must_sys(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
	p.out = fds[0];
	p.in = fds[1];
	p.courier = kipc__courier_new();
	must(p.courier);
	return p;
}

static bool post(struct post *p)
{
	int r = kipc__courier_send(p->courier, p->in);

	must(r == 0 || r == -EAGAIN);
	p->accepted += r == 0;
	return r == 0;
}

/* Of so many, how many are accepted. */
static unsigned post_some(struct post *p, unsigned n)
{
	unsigned before = p->accepted;

	while (n--)
		post(p);
	return p->accepted - before;
}

/* One that is accepted: a letter may have come whose worker has still to say so, and until then no other thread's is. */
static void must_post(struct post *p)
{
	while (!post(p))
		sched_yield();
}

static unsigned letters(const struct post *p)
{
	int n;

	must_sys(ioctl(p->out, FIONREAD, &n));
	return (unsigned)n;
}

static void await_letters(const struct post *p, unsigned n)
{
	while (letters(p) < n)
		sched_yield();
	must_eq(letters(p), n);
}

static void post_end(struct post *p)
{
	kipc__courier_free(p->courier);
	must_eq(letters(p), p->accepted);
	close(p->in);
	close(p->out);
}

Test(courier, brings_what_it_accepts)
{
	struct post p = post_new();
	struct pollfd out = { .fd = p.out, .events = POLLIN };
	char byte;

	must_eq(post_some(&p, FIRST), 0);
	for (unsigned i = 0; i < 100; i++) {
		must_post(&p);
		must_eq(poll(&out, 1, -1), 1);
		must_eq(read(p.out, &byte, 1), 1);
	}
	p.accepted = 0;
	post_end(&p);
}

/* Whatever is under way, and however fast it is asked. */
Test(courier, ends_when_all_have_come)
{
	for (unsigned i = 0; i < harness_rounds(200); i++) {
		struct post p = post_new();

		must(post_some(&p, FIRST + i % MANY) > 0 || i % MANY == 0);
		post_end(&p);
	}
}

Test(courier, waits_until_there_is_a_fifo)
{
	struct post p = post_new();

	for (unsigned i = 0; i < MANY; i++)
		must_eq(kipc__courier_send(p.courier, -1), -EAGAIN);
	must_eq(post_some(&p, FIRST + 1), 1);
	post_end(&p);
}

Test(courier, takes_nothing_for_a_full_fifo)
{
	struct post p = post_new();
	char page[4096] = { 0 };
	unsigned full = 0;
	ssize_t r;

	must_post(&p);
	await_letters(&p, 1);
	while ((r = write(p.in, page, sizeof(page))) > 0)
		full += (unsigned)r;
	while (write(p.in, page, 1) == 1)
		full++;
	must_eq(post_some(&p, MANY), 0);
	while (full > 0 && (r = read(p.out, page, full < sizeof(page) ? full : sizeof(page))) > 0)
		full -= (unsigned)r;
	must_post(&p);
	post_end(&p);
}

/* ---- whose it is ------------------------------------------------------------------------ */

static void *as_another(void *arg)
{
	struct post *p = arg;

	must_eq(post_some(p, FIRST), 0);
	must_post(p);
	await_letters(p, p->accepted);
	return NULL;
}

Test(courier, works_for_the_thread_that_sends_often)
{
	struct post p = post_new();
	pthread_t t;

	for (unsigned i = 0; i < 10; i++) {
		as_another(&p);
		must_eq(pthread_create(&t, NULL, as_another, &p), 0);
		must_eq(pthread_join(t, NULL), 0);
	}
	post_end(&p);
}

static void in_child(struct peer *me, void *arg)
{
	struct post *p = arg;

	must_eq(post_some(p, MANY), 0);
	kipc__courier_forget(p->courier);
	must_eq(post_some(p, MANY), 0);
	kipc__courier_free(p->courier);
	peer_tell(me, 'd');
}

Test(courier, stays_the_parents)
{
	struct post p = post_new();
	struct peer peer;

	must_post(&p);
	peer_start(&peer, in_child, &p);
	peer_expect(&peer, 'd');
	must(post_some(&p, MANY) > 0);
	peer_end(&peer);
	post_end(&p);
}

static struct post interrupted;

static void interrupt(int sig)
{
	(void)sig;
	post(&interrupted);
}

static unsigned take_letters(const struct post *p)
{
	char page[4096];
	ssize_t r = read(p->out, page, sizeof(page));

	return r > 0 ? (unsigned)r : 0;
}

Test(courier, refuses_a_handler_that_interrupts_it)
{
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART };
	struct post *p = &interrupted;
	unsigned sent = 0, came = 0;

	*p = post_new();
	must_sys(sigaction(SIGALRM, &action, NULL));
	must_sys(setitimer(ITIMER_REAL, &often, NULL));
	for (unsigned i = 0; i < harness_rounds(20000); i++) {
		sent += kipc__courier_send(p->courier, p->in) == 0;
		came += take_letters(p);
	}
	must_sys(setitimer(ITIMER_REAL, &never, NULL));
	kipc__courier_free(p->courier);
	must_eq(came + take_letters(p), sent + p->accepted);
	close(p->in);
	close(p->out);
}

/* ---- what it leaves to others ----------------------------------------------------------- */

/* Of the worker of this thread: where it may run. */
static cpu_set_t workers_place(void)
{
	DIR *tasks = opendir("/proc/self/task");
	char path[300], name[32], mine[32];
	struct dirent *e;
	cpu_set_t may;
	int found = 0;

	snprintf(mine, sizeof(mine), "iou-wrk-%d\n", gettid());
	while ((e = readdir(tasks))) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (f && fgets(name, sizeof(name), f) && strcmp(name, mine) == 0)
			found = atoi(e->d_name);
		if (f)
			fclose(f);
	}
	closedir(tasks);
	must(found);
	must_sys(sched_getaffinity(found, sizeof(may), &may));
	return may;
}

static int bind_myself(void)
{
	cpu_set_t cpus;
	int cpu = 0;

	must_sys(sched_getaffinity(0, sizeof(cpus), &cpus));
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	must_sys(sched_setaffinity(0, sizeof(cpus), &cpus));
	return cpu;
}

static void *as_bound(void *arg)
{
	int cpu = bind_myself();
	struct post *p = arg;
	cpu_set_t workers;

	must_post(p);
	await_letters(p, p->accepted);
	workers = workers_place();
	must(!CPU_ISSET(cpu, &workers));
	return NULL;
}

Test(courier, does_not_run_where_its_bound_thread_does)
{
	struct post p = post_new();
	pthread_t t;

	for (unsigned i = 0; i < 2; i++) {
		must_eq(pthread_create(&t, NULL, as_bound, &p), 0);
		must_eq(pthread_join(t, NULL), 0);
		must_post(&p); /* by one that is free */
	}
	post_end(&p);
}

Test(courier, leaves_the_last_descriptors)
{
	struct post p = post_new();
	struct rlimit most;
	int spare = dup(0);

	close(spare);
	must_sys(getrlimit(RLIMIT_NOFILE, &most));
	most.rlim_cur = (rlim_t)spare + 2;
	must_sys(setrlimit(RLIMIT_NOFILE, &most));
	must_eq(post_some(&p, MANY), 0);
	must_eq(dup(0), spare);
	close(spare);
	most.rlim_cur = 2 * (rlim_t)spare + 8;
	must_sys(setrlimit(RLIMIT_NOFILE, &most));
	must(post_some(&p, MANY) > 0);
	post_end(&p);
}
