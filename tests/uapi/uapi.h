/* SPDX-License-Identifier: MIT */
/*
 * uapi.h - the device contract, spoken by hand
 *
 * Nothing here knows the library. Results are 0 or a negative errno. A side is an end that this
 * process has mapped whole.
 */
#ifndef UAPI_H
#define UAPI_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include "kipc_dev.h"
#include "kipc_ring.h"
#include "../harness.h"

#define RING_BYTES 65536U

/* A length of time in which somebody who was told to do something does it. */
#define SOON (30 * SEC)

struct side {
	int fd;
	unsigned end;
	const struct kipc_ring_status *status;
	struct kipc_ring_ctrl *own;
	const struct kipc_ring_ctrl *other;
	uint8_t *out;
	const uint8_t *in;
};

/* An open control handle; skips the test where there is no device. */
int uapi_control(void);

/* Any call with a struct, or with NULL. */
int uapi_call(int fd, unsigned long cmd, void *arg);

/* What a good CREATE looks like. */
struct kipc_ioc_create uapi_create(uint64_t bytes);

/* An anonymous pair; with its first positions. */
void uapi_pair(int fd[2]);
void uapi_pair_at(int fd[2], uint64_t start0, uint64_t start1);

/* One area: 0 or -errno; *at may be NULL. */
int uapi_map(int fd, uint64_t offset, uint64_t bytes, int prot, int flags, void **at);

/* How many descriptors this process has open. */
unsigned uapi_count_fds(void);

/* Both ends in one process. */
struct both {
	struct side s[2];
};

void both_map(struct both *b, uint64_t start0, uint64_t start1);

void side_map(struct side *s, int fd);
void side_unmap_own(struct side *s);

static inline unsigned side_in(const struct side *s)
{
	return 1 - s->end;
}

static inline unsigned side_out(const struct side *s)
{
	return s->end;
}

/* The bell where this side sleeps, and the one that it rings. */
const struct kipc_ring_bell *side_bell(const struct side *s, unsigned which);
const struct kipc_ring_bell *side_peer_bell(const struct side *s, unsigned which);

int side_wait(const struct side *s, unsigned which, uint64_t position, int64_t deadline);
int side_wake(const struct side *s, unsigned which);
int side_xchg(const struct side *s, uint64_t position, unsigned hint, int64_t deadline);
int side_shutdown(const struct side *s, unsigned dirs);
struct kipc_ioc_peer side_peer(const struct side *s);
struct kipc_ioc_stat side_stat(const struct side *s);

/* prod or cons, and the full fence (F). */
void side_move(struct side *s, unsigned which, uint64_t position);

/* Until somebody is armed behind a bell with all of these bits. */
void await_armed(const struct kipc_ring_bell *bell, uint32_t bits);

/* Until an end is in this state. */
void await_state(const struct side *s, unsigned end, uint32_t state);

/* What poll(2) says at once. */
short poll_now(int fd, short events);

/* An epoll that watches one file. */
int epoll_of(int fd, uint32_t events);

/* A poll by IOCB_CMD_POLL: 0 or -errno; and what it says in the end. */
struct uapi_aio {
	unsigned long ctx;
};

int uapi_aio_poll(struct uapi_aio *a, int fd, short events);
short uapi_aio_end(struct uapi_aio *a);

/* A thread that sleeps in an epoll until it hears something: the kernel counts it as somebody
 * who was woken.
 */
struct listener {
	int ep;
	uint32_t heard;
	pid_t tid;
	pthread_t thread;
};

void listener_start(struct listener *l, int fd, uint32_t events);
uint32_t listener_end(struct listener *l);

#endif /* UAPI_H */
