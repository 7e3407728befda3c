// SPDX-License-Identifier: MIT
#include "os/wake.h"
#include "pair.h"

#define PATTERN(number, word) (0xaa00000000000000ULL + (number)*256ULL + (word))

struct kipc__shm_chan kipc__model_end[2];
bool kipc__model_naps;

static struct kipc_ring_status status;
static struct kipc_ring_ctrl ctrl[2];
static uint8_t data[2][2 * PAIR_BYTES];

/* What the kernel knows: life locks, and what lies in the descriptors that end e polls. */
static uint32_t held[2];
static uint32_t letters[2], latch[2], events[2];

/* ---- the ends --------------------------------------------------------------------------- */

static const struct kipc__ring_back back = {
	.park = kipc__shm_park,
	.wake = kipc__shm_wake,
	.idle = kipc__shm_idle,
	.look = kipc__shm_glance,
	.shut = kipc__shm_shut,
	.early = true,
	.look_every = 2,
};

static void declare_bell(const struct kipc_ring_bell *b)
{
	kipc__model_word(&b->armed, 4, 0);
	kipc__model_word(&b->gone, 4, 0);
}

static void declare(unsigned e)
{
	kipc__model_word(&ctrl[e].prod.pos, 8, 0);
	kipc__model_word(&ctrl[e].cons.pos, 8, 0);
	kipc__model_word(&ctrl[e].hints.data_at, 8, 0);
	kipc__model_word(&ctrl[e].hints.space_at, 8, 0);
	kipc__model_word(&ctrl[e].hints.fence, 4, 0);
	kipc__model_word(&ctrl[e].hints.cpu, 4, 0);
	kipc__model_word(&ctrl[e].growth.at, 8, 0);
	kipc__model_word(&ctrl[e].growth.len, 8, 0);
	kipc__model_word(&ctrl[e].growth.done, 8, 0);
	kipc__model_word(&ctrl[e].growth.follows, 8, 0);
	declare_bell(&status.bells[e].data);
	declare_bell(&status.bells[e].space);
	kipc__model_word(&status.ends[e].state, 4, KIPC_END_LIVE);
	kipc__model_word(&status.ends[e].generation, 4, 0);
	kipc__model_word(&held[e], 4, 1);
	kipc__model_word(&letters[e], 4, 0);
	kipc__model_word(&latch[e], 4, 0);
	kipc__model_word(&events[e], 4, 0);
}

static void attach(unsigned e, unsigned wait)
{
	struct kipc__shm_chan *s = &kipc__model_end[e];
	struct kipc__config cfg = { .wait = wait, .name = "" };
	struct kipc__ring_chan *c = &s->ring;
	unsigned i;

	*s = (struct kipc__shm_chan){ .sock = -1, .watch = 0 };
	kipc__ring_base_init(c, NULL, &back, &cfg);
	kipc__model_word(&c->fault, sizeof(c->fault), 0);
	kipc__model_word(&c->base.open, sizeof(c->base.open), KIPC_IN | KIPC_OUT);
	kipc__model_word(&c->polled[0], sizeof(c->polled[0]), 0);
	kipc__model_word(&c->polled[1], sizeof(c->polled[1]), 0);
	kipc__model_word(&s->met, sizeof(s->met), 0);
	kipc__model_word(&s->watch, sizeof(s->watch), 0);
	kipc__model_word(&s->blind, sizeof(s->blind), 0);
	kipc__model_word(&s->looked_at, sizeof(s->looked_at), 0);
	c->end = e;
	c->may_fence = true;
	c->status = &status;
	for (i = 0; i < 2; i++) {
		c->geom[i] = (struct kipc_ring_geom){ .bytes = PAIR_BYTES, .align = 8 };
		c->ctrl[i] = &ctrl[i];
		c->data[i] = data[i];
	}
	kipc__model_assert(kipc__ring_base_begin(c) == 0, "the ends do not begin");
}

void kipc__model_pair_setup(unsigned wait)
{
	unsigned e;

	kipc__model_naps = false;
	kipc__model_area(data[0], PAIR_BYTES, false);
	for (e = 0; e < 2; e++)
		declare(e);
	for (e = 0; e < 2; e++)
		attach(e, wait);
}

/* ---- messages --------------------------------------------------------------------------- */

int kipc__model_send_words(unsigned number, unsigned words)
{
	uint64_t payload[PAIR_WORDS];
	unsigned i;

	for (i = 0; i < words; i++)
		payload[i] = PATTERN(number, i);
	return kipc__ring_one_send(&kipc__model_end[0].ring.base, payload, 8 * (size_t)words, -1);
}

int kipc__model_send(unsigned number)
{
	return kipc__model_send_words(number, kipc__model_rand(2) ? 1 : PAIR_WORDS);
}

int kipc__model_recv_words(unsigned number, int64_t timeout)
{
	uint64_t payload[PAIR_WORDS];
	ssize_t i, len = kipc__ring_one_recv(&kipc__model_end[1].ring.base, payload,
	                                     sizeof(payload), timeout);

	for (i = 0; i < len / 8; i++)
		kipc__model_assert(payload[i] == PATTERN(number, (unsigned)i), "not what was sent");
	return (int)(len < 0 ? len : len / 8);
}

