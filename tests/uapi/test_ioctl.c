// SPDX-License-Identifier: MIT
/*
 * What each call accepts, refuses and tells.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(ioctl, .init = harness_begin);

#define PAGE 4096U

struct call {
	unsigned long cmd;
	size_t size;
	size_t least; /* of its first published version */
	bool control; /* of the control handle, else of an endpoint */
};

static const struct call calls[] = {
	{ KIPC_IOC_INFO, sizeof(struct kipc_ioc_info), 56, true },
	{ KIPC_IOC_CREATE, sizeof(struct kipc_ioc_create), 136, true },
	{ KIPC_IOC_ATTACH, sizeof(struct kipc_ioc_attach), 112, true },
	{ KIPC_IOC_SELF, sizeof(struct kipc_ioc_self), 32, false },
	{ KIPC_IOC_WAIT, sizeof(struct kipc_ioc_wait), 32, false },
	{ KIPC_IOC_WAKE, sizeof(struct kipc_ioc_wake), 16, false },
	{ KIPC_IOC_XCHG, sizeof(struct kipc_ioc_xchg), 56, false },
	{ KIPC_IOC_SHUTDOWN, sizeof(struct kipc_ioc_shutdown), 8, false },
	{ KIPC_IOC_PEER, sizeof(struct kipc_ioc_peer), 32, false },
	{ KIPC_IOC_STAT, sizeof(struct kipc_ioc_stat), 48, false },
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

/* A struct of that size that no handler finds fault with, except for what it means. */
static int try_size(int fd, const struct call *c, uint32_t size, unsigned tail)
{
	union {
		uint32_t size;
		struct kipc_ioc_create create;
		struct kipc_ioc_shutdown shutdown;
		uint8_t bytes[2 * PAGE];
	} arg = { 0 };

	if (c->cmd == KIPC_IOC_CREATE)
		arg.create = uapi_create(0);
	arg.size = size;
	arg.bytes[c->size + 7] = (uint8_t)tail;
	return uapi_call(fd, c->cmd, &arg);
}

Test(ioctl, every_call_checks_the_size_of_its_struct)
{
	int fd[2], control = uapi_control();

	uapi_pair(fd);
	for (unsigned i = 0; i < NR_CALLS; i++) {
		const struct call *c = &calls[i];
		int file = c->control ? control : fd[0];
		int plain = try_size(file, c, (uint32_t)c->size, 0);

		must_eq(try_size(file, c, 0, 0), -EINVAL);
		must_eq(try_size(file, c, 4, 0), -EINVAL);
		must_eq(try_size(file, c, (uint32_t)c->least - 1, 0), -EINVAL);
		must_eq(try_size(file, c, (uint32_t)c->least, 0), plain);
		must_eq(try_size(file, c, (uint32_t)c->size + 8, 0), plain);
		must_eq(try_size(file, c, (uint32_t)c->size + 8, 1), -E2BIG);
		must_eq(try_size(file, c, PAGE + 1, 0), -E2BIG);
		must_eq(try_size(file, c, UINT32_MAX, 0), -E2BIG);
	}
}

Test(ioctl, every_call_survives_a_bad_pointer)
{
	uint8_t *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd[2], control = uapi_control();

	must(pages != MAP_FAILED);
	must_sys(mprotect(pages + PAGE, PAGE, PROT_NONE));
	uapi_pair(fd);
	for (unsigned i = 0; i < NR_CALLS; i++) {
		const struct call *c = &calls[i];
		int file = c->control ? control : fd[0];
		uint32_t size = (uint32_t)c->size;
		uint8_t *across = pages + PAGE - 4;

		must_eq(uapi_call(file, c->cmd, NULL), -EFAULT);
		must_eq(uapi_call(file, c->cmd, pages + PAGE), -EFAULT);
		memcpy(across, &size, sizeof(size));
		must_eq(uapi_call(file, c->cmd, across), -EFAULT);
	}
}

Test(ioctl, unknown_calls_and_calls_of_the_other_file_are_enotty)
{
	uint64_t arg[64] = { 0 };
	int fd[2], control = uapi_control();

	uapi_pair(fd);
	for (unsigned i = 0; i < NR_CALLS; i++) {
		*(uint32_t *)arg = (uint32_t)calls[i].size;
		must_eq(uapi_call(calls[i].control ? fd[0] : control, calls[i].cmd, arg), -ENOTTY);
	}
	must_eq(uapi_call(control, KIPC_IOC_HANDOVER, NULL), -ENOTTY);
	must_eq(uapi_call(fd[0], _IO(KIPC_IOC_TYPE, 0x7f), arg), -ENOTTY);
	must_eq(uapi_call(control, _IO(KIPC_IOC_TYPE, 0x7f), arg), -ENOTTY);
	must_eq(uapi_call(fd[0], _IO(KIPC_IOC_TYPE + 1, 0x25), arg), -ENOTTY);
	/* The direction belongs to the number, */
	must_eq(uapi_call(control, _IOR(KIPC_IOC_TYPE, 0x00, struct kipc_ioc_info), arg), -ENOTTY);
}

Test(ioctl, the_size_in_the_number_does_not_matter)
{
	struct kipc_ioc_info info = { .size = sizeof(info) };
	int control = uapi_control();

	must_eq(uapi_call(control, _IOWR(KIPC_IOC_TYPE, 0x00, uint8_t[512]), &info), 0);
	must_eq(info.abi, KIPC_DEV_ABI);
}

Test(ioctl, info_tells_limits_and_holdings)
{
	struct kipc_ioc_info before = { .size = sizeof(before) }, after = before;
	int held[2], fd[2], control = uapi_control();

	uapi_pair(held);
	must_eq(uapi_call(control, KIPC_IOC_INFO, &before), 0);
	must(before.user_chans >= 1 && before.user_bytes >= 2 * RING_BYTES);
	must_eq(before.abi, KIPC_DEV_ABI);
	must_eq(before.page_bytes, sysconf(_SC_PAGESIZE));
	must(before.nr_nodes >= 1);
	must(before.max_ring_bytes >= RING_BYTES && before.max_ring_bytes <= KIPC_RING_MAX_BYTES);
	must(before.max_user_chans > before.user_chans);
	must((before.features & ~(KIPC_FEAT_SAME_CPU | KIPC_FEAT_FENCE)) == 0);

	uapi_pair(fd);
	must_eq(uapi_call(control, KIPC_IOC_INFO, &after), 0);
	must_eq(after.user_chans, before.user_chans + 1);
	must_eq(after.user_bytes, before.user_bytes + 2 * RING_BYTES + 3 * before.page_bytes);
	must_sys(close(fd[0]));
	must_sys(close(fd[1]));
	must_eq(uapi_call(control, KIPC_IOC_INFO, &after), 0);
	must_eq(after.user_chans, before.user_chans);
	must_eq(after.user_bytes, before.user_bytes);
}

/* ---- CREATE ----------------------------------------------------------------------------- */

static void refuse(int control, struct kipc_ioc_create c, int want)
{
	unsigned fds = uapi_count_fds();

	c.size = sizeof(c);
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), want);
	must_eq(uapi_count_fds(), fds);
}

