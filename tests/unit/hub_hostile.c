// SPDX-License-Identifier: MIT
/*
 * A pubsub and a queue among whose ends one writes nonsense into any word that they share: between the
 * calls of the others, before somebody else joins, and during calls. What they get is an error or a lawful
 * result, and every wait ends.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <kipc_queue.h>
#include "../harness.h"
#include "core/atomic.h"
#include "transport/hub_chan.h"

TestSuite(hub_hostile, .init = harness_begin, .fini = harness_end);

#define ENDS 3
#define RING 4096

struct den {
	const char *options;
	unsigned kind;
	unsigned flags[ENDS];
	size_t longest; /* message */
};

static const struct den pubsub = {
	"size=4K", KIPC_PUBSUB, { KIPC_SEND, KIPC_RECV, KIPC_RECV }, 1000
};
static const struct den queue = {
	"slots=4&slot=56&prio=2", KIPC_QUEUE, { KIPC_SEND | KIPC_RECV, KIPC_SEND, KIPC_RECV }, 56
};

struct prey {
	const struct den *den;
	char uri[128];
	struct kipc_chan *end[ENDS];
};

static struct kipc__hub *hub_of(const struct prey *p, unsigned end)
{
	return (struct kipc__hub *)p->end[end];
}

static int join(const struct prey *p, unsigned end, struct kipc_chan **out)
{
	char uri[160];

	/* The last subscriber is lossy. */
	snprintf(uri, sizeof(uri), "%s%s", p->uri,
	         p->den->kind == KIPC_PUBSUB && end == 2 ? "&loss=1" : "");
	return kipc_chan_open(out, uri, p->den->kind | KIPC_CREATE | p->den->flags[end], NULL);
}

static void prey_make(struct prey *p, const struct den *den)
{
	*p = (struct prey){ .den = den };
	snprintf(p->uri, sizeof(p->uri), "shm://%s?%s&wait=block", harness_name(), den->options);
	for (unsigned e = 0; e < ENDS; e++)
		must_ok(join(p, e, &p->end[e]));
	for (unsigned i = 0; i < 3; i++)
		must_eq(kipc_send(p->end[0], "twenty bytes and four.", 20 + i, 0), 0);
}

static void prey_free(struct prey *p)
{
	for (unsigned e = 0; e < ENDS; e++)
		kipc_chan_close(p->end[e]);
}

/* ---- what can be forged ----------------------------------------------------------------- */

/* STATUS, three CTRL, and what lies at the beginning of DATA. */
#define STATUS_WORDS (sizeof(struct kipc_ring_status) / 8)
#define CTRL_WORDS   (0x280 / 8)
#define DATA_WORDS   ((KIPC_QUEUE_SLOTS_OFF + 256) / 8)
#define ALL_WORDS    (STATUS_WORDS + 3 * CTRL_WORDS + DATA_WORDS)

static uint64_t *word_at(const struct prey *p, size_t i)
{
	struct kipc__hub *h = hub_of(p, 0);

	if (i < STATUS_WORDS)
		return (uint64_t *)h->status + i;
	i -= STATUS_WORDS;
	if (i < 3 * CTRL_WORDS)
		return (uint64_t *)kipc__hub_ctrl(h, (unsigned)(i / CTRL_WORDS)) + i % CTRL_WORDS;
	i -= 3 * CTRL_WORDS;
	return (uint64_t *)h->data + i % (h->data_bytes / 8);
}

static bool is_dull_status(size_t at)
{
	size_t sets = offsetof(struct kipc_ring_status, sets);

	if (at >= offsetof(struct kipc_ring_status, ends))
		return at % 16 || at > offsetof(struct kipc_ring_status, ends[3]);
	if (at >= sets + sizeof(struct kipc_ring_sets))
		return true;
	if (at >= sets)
		return at - sets > offsetof(struct kipc_ring_sets, looked_at) &&
		       at - sets != offsetof(struct kipc_ring_sets, bound[0]) &&
		       at - sets != offsetof(struct kipc_ring_sets, bound[1]);
	if (at >= offsetof(struct kipc_ring_status, bells))
		return at % sizeof(struct kipc_ring_bell) != 0;
	return at < offsetof(struct kipc_ring_status, geom) &&
	       at >= offsetof(struct kipc_ring_ident, reserved);
}

