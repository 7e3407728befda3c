// SPDX-License-Identifier: MIT
/* Ends that move to another process: handover, SCM_RIGHTS, exec; and what exec must not inherit. */
#include <poll.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include "form.h"
#include "helper.h"

#define MOST_FDS 64

/* ---- exec inherits nothing -------------------------------------------------------------- */

/* What the test itself was started with goes along; what the library opened must not. */
static int list_fds(const char **words, char (*space)[12], int most)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	int n = 0;

	must(dir);
	while ((e = readdir(dir)) && n < most) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		snprintf(space[n], sizeof(space[n]), "%d", fd);
		words[n] = space[n];
		n++;
	}
	closedir(dir);
	return n;
}

EACH_FORM(pass_exec_inherits_no_descriptor)
{
	const char *args[MOST_FDS + 2] = { "fds" };
	char space[MOST_FDS][12];
	struct duo d;

	must(list_fds(args + 1, space, MOST_FDS) < MOST_FDS);
	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[0], 10, 1, 0, 0), 0);
	recv_one(d.end[1], 10, 1, 0);
	must_ok(kipc_chan_fd(d.end[0], KIPC_OUT));
	must_ok(kipc_chan_fd(d.end[1], KIPC_IN));
	must_eq(kipc_recv(d.end[1], &d, sizeof(d), 0), -EAGAIN);
	must_eq(helper_run(NULL, args), 0);
	duo_close(&d);
}

EACH_FORM(pass_handover_is_close_on_exec)
{
	struct duo d;
	int fd;

	duo_both(&d, f, "size=4K");
	fd = (int)must_ok(kipc_chan_handover(d.end[1]));
	must(must_sys(fcntl(fd, F_GETFD)) & FD_CLOEXEC);
	close(fd);
	kipc_chan_close(d.end[0]);
}

/* Nor is what it was taken from, even if that came over exec(). */
EACH_FORM(pass_what_was_taken_is_close_on_exec)
{
	const char *args[MOST_FDS + 2] = { "fds" };
	char space[MOST_FDS][12];
	struct duo d;
	int fd;

	must(list_fds(args + 1, space, MOST_FDS) < MOST_FDS);
	duo_both(&d, f, "size=4K");
	fd = (int)must_ok(kipc_chan_handover(d.end[1]));
	must_sys(fcntl(fd, F_SETFD, 0));
	must_eq(kipc_chan_from_fd(&d.end[1], fd, KIPC_PAIR, NULL), 0);
	must_eq(helper_run(NULL, args), 0);
	duo_close(&d);
}

static void echo_by_exec(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	const char *args[] = { "echo", NULL, "20", NULL };
	char number[12];
	int fd;

	(void)me;
	fd = (int)must_ok(kipc_chan_handover(c));
	must_sys(fcntl(fd, F_SETFD, 0));
	snprintf(number, sizeof(number), "%d", fd);
	args[1] = number;
	helper_exec(args);
}

EACH_FORM(pass_handover_over_exec)
{
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;

	duo_make(&d, f, "size=4K");
	must_eq(f->named ? 0 : send_one(d.end[0], 77, 1, 0, 0), 0);
	peer_start(&peer, echo_by_exec, &d);
	c = duo_mine(&d);
	for (int i = f->named ? 0 : 1; i < 20; i++)
		must_eq(send_one(c, 77, 1, i, -1), 0);
	for (int i = 0; i < 20; i++)
		recv_one(c, 77, 1, i);
	must_eq(kipc_recv(c, &d, sizeof(d), -1), -EPIPE);
	peer_end(&peer);
	kipc_chan_close(c);
}

/* ---- through a socket ------------------------------------------------------------------- */

static void take_over(struct peer *me, void *arg)
{
	struct kipc_chan *c;
	int fd, r;

	(void)arg;
	fd = peer_take_fd(me);
	r = kipc_chan_from_fd(&c, fd, KIPC_PAIR, NULL);
	if (r < 0)
		harness_fail(__FILE__, __LINE__, "from_fd: %s (%s)", kipc_strerror(r), kipc_why());
	for (int i = 2; i < 6; i++)
		recv_one(c, 60, 1, i);
	for (int i = 0; i < 3; i++)
		must_eq(send_one(c, 60, 2, i, -1), 0);
	peer_give_fd(me, (int)must_ok(kipc_chan_handover(c)));
}

