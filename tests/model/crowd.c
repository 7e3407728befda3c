// SPDX-License-Identifier: MIT
#include <errno.h>
#include "os/process.h"
#include "os/vigil.h"
#include "os/wake.h"
#include "transport/hub_shm.h"
#include "transport/shm_chan.h"
#include "crowd.h"

static uint8_t memory[CROWD][8192] __attribute__((aligned(64)));
static struct kipc__hub_shm own[CROWD];
static struct kipc_ring_status status;
static struct kipc_ring_ctrl ctrl[CROWD];
static uint8_t data[32768] __attribute__((aligned(64)));

/* What the kernel knows. */
static uint32_t held[CROWD];
static bool naps;
static int64_t clock_ns;

/* The sleepers' vigils: of whose end the kernel tells, a bit for each. */
struct kipc__vigil {
	uint32_t on;
};
static struct kipc__vigil vigils[CROWD];

struct kipc__hub *kipc__model_hub(unsigned end)
{
	return (struct kipc__hub *)memory[end];
}

static void declare(void)
{
	const struct kipc_ring_bells *b = &status.bells[0];
	unsigned e;

	kipc__model_word(&b->data.armed, 4, 0);
	kipc__model_word(&b->data.gone, 4, 0);
	kipc__model_word(&b->space.armed, 4, 0);
	kipc__model_word(&b->space.gone, 4, 0);
	kipc__model_word(&status.sets.looked_at, 8, 0);
	for (e = 0; e < CROWD; e++) {
		kipc__model_word(&status.ends[e].state, 4, KIPC_END_LIVE);
		kipc__model_word(&status.ends[e].generation, 4, 0);
		kipc__model_word(&held[e], 4, 1);
		kipc__model_word(&vigils[e].on, 4, 0);
		kipc__model_word(&own[e].leash, 4, 0);
		kipc__model_word(&kipc__model_hub(e)->looked_at, 8, 0);
	}
}

static void make(unsigned end, const struct kipc__hub_kind *kind, const struct kipc__hub_plan *plan,
                 bool vigilant)
{
	struct kipc__hub *h = kipc__model_hub(end);

	memset(h, 0, sizeof(memory[end]));
	kipc__model_assert(kind->handle_bytes <= sizeof(memory[end]), "a handle is too large");
	own[end] = (struct kipc__hub_shm){ .placed = true,
		                           .epoll = { -1, -1 },
		                           .bell = { -1, -1 },
		                           .may_watch = vigilant,
		                           .rest = { { .naps = 1 }, { .naps = 1 } } };
	h->ops = *kind->ops;
	h->base.ops = &h->ops;
	h->base.wait = KIPC_WAIT_BLOCK;
	h->kind = kind;
	h->back = &kipc__hub_shm;
	h->own = &own[end];
	h->end = end;
	h->ident.nr_ends = CROWD;
	h->ident.ctrl_bytes = sizeof(ctrl[0]);
	h->geom[0] = plan->geom[0];
	h->geom[1] = plan->geom[1];
	h->data_bytes = plan->data_bytes;
	h->status = &status;
	h->ctrl = (uint8_t *)ctrl;
	h->mine = &ctrl[end];
	h->data = data;
}

void kipc__model_crowd_setup(const struct kipc__hub_kind *kind, const struct kipc__hub_plan *plan,
                             bool deaths)
{
	bool vigilant = deaths && kipc__model_rand(2);
	unsigned e;

	naps = deaths;
	clock_ns = 0;
	memset(&status, 0, sizeof(status));
	memset(ctrl, 0, sizeof(ctrl));
	memset(data, 0, sizeof(data));
	declare();
	for (e = 0; e < CROWD; e++) {
		make(e, kind, plan, vigilant);
		kipc__model_assert(kind->format(kipc__model_hub(e)) == 0, "no region");
	}
}

void kipc__model_crowd_join(unsigned end, const struct kipc__config *cfg)
{
	struct kipc__hub *h = kipc__model_hub(end);

	kipc__model_assert(h->kind->join(h, cfg) == 0, "an end does not join");
}

void kipc__model_crowd_leave(unsigned end)
{
	struct kipc__hub *h = kipc__model_hub(end);

	h->kind->leave(h);
	kipc__hub_shm_drop(h);
}

/* A sleep on two words is one on the bell here: the kernel's change of a sleeper's own word is a change of
 * that, if anybody's vigil is on this end.
 */
static void tell(uint32_t *armed)
{
	kipc__fetch_add(armed, KIPC_ARMED_EVENT);
	(void)kipc__model_futex_wake(armed, CROWD);
}