/* Each of the words on its line is a field. */
static bool is_dull_ctrl(size_t at)
{
	return at % 128 > 24;
}

/* Of a queue: geometry, set, counts, two classes and two slots; of a ring: two messages. */
static bool is_dull_data(const struct den *den, size_t at)
{
	if (den->kind == KIPC_PUBSUB)
		return at > 80;
	if (at >= KIPC_QUEUE_SLOTS_OFF)
		return at % 64 > 8;
	return at >= offsetof(struct kipc_queue_area, classes[2]) ||
	       (at >= offsetof(struct kipc_queue_area, ready) && at % 128 > 16);
}

static bool is_dull(const struct den *den, size_t i)
{
	if (i < STATUS_WORDS)
		return is_dull_status(8 * i);
	i -= STATUS_WORDS;
	return i < 3 * CTRL_WORDS ? is_dull_ctrl(8 * (i % CTRL_WORDS))
	                          : is_dull_data(den, 8 * (i - 3 * CTRL_WORDS));
}

#define LIES 16

static uint64_t lie(unsigned i, uint64_t truth)
{
	const uint64_t lies[LIES] = { 0,
		                      1,
		                      3,
		                      8,
		                      RING,
		                      ~0ULL,
		                      1ULL << 31,
		                      4ULL << 32,
		                      1ULL << 63,
		                      truth ^ 1,
		                      truth + 8,
		                      truth - 8,
		                      truth + RING,
		                      truth - RING - 8,
		                      truth + (1ULL << 40),
		                      ~truth };

	return lies[i];
}

/* ---- everything that an end can do -------------------------------------------------------- */

static int64_t lawful(int64_t r)
{
	if (r < 0 && r != -EAGAIN && r != -ETIMEDOUT && r != -EPIPE && r != -EBADMSG &&
	    r != -EINTR && r != -EMSGSIZE && r != -EOVERFLOW && r != -EACCES && r != -EOPNOTSUPP &&
	    r != -EINVAL)
		must_ok(r);
	return r;
}

static void must_be_inside(const struct kipc_chan *c, const struct kipc_msg *m, int64_t n)
{
	const struct kipc__hub *h = (const struct kipc__hub *)c;
	uint64_t mapped = h->kind->mirrored ? 2 * h->data_bytes : h->data_bytes;
	volatile uint8_t sum = 0;

	for (int64_t i = 0; i < n; i++) {
		const uint8_t *at = m[i].data;

		must(at >= h->data && at + m[i].len <= h->data + mapped);
		for (size_t k = 0; k < m[i].len; k++)
			sum += at[k];
	}
}

static void receive_everything(struct kipc_chan *c, int64_t timeout)
{
	uint8_t buf[2][600];
	struct kipc_msg m[4];
	uint64_t number;
	int64_t n;

	n = lawful(kipc_peek(c, m, 4, timeout));
	must_be_inside(c, m, n);
	if (n > 0)
		(void)lawful(kipc_release(c, (unsigned)(n + 1) / 2));
	must(lawful(kipc_recv(c, buf[0], 10, 0)) <= 10);
	for (int i = 0; i < 2; i++)
		m[i] = (struct kipc_msg){ .data = buf[i], .len = 600 };
	n = lawful(kipc_recv_n(c, m, 2, timeout));
	for (int i = 0; i < n; i++)
		must(m[i].len <= 600);
	must(lawful(kipc_latest(c, buf[0], 600, &number)) <= 600);
	(void)lawful(kipc_lost(c, &number));
}

static void send_everything(const struct den *den, struct kipc_chan *c, int64_t timeout)
{
	static uint8_t bytes[1000];
	struct kipc_msg m[3];
	int64_t n;

	must(lawful(kipc_send(c, bytes, 30, timeout)) <= 0);
	for (int i = 0; i < 3; i++)
		m[i] = (struct kipc_msg){ .len = (size_t)(20 * i) };
	n = lawful(kipc_reserve(c, m, 3, timeout));
	if (n > 0) {
		must_be_inside(c, m, n);
		for (int i = 0; i < n; i++)
			memset(m[i].data, 7, m[i].len);
		(void)lawful(kipc_commit(c, m, 2));
	}
	(void)lawful(kipc_discard(c));
	for (int i = 0; i < 8 && kipc_send(c, bytes, den->longest / 2, 0) == 0; i++)
		;
}