/* There and back: committed messages stay, peeked ones come again, a reservation is dropped. */
EACH_FORM(pass_handover_there_and_back)
{
	struct kipc_msg m[2] = { { .len = 8 } };
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;

	duo_both(&d, f, "size=4K");
	for (int i = 0; i < 6; i++)
		must_eq(send_one(d.end[0], 60, 1, i, 0), 0);
	recv_one(d.end[1], 60, 1, 0);
	recv_one(d.end[1], 60, 1, 1);
	must_eq(kipc_peek(d.end[1], m, 2, 0), 2);
	m[0].len = 8;
	must_eq(kipc_reserve(d.end[1], m, 1, 0), 1);
	peer_start(&peer, take_over, NULL);
	peer_give_fd(&peer, (int)must_ok(kipc_chan_handover(d.end[1])));
	for (int i = 0; i < 3; i++)
		recv_one(d.end[0], 60, 2, i);
	must_eq(kipc_chan_from_fd(&c, peer_take_fd(&peer), KIPC_PAIR, NULL), 0);
	peer_end(&peer);
	for (int i = 0; i < 10; i++) {
		must_eq(send_one(d.end[0], 60, 3, i, 0), 0);
		recv_one(c, 60, 3, i);
		must_eq(send_one(c, 60, 4, i, 0), 0);
		recv_one(d.end[0], 60, 4, i);
	}
	kipc_chan_close(c);
	must_eq(kipc_recv(d.end[0], &d, sizeof(d), -1), -EPIPE);
	kipc_chan_close(d.end[0]);
}

/* The peer stays asleep through it and is woken by the new owner. */
static void sleep_for_new_owner(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);

	chan_set_wait(c, KIPC_WAIT_BLOCK);
	peer_tell(me, 's');
	recv_one(c, 60, 1, 0);
	kipc_chan_close(c);
}

EACH_FORM(pass_handover_while_the_peer_sleeps)
{
	struct kipc_chan *c, *again;
	struct peer peer;
	struct duo d;

	duo_make(&d, f, "size=4K");
	peer_start(&peer, sleep_for_new_owner, &d);
	c = duo_mine(&d);
	peer_expect(&peer, 's');
	await_asleep(peer.pid);
	must_eq(kipc_chan_from_fd(&again, (int)must_ok(kipc_chan_handover(c)), KIPC_PAIR, NULL), 0);
	must_eq(send_one(again, 60, 1, 0, -1), 0);
	peer_end(&peer);
	kipc_chan_close(again);
}

/* One more descriptor is allowed each time; until they are enough, the end stays in the one that was given. */
EACH_FORM(pass_from_fd_without_descriptors)
{
	struct rlimit limit;
	struct duo d;
	unsigned n;
	int fd, r = -EMFILE;

	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[0], 60, 1, 0, 0), 0);
	fd = (int)must_ok(kipc_chan_handover(d.end[1]));
	must_sys(getrlimit(RLIMIT_NOFILE, &limit));
	for (n = 3; n < 100 && r == -EMFILE; n++) {
		limit.rlim_cur = n;
		must_sys(setrlimit(RLIMIT_NOFILE, &limit));
		r = kipc_chan_from_fd(&d.end[1], fd, KIPC_PAIR, NULL);
		limit.rlim_cur = limit.rlim_max;
		must_sys(setrlimit(RLIMIT_NOFILE, &limit));
	}
	must_eq(r, 0);
	recv_one(d.end[1], 60, 1, 0);
	must_eq(send_one(d.end[1], 60, 2, 0, 0), 0);
	recv_one(d.end[0], 60, 2, 0);
	duo_close(&d);
}

/* Handed over, and the descriptor thrown away: the peer is told, asleep or not. */
EACH_FORM(pass_handover_to_nobody)
{
	struct duo d;

	duo_both(&d, f, "size=4K");
	must_eq(send_one(d.end[1], 10, 1, 0, 0), 0);
	close((int)must_ok(kipc_chan_handover(d.end[1])));
	recv_one(d.end[0], 10, 1, 0);
	must_eq(kipc_recv(d.end[0], &d, sizeof(d), -1), -EPIPE);
	kipc_chan_close(d.end[0]);
}

/* The same for somebody who polls, whether he began before or after. */
EACH_FORM(pass_a_poller_hears_of_a_lost_end)
{
	for (int after = 0; after < 2; after++) {
		struct pollfd p = { .events = POLLIN };
		struct duo d;
		int fd, r;

		duo_both(&d, f, "size=4K");
		must_eq(send_one(d.end[1], 10, 1, 0, 0), 0);
		recv_one(d.end[0], 10, 1, 0);
		if (!after)
			p.fd = (int)must_ok(kipc_chan_fd(d.end[0], KIPC_IN));
		fd = (int)must_ok(kipc_chan_handover(d.end[1]));
		p.fd = (int)must_ok(kipc_chan_fd(d.end[0], KIPC_IN));
		while (poll(&p, 1, 0) == 1)
			must_eq(kipc_recv(d.end[0], &d, sizeof(d), 0), -EAGAIN);
		close(fd);
		do {
			must_eq(must_sys(poll(&p, 1, -1)), 1);
			r = (int)kipc_recv(d.end[0], &d, sizeof(d), 0);
		} while (r == -EAGAIN);
		must_eq(r, -EPIPE);
		kipc_chan_close(d.end[0]);
	}
}

