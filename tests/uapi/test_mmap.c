// SPDX-License-Identifier: MIT
/*
 * Who may map what, and what a mapping cannot be turned into.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "uapi.h"

TestSuite(mmap, .init = harness_begin);

enum { STATUS, CTRL0, CTRL1, DATA0, DATA1, AREAS };

struct area {
	uint64_t offset, bytes;
	int writer; /* end, -1: none */
};

static void list_areas(int fd, struct area area[AREAS])
{
	struct kipc_ioc_self self = { .size = sizeof(self) };
	const struct kipc_ring_status *status;
	void *at;

	must_eq(uapi_call(fd, KIPC_IOC_SELF, &self), 0);
	must_eq(uapi_map(fd, 0, self.status_bytes, PROT_READ, MAP_SHARED, &at), 0);
	status = at;
	area[STATUS] = (struct area){ 0, self.status_bytes, -1 };
	for (int e = 0; e < 2; e++) {
		uint64_t bytes = status->ident.ctrl_bytes;

		area[CTRL0 + e] = (struct area){ status->ident.ctrl_off + e * bytes, bytes, e };
		area[DATA0 + e] =
			(struct area){ status->geom[e].data_off, 2 * status->geom[e].bytes, e };
	}
	must_sys(munmap(at, self.status_bytes));
}

/* ---- what mmap grants ------------------------------------------------------------------- */

/* On a pair of its own, because mapping one's control area changes the end. */
static int try_map(unsigned end, unsigned which, int prot, int flags)
{
	struct area area[AREAS];
	int fd[2], rc;

	uapi_pair(fd);
	list_areas(fd[end], area);
	rc = uapi_map(fd[end], area[which].offset, area[which].bytes, prot, flags, NULL);
	must_sys(close(fd[0]));
	must_sys(close(fd[1]));
	return rc;
}

static int expect_map(unsigned end, unsigned which, int prot)
{
	static const int writer[AREAS] = { -1, 0, 1, 0, 1 };

	if (prot & PROT_EXEC)
		return -EACCES;
	return (prot & PROT_WRITE) && writer[which] != (int)end ? -EACCES : 0;
}

Test(mmap, every_area_is_granted_by_role)
{
	for (unsigned end = 0; end < 2; end++)
		for (unsigned which = 0; which < AREAS; which++)
			for (int prot = 0; prot <= (PROT_READ | PROT_WRITE | PROT_EXEC); prot++) {
				must_eq(try_map(end, which, prot, MAP_SHARED),
				        expect_map(end, which, prot));
				must_eq(try_map(end, which, prot, MAP_PRIVATE), -EINVAL);
			}
}

Test(mmap, only_whole_areas_at_their_offsets)
{
	struct area area[AREAS];
	int fd[2];

	uapi_pair(fd);
	list_areas(fd[0], area);
	for (unsigned i = 0; i < AREAS; i++) {
		const struct area *a = &area[i];
		const struct {
			uint64_t offset, bytes;
		} bad[] = {
			{ a->offset, a->bytes + 4096 },
			{ a->offset, a->bytes * 2 },
			{ a->offset + 4096, a->bytes },
			{ a->offset + (1ULL << 40), a->bytes },
			{ a->offset, (a->bytes / 2 + 4095) & ~4095ULL },
			{ a->offset, 3 * 4096 },
		};

		for (unsigned k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			bool good = false;

			for (unsigned j = 0; j < AREAS; j++)
				good |= bad[k].offset == area[j].offset &&
				        bad[k].bytes == area[j].bytes;
			if (!good)
				must_eq(uapi_map(fd[0], bad[k].offset, bad[k].bytes, PROT_READ,
				                 MAP_SHARED, NULL),
				        -EINVAL);
		}
	}
	must_eq(uapi_map(fd[0], 0, 12 * 4096 + 4 * RING_BYTES, PROT_READ, MAP_SHARED, NULL),
	        -EINVAL);
	must_eq(uapi_map(fd[0], 0, 0, PROT_READ, MAP_SHARED, NULL), -EINVAL);
}

/* ---- what a mapping cannot become ------------------------------------------------------- */

