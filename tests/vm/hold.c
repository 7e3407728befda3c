// SPDX-License-Identifier: MIT
/*
 * hold - keeps a channel of the module open until its standard input ends
 *
 * The control handle is closed at once: what keeps the module loaded are the endpoints and a
 * mapping. "ready" is printed when they exist. At the end, channels worth several times the memory
 * that this process may have are made and dropped one after the other: all of it must come back.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "kipc_dev.h"
#include "kipc_ring.h"

static void create(int control, uint64_t bytes, int fd[2])
{
	struct kipc_ioc_create c = {
		.size = sizeof(c),
		.kind = KIPC_KIND_PAIR,
		.ring_bytes = { bytes, bytes },
		.align = { 8, 8 },
		.node = { KIPC_NODE_ANY, KIPC_NODE_ANY },
	};

	if (ioctl(control, KIPC_IOC_CREATE, &c) < 0)
		err(1, "create a channel of 2 x %llu bytes", (unsigned long long)bytes);
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

static void cycle(int control, unsigned rounds)
{
	int fd[2];

	while (rounds--) {
		create(control, 4 << 20, fd);
		close(fd[0]);
		close(fd[1]);
	}
}

static int open_control(void)
{
	int control = open(KIPC_DEV_PATH, O_RDWR | O_CLOEXEC);

	if (control < 0)
		err(1, "open %s", KIPC_DEV_PATH);
	return control;
}

int main(void)
{
	int control = open_control(), fd[2];
	char byte;

	create(control, 65536, fd);
	map_status(fd[0]);
	close(control);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	control = open_control();
	cycle(control, 100);
	close(control);
	return 0;
}
