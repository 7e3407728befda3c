// SPDX-License-Identifier: MIT
/*
 * Channels that strangers meet at.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(name, .init = harness_begin);

#define NOBODY 65534U

static void copy_name(char to[KIPC_NAME_MAX], const char *name)
{
	must(strlen(name) < KIPC_NAME_MAX);
	strcpy(to, name);
}

/* A descriptor, or -errno. */
static int create_named(int control, const char *name, unsigned mode)
{
	struct kipc_ioc_create c = uapi_create(RING_BYTES);
	int rc;

	copy_name(c.name, name);
	c.mode = mode;
	rc = uapi_call(control, KIPC_IOC_CREATE, &c);
	if (rc)
		return rc;
	must_eq(c.fd[1], -1);
	return c.fd[0];
}

static struct kipc_ioc_attach attach_arg(const char *name)
{
	struct kipc_ioc_attach a = { .size = sizeof(a), .kind = KIPC_KIND_PAIR };

	copy_name(a.name, name);
	return a;
}

static int attach(int control, const char *name)
{
	struct kipc_ioc_attach a = attach_arg(name);
	int rc = uapi_call(control, KIPC_IOC_ATTACH, &a);

	if (rc)
		return rc;
	must_eq(a.end, 1);
	return a.fd;
}

Test(name, strangers_meet_once)
{
	const char *name = harness_name();
	struct side s, other;
	int control = uapi_control(), again;

	must_eq(attach(control, name), -ENOENT);
	side_map(&s, (int)must_ok(create_named(control, name, 0600)));
	must_eq(create_named(control, name, 0600), -EEXIST);
	must_eq(side_peer(&s).state, KIPC_END_FREE);
	side_map(&other, (int)must_ok(attach(control, name)));
	must_eq(other.end, 1);
	must_eq(attach(control, name), -EBUSY);
	must_eq(create_named(control, name, 0600), -EEXIST);
	s.out[3] = 33;
	side_move(&s, KIPC_SIDE_DATA, 8);
	must_eq(side_wait(&other, KIPC_SIDE_DATA, 8, KIPC_FOREVER), 0);
	must_eq(other.in[3], 33);

	/* The name is free again with the first death, whichever end's. */
	side_unmap_own(&other);
	must_eq(attach(control, name), -ENOENT);
	again = (int)must_ok(create_named(control, name, 0600));
	must_eq(s.status->ends[0].state, KIPC_END_LIVE);
	must_sys(close(again));
	again = (int)must_ok(create_named(control, name, 0600));
	side_map(&s, again);
	side_unmap_own(&s);
	must_eq(attach(control, name), -ENOENT);
}

Test(name, an_attached_end_that_is_closed_unmapped_ends_it)
{
	const char *name = harness_name();
	int control = uapi_control(), fd;
	struct side s;

	side_map(&s, (int)must_ok(create_named(control, name, 0600)));
	fd = (int)must_ok(attach(control, name));
	must_sys(close(fd));
	must_eq(side_wait(&s, KIPC_SIDE_DATA, 8, KIPC_FOREVER), -EPIPE);
	must_eq(attach(control, name), -ENOENT);
}

Test(name, malformed_names_are_refused)
{
	static const char *const bad[] = {
		".",   ".hidden", "..",       "a/b", "/a",  "a b",
		"a\n", "a\x7f",   "\xc3\xa9", "a*",  "a:b", "a%",
	};
	struct kipc_ioc_create c = uapi_create(RING_BYTES);
	struct kipc_ioc_attach a = attach_arg("");
	int control = uapi_control();

	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL); /* empty */
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		must_eq(create_named(control, bad[i], 0600), -EINVAL);
		must_eq(attach(control, bad[i]), -EINVAL);
	}
	memset(c.name, 'a', sizeof(c.name)); /* not terminated */
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), -EINVAL);
	memset(a.name, 'a', sizeof(a.name));
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL);
	memset(c.name, 0, sizeof(c.name));
	c.name[0] = 'a';
	c.name[40] = 'b'; /* not padded */
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), -EINVAL);
	c.name[0] = 0; /* nor when anonymous */
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), -EINVAL);
}