void kipc__model_crowd_die(unsigned end)
{
	uint32_t on = 0;
	unsigned e;

	kipc__model_fence(KIPC__SEQ_CST); /* a process that ends goes through the kernel */
	kipc__store_release(&held[end], 0);
	kipc__model_fence(KIPC__SEQ_CST);
	for (e = 0; e < CROWD; e++)
		on |= kipc__load_relaxed(&vigils[e].on);
	if (!(on & 1U << end))
		return;
	tell(&status.bells[0].data.armed);
	tell(&status.bells[0].space.armed);
}

/* ---- the kernel --------------------------------------------------------------------------- */

int kipc__lockfile_held(struct kipc__lockfile *f, unsigned byte, pid_t *pid)
{
	(void)f;
	*pid = (pid_t)(byte - KIPC__HUB_BYTE(0)) + 1;
	return byte == KIPC__SHM_SETUP_BYTE
	               ? 0
	               : (int)kipc__load_acquire(&held[byte - KIPC__HUB_BYTE(0)]);
}

void kipc__lockfile_drop(struct kipc__lockfile *f, unsigned byte)
{
	(void)f;
	kipc__store_release(&held[byte - KIPC__HUB_BYTE(0)], 0);
}

void kipc__region_bell_unlink(const char *name, const __u64 id[2], unsigned end)
{
	(void)name, (void)id, (void)end;
}

int kipc__futex_wait(uint32_t *word, uint32_t expected, int64_t deadline, int64_t nap)
{
	bool timed = naps && (nap != KIPC__NEVER || deadline != KIPC__NEVER);
	bool over = kipc__model_futex_wait(word, expected, timed);

	return over || (timed && nap != KIPC__NEVER) ? -ETIMEDOUT : 0;
}

void kipc__futex_wake(uint32_t *word)
{
	(void)kipc__model_futex_wake(word, CROWD);
}

unsigned kipc__futex_wake_some(uint32_t *word, unsigned n)
{
	return kipc__model_futex_wake(word, n);
}

int64_t kipc__now(void)
{
	return 0;
}

/* It is always time for a look. */
int64_t kipc__now_coarse(void)
{
	clock_ns += naps ? 1000 * 1000 * 1000 : 0;
	return clock_ns;
}

int64_t kipc__deadline(int64_t timeout)
{
	return timeout < 0 ? KIPC__NEVER : timeout;
}

void kipc__why_set(const char *fmt, ...)
{
	(void)fmt;
}

/* ---- vigils ------------------------------------------------------------------------------- */

int kipc__region_bell_watch(int *fd, const char *name, const __u64 id[2], unsigned number)
{
	(void)name, (void)id, (void)number;
	*fd = -1;
	return 0;
}

void kipc__fd_close(int fd)
{
	(void)fd;
}

struct kipc__process *kipc__process_watch(pid_t pid)
{
	return (struct kipc__process *)(uintptr_t)pid;
}

int kipc__process_fd(const struct kipc__process *p)
{
	return (int)(uintptr_t)p;
}

void kipc__process_leave(struct kipc__process *p)
{
	(void)p;
}

/* Whose word it is says who sleeps. */
int kipc__vigil_open(struct kipc__vigil **out, const struct pollfd *what, unsigned n,
                     uint32_t *word)
{
	unsigned e = (unsigned)(((uintptr_t)word - (uintptr_t)own) / sizeof(own[0]));
	uint32_t on = 0;

	for (; n; n -= 2)
		on |= 1U << (what[n - 1].fd - 1);
	kipc__store_relaxed(&vigils[e].on, on);
	kipc__model_fence(KIPC__SEQ_CST);
	*out = &vigils[e];
	return 0;
}

bool kipc__vigil_stands(const struct kipc__vigil *v)
{
	uint32_t on = kipc__load_relaxed(&v->on);
	unsigned e;

	for (e = 0; e < CROWD; e++)
		if ((on & 1U << e) && !kipc__load_acquire(&held[e]))
			return false;
	return true;
}

int kipc__vigil_sleep(uint32_t *mine, uint32_t expected_mine, uint32_t *shared, uint32_t expected,
                      int64_t deadline)
{
	unsigned e = (unsigned)(((uintptr_t)mine - (uintptr_t)own) / sizeof(own[0]));

	(void)expected_mine;
	if (kipc__vigil_stands(&vigils[e]) &&
	    kipc__model_futex_wait(shared, expected, naps && deadline != KIPC__NEVER))
		return -ETIMEDOUT;
	return 0;
}

void kipc__vigil_close(struct kipc__vigil *v)
{
	if (v)
		kipc__store_relaxed(&v->on, 0);
}
