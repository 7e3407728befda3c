// SPDX-License-Identifier: MIT
/* What a channel takes it gives back, also when it could not be had. */
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "form.h"

static void use_everything(struct duo *d)
{
	must_eq(send_one(d->end[0], 100, 1, 0, 0), 0);
	recv_one(d->end[1], 100, 1, 0);
	must_ok(kipc_chan_fd(d->end[0], KIPC_OUT));
	must_ok(kipc_chan_fd(d->end[1], KIPC_IN));
	must_eq(send_one(d->end[0], 100, 1, 1, 0), 0);
	recv_one(d->end[1], 100, 1, 1);
	must_eq(kipc_recv(d->end[1], NULL, 0, MSEC), -ETIMEDOUT);
}

/* The first round may leave what the library keeps for good. */
EACH_FORM(resource_close_gives_all_back)
{
	unsigned fds = 0, maps = 0;
	struct duo d;

	for (unsigned i = 0; i < 20; i++) {
		duo_both(&d, f, "size=64K");
		use_everything(&d);
		duo_close(&d);
		if (i == 2) {
			fds = form_fds();
			maps = form_maps();
		}
	}
	must_eq(form_fds(), fds);
	must(form_maps() <= maps + 2);
}

EACH_FORM(resource_fresh_ends_give_all_back)
{
	struct duo d;
	unsigned fds;

	duo_make(&d, f, "");
	duo_close(&d);
	fds = form_fds();
	for (int i = 0; i < 20; i++) {
		duo_make(&d, f, "");
		duo_close(&d);
	}
	must_eq(form_fds(), fds);
}

/* Who has the name already, and asks again. */
EACH_NAMED(resource_further_opens_take_nothing)
{
	struct kipc_chan *c;
	struct duo d;
	unsigned fds;

	duo_both(&d, f, "size=4K");
	fds = form_fds();
	for (int i = 0; i < 20; i++) {
		must_eq(kipc_chan_open(&c, d.uri, KIPC_PAIR, NULL), -EBUSY);
		must_eq(kipc_chan_open(&c, d.uri, KIPC_PAIR | KIPC_CREATE | KIPC_EXCL, NULL),
		        -EEXIST);
	}
	must_eq(form_fds(), fds);
	must_eq(send_one(d.end[0], 100, 1, 0, 0), 0);
	recv_one(d.end[1], 100, 1, 0);
	duo_close(&d);
}

/* One end stays, others of the same process come and go. */
static void come_and_go(const struct form *f, unsigned kind)
{
	struct kipc_chan *stays, *c;
	char uri[URI_MAX];
	unsigned fds = 0;

	form_uri(f, "", uri, sizeof(uri));
	must_eq(kipc_chan_open(&stays, uri, kind | KIPC_SEND | KIPC_CREATE, NULL), 0);
	for (int i = 0; i < 20; i++) {
		must_eq(kipc_chan_open(&c, uri, kind | KIPC_RECV, NULL), 0);
		must_eq(send_one(stays, 100, 1, i, 0), 0);
		recv_one(c, 100, 1, i);
		kipc_chan_close(c);
		if (i == 2)
			fds = form_fds();
	}
	must_eq(form_fds(), fds);
	kipc_chan_close(stays);
}

Test(shm_named, resource_subscribers_come_and_go, .init = harness_begin, .fini = harness_end)
{
	come_and_go(&shm_named, KIPC_PUBSUB);
}

Test(shm_named, resource_workers_come_and_go, .init = harness_begin, .fini = harness_end)
{
	come_and_go(&shm_named, KIPC_QUEUE);
}

static int try_both(const struct form *f, const char *uri)
{
	struct kipc_chan *c[2] = { NULL, NULL };
	int r;

	if (f->named) {
		r = kipc_chan_open(&c[0], uri, KIPC_PAIR | KIPC_CREATE, NULL);
		if (r == 0)
			r = kipc_chan_open(&c[1], uri, KIPC_PAIR, NULL);
	} else {
		r = kipc_chan_pair(c, uri, KIPC_PAIR, NULL);
	}
	if (r == 0)
		r = kipc_send(c[0], uri, 5, 0);
	if (r == 0)
		r = kipc_chan_fd(c[1], KIPC_IN);
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
	return r;
}

