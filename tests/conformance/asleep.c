// SPDX-License-Identifier: MIT
/*
 * A side that sleeps: it does not get up for nothing, whoever has its peer's end by now, and with or
 * without what the kernel offers for that.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "asleep.h"

void exchange(struct kipc_chan *c, bool first, unsigned n)
{
	chan_set_wait(c, KIPC_WAIT_BLOCK);
	for (unsigned i = 0; i < n; i++) {
		if (first)
			must_eq(send_one(c, 20, 7, i, -1), 0);
		recv_one(c, 20, 7, i);
		if (!first)
			must_eq(send_one(c, 20, 7, i, -1), 0);
	}
}

#define STILL_US (400 * 1000)
#define TRIES    20

void still(pid_t pid)
{
	long before = -1, now;

	for (int i = 0; i < TRIES; i++) {
		await_asleep(pid);
		now = form_switches(pid);
		if (now == before)
			return;
		before = now;
		usleep(STILL_US);
	}
	harness_fail(__FILE__, __LINE__, "process %d does not sleep through", (int)pid);
}

/* The kernel looks at the size first. */
bool may_uring(void)
{
	return syscall(SYS_io_uring_setup, 0, NULL) < 0 && errno != EPERM && errno != ENOSYS;
}

bool has_uring(pid_t pid)
{
	char path[64], link[64];
	ssize_t n;

	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(path, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		if (!strcmp(link, "anon_inode:[io_uring]"))
			return true;
	}
	return false;
}

/* ---- it does not get up ----------------------------------------------------------------- */

static void answer_and_sleep(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);

	exchange(c, false, OFTEN);
	peer_tell(me, 'z');
	recv_one(c, 30, 1, 1);
	kipc_chan_close(c);
}

EACH_FORM(asleep_until_something_comes)
{
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;
	long before;

	if (!strcmp(f->scheme, "shm") && !may_uring())
		harness_skip("io_uring", "it is not allowed here");
	duo_make(&d, f, "");
	peer_start(&peer, answer_and_sleep, &d);
	c = duo_mine(&d);
	exchange(c, true, OFTEN);
	peer_expect(&peer, 'z');
	await_asleep(peer.pid);
	usleep(100 * 1000); /* it may have to see that this is a long one */
	before = form_switches(peer.pid);
	usleep(400 * 1000);
	must_eq(form_switches(peer.pid), before);
	must_eq(send_one(c, 30, 1, 1, -1), 0);
	peer_end(&peer);
	kipc_chan_close(c);
}

/* ---- with a deadline -------------------------------------------------------------------- */

static void answer(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);

	exchange(c, false, OFTEN);
	peer_expect(me, 'e');
	kipc_chan_close(c);
}

EACH_FORM(asleep_no_longer_than_asked)
{
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;
	char byte;

	duo_make(&d, f, "");
	peer_start(&peer, answer, &d);
	c = duo_mine(&d);
	exchange(c, true, OFTEN);
	for (int i = 0; i < 3; i++)
		must_eq(kipc_recv(c, &byte, 1, 20 * 1000 * 1000), -ETIMEDOUT);
	peer_tell(&peer, 'e');
	must_eq(kipc_recv(c, &byte, 1, -1), -EPIPE);
	peer_end(&peer);
	kipc_chan_close(c);
}

/* ---- a second owner --------------------------------------------------------------------- */

struct relay {
	struct duo duo;
	struct hostage hostage;
	int fd;
};

/* A child that was forked before the end was taken into use has all of its descriptors. A socket is open as
 * long as anybody has it.
 */
static void second_owner(struct peer *me, void *arg)
{
	struct relay *r = arg;
	struct kipc_chan *c;

	must_ok(kipc_chan_from_fd(&c, r->fd, KIPC_PAIR, NULL));
	if (form_can(r->duo.form, KIPC_CAP_ZEROCOPY))
		hostage_take(&r->hostage);
	exchange(c, false, OFTEN);
	peer_tell(me, 'r');
	for (;;)
		pause();
}

static void first_owner(struct peer *me, void *arg)
{
	struct relay *r = arg;
	struct kipc_chan *c = duo_theirs(&r->duo);
	struct peer next;

	exchange(c, false, OFTEN);
	r->fd = (int)must_ok(kipc_chan_handover(c));
	peer_start(&next, second_owner, r);
	close(r->fd);
	peer_expect(&next, 'r');
	peer_tell(me, 'r');
	peer_expect(me, 'k');
	peer_kill(&next);
	peer_expect(me, 'e');
}

/* The first one lives on when the second one dies. */
EACH_FORM(asleep_when_a_second_owner_dies)
{
	struct kipc_chan *c;
	struct peer peer;
	struct relay r;
	char byte;

	if (!form_can(f, KIPC_CAP_HANDOVER))
		return;
	duo_make(&r.duo, f, "");
	hostage_prepare(&r.hostage);
	peer_start(&peer, first_owner, &r);
	c = duo_mine(&r.duo);
	exchange(c, true, OFTEN);
	exchange(c, true, OFTEN);
	peer_expect(&peer, 'r');
	peer_tell(&peer, 'k');
	must_eq(kipc_recv(c, &byte, 1, -1), -EPIPE);
	peer_tell(&peer, 'e');
	peer_end(&peer);
	kipc_chan_close(c);
	hostage_free(&r.hostage);
}

/* ---- what the kernel offers ------------------------------------------------------------- */

EACH_FORM(asleep_uring_is_closed_with_the_end)
{
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;

	if (strcmp(f->scheme, "shm") != 0)
		return;
	if (!may_uring())
		harness_skip("io_uring", "it is not allowed here");
	duo_make(&d, f, "");
	peer_start(&peer, answer, &d);
	c = duo_mine(&d);
	exchange(c, true, OFTEN);
	must(has_uring(getpid()));
	peer_tell(&peer, 'e');
	peer_end(&peer);
	kipc_chan_close(c);
	must(!has_uring(getpid()));
}

void forbid_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	must_sys(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must_sys(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
	must(!may_uring());
}

static void exec_when_told(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);

	exchange(c, false, OFTEN);
	peer_expect(me, 'k');
	execl("/bin/sh", "sh", "-c", "kill -STOP $$", NULL);
}

static void without(const struct form *f, const char *options, bool forbid)
{
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;
	char byte;

	duo_make(&d, f, options);
	peer_start(&peer, exec_when_told, &d);
	c = duo_mine(&d);
	if (forbid)
		forbid_uring();
	exchange(c, true, OFTEN);
	must(!has_uring(getpid()));
	peer_tell(&peer, 'k');
	must_eq(kipc_recv(c, &byte, 1, -1), -EPIPE);
	peer_kill(&peer);
	kipc_chan_close(c);
}

EACH_FORM(asleep_without_uring)
{
	without(f, "uring=0", false);
	without(f, "", true);
}
