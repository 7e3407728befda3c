// SPDX-License-Identifier: MIT
/*
 * Memory: how much, on whose account, and where.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "many.h"

TestSuite(memory, .init = harness_begin);

/* Where the pages really are. */
static void check_placement(const uint8_t *data, uint64_t bytes, unsigned node)
{
	for (uint64_t at = 0; at < bytes; at += PAGE) {
		void *page = (void *)(data + at);
		int where = -1;

		must_sys(syscall(SYS_move_pages, 0, 1, &page, NULL, &where, 0));
		must_eq(where, node);
	}
}

Test(memory, lies_on_the_node_that_was_asked_for)
{
	struct kipc_ioc_info info = { .size = sizeof(info) };
	int control = uapi_control(), given = 0;

	must_eq(uapi_call(control, KIPC_IOC_INFO, &info), 0);
	for (unsigned n = 0; n < info.nr_nodes; n++) {
		struct kipc_ioc_create c = uapi_create(RING_BYTES);
		struct side s;
		int rc;

		c.node[1] = (int32_t)n;
		rc = uapi_call(control, KIPC_IOC_CREATE, &c);
		must(rc == 0 || rc == -EINVAL); /* a node without memory, or not ours */
		if (rc)
			continue;
		given++;
		side_map(&s, c.fd[0]);
		must_eq(s.status->geom[0].node, KIPC_NODE_ANY);
		must_eq(s.status->geom[1].node, n);
		check_placement(s.in, RING_BYTES, n);
	}
	must(given >= 1);
}

Test(memory, of_many_ends_lies_on_the_node_that_was_asked_for)
{
	struct kipc_ioc_info info = { .size = sizeof(info) };
	int control = uapi_control(), given = 0;

	must_eq(uapi_call(control, KIPC_IOC_INFO, &info), 0);
	for (unsigned i = 0; i < 2 * info.nr_nodes; i++) {
		uint32_t kind = i % 2 ? KIPC_KIND_QUEUE : KIPC_KIND_PUBSUB;
		struct kipc_ioc_create c = many_arg(harness_name(), kind, i % 2 ? 0 : SUB);
		struct many m;
		int rc;

		c.node[0] = (int32_t)(i / 2);
		rc = uapi_call(control, KIPC_IOC_CREATE, &c);
		must(rc == 0 || rc == -EINVAL); /* a node without memory, or not ours */
		if (rc)
			continue;
		given++;
		many_map(&m, c.fd[0]);
		must_eq(m.status->geom[0].node, i / 2);
		check_placement(m.data, m.data_bytes, i / 2);
	}
	must(given >= 2);
}

static unsigned long parameter(const char *name, unsigned long value)
{
	char path[128];
	unsigned long old;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/kipc/parameters/%s", name);
	f = fopen(path, "r+");
	if (!f)
		harness_skip("root", "%s: %s", path, strerror(errno));
	must_eq(fscanf(f, "%lu", &old), 1);
	rewind(f);
	must(fprintf(f, "%lu\n", value) > 0);
	must_eq(fclose(f), 0);
	return old;
}

static int create_and_close(int control, uint64_t bytes)
{
	struct kipc_ioc_create c = uapi_create(bytes);
	int rc = uapi_call(control, KIPC_IOC_CREATE, &c);

	if (rc)
		return rc;
	must_sys(close(c.fd[0]));
	must_sys(close(c.fd[1]));
	return 0;
}

/* A user of its own, so that nobody else's channels count. */
static void stay_below_limits(struct peer *me, void *arg)
{
	struct kipc_ioc_create first = uapi_create(RING_BYTES), second = first;
	int control = *(int *)arg;

	become_user(54321, 54321);
	must_eq(create_and_close(control, RING_BYTES), 0);
	peer_tell(me, 'r');
	peer_expect(me, 'r'); /* rings up to RING_BYTES */
	must_eq(create_and_close(control, RING_BYTES), 0);
	must_eq(create_and_close(control, 2 * RING_BYTES), -ENOSPC);
	peer_tell(me, 'b');
	peer_expect(me, 'b'); /* one channel's worth of bytes */
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &first), 0);
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &second), -ENOSPC);
	must_sys(close(first.fd[0]));
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &second), -ENOSPC);
	must_sys(close(first.fd[1]));
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &second), 0);
	peer_tell(me, 'c');
	peer_expect(me, 'c'); /* one channel, of any size */
	must_eq(create_and_close(control, 4096), -ENOSPC);
	must_sys(close(second.fd[0]));
	must_sys(close(second.fd[1]));
	must_eq(create_and_close(control, 2 * RING_BYTES), 0);
}

Test(memory, limits_of_a_user_hold_and_are_given_back)
{
	int control = uapi_control();
	unsigned long ring, bytes, chans;
	struct peer p;

	if (geteuid() != 0)
		harness_skip("root", "limits are changed by root");
	peer_start(&p, stay_below_limits, &control);
	peer_expect(&p, 'r');
	ring = parameter("max_ring_bytes", RING_BYTES);
	peer_tell(&p, 'r');
	peer_expect(&p, 'b');
	parameter("max_ring_bytes", ring);
	bytes = parameter("max_user_bytes", 3 * RING_BYTES);
	peer_tell(&p, 'b');
	peer_expect(&p, 'c');
	parameter("max_user_bytes", bytes);
	chans = parameter("max_user_chans", 1);
	peer_tell(&p, 'c');
	peer_end(&p);
	parameter("max_user_chans", chans);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	must(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* A queue of so many bytes. */
static int create_and_close_queue(int control, uint64_t bytes)
{
	struct kipc_ioc_create c = many_arg(harness_name(), KIPC_KIND_QUEUE, 0);
	int rc;

	c.slots = 1024;
	c.stride = (uint32_t)(bytes / c.slots);
	rc = uapi_call(control, KIPC_IOC_CREATE, &c);
	if (rc == 0)
		must_sys(close(c.fd[0]));
	return rc;
}

static void outgrow_the_cgroup(struct peer *me, void *arg)
{
	int control = uapi_control();

	(void)me;
	write_file(arg, "cgroup.procs", "0");
	for (unsigned i = 0; i < 4; i++) {
		must_eq(create_and_close(control, 64 << 20), -ENOMEM); /* and nobody is killed */
		must_eq(create_and_close(control, 1 << 20), 0);
		must_eq(create_and_close_queue(control, 64 << 20), -ENOMEM);
		must_eq(create_and_close_queue(control, 1 << 20), 0);
	}
}

Test(memory, is_charged_to_the_creators_cgroup)
{
	static char dir[] = "/sys/fs/cgroup/kipc-test";
	struct peer p;

	if (access("/sys/fs/cgroup/cgroup.subtree_control", W_OK))
		harness_skip("cgroup", "no cgroup v2 of our own");
	write_file("/sys/fs/cgroup", "cgroup.subtree_control", "+memory");
	must(mkdir(dir, 0755) == 0 || errno == EEXIST);
	write_file(dir, "memory.max", "33554432");
	peer_start(&p, outgrow_the_cgroup, dir);
	peer_end(&p);
	must_sys(rmdir(dir));
}
