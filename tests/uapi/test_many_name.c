// SPDX-License-Identifier: MIT
/*
 * Channels with many ends: how long a name lasts, and for whom.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>
#include "many.h"

TestSuite(many_name, .init = harness_begin);

#define QUEUE KIPC_KIND_QUEUE

struct newcomer {
	const char *name;
	int not_mine; /* a descriptor of the test's */
};

static void live(struct peer *me, void *arg)
{
	const struct newcomer *n = arg;
	struct many m;

	close(n->not_mine);
	many_join(&m, n->name, QUEUE, 0);
	peer_tell(me, (uint8_t)m.end);
	peer_expect(me, 'x');
}

Test(many_name, lasts_until_the_last_end_is_gone)
{
	const char *name = harness_name();
	struct peer p[2];
	int fresh = (int)must_ok(many_create(name, QUEUE, 0)), again;
	struct newcomer n = { name, fresh };

	peer_start(&p[0], live, &n);
	peer_expect(&p[0], 1);
	must_sys(close(fresh));
	peer_start(&p[1], live, &n);
	peer_expect(&p[1], 0);
	peer_kill(&p[0]);
	must_eq(many_create(name, QUEUE, 0), -EEXIST);
	peer_kill(&p[1]);
	must_eq(many_attach(name, QUEUE, 0), -ENOENT);
	again = (int)must_ok(many_create(name, QUEUE, 0));
	must_sys(close(again));
	must_eq(many_attach(name, QUEUE, 0), -ENOENT);
}

Test(many_name, a_dead_end_that_is_still_open_keeps_no_name)
{
	const char *name = harness_name();
	struct many m, next;

	many_new(&m, name, QUEUE, 0);
	must_sys(munmap(m.own, PAGE));
	must_eq(many_attach(name, QUEUE, 0), -ENOENT);
	many_new(&next, name, QUEUE, 0);
	must_eq(next.status->ident.id[0] == m.status->ident.id[0], false);
	m.data[Q_BYTES - 1] = 1; /* memory outlives the channel */
	must_eq(next.data[Q_BYTES - 1], 0);
	many_leave(&next);
}

/* A struct that can be read and not written. */
static int call_without_answer(int fd, unsigned long cmd, const void *arg, size_t bytes)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	must(page != MAP_FAILED);
	memcpy(page, arg, bytes);
	must_sys(mprotect(page, PAGE, PROT_READ));
	rc = uapi_call(fd, cmd, page);
	must_sys(munmap(page, PAGE));
	return rc;
}

Test(many_name, what_could_not_be_told_did_not_happen)
{
	const char *name = harness_name();
	struct kipc_ioc_create c = many_arg(name, QUEUE, 0);
	struct kipc_ioc_attach a = many_attach_arg(name, QUEUE, 0);
	int control = uapi_control();
	unsigned fds = uapi_count_fds();
	struct many m;

	must_eq(call_without_answer(control, KIPC_IOC_CREATE, &c, sizeof(c)), -EFAULT);
	must_eq(many_attach(name, QUEUE, 0), -ENOENT);
	many_new(&m, name, QUEUE, 0);
	for (unsigned i = 0; i < 2 * NR_ENDS; i++)
		must_eq(call_without_answer(control, KIPC_IOC_ATTACH, &a, sizeof(a)), -EFAULT);
	must_eq(uapi_count_fds(), fds + 1);
	for (unsigned i = 1; i < NR_ENDS; i++)
		must_ok(many_attach(name, QUEUE, 0));
}

/* Its undoer does not know of it. */
Test(many_name, an_end_that_could_not_be_told_is_undone_by_another)
{
	const char *name = harness_name();
	struct kipc_ioc_undo u = { .size = sizeof(u), .done = KIPC_END_NONE };
	struct many m, dead;

	many_new(&m, name, QUEUE, 0);
	many_join(&dead, name, QUEUE, 0);
	must_sys(munmap(dead.own, PAGE));
	must_eq(call_without_answer(m.fd, KIPC_IOC_UNDO, &u, sizeof(u)), -EFAULT);
	must_eq(many_undone(&m), 1 << 1);
	must_eq(many_undo(&m, KIPC_END_NONE, NULL), 1);
	must_eq(many_undo(&m, 1, NULL), KIPC_END_NONE);
}

struct stranger {
	const char *name;
	uint32_t kind, role;
	int want;
	unsigned uid, gid;
};

static void come_as_stranger(struct peer *me, void *arg)
{
	const struct stranger *s = arg;
	struct kipc_ioc_attach a = many_attach_arg(s->name, s->kind, s->role);
	int control = uapi_control(); /* the device is root's; what counts is the name */

	(void)me;
	become_user(s->uid, s->gid);
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), s->want);
	if (s->want == 0)
		must_eq(a.end, s->role == PUB ? 0 : 1);
}

/* The test's own end is the other one. */
static void try_as_stranger(struct stranger s, unsigned mode)
{
	const char *name = harness_name();
	struct kipc_ioc_create c = many_arg(name, s.kind, s.role == PUB ? SUB : s.role ? PUB : 0);
	int control = uapi_control();
	struct peer p;

	s.name = name;
	c.mode = mode;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	peer_start(&p, come_as_stranger, &s);
	peer_end(&p);
	must_sys(close(c.fd[0]));
	must_sys(close(control));
}

Test(many_name, the_mode_decides_who_may_join)
{
	static const struct {
		unsigned mode, uid, gid;
		int want;
	} cases[] = {
		{ 0600, 1234, 4321, -EACCES }, { 0606, 1234, 4321, 0 },
		{ 0660, 1234, 4321, -EACCES }, { 0660, 1234, 0, 0 },
		{ 0604, 1234, 4321, -EACCES },
	};

	if (geteuid() != 0)
		harness_skip("root", "only root can become another user");
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		try_as_stranger((struct stranger){ .kind = QUEUE,
		                                   .want = cases[i].want,
		                                   .uid = cases[i].uid,
		                                   .gid = cases[i].gid },
		                cases[i].mode);
}

Test(many_name, to_subscribe_is_to_read_and_to_publish_is_to_write)
{
	static const struct {
		unsigned mode;
		uint32_t role;
		int want;
	} cases[] = {
		{ 0600, SUB, -EACCES }, { 0600, PUB, -EACCES }, { 0604, SUB, 0 },
		{ 0604, PUB, -EACCES }, { 0602, SUB, -EACCES }, { 0602, PUB, 0 },
		{ 0606, SUB, 0 },       { 0606, PUB, 0 },
	};

	if (geteuid() != 0)
		harness_skip("root", "only root can become another user");
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		try_as_stranger((struct stranger){ .kind = KIPC_KIND_PUBSUB,
		                                   .role = cases[i].role,
		                                   .want = cases[i].want,
		                                   .uid = 1234,
		                                   .gid = 4321 },
		                cases[i].mode);
}