#define REFUSE(change)                                              \
	do {                                                        \
		struct kipc_ioc_create c = uapi_create(RING_BYTES); \
		change;                                             \
		refuse(control, c, -EINVAL);                        \
	} while (0)

Test(ioctl, create_refuses_what_is_malformed)
{
	static const uint64_t bad_bytes[] = {
		0,         1,       8,          4095,       2048,       4097,
		65536 + 8, 3 << 20, 2ULL << 30, 1ULL << 40, 1ULL << 63, UINT64_MAX,
	};
	static const uint32_t bad_align[] = { 0, 1, 4, 7, 9, 24, 8192, 1U << 31, UINT32_MAX };
	static const int32_t bad_node[] = { -2, 1 << 20, INT32_MAX, INT32_MIN };
	int control = uapi_control();

	REFUSE(c.kind = 0);
	REFUSE(c.kind = 2);
	REFUSE(c.kind = UINT32_MAX);
	REFUSE(c.flags = 1);
	REFUSE(c.flags = 1U << 31);
	REFUSE(c.mode = 01000);
	for (unsigned r = 0; r < 2; r++) {
		for (unsigned i = 0; i < sizeof(bad_bytes) / sizeof(bad_bytes[0]); i++)
			REFUSE(c.ring_bytes[r] = bad_bytes[i]);
		for (unsigned i = 0; i < sizeof(bad_align) / sizeof(bad_align[0]); i++)
			REFUSE(c.align[r] = bad_align[i]);
		for (unsigned i = 0; i < sizeof(bad_node) / sizeof(bad_node[0]); i++)
			REFUSE(c.node[r] = bad_node[i]);
		REFUSE(c.start[r] = 1);
		REFUSE(c.start[r] = UINT64_MAX);
		/* No message would fit. */
		REFUSE((c.ring_bytes[r] = 4096, c.align[r] = 4096));
	}
}