static int protect(void *at, uint64_t bytes, int prot)
{
	return mprotect(at, bytes, prot) ? -errno : 0;
}

Test(mmap, mprotect_cannot_raise_what_mmap_gave)
{
	struct area area[AREAS];
	int fd[2];

	uapi_pair(fd);
	list_areas(fd[0], area);
	for (unsigned i = 0; i < AREAS; i++) {
		void *at;

		must_eq(uapi_map(fd[0], area[i].offset, area[i].bytes, PROT_READ, MAP_SHARED, &at),
		        0);
		must_eq(protect(at, area[i].bytes, PROT_READ | PROT_WRITE), -EACCES);
		must_eq(protect(at, area[i].bytes, PROT_WRITE), -EACCES);
		must_eq(protect(at, area[i].bytes, PROT_READ | PROT_EXEC), -EACCES);
		must_eq(protect(at, area[i].bytes, PROT_NONE), 0);
		must_eq(protect(at, area[i].bytes, PROT_READ), 0);
		must_sys(munmap(at, area[i].bytes));
	}
}

Test(mmap, mprotect_may_lower_and_restore)
{
	struct side s;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	must_eq(protect(s.own, 4096, PROT_READ), 0);
	must_eq(protect(s.own, 4096, PROT_READ | PROT_WRITE), 0);
	s.own->prod.pos = 8;
	must_eq(protect(s.own, 4096, PROT_READ | PROT_WRITE | PROT_EXEC), -EACCES);
	must_eq(protect(s.out, 2 * RING_BYTES, PROT_READ), 0);
	must_eq(protect(s.out, 2 * RING_BYTES, PROT_READ | PROT_WRITE), 0);
	s.out[0] = 1;
	must_eq(s.status->ends[0].state, KIPC_END_LIVE);
}

