// SPDX-License-Identifier: MIT
/*
 * hold - keeps a channel of the module open until its standard input ends
 *
 * The control handle is closed at once: what keeps the module loaded are the endpoints and a
 * mapping. "ready" is printed when they exist. At the end, channels worth several times the memory
 * that this process may have are made and dropped one after the other: all of it must come back.
 *
 *   hold [USAGE]
 *
 * With the file that tells what its memory group uses, also what a leak of a hundred bytes would be seen
 * by: many small channels of both kinds, their ends owned, after which the group uses no more than before.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "kipc_dev.h"
#include "kipc_ring.h"

#define PAGE 4096

static struct kipc_ioc_create pair_of(uint64_t bytes)
{
	return (struct kipc_ioc_create){
		.size = sizeof(struct kipc_ioc_create),
		.kind = KIPC_KIND_PAIR,
		.ring_bytes = { bytes, bytes },
		.align = { 8, 8 },
		.node = { KIPC_NODE_ANY, KIPC_NODE_ANY },
	};
}

static struct kipc_ioc_create topic(void)
{
	return (struct kipc_ioc_create){
		.size = sizeof(struct kipc_ioc_create),
		.kind = KIPC_KIND_PUBSUB,
		.mode = 0600,
		.ring_bytes = { PAGE },
		.align = { 8 },
		.node = { KIPC_NODE_ANY, KIPC_NODE_ANY },
		.name = "hold",
		.role = KIPC_ROLE_PUBLISHER,
		.nr_ends = 2,
	};
}

static void create(int control, struct kipc_ioc_create c, int fd[2])
{
	if (ioctl(control, KIPC_IOC_CREATE, &c) < 0)
		err(1, "create a channel of kind %u with %llu bytes", c.kind,
		    (unsigned long long)c.ring_bytes[0]);
	fd[0] = c.fd[0];
	fd[1] = c.fd[1];
}

static void map_status(int end)
{
	struct kipc_ioc_self self = { .size = sizeof(self) };

	if (ioctl(end, KIPC_IOC_SELF, &self) < 0)
		err(1, "ask an endpoint who it is");
	if (mmap(NULL, self.status_bytes, PROT_READ, MAP_SHARED, end, 0) == MAP_FAILED)
		err(1, "map its status");
}

/* Its owner's page follows the status page. */
static void own(int end)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, end, PAGE);

	if (page == MAP_FAILED)
		err(1, "own an end");
	munmap(page, PAGE);
}

static void cycle(int control, const struct kipc_ioc_create *arg, unsigned rounds)
{
	int fd[2];

	while (rounds--) {
		create(control, *arg, fd);
		if (arg->ring_bytes[0] == PAGE)
			own(fd[0]);
		close(fd[0]);
		if (fd[1] >= 0)
			close(fd[1]);
	}
}

/* ---- what the group uses ----------------------------------------------------------------- */

static long long used(const char *usage)
{
	char text[32] = "";
	int fd = open(usage, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		err(1, "read %s", usage);
	close(fd);
	return strtoll(text, NULL, 10);
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Each CPU charges up to 64 pages ahead, and some objects are freed a while after the call. */
static void lose_nothing(int control, const char *usage, struct kipc_ioc_create arg)
{
	const unsigned rounds = 12000, slack = 768 << 10;
	time_t until = seconds() + 60;
	long long before, after;

	cycle(control, &arg, rounds / 4);
	before = used(usage);
	cycle(control, &arg, rounds);
	while ((after = used(usage)) > before + slack && seconds() < until)
		usleep(100000);
	if (after > before + slack)
		errx(1, "%u channels of kind %u leave %lld KB behind", rounds, arg.kind,
		     (after - before) >> 10);
}

static int open_control(void)
{
	int control = open(KIPC_DEV_PATH, O_RDWR | O_CLOEXEC);

	if (control < 0)
		err(1, "open %s", KIPC_DEV_PATH);
	return control;
}

static void end_here(const char *usage)
{
	const struct kipc_ioc_create large = pair_of(4 << 20);
	int control = open_control();

	cycle(control, &large, 100);
	if (usage) {
		lose_nothing(control, usage, pair_of(PAGE));
		lose_nothing(control, usage, topic());
	}
	close(control);
}

int main(int argc, char **argv)
{
	int control = open_control(), fd[2];
	char byte;

	create(control, pair_of(65536), fd);
	map_status(fd[0]);
	close(control);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	end_here(argc > 1 ? argv[1] : NULL);
	return 0;
}