Test(ioctl, create_fills_in_all_that_it_gives_back)
{
	struct kipc_ioc_create c = uapi_create(RING_BYTES);
	int control = uapi_control();

	c.fd[0] = c.fd[1] = -77;
	c.end = 77;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	must(c.fd[0] >= 0 && c.fd[1] >= 0);
	must_eq(c.end, 0);
}

static void check_status(const struct side *s, const struct kipc_ioc_create *c)
{
	const struct kipc_ring_ident *id = &s->status->ident;
	static const uint8_t zero[sizeof(s->status->reserved)];

	must_eq(id->magic, KIPC_RING_MAGIC);
	must_eq(id->abi, KIPC_RING_ABI);
	must_eq(id->kind, KIPC_KIND_PAIR);
	must_eq(id->nr_ends, 2);
	must_eq(id->nr_rings, 2);
	must(id->id[0] && id->id[1]);
	for (unsigned r = 0; r < 2; r++) {
		must_eq(s->status->geom[r].bytes, c->ring_bytes[r]);
		must_eq(s->status->geom[r].start, c->start[r]);
		must_eq(s->status->geom[r].align, c->align[r]);
		must_eq(s->status->geom[r].node, c->node[r]);
		must_eq(s->status->geom[r].page_size, id->page_bytes);
		must_eq(s->status->bells[r].data.armed | s->status->bells[r].space.armed, 0);
		must_eq(s->status->bells[r].data.gone | s->status->bells[r].space.gone, 0);
	}
	must(memcmp(s->status->reserved, zero, sizeof(zero)) == 0);
	must_eq(s->own->prod.pos, c->start[side_out(s)]);
	must_eq(s->own->cons.pos, c->start[side_in(s)]);
	must_eq(s->own->hints.space_at, c->start[side_out(s)]);
	must_eq(s->own->hints.data_at, c->start[side_in(s)]);
}

Test(ioctl, create_gives_both_ends_of_what_was_asked_for)
{
	struct kipc_ioc_create c = uapi_create(RING_BYTES);
	struct side side[2];
	int control = uapi_control();

	c.ring_bytes[1] = 4 * RING_BYTES;
	c.start[0] = UINT64_MAX - 7;
	c.start[1] = 56;
	c.align[1] = 64;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	for (unsigned e = 0; e < 2; e++) {
		struct kipc_ioc_self self = { .size = sizeof(self) };

		must_eq(fcntl(c.fd[e], F_GETFD), FD_CLOEXEC);
		must_eq(uapi_call(c.fd[e], KIPC_IOC_SELF, &self), 0);
		must_eq(self.kind, KIPC_KIND_PAIR);
		must_eq(self.end, e);
		must_eq(self.nr_ends, 2);
		side_map(&side[e], c.fd[e]);
		check_status(&side[e], &c);
	}
	must_eq(memcmp(side[0].status->ident.id, side[1].status->ident.id, 16), 0);
	/* Memory is fresh. */
	for (unsigned i = 0; i < 2 * RING_BYTES; i++)
		must_eq(side[1].in[i], 0);
}

Test(ioctl, create_gives_the_smallest_and_the_largest_alignment)
{
	struct kipc_ioc_create c = uapi_create((uint64_t)sysconf(_SC_PAGESIZE));
	int control = uapi_control();

	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	c = uapi_create(8192);
	c.align[0] = c.align[1] = KIPC_RING_MAX_ALIGN;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
}

Test(ioctl, create_without_descriptors_left_leaves_nothing)
{
	struct kipc_ioc_create c = uapi_create(RING_BYTES);
	struct rlimit limit, tight;
	int control = uapi_control(), lowest = dup(control);

	must_sys(close(lowest));
	must_sys(getrlimit(RLIMIT_NOFILE, &limit));
	for (rlim_t room = 0; room < 2; room++) {
		tight = limit;
		tight.rlim_cur = (rlim_t)lowest + room;
		must_sys(setrlimit(RLIMIT_NOFILE, &tight));
		must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), -EMFILE);
		must_sys(setrlimit(RLIMIT_NOFILE, &limit));
		must_eq(dup(control), lowest);
		must_sys(close(lowest));
	}
}