int kipc__model_recv(unsigned number, int64_t timeout)
{
	int words = kipc__model_recv_words(number, timeout);

	return words < 0 ? words : 0;
}

/* ---- leaving ---------------------------------------------------------------------------- */

void kipc__model_close(unsigned end)
{
	struct kipc__ring_chan *c = &kipc__model_end[end].ring;

	kipc__shm_gone(c, end, KIPC_GONE_CLOSED);
	kipc__shm_wake(c, KIPC_SIDE_DATA);
	kipc__shm_wake(c, KIPC_SIDE_SPACE);
}

void kipc__model_die(unsigned end)
{
	kipc__model_fence(KIPC__SEQ_CST); /* a process that ends goes through the kernel */
	kipc__store_release(&held[end], 0);
}

/* Each end is a process. */
bool kipc__lockfile_mine(struct kipc__lockfile *f, unsigned byte)
{
	(void)f, (void)byte;
	return false;
}

int kipc__lockfile_held(struct kipc__lockfile *f, unsigned byte, pid_t *pid)
{
	(void)f;
	*pid = 0;
	return (int)kipc__load_acquire(&held[byte]);
}

int kipc__lockfile_glance(struct kipc__lockfile *f, unsigned byte, pid_t *pid)
{
	return kipc__lockfile_held(f, byte, pid);
}

/* The pair has no name, so nobody is on the way to it. */
int kipc__shm_way_watch(const struct kipc__shm_chan *s, unsigned end)
{
	(void)s, (void)end;
	return -EOPNOTSUPP;
}

bool kipc__shm_way_is(const struct kipc__shm_chan *s, unsigned end)
{
	(void)s, (void)end;
	return false;
}

void kipc__shm_name_drop(struct kipc__shm_chan *s, int64_t patience)
{
	(void)s, (void)patience;
}

/* ---- sleeping --------------------------------------------------------------------------- */

int kipc__futex_wait(uint32_t *word, uint32_t expected, int64_t deadline, int64_t nap)
{
	(void)deadline, (void)nap;
	kipc__model_futex_wait(word, expected, kipc__model_naps);
	return kipc__model_naps ? -ETIMEDOUT : 0;
}

void kipc__futex_wake(uint32_t *word)
{
	kipc__model_futex_wake(word, 2);
}

void kipc__fence_others(void)
{
	kipc__model_fence_others();
}

/* The ends run on two CPUs; time stands still. */
uint32_t kipc__cpu(void)
{
	return 0;
}

bool kipc__cache_fetch_pays(void)
{
	return false;
}

struct kipc__copy_ways kipc__cache_copy_ways(uint64_t ring_bytes)
{
	(void)ring_bytes;
	return (struct kipc__copy_ways){ 0 };
}

void kipc__copy_init(struct kipc__copy *c, const struct kipc__copy_ways *ways, int64_t (*now)(void),
                     uint64_t bytes)
{
	(void)bytes;
	*c = (struct kipc__copy){ .ways = *ways, .now = now };
}

uint64_t kipc__wake_cost(void)
{
	return 0;
}

int64_t kipc__now(void)
{
	return 0;
}

int64_t kipc__now_coarse(void)
{
	return 0;
}

int64_t kipc__deadline(int64_t timeout)
{
	return timeout < 0 ? KIPC__NEVER : timeout;
}

struct timespec kipc__timespec(int64_t ns)
{
	return (struct timespec){ .tv_nsec = ns };
}

/* Sleeping without a timer is the kernel's affair; here a sleeper looks. */
void kipc__vigil_close(struct kipc__vigil *v)
{
	(void)v;
}

void kipc__fd_close(int fd)
{
	(void)fd;
}

/* ---- the doorbell: all of it happens under the kernel's locks ------------------------------ */

static void told(unsigned end)
{
	kipc__fetch_add(&events[end], 1);
	kipc__model_futex_wake(&events[end], 2);
}

void kipc__shm_bell_ring(struct kipc__shm_chan *s, unsigned side)
{
	unsigned peer = KIPC__RING_PEER(&s->ring);

	kipc__fetch_or(&letters[peer], 1u << side);
	told(peer);
}

void kipc__shm_bell_self(struct kipc__shm_chan *s, unsigned side)
{
	kipc__fetch_or(&latch[s->ring.end], 1u << side);
	told(s->ring.end);
}

void kipc__shm_bell_quiet(struct kipc__shm_chan *s, unsigned side)
{
	kipc__fetch_and(&latch[s->ring.end], ~(1u << side));
}

void kipc__shm_bell_drain(struct kipc__shm_chan *s, unsigned side)
{
	if (kipc__exchange(&letters[s->ring.end], 0) & (1u << (1 - side)))
		kipc__shm_bell_self(s, 1 - side);
}

/* A letter makes both sides readable, a latch its own. */
void kipc__model_poll(unsigned end, unsigned side)
{
	for (;;) {
		uint32_t before = kipc__fetch_add(&events[end], 0);

		if (kipc__fetch_add(&letters[end], 0) ||
		    kipc__fetch_add(&latch[end], 0) & (1u << side))
			return;
		kipc__model_futex_wait(&events[end], before, false);
	}
}
