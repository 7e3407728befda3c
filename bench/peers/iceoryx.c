// SPDX-License-Identifier: MIT
/*
 * iceoryx.c - iceoryx: a publisher and a subscriber in each process, no message dropped
 *
 * It needs its daemon. Each repetition has one of its own, with memory for this size only, and it goes
 * when the first process does: a daemon that outlives processes keeps what they had registered.
 */
#include <iceoryx_binding_c/enums.h>
#include <iceoryx_binding_c/log.h>
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/types.h>
#include <iceoryx_binding_c/wait_set.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../bench.h"

struct own {
	iox_pub_storage_t pub_store;
	iox_sub_storage_t sub_store;
	iox_ws_storage_t ws_store;
	iox_pub_t pub;
	iox_sub_t sub;
	iox_ws_t ws;
	void *out;
	const void *in;
};

/* How far a sender may be ahead. */
static unsigned int depth(size_t size)
{
	return size < 1 << 20 ? 64 : 4;
}

/* Nobody's file: the daemon reads its configuration from a descriptor. */
static int write_config(struct pair *p)
{
	int fd = memfd_create("roudi.toml", 0);

	if (fd < 0 ||
	    dprintf(fd,
	            "[general]\nversion = 1\n[[segment]]\n[[segment.mempool]]\nsize = %zu\n"
	            "count = %u\n",
	            (p->cell.size + 7) & ~(size_t)7, 2 * depth(p->cell.size) + 32) < 0)
		return bench_fail(p, -errno, "configuration: %m");
	return fd;
}

static _Noreturn void run_daemon(struct pair *p, int config)
{
	char path[64];
	int null;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", config);
	null = memfd_create("said", MFD_CLOEXEC);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execlp("iox-roudi", "iox-roudi", "-c", path, "-m", "off", "-l", "fatal", (char *)NULL);
	bench_fail(p, -errno, "iox-roudi: %m");
	_exit(127);
}

static int setup(struct pair *p)
{
	int config = write_config(p);
	pid_t daemon;

	if (config < 0)
		return config;
	daemon = fork();
	if (daemon == 0)
		run_daemon(p, config);
	close(config);
	return daemon < 0 ? bench_fail(p, -errno, "fork: %m") : 0;
}

static void make_publisher(struct own *own, int who)
{
	iox_pub_options_t options;

	iox_pub_options_init(&options);
	options.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
	own->pub = iox_pub_init(&own->pub_store, "kipc", "bench", who ? "back" : "there", &options);
}

static void make_subscriber(struct own *own, int who, size_t size)
{
	iox_sub_options_t options;

	iox_sub_options_init(&options);
	options.queueCapacity = depth(size);
	options.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
	own->sub = iox_sub_init(&own->sub_store, "kipc", "bench", who ? "there" : "back", &options);
}

static int join(struct side *s)
{
	struct own *own = bench_buffer(s, sizeof(*own));
	char name[64];

	if (!own)
		return -ENOMEM;
	s->own = own;
	snprintf(name, sizeof(name), "kipc-bench-%d", s->who);
	iox_set_loglevel(Iceoryx_LogLevel_Off);
	iox_runtime_init(name);
	make_publisher(own, s->who);
	make_subscriber(own, s->who, s->cell->size);
	if (!s->spin) {
		own->ws = iox_ws_init(&own->ws_store);
		iox_ws_attach_subscriber_state(own->ws, own->sub, SubscriberState_HAS_DATA, 0,
		                               NULL);
	}
	while (iox_sub_get_subscription_state(own->sub) != SubscribeState_SUBSCRIBED ||
	       !iox_pub_has_subscribers(own->pub)) {
		if (atomic_load(&s->pair->failed))
			return -EPIPE;
		sched_yield();
	}
	return 0;
}

static void leave(struct side *s)
{
	struct own *own = s->own;

	if (own->ws)
		iox_ws_deinit(own->ws);
	iox_sub_deinit(own->sub);
	iox_pub_deinit(own->pub);
	iox_runtime_shutdown();
}

static int reserve(struct side *s, void **at, unsigned int n)
{
	struct own *own = s->own;
	enum iox_AllocationResult r;

	(void)n;
	while ((r = iox_pub_loan_chunk(own->pub, &own->out, s->cell->size)) ==
	       AllocationResult_RUNNING_OUT_OF_CHUNKS)
		cpu_relax();
	if (r != AllocationResult_SUCCESS)
		return bench_fail(s->pair, -EIO, "iox_pub_loan_chunk failed (%d)", (int)r);
	at[0] = own->out;
	return 1;
}

static int commit(struct side *s, unsigned int n)
{
	struct own *own = s->own;

	(void)n;
	iox_pub_publish_chunk(own->pub, own->out);
	return 0;
}

static void await_data(struct own *own)
{
	iox_notification_info_t info[1];
	uint64_t missed;

	if (own->ws)
		iox_ws_wait(own->ws, info, 1, &missed);
	else
		cpu_relax();
}

static int peek(struct side *s, void **at, unsigned int n)
{
	struct own *own = s->own;
	enum iox_ChunkReceiveResult r;

	(void)n;
	while ((r = iox_sub_take_chunk(own->sub, &own->in)) ==
	       ChunkReceiveResult_NO_CHUNK_AVAILABLE)
		await_data(own);
	if (r != ChunkReceiveResult_SUCCESS)
		return bench_fail(s->pair, -EIO, "iox_sub_take_chunk failed (%d)", (int)r);
	at[0] = (void *)own->in;
	return 1;
}

static int release(struct side *s, unsigned int n)
{
	struct own *own = s->own;

	(void)n;
	iox_sub_release_chunk(own->sub, own->in);
	return 0;
}

static int send_message(struct side *s, const void *buf)
{
	void *at[1];
	int r = reserve(s, at, 1);

	if (r < 0)
		return r;
	memcpy(at[0], buf, s->cell->size);
	return commit(s, 1);
}

static int recv_message(struct side *s, void *buf)
{
	void *at[1];
	int r = peek(s, at, 1);

	if (r < 0)
		return r;
	memcpy(buf, at[0], s->cell->size);
	return release(s, 1);
}

extern const struct mech peer_iceoryx;
const struct mech peer_iceoryx = {
	.name = "peer:iceoryx",
	.setup = setup,
	.join = join,
	.leave = leave,
	.send = send_message,
	.recv = recv_message,
	.reserve = reserve,
	.commit = commit,
	.peek = peek,
	.release = release,
};