Test(ioctl, create_that_cannot_answer_leaves_nothing)
{
	struct kipc_ioc_info before = { .size = sizeof(before) }, after = before;
	struct kipc_ioc_create *c =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int control = uapi_control();
	unsigned fds = uapi_count_fds();

	must(c != MAP_FAILED);
	*c = uapi_create(RING_BYTES);
	must_sys(mprotect(c, PAGE, PROT_READ));
	must_eq(uapi_call(control, KIPC_IOC_INFO, &before), 0);
	must_eq(uapi_call(control, KIPC_IOC_CREATE, c), -EFAULT);
	must_eq(uapi_count_fds(), fds);
	/* Files are given up at the return to user space, so the next call sees it. */
	must_eq(uapi_call(control, KIPC_IOC_INFO, &after), 0);
	must_eq(after.user_chans, before.user_chans);
}

/* ---- arguments of endpoint calls -------------------------------------------------------- */

Test(ioctl, fdinfo_tells_which_end_it_is)
{
	char path[64], line[128];
	unsigned seen = 0;
	struct side s;
	int fd[2];
	FILE *f;

	uapi_pair(fd);
	side_map(&s, fd[1]);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd[1]);
	f = fopen(path, "r");
	must(f);
	while (fgets(line, sizeof(line), f))
		seen += !strcmp(line, "kipc-end:\t1\n") || !strcmp(line, "kipc-state:\t1\n");
	fclose(f);
	must_eq(seen, 2);
}

Test(ioctl, wait_and_wake_refuse_what_is_malformed)
{
	const struct kipc_ioc_wait wait = { .size = sizeof(wait), .ring = 1, .deadline = 0 };
	const struct kipc_ioc_wake wake = { .size = sizeof(wake), .ring = 0 };
	struct kipc_ioc_wait bad_wait[] = { wait, wait, wait, wait, wait, wait };
	struct kipc_ioc_wake bad_wake[] = { wake, wake, wake, wake, wake };
	struct side s;
	int fd[2];

	bad_wait[0].ring = 0; /* my out ring has no data for me */
	bad_wait[1].side = KIPC_SIDE_SPACE;
	bad_wait[2].ring = 2;
	bad_wait[3].side = 2;
	bad_wait[4].flags = 1;
	bad_wait[5].deadline = -2;
	bad_wake[0].ring = 1;
	bad_wake[1].side = KIPC_SIDE_SPACE;
	bad_wake[2].ring = 2;
	bad_wake[3].side = 2;
	bad_wake[4].hint = KIPC_HINT_SAME_CPU + 1;
	uapi_pair(fd);
	side_map(&s, fd[0]);
	for (unsigned i = 0; i < 6; i++) {
		struct kipc_ioc_xchg x = { sizeof(x), 0, wake, bad_wait[i] };

		must_eq(uapi_call(s.fd, KIPC_IOC_WAIT, &bad_wait[i]), -EINVAL);
		must_eq(uapi_call(s.fd, KIPC_IOC_XCHG, &x), -EINVAL);
	}
	for (unsigned i = 0; i < 5; i++) {
		struct kipc_ioc_xchg x = { sizeof(x), 0, bad_wake[i], wait };

		must_eq(uapi_call(s.fd, KIPC_IOC_WAKE, &bad_wake[i]), -EINVAL);
		must_eq(uapi_call(s.fd, KIPC_IOC_XCHG, &x), -EINVAL);
	}
}

Test(ioctl, xchg_shutdown_and_stat_refuse_what_is_malformed)
{
	const struct kipc_ioc_xchg good = {
		.size = sizeof(good),
		.wake = { .size = sizeof(good.wake) },
		.wait = { .size = sizeof(good.wait), .ring = 1 },
	};
	struct kipc_ioc_xchg bad[] = { good, good, good, good };
	struct kipc_ioc_stat stat = { .size = sizeof(stat), .reserved = 1 };
	struct kipc_ioc_xchg x = good;
	struct side s;
	int fd[2];

	bad[0].flags = 1;
	bad[1].wake.size = 0;
	bad[2].wait.size += 8;
	bad[3].wait.flags = 1;
	uapi_pair(fd);
	side_map(&s, fd[0]);
	for (unsigned i = 0; i < 4; i++)
		must_eq(uapi_call(s.fd, KIPC_IOC_XCHG, &bad[i]), -EINVAL);
	must_eq(uapi_call(s.fd, KIPC_IOC_XCHG, &x), 0); /* position 0 is reached */
	must_eq(uapi_call(s.fd, KIPC_IOC_STAT, &stat), -EINVAL);
	must_eq(side_shutdown(&s, 0), -EINVAL);
	must_eq(side_shutdown(&s, 4), -EINVAL);
	must_eq(side_shutdown(&s, 7), -EINVAL);
	must_eq(s.status->bells[0].space.gone | s.status->bells[1].data.gone, 0);
}