Test(name, every_lawful_name_works)
{
	char longest[KIPC_NAME_MAX] = "";
	static const char *const good[] = { "a", "A.b_c-9", "-", "_", "0" };
	int control = uapi_control();

	memset(longest, 'x', sizeof(longest) - 1);
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		must_sys(close((int)must_ok(create_named(control, good[i], 0600))));
	}
	must_ok(create_named(control, longest, 0600));
	must_ok(attach(control, longest));
	longest[62] = 0;
	must_eq(attach(control, longest), -ENOENT);
}

Test(name, attach_refuses_what_does_not_fit)
{
	const char *name = harness_name();
	struct kipc_ioc_attach good = attach_arg(name), a;
	int control = uapi_control(), fd = (int)must_ok(create_named(control, name, 0600));

	a = good, a.kind = 0;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL);
	a = good, a.kind = 2;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL);
	a = good, a.flags = 2;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL);
	a = good, a.flags = KIPC_ATTACH_EXPECT, a.expect_uid = geteuid() + 1;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EPERM);
	a = good, a.flags = KIPC_ATTACH_EXPECT, a.expect_uid = UINT32_MAX;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EPERM);
	a = good, a.flags = KIPC_ATTACH_EXPECT, a.expect_uid = geteuid();
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), 0);
	must_sys(close(fd));
}

/* Nothing is looked up for a call that makes no sense. */
Test(name, attach_refuses_what_is_malformed_before_it_looks)
{
	struct kipc_ioc_attach good = attach_arg(harness_name()), a;
	int control = uapi_control();

	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &good), -ENOENT);
	a = good, a.kind = 0;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL);
	a = good, a.kind = UINT32_MAX;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL);
	a = good, a.role = KIPC_ROLE_PUBLISHER;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL);
	a = good, a.slots = 1;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL);
	a = good, a.held_plus_1 = 1;
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EINVAL);
}

Test(name, what_could_not_be_told_did_not_happen)
{
	const char *name = harness_name();
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kipc_ioc_create *c = page;
	struct kipc_ioc_attach *a = page;
	int control = uapi_control();
	unsigned fds = uapi_count_fds();
	struct side s;

	must(page != MAP_FAILED);
	*c = uapi_create(RING_BYTES);
	strcpy(c->name, name);
	must_sys(mprotect(page, 4096, PROT_READ));
	must_eq(uapi_call(control, KIPC_IOC_CREATE, c), -EFAULT);
	must_eq(attach(control, name), -ENOENT);
	must_eq(uapi_count_fds(), fds);

	side_map(&s, (int)must_ok(create_named(control, name, 0600)));
	must_sys(mprotect(page, 4096, PROT_READ | PROT_WRITE));
	*a = attach_arg(name);
	must_sys(mprotect(page, 4096, PROT_READ));
	must_eq(uapi_call(control, KIPC_IOC_ATTACH, a), -EFAULT);
	must_eq(uapi_count_fds(), fds + 1);
	must_eq(s.status->ends[1].state, KIPC_END_FREE);
	must_ok(attach(control, name));
}

static void own_and_die(struct peer *me, void *arg)
{
	int control = uapi_control();
	struct side s;

	side_map(&s, (int)must_ok(create_named(control, arg, 0600)));
	peer_tell(me, 'r');
	pause();
}

Test(name, kill_frees_the_name_at_once)
{
	const char *name = harness_name();
	int control = uapi_control();
	struct peer p;
	struct side s;

	peer_start(&p, own_and_die, (void *)name);
	peer_expect(&p, 'r');
	side_map(&s, (int)must_ok(attach(control, name)));
	must_sys(kill(p.pid, SIGKILL));
	must_eq(side_wait(&s, KIPC_SIDE_DATA, 8, KIPC_FOREVER), -EPIPE);
	must_ok(create_named(control, name, 0600));
	peer_kill(&p);
}

/* ---- two users -------------------------------------------------------------------------- */

struct visit {
	int control;
	const char *name;
	uid_t uid;
	gid_t gid;
	int want; /* 0, or a negative errno */
};

static void visit(struct peer *me, void *arg)
{
	const struct visit *v = arg;
	int rc;

	(void)me;
	become_user(v->uid, v->gid);
	rc = attach(v->control, v->name);
	must_eq(rc < 0 ? rc : 0, v->want);
}