static void refuse_reshape(uint8_t *at, uint64_t bytes)
{
	void *elsewhere;

	must(mremap(at, bytes, 2 * bytes, 0) == MAP_FAILED);
	must(mremap(at, bytes, 2 * bytes, MREMAP_MAYMOVE) == MAP_FAILED);
	elsewhere = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(elsewhere != MAP_FAILED);
	must(mremap(at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == MAP_FAILED);
	/* A second mapping of the same pages. */
	must(mremap(at, 0, bytes, MREMAP_MAYMOVE) == MAP_FAILED);
	must(mremap(at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) == MAP_FAILED);
	if (bytes == 4096)
		return;
	must(mremap(at, bytes, bytes - 4096, 0) == MAP_FAILED);
	must(munmap(at, 4096) < 0);
	must(munmap(at + bytes - 4096, 4096) < 0);
	must_eq(protect(at + 4096, 4096, PROT_NONE), -EINVAL);
	must(mmap(at + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	     MAP_FAILED);
}

Test(mmap, cannot_grow_move_shrink_or_split)
{
	struct side s, peer;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	side_map(&peer, fd[1]);
	refuse_reshape((uint8_t *)s.status, 4096);
	refuse_reshape((uint8_t *)s.own, 4096);
	refuse_reshape((uint8_t *)s.other, 4096);
	refuse_reshape(s.out, 2 * RING_BYTES);
	refuse_reshape((uint8_t *)s.in, 2 * RING_BYTES);

	/* Everything is as it was. */
	must_eq(s.status->ends[0].state, KIPC_END_LIVE);
	memset(s.out, 0x5a, RING_BYTES);
	s.own->prod.pos = RING_BYTES;
	must_eq(peer.other->prod.pos, RING_BYTES);
	must_eq(peer.in[0], 0x5a);
	must_eq(peer.in[2 * RING_BYTES - 1], 0x5a);
}

/* ---- what the memory is ----------------------------------------------------------------- */

Test(mmap, data_is_seen_twice_and_by_both)
{
	struct side s, peer;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	side_map(&peer, fd[1]);
	for (unsigned i = 0; i < RING_BYTES; i += 8)
		*(uint64_t *)(s.out + i) = i;
	must_eq(memcmp(s.out, s.out + RING_BYTES, RING_BYTES), 0);
	must_eq(memcmp(peer.in, s.out, 2 * RING_BYTES), 0);
	s.out[RING_BYTES + 5] = 77;
	must_eq(peer.in[5], 77);
	/* Across the seam in one piece. */
	memcpy(s.out + RING_BYTES - 3, "seam", 4);
	must_eq(peer.in[0], 'm');
	/* The other direction is other memory. */
	must_eq(s.in[5], 0);
}

Test(mmap, forgotten_pages_come_back_with_their_content)
{
	struct side s;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	memset(s.out, 7, RING_BYTES);
	s.own->prod.pos = 64;
	must_sys(madvise(s.out, 2 * RING_BYTES, MADV_DONTNEED));
	must_sys(madvise(s.own, 4096, MADV_DONTNEED));
	must_sys(madvise((void *)s.status, 4096, MADV_DONTNEED));
	must_eq(s.out[RING_BYTES + 100], 7);
	must_eq(s.own->prod.pos, 64);
	must_eq(s.status->ident.magic, KIPC_RING_MAGIC);
	s.out[0] = 8;
	must_eq(s.out[RING_BYTES], 8);
}

Test(mmap, memory_outlives_its_files)
{
	struct side s, peer;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	side_map(&peer, fd[1]);
	must_sys(close(fd[0]));
	must_sys(close(fd[1]));
	s.out[9] = 9;
	must_eq(peer.in[9], 9);
	must_eq(peer.status->ends[0].state, KIPC_END_LIVE);
	must_eq(peer.status->ends[1].state, KIPC_END_LIVE);
	side_unmap_own(&s);
	must_eq(peer.status->ends[0].state, KIPC_END_DEAD);
	must_eq(peer.status->ends[1].state, KIPC_END_LIVE);
}

Test(mmap, system_calls_may_use_it_as_a_buffer)
{
	struct side s, peer;
	int fd[2], through[2];
	struct iovec from, to;
	char copy[8] = "";

	uapi_pair(fd);
	side_map(&s, fd[0]);
	side_map(&peer, fd[1]);
	must_sys(pipe(through));
	must_eq(write(through[1], "message", 8), 8);
	must_eq(read(through[0], s.out + 16, 8), 8);
	must_eq(write(through[1], peer.in + 16, 8), 8);
	must_eq(read(through[0], copy, 8), 8);
	must_eq(strcmp(copy, "message"), 0);
	from = (struct iovec){ (void *)(peer.in + 16), 8 };
	to = (struct iovec){ s.out + 32, 8 };
	must_eq(process_vm_readv(getpid(), &to, 1, &from, 1, 0), 8);
	must_eq(memcmp(peer.in + 32, "message", 8), 0);
	/* The kernel writes no more than the mapping allows. */
	must_eq(write(through[1], "message", 8), 8);
	must_eq(read(through[0], (void *)(s.in + 16), 8), -1);
	must_eq(errno, EFAULT);
}

Test(mmap, a_debugger_cannot_write_what_is_read_only)
{
	int fd[2], mem = (int)must_sys(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	struct side s;
	uint32_t forged = 1;

	uapi_pair(fd);
	side_map(&s, fd[0]);
	must(pwrite(mem, &forged, 4, (off_t)(uintptr_t)&s.status->bells[0].data.armed) < 0);
	must(pwrite(mem, &forged, 4, (off_t)(uintptr_t)s.in) < 0);
	must_eq(s.status->bells[0].data.armed, 0);
	must_eq(s.in[0], 0);
}

/* The flags that /proc shows: not copied at fork, not dumped, not expanded. */
Test(mmap, is_not_dumped_and_not_inherited)
{
	char line[256], start[32];
	struct side s;
	bool inside = false, seen = false;
	FILE *f = fopen("/proc/self/smaps", "r");
	int fd[2];

	must(f);
	uapi_pair(fd);
	side_map(&s, fd[0]);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)s.out);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, start, strlen(start)) == 0)
			inside = true;
		if (!inside || strncmp(line, "VmFlags:", 8))
			continue;
		must(strstr(line, " dc") && strstr(line, " dd") && strstr(line, " de"));
		seen = true;
		break;
	}
	must(seen);
	fclose(f);
}

