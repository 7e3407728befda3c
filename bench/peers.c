// SPDX-License-Identifier: MIT
/* peers.c - other libraries' ways to do what libkipc does; see peers.h */
#include "peers.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

struct peer {
	struct mech mech; /* first: the plan knows only this */
	const char *file; /* bench/peers/FILE.c */
	const char *symbol;
	const char *package;
	char absent[BENCH_WHY_MAX];
};

static int setup(struct pair *p);
static void remove_socket(struct pair *p);

#define SPIN  BIT(WAIT_SPIN)
#define BLOCK BIT(WAIT_BLOCK)
#define PEER(name_, about_, waits_, file_, symbol_, package_)          \
	{                                                              \
		.mech = { .name = name_,                               \
			  .about = about_,                             \
			  .waits = waits_,                             \
			  .setup = setup,                              \
			  .remove = remove_socket },                   \
		.file = file_, .symbol = symbol_, .package = package_, \
	}

static struct peer peers[] = {
	PEER("peer:ck_ring", "Concurrency Kit's ring, values copied, SPSC", SPIN, "ck_ring",
	     "peer_ck_ring", "libck-dev"),
	PEER("peer:rte_ring", "DPDK's rte_ring_elem, one producer and one consumer, no EAL", SPIN,
	     "rte_ring", "peer_rte_ring", "libdpdk-dev"),
	PEER("peer:rte_ring-mpmc", "DPDK's rte_ring_elem, many producers and consumers, no EAL",
	     SPIN, "rte_ring", "peer_rte_ring_mpmc", "libdpdk-dev"),
	PEER("peer:boost-mq", "Boost.Interprocess message_queue", SPIN | BLOCK, "boost_mq",
	     "peer_boost_mq", "libboost-dev"),
	PEER("peer:zeromq", "ZeroMQ PAIR sockets over ipc://", SPIN | BLOCK, "zeromq",
	     "peer_zeromq", "libzmq3-dev"),
	PEER("peer:nng", "nng pair0 sockets over ipc://", SPIN | BLOCK, "nng", "peer_nng",
	     "libnng-dev"),
	PEER("peer:iceoryx", "iceoryx publisher and subscriber, blocking producer", SPIN | BLOCK,
	     "iceoryx", "peer_iceoryx", "libiceoryx-binding-c-dev"),
	PEER("peer:libfabric-shm", "libfabric's shm provider, messages", SPIN, "libfabric",
	     "peer_libfabric", "libfabric-dev"),
	PEER("peer:ucx", "UCX tagged messages over its shared memory transports", SPIN | BLOCK,
	     "ucx", "peer_ucx", "libucx-dev"),
};

static const char *drivers;

static void driver_path(const struct peer *x, char *path, size_t room)
{
	snprintf(path, room, "%s/%s.so", drivers, x->file);
}

int peers_add(const char *folder)
{
	char path[4096];
	int r = 0;

	drivers = folder;
	for (size_t i = 0; i < sizeof(peers) / sizeof(*peers) && r == 0; i++) {
		struct peer *x = &peers[i];

		driver_path(x, path, sizeof(path));
		if (access(path, R_OK) < 0) {
			snprintf(x->absent, sizeof(x->absent), "its package %s is not installed",
			         x->package);
			x->mech.absent = x->absent;
		}
		r = mechs_add(&x->mech);
	}
	return r;
}

void peers_socket(const struct pair *p, char *path, size_t room)
{
	snprintf(path, room, "/tmp/kipc-bench-%d.sock", (int)p->pid[0]);
}

static void remove_socket(struct pair *p)
{
	char path[64];

	peers_socket(p, path, sizeof(path));
	unlink(path);
}

/* In the first process: from here on both processes use the driver's own table. */
static int setup(struct pair *p)
{
	const struct peer *x = (const struct peer *)p->cell.mech;
	const struct mech *driver;
	char path[4096];
	void *lib;

	driver_path(x, path, sizeof(path));
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	driver = lib ? dlsym(lib, x->symbol) : NULL;
	if (!driver)
		return bench_fail(p, -ENOENT, "%s", dlerror());
	p->cell.mech = driver;
	return driver->setup ? driver->setup(p) : 0;
}