Test(name, the_mode_decides_who_may_attach)
{
	static const struct {
		unsigned mode;
		uid_t uid;
		gid_t gid;
		int want;
	} tries[] = {
		{ 0600, 0, 0, 0 },
		{ 0600, NOBODY, NOBODY, -EACCES },
		{ 0606, NOBODY, NOBODY, 0 },
		{ 0604, NOBODY, NOBODY, -EACCES },
		{ 0602, NOBODY, NOBODY, -EACCES },
		{ 0660, NOBODY, 0, 0 },
		{ 0660, NOBODY, NOBODY, -EACCES },
		{ 0640, NOBODY, 0, -EACCES },
		{ 0606, NOBODY, 0, -EACCES },
		{ 0777, NOBODY, NOBODY, 0 },
		{ 0000, 0, 0, 0 }, /* root has CAP_DAC_OVERRIDE */
	};
	int control = uapi_control();

	if (geteuid() != 0)
		harness_skip("root", "a second user is needed");
	for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		const char *name = harness_name();
		struct visit v = { control, name, tries[i].uid, tries[i].gid, tries[i].want };
		int fd = (int)must_ok(create_named(control, name, tries[i].mode));
		struct peer p;

		peer_start(&p, visit, &v);
		peer_end(&p);
		must_sys(close(fd));
	}
}

static void create_as_nobody(struct peer *me, void *arg)
{
	const struct visit *v = arg;

	become_user(NOBODY, NOBODY);
	must_ok(create_named(v->control, v->name, 0600));
	peer_tell(me, 'r');
	peer_expect(me, 'x');
}

Test(name, whoever_expects_a_creator_is_not_fooled_by_another)
{
	struct visit v = { uapi_control(), harness_name(), NOBODY, NOBODY, -EACCES };
	struct kipc_ioc_attach a = attach_arg(v.name);
	struct peer squatter, other;

	if (geteuid() != 0)
		harness_skip("root", "a second user is needed");
	peer_start(&squatter, create_as_nobody, &v);
	peer_expect(&squatter, 'r');
	v.uid = 1000;
	peer_start(&other, visit, &v); /* not the owner */
	peer_end(&other);
	a.flags = KIPC_ATTACH_EXPECT;
	a.expect_uid = 0;
	must_eq(uapi_call(v.control, KIPC_IOC_ATTACH, &a), -EPERM);
	a.expect_uid = NOBODY;
	must_eq(uapi_call(v.control, KIPC_IOC_ATTACH, &a), 0);
	peer_tell(&squatter, 'x');
	peer_end(&squatter);
}

/* Who minds the geometry is refused before he has an end, and the channel lives on. */
Test(name, attach_asks_for_a_geometry)
{
	int control = uapi_control();
	const char *name = harness_name();
	struct kipc_ioc_attach a;

	must_ok(create_named(control, name, 0600));
	for (int r = 0; r < 2; r++) {
		a = attach_arg(name);
		a.ring_bytes[r] = RING_BYTES * 2;
		must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EEXIST);
		a = attach_arg(name);
		a.align[r] = 4096;
		must_eq(uapi_call(control, KIPC_IOC_ATTACH, &a), -EEXIST);
	}
	a = attach_arg(name);
	a.ring_bytes[0] = a.ring_bytes[1] = RING_BYTES;
	must_ok(uapi_call(control, KIPC_IOC_ATTACH, &a));
}

/* ---- namespaces ------------------------------------------------------------------------- */

static void live_elsewhere(struct peer *me, void *arg)
{
	const struct visit *v = arg;
	int fd;

	must_sys(unshare(CLONE_NEWNET));
	must_eq(attach(v->control, v->name), -ENOENT);
	fd = (int)must_ok(create_named(v->control, v->name, 0600)); /* another one */
	peer_give_fd(me, fd);
}

Test(name, means_something_only_in_its_network_namespace)
{
	struct visit v = { uapi_control(), harness_name(), 0, 0, 0 };
	struct peer p;
	struct side s;

	if (geteuid() != 0)
		harness_skip("root", "a network namespace is made by root");
	must_ok(create_named(v.control, v.name, 0600));
	peer_start(&p, live_elsewhere, &v);
	/* The end outlives its namespace, and the name does not come here. */
	side_map(&s, peer_take_fd(&p));
	peer_end(&p);
	must_ok(attach(v.control, v.name));
	must_eq(attach(v.control, v.name), -EBUSY);
	side_unmap_own(&s);
}