/* ---- fork and other processes ----------------------------------------------------------- */

static void touch(struct peer *me, void *arg)
{
	(void)me;
	_exit(*(volatile uint8_t *)arg);
}

Test(mmap, a_forked_child_does_not_have_it)
{
	struct side s;
	struct peer child;
	int fd[2], status;

	uapi_pair(fd);
	side_map(&s, fd[0]);
	peer_start(&child, touch, s.out);
	must_eq(waitpid(child.pid, &status, 0), child.pid);
	must(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	must_eq(s.status->ends[0].state, KIPC_END_LIVE);
}

static void unmap_copy(struct peer *me, void *arg)
{
	struct side *s = arg;

	(void)me;
	must_eq(s->own->prod.pos, 24);
	must_eq(side_wake(s, KIPC_SIDE_DATA), -EPERM);
	must_sys(munmap(s->own, 4096));
}

/* madvise can insist on inheritance; it makes nobody an owner. */
Test(mmap, a_copy_that_was_insisted_on_owns_nothing)
{
	struct side s;
	struct peer child;
	int fd[2];

	uapi_pair(fd);
	side_map(&s, fd[0]);
	s.own->prod.pos = 24;
	must_sys(madvise(s.own, 4096, MADV_DOFORK));
	peer_start(&child, unmap_copy, &s);
	peer_end(&child);
	peer_start(&child, unmap_copy, &s);
	peer_end(&child);
	must_eq(s.status->ends[0].state, KIPC_END_LIVE);
	must_eq(side_wake(&s, KIPC_SIDE_DATA), 0);
	side_unmap_own(&s);
	must_eq(s.status->ends[0].state, KIPC_END_DEAD);
}

static void map_owned(struct peer *me, void *arg)
{
	int fd = *(int *)arg;
	struct area area[AREAS];
	const int rw = PROT_READ | PROT_WRITE;

	(void)me;
	list_areas(fd, area);
	must_eq(uapi_map(fd, area[CTRL0].offset, area[CTRL0].bytes, rw, MAP_SHARED, NULL), -EBUSY);
	must_eq(uapi_map(fd, area[DATA0].offset, area[DATA0].bytes, rw, MAP_SHARED, NULL), -EBUSY);
	must_eq(uapi_map(fd, area[CTRL1].offset, area[CTRL1].bytes, rw, MAP_SHARED, NULL), -EACCES);
	for (unsigned i = 0; i < AREAS; i++)
		must_eq(uapi_map(fd, area[i].offset, area[i].bytes, PROT_READ, MAP_SHARED, NULL),
		        0);
}

Test(mmap, a_live_end_has_one_owner)
{
	struct side s;
	struct peer child;
	int fd[2];
	void *again;

	uapi_pair(fd);
	side_map(&s, fd[0]);
	must_eq(s.status->ends[0].state, KIPC_END_LIVE);
	must_eq(s.status->ends[0].generation, 1);
	must_eq(s.status->ends[1].state, KIPC_END_FREE);
	must_eq(s.status->ends[1].generation, 0);
	peer_start(&child, map_owned, &fd[0]);
	peer_end(&child);

	/* The owner may have it twice; the last one counts. */
	must_eq(uapi_map(fd[0], s.status->ident.ctrl_off, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
	                 &again),
	        0);
	side_unmap_own(&s);
	must_eq(s.status->ends[0].state, KIPC_END_LIVE);
	must_sys(munmap(again, 4096));
	must_eq(s.status->ends[0].state, KIPC_END_DEAD);
}

Test(mmap, reading_ones_control_area_is_no_ownership)
{
	struct area area[AREAS];
	struct side s;
	int fd[2];
	void *at;

	uapi_pair(fd);
	list_areas(fd[0], area);
	must_eq(uapi_map(fd[0], area[CTRL0].offset, area[CTRL0].bytes, PROT_READ, MAP_SHARED, &at),
	        0);
	side_map(&s, fd[1]);
	must_eq(s.status->ends[0].state, KIPC_END_FREE);
	must_sys(munmap(at, area[CTRL0].bytes));
	must_eq(s.status->ends[0].state, KIPC_END_FREE);
}
