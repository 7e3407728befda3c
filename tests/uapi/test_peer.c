// SPDX-License-Identifier: MIT
/*
 * Who holds the other end.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(peer, .init = harness_begin);

static void be_somebody(struct peer *me, void *arg)
{
	const int *fd = arg;
	struct side s;

	if (geteuid() == 0)
		become_user(1234, 4321);
	side_map(&s, fd[1]);
	must_eq(side_peer(&s).pid, getppid());
	must_eq(side_peer(&s).state, KIPC_END_LIVE);
	peer_tell(me, 'r');
	peer_expect(me, 'x');
}

Test(peer, is_attested_while_it_lives_and_after)
{
	struct kipc_ioc_peer who;
	struct peer p;
	struct side s;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	who = side_peer(&s);
	must_eq(who.state, KIPC_END_FREE);
	must_eq(who.pid, 0);
	must_eq(who.uid, geteuid());
	must_eq(who.generation, 0);
	peer_start(&p, be_somebody, fd);
	peer_expect(&p, 'r');
	for (unsigned i = 0; i < 2; i++) {
		who = side_peer(&s);
		must_eq(who.state, i ? KIPC_END_DEAD : KIPC_END_LIVE);
		must_eq(who.uid, geteuid() == 0 ? 1234 : geteuid());
		must_eq(who.gid, geteuid() == 0 ? 4321 : getegid());
		must_eq(who.generation, 1);
		if (i)
			break;
		must_eq(who.pid, p.pid);
		peer_tell(&p, 'x');
		peer_end(&p);
	}
}

static void look_from_inside(struct peer *me, void *arg)
{
	struct side s;

	side_map(&s, ((const int *)arg)[1]);
	must_eq(side_peer(&s).pid, 0);
	must_eq(side_peer(&s).uid, 0);
	peer_tell(me, 'r');
	peer_expect(me, 'x');
}

Test(peer, a_pid_means_something_only_in_its_namespace)
{
	struct peer p;
	struct side s;
	int fd[2];

	if (geteuid() != 0)
		harness_skip("root", "a pid namespace is made by root");
	uapi_pair(fd);
	side_map(&s, fd[0]);
	must_sys(unshare(CLONE_NEWPID));
	peer_start(&p, look_from_inside, fd);
	peer_expect(&p, 'r');
	must_eq(side_peer(&s).pid, p.pid);
	peer_tell(&p, 'x');
	peer_end(&p);
}