static void open_another(struct peer *me, void *arg)
{
	struct kipc_chan *c;

	peer_expect(me, 'h');
	must_eq(kipc_chan_open(&c, arg, KIPC_PAIR | KIPC_CREATE, NULL), 0);
	kipc_chan_close(c);
	peer_tell(me, 'o');
}

/* An end on its way is nobody's to take, and its name is not taken for a leftover, which the first open
 * of a process removes.
 */
Test(shm_named, pass_on_the_way, .init = harness_begin, .fini = harness_end)
{
	char uri[URI_MAX], other[URI_MAX];
	struct kipc_chan *c[2], *third;
	struct peer peer;
	int fd;

	form_uri(&shm_named, "size=4K", uri, sizeof(uri));
	form_uri(&shm_named, "size=4K", other, sizeof(other));
	peer_start(&peer, open_another, other);
	must_eq(kipc_chan_open(&c[0], uri, KIPC_PAIR | KIPC_CREATE, NULL), 0);
	fd = (int)must_ok(kipc_chan_handover(c[0]));
	peer_tell(&peer, 'h');
	peer_expect(&peer, 'o');
	peer_end(&peer);
	must_eq(kipc_chan_open(&c[1], uri, KIPC_PAIR, NULL), 0);
	must_eq(kipc_chan_open(&third, uri, KIPC_PAIR | KIPC_CREATE, NULL), -EBUSY);
	must_eq(kipc_chan_from_fd(&c[0], fd, KIPC_PAIR, NULL), 0);
	must_eq(send_one(c[0], 10, 1, 0, 0), 0);
	recv_one(c[1], 10, 1, 0);
	fd = (int)must_ok(kipc_chan_handover(c[0]));
	close(fd);
	must_eq(kipc_chan_open(&third, uri, KIPC_PAIR, NULL), -ENOENT);
	must_eq(kipc_chan_open(&third, uri, KIPC_PAIR | KIPC_CREATE, NULL), 0);
	must_eq(kipc_recv(c[1], uri, sizeof(uri), -1), -EPIPE);
	kipc_chan_close(c[1]);
	kipc_chan_close(third);
}

/* ---- what is no end of a channel -------------------------------------------------------- */

/* It stays open if it was. */
static void refuse_fd(int fd)
{
	int before = fcntl(fd, F_GETFD);
	struct kipc_chan *c = NULL;

	must_eq(kipc_chan_from_fd(&c, fd, KIPC_PAIR, NULL), -EBADMSG);
	must(!c);
	must(*kipc_why());
	must_eq(fcntl(fd, F_GETFD), before);
}

TestSuite(pass, .init = harness_begin, .fini = harness_end);

Test(pass, from_fd_of_something_else)
{
	int fd[7], ends[2];

	fd[0] = (int)must_sys(open("/dev/null", O_RDWR));
	fd[1] = (int)must_sys(open("/proc/self/exe", O_RDONLY));
	fd[2] = (int)must_sys(open("/", O_RDONLY));
	fd[3] = (int)must_sys(memfd_create("x", MFD_ALLOW_SEALING));
	fd[4] = (int)must_sys(memfd_create("x", MFD_ALLOW_SEALING));
	fd[5] = (int)must_sys(epoll_create1(0));
	fd[6] = (int)must_sys(socket(AF_INET, SOCK_STREAM, 0));
	must_sys(ftruncate(fd[4], 1 << 20));
	for (int i = 0; i < 7; i++)
		refuse_fd(fd[i]);
	must_sys(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	refuse_fd(ends[0]);
	must_sys(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	refuse_fd(ends[0]);
	must_sys(pipe(ends));
	refuse_fd(ends[0]);
	close(fd[0]);
	refuse_fd(fd[0]);
}

/* A datagram that only resembles what handover() sends. */
Test(pass, from_fd_of_a_forged_parcel)
{
	static const char text[] = "kipcshm1 and nothing behind it";

	for (size_t len = 0; len < sizeof(text); len += 8) {
		int ends[2];

		must_sys(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
		must_sys(send(ends[1], text, len, 0));
		refuse_fd(ends[0]);
		close(ends[0]);
		close(ends[1]);
	}
}