/* One more descriptor is allowed each time: whichever of them is the missing one, the call says so
 * and keeps none of the others.
 */
EACH_FORM(resource_no_descriptor_left)
{
	struct rlimit limit;
	unsigned before, n;
	char uri[URI_MAX];
	int r = -1;

	form_uri(f, "", uri, sizeof(uri));
	must_ok(try_both(f, uri));
	before = form_fds();
	must_sys(getrlimit(RLIMIT_NOFILE, &limit));
	for (n = 3; n < 100 && r < 0; n++) {
		limit.rlim_cur = n;
		must_sys(setrlimit(RLIMIT_NOFILE, &limit));
		r = try_both(f, uri);
		must(r >= 0 || r == -EMFILE);
		limit.rlim_cur = limit.rlim_max;
		must_sys(setrlimit(RLIMIT_NOFILE, &limit));
		must_eq(form_fds(), before);
	}
	must_ok(r);
}

static void be_there(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);

	must_eq(kipc_wait(c, KIPC_OUT, 0), KIPC_OUT);
	peer_tell(me, 'h');
	(void)peer_hear(me);
}

/* Whoever gets a descriptor to poll hears of the peer's death by it, however few there were to make it of. */
EACH_FORM(resource_a_poller_is_told_or_refused)
{
	struct pollfd p = { .events = POLLIN };
	struct rlimit limit;
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;
	unsigned n;

	duo_make(&d, f, "size=4K");
	peer_start(&peer, be_there, &d);
	c = duo_mine(&d);
	peer_expect(&peer, 'h');
	must_eq(kipc_recv(c, &d, sizeof(d), 0), -EAGAIN);
	must_sys(getrlimit(RLIMIT_NOFILE, &limit));
	for (n = 3, p.fd = -1; n < 100 && p.fd < 0; n++) {
		limit.rlim_cur = n;
		must_sys(setrlimit(RLIMIT_NOFILE, &limit));
		p.fd = kipc_chan_fd(c, KIPC_IN);
		limit.rlim_cur = limit.rlim_max;
		must_sys(setrlimit(RLIMIT_NOFILE, &limit));
		must(p.fd >= 0 || p.fd == -EMFILE);
	}
	peer_kill(&peer);
	must_eq(must_sys(poll(&p, 1, -1)), 1);
	must_eq(kipc_recv(c, &d, sizeof(d), -1), -EPIPE);
	kipc_chan_close(c);
}

/* Shared memory is a file to the kernel, and who makes one longer than allowed is killed by a signal. */
EACH_FORM(resource_limit_of_files)
{
	struct rlimit limit = { .rlim_cur = 10000, .rlim_max = RLIM_INFINITY };
	char uri[URI_MAX];
	unsigned before;
	int r;

	form_uri(f, "", uri, sizeof(uri));
	must_ok(try_both(f, uri));
	before = form_fds();
	must_sys(setrlimit(RLIMIT_FSIZE, &limit));
	r = try_both(f, uri);
	must(strcmp(f->scheme, "shm") ? r >= 0 : r == -EFBIG);
	limit.rlim_cur = RLIM_INFINITY;
	must_sys(setrlimit(RLIMIT_FSIZE, &limit));
	must_ok(try_both(f, uri));
	must_eq(form_fds(), before);
}

/* A full /dev/shm is an error of the open, not a SIGBUS later. */
Test(shm_named, resource_no_room, .init = harness_begin, .fini = harness_end)
{
	struct kipc_chan *c = NULL;
	char uri[URI_MAX];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
		harness_skip("root", "a small /dev/shm is made by root");
	must_sys(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must_sys(mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777,size=1M"));
	form_uri(&shm_named, "size=8M", uri, sizeof(uri));
	must_eq(kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL), -ENOSPC);
	must(*kipc_why());
	form_uri(&shm_named, "size=64K", uri, sizeof(uri));
	must_eq(kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL), 0);
	kipc_chan_close(c);
}