static void look_at_everything(struct kipc_chan *c)
{
	struct kipc_peer who = { .size = sizeof(who) };
	uint64_t value;

	(void)lawful(kipc_wait(c, KIPC_IN, 0));
	(void)lawful(kipc_wait(c, KIPC_OUT, 0));
	(void)lawful(kipc_chan_get(c, KIPC_OPT_PENDING, &value));
	must_eq(kipc_chan_peer(c, &who), 0);
	must(who.state >= KIPC_PEER_ABSENT && who.state <= KIPC_PEER_GONE);
}

static void poll_everything(struct kipc_chan *c)
{
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };

	p[0].fd = (int)lawful(kipc_chan_fd(c, KIPC_IN));
	p[1].fd = (int)lawful(kipc_chan_fd(c, KIPC_OUT));
	must_sys(poll(p, 2, 0));
}

static void try_everything(const struct den *den, struct kipc_chan *c, int64_t timeout)
{
	receive_everything(c, timeout);
	send_everything(den, c, timeout);
	look_at_everything(c);
	receive_everything(c, 0);
}

/* ---- between the calls, and before somebody joins ------------------------------------------ */

static void forge_one(const struct den *den, size_t word, unsigned i)
{
	int64_t timeout = i % 8 == 0 ? 20000 : 0;
	struct kipc_chan *late;
	struct prey p;
	uint64_t *at;

	prey_make(&p, den);
	at = word_at(&p, word);
	if (i % 4 == 1)
		poll_everything(p.end[(i / 4) % ENDS]);
	for (unsigned e = 0; e < ENDS; e++) {
		kipc__store_relaxed(at, lie((i + 5 * e) % LIES, *at));
		try_everything(den, p.end[e], timeout);
	}
	kipc__store_relaxed(at, lie(i, *at));
	if (join(&p, 2, &late) == 0) {
		try_everything(den, late, 0);
		kipc_chan_close(late);
	}
	prey_free(&p);
}

static void forge_all(const struct den *den)
{
	for (size_t word = 0; word < ALL_WORDS; word++) {
		harness_note("word %zu", word);
		for (unsigned i = 0; i < LIES && !is_dull(den, word); i++)
			forge_one(den, word, i);
	}
}

Test(hub_hostile, each_word_of_a_pubsub)
{
	forge_all(&pubsub);
}

Test(hub_hostile, each_word_of_a_queue)
{
	forge_all(&queue);
}

/* ---- during the calls ------------------------------------------------------------------- */

struct forger {
	const struct prey *prey;
	uint64_t random;
	uint32_t stop;
};

static void *forge(void *arg)
{
	struct forger *f = arg;

	while (!kipc__load_relaxed(&f->stop)) {
		uint64_t r = harness_random(&f->random);
		size_t word = (size_t)(r >> 32) % ALL_WORDS;
		uint64_t *at = word_at(f->prey, word);

		if (!is_dull(f->prey->den, word))
			kipc__store_relaxed(at, r % 4 == 0 ? harness_random(&f->random)
			                                   : lie((unsigned)(r >> 8) % LIES, *at));
	}
	return NULL;
}

static void forge_meanwhile(const struct den *den, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		struct forger f = { .random = 4711 + i };
		pthread_t thread;
		struct prey p;

		prey_make(&p, den);
		f.prey = &p;
		must_eq(pthread_create(&thread, NULL, forge, &f), 0);
		for (unsigned k = 0; k < 2 * ENDS; k++)
			try_everything(den, p.end[k % ENDS], 100000);
		kipc__store_relaxed(&f.stop, 1);
		pthread_join(thread, NULL);
		prey_free(&p);
	}
}

Test(hub_hostile, all_words_of_a_pubsub_during_calls)
{
	forge_meanwhile(&pubsub, harness_rounds(100));
}

Test(hub_hostile, all_words_of_a_queue_during_calls)
{
	forge_meanwhile(&queue, harness_rounds(100));
}