/* Bytes of memory behind the anonymous channels of this process. */
static uint64_t memory_taken(void)
{
	static const char memfd[] = "/memfd:kipc";
	DIR *dir = opendir("/proc/self/fd");
	uint64_t bytes = 0;
	struct dirent *e;
	struct stat st;
	char link[64];

	must(dir);
	while ((e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link));

		if (n < (ssize_t)sizeof(memfd) - 1 || strncmp(link, memfd, sizeof(memfd) - 1) != 0)
			continue;
		must_sys(fstatat(dirfd(dir), e->d_name, &st, 0));
		bytes += (uint64_t)st.st_blocks * 512;
	}
	closedir(dir);
	return bytes;
}

/* Where the kernel never refuses a page, a channel has the pages that it has used. */
Test(shm_anon, resource_memory_comes_with_use, .init = harness_begin, .fini = harness_end)
{
	uint64_t few = 16 * (uint64_t)sysconf(_SC_PAGESIZE), full = 2 << 20;
	FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
	struct duo d;
	int mode = 0;

	must(file);
	must_eq(fscanf(file, "%d", &mode), 1);
	fclose(file);
	if (mode == 2)
		harness_skip("overcommit", "memory is accounted strictly here");
	duo_both(&d, &shm_anon, "size=1M");
	must_eq(send_one(d.end[0], 100, 1, 0, 0), 0);
	recv_one(d.end[1], 100, 1, 0);
	must(memory_taken() > 0);
	must(memory_taken() <= few);
	for (unsigned i = 0; i < 2; i++) {
		fill_up(d.end[0], 10000, 1);
		fill_up(d.end[1], 10000, 1);
	}
	must(memory_taken() >= full - few && memory_taken() <= full + few);
	duo_close(&d);
}

/* Who locks its memory has all of it at once. */
Test(shm_anon, resource_locked_memory_does_not_fault, .init = harness_begin, .fini = harness_end)
{
	struct rusage before, after;
	struct duo d;

#ifdef __SANITIZE_ADDRESS__
	harness_skip("mlock", "AddressSanitizer leaves mlockall() out");
#endif
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		harness_skip("root", "locking this much memory takes root");
	duo_both(&d, &shm_anon, "size=1M");
	must_eq(send_one(d.end[0], 10000, 1, 0, 0), 0);
	recv_one(d.end[1], 10000, 1, 0);
	must(memory_taken() >= 2 << 20);
	must_sys(getrusage(RUSAGE_SELF, &before));
	for (unsigned i = 0; i < 300; i++) {
		must_eq(send_one(d.end[0], 10000, 1, i, 0), 0);
		recv_one(d.end[1], 10000, 1, i);
	}
	must_sys(getrusage(RUSAGE_SELF, &after));
	must(after.ru_minflt - before.ru_minflt < 16);
	duo_close(&d);
}

/* Where it may, all of them are there when the channel is. */
Test(shm_anon, resource_strict_memory_is_reserved, .init = harness_begin, .fini = harness_end)
{
	static const char knob[] = "/proc/sys/vm/overcommit_memory";
	char strict[] = "/tmp/kipc-strict-XXXXXX";
	struct duo d;
	int fd;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
		harness_skip("root", "another %s is shown by root", knob);
	must_sys(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	fd = must_sys(mkstemp(strict));
	must_eq(write(fd, "2\n", 2), 2);
	close(fd);
	must_sys(mount(strict, knob, NULL, MS_BIND, NULL));
	unlink(strict);
	duo_both(&d, &shm_anon, "size=1M");
	must(memory_taken() >= 2 << 20);
	must_eq(send_one(d.end[0], 100, 1, 0, 0), 0);
	recv_one(d.end[1], 100, 1, 0);
	duo_close(&d);
}
