// SPDX-License-Identifier: MIT
/*
 * A peer over shared memory that writes nonsense into every word that it shares: between the calls of a
 * survivor, before it maps its end, during its calls, and as the last thing before it is killed. What
 * the survivor gets is an error or a lawful result, and every wait ends.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>
#include "../harness.h"
#include "core/atomic.h"
#include "transport/ring_chan.h"

TestSuite(shm_hostile, .init = harness_begin, .fini = harness_end);

#define RING  4096
#define WORDS (RING / 8)

struct prey {
	struct kipc_chan *end[2];
	struct kipc__ring_chan *ring[2];
};

static void prey_make(struct prey *p)
{
	must_ok(kipc_chan_pair(p->end, "shm://?size=4K&wait=block", KIPC_PAIR, NULL));
	for (int i = 0; i < 2; i++)
		p->ring[i] = (struct kipc__ring_chan *)p->end[i];
}

/* The first call maps an end; it may find nonsense there already. */
static int prey_map(struct prey *p, int end)
{
	struct kipc_peer who = { .size = sizeof(who) };

	return kipc_chan_peer(p->end[end], &who);
}

static void prey_free(struct prey *p)
{
	kipc_chan_close(p->end[0]);
	kipc_chan_close(p->end[1]);
}

/* ---- what can be forged ----------------------------------------------------------------- */

/* The shared words of a region, numbered: STATUS, both CTRL, both DATA. */
#define STATUS_WORDS (sizeof(struct kipc_ring_status) / 8)
#define CTRL_WORDS   (offsetof(struct kipc_ring_ctrl, reserved) / 8)
#define ALL_WORDS    (STATUS_WORDS + 2 * CTRL_WORDS + 2 * WORDS)

static uint64_t *word_at(struct kipc__ring_chan *c, size_t i)
{
	if (i < STATUS_WORDS)
		return (uint64_t *)c->status + i;
	i -= STATUS_WORDS;
	if (i < 2 * CTRL_WORDS)
		return (uint64_t *)c->ctrl[i / CTRL_WORDS] + i % CTRL_WORDS;
	i -= 2 * CTRL_WORDS;
	return (uint64_t *)c->data[i / WORDS] + i % WORDS;
}

/* Padding, and the ends that a pair does not have. */
static bool is_dull(size_t i)
{
	size_t at = i * 8;

	if (i >= STATUS_WORDS + 2 * CTRL_WORDS)
		return false;
	if (i >= STATUS_WORDS)
		at = (i - STATUS_WORDS) % CTRL_WORDS * 8;
	else if (at >= offsetof(struct kipc_ring_status, ends))
		return at > offsetof(struct kipc_ring_status, ends[1]) || at % 16;
	else if (at < offsetof(struct kipc_ring_status, geom))
		return at >= offsetof(struct kipc_ring_ident, reserved);
	else if (at < offsetof(struct kipc_ring_status, bells))
		return at % sizeof(struct kipc_ring_geom) >=
		       offsetof(struct kipc_ring_geom, reserved);
	return at % sizeof(struct kipc_ring_bell) >= 8 &&
	       at != offsetof(struct kipc_ring_ctrl, hints.space_at) &&
	       at != offsetof(struct kipc_ring_ctrl, hints.fence) &&
	       at != offsetof(struct kipc_ring_ctrl, growth.len) &&
	       at != offsetof(struct kipc_ring_ctrl, growth.done) &&
	       at != offsetof(struct kipc_ring_ctrl, growth.follows);
}

#define LIES 18

static uint64_t lie(unsigned i, uint64_t truth)
{
	const uint64_t lies[LIES] = { 0,
		                      1,
		                      2,
		                      7,
		                      8,
		                      RING,
		                      ~0ULL,
		                      1ULL << 31,
		                      1ULL << 32,
		                      4ULL << 32,
		                      0xffffffffULL,
		                      1ULL << 63,
		                      truth ^ 1,
		                      truth + 8,
		                      truth - 8,
		                      truth + RING,
		                      truth - RING - 8,
		                      ~truth };

	return lies[i];
}

/* ---- a survivor that tries everything --------------------------------------------------- */

/* An error that may be the answer to nonsense. */
static int64_t lawful(int64_t r)
{
	if (r < 0 && r != -EAGAIN && r != -ETIMEDOUT && r != -EPIPE && r != -EBADMSG &&
	    r != -EINTR && r != -EMSGSIZE)
		must_ok(r);
	return r;
}

/* In place: inside of the mapping, and read to the last byte. */
static void must_be_inside(const struct kipc__ring_chan *c, const void *ring, struct kipc_msg *m,
                           int64_t n)
{
	volatile uint8_t sum = 0;

	(void)c;
	for (int64_t i = 0; i < n; i++) {
		const uint8_t *at = m[i].data;

		must(m[i].len <= kipc_ring_max_len(RING, 8));
		must(at >= (const uint8_t *)ring + KIPC_REC_BYTES);
		must(at + m[i].len <= (const uint8_t *)ring + 2 * RING);
		for (size_t k = 0; k < m[i].len; k++)
			sum += at[k];
	}
}

static void receive_everything(struct kipc_chan *c, int64_t timeout)
{
	struct kipc__ring_chan *ring = (struct kipc__ring_chan *)c;
	struct kipc_msg m[8];
	uint8_t buf[RING];
	int64_t n;

	n = lawful(kipc_peek(c, m, 8, timeout));
	if (n > 0) {
		must(n <= 8);
		must_be_inside(ring, ring->data[1 - ring->end], m, n);
		must_eq(kipc_release(c, (unsigned)n / 2), n / 2);
	}
	must(lawful(kipc_recv(c, buf, 10, 0)) <= 10);
	for (int i = 0; i < 8; i++)
		m[i] = (struct kipc_msg){ .data = buf + 500 * i, .len = 500 };
	n = lawful(kipc_recv_n(c, m, 8, timeout));
	for (int i = 0; i < n; i++)
		must(m[i].len <= 500);
	must(lawful(kipc_recv(c, buf, sizeof(buf), 0)) <= (int64_t)sizeof(buf));
}

static void send_everything(struct kipc_chan *c, int64_t timeout)
{
	struct kipc__ring_chan *ring = (struct kipc__ring_chan *)c;
	static uint8_t bytes[RING];
	struct kipc_msg m[4];
	int64_t n;

	for (int i = 0; i < 4; i++)
		m[i] = (struct kipc_msg){ .data = bytes, .len = (size_t)(40 * i) };
	must(lawful(kipc_send(c, bytes, 100, timeout)) <= 0);
	must(lawful(kipc_send_n(c, m, 4, 0)) <= 4);
	for (int i = 0; i < 4; i++)
		m[i] = (struct kipc_msg){ .len = (size_t)(90 * i) };
	n = lawful(kipc_reserve(c, m, 4, timeout));
	if (n > 0) {
		must_be_inside(ring, ring->data[ring->end], m, n);
		for (int i = 0; i < n; i++)
			memset(m[i].data, 7, m[i].len);
		m[1].len = 10;
		must(lawful(kipc_commit(c, m, 3)) <= 3);
	}
	(void)lawful(kipc_discard(c));
	for (int i = 0; i < 8 && kipc_send(c, bytes, 1000, 0) == 0; i++)
		;
	must(lawful(kipc_send(c, bytes, 3000, timeout)) <= 0);
}

static void look_at_everything(struct kipc_chan *c)
{
	struct kipc_peer who = { .size = sizeof(who) };
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };

	(void)lawful(kipc_wait(c, KIPC_IN, 0));
	(void)lawful(kipc_wait(c, KIPC_IN | KIPC_OUT, 0));
	p[0].fd = (int)must_ok(kipc_chan_fd(c, KIPC_IN));
	p[1].fd = (int)must_ok(kipc_chan_fd(c, KIPC_OUT));
	must_sys(poll(p, 2, 0));
	must_eq(kipc_chan_peer(c, &who), 0);
	must(who.state >= KIPC_PEER_ABSENT && who.state <= KIPC_PEER_GONE);
}

static void try_everything(struct kipc_chan *c, int64_t timeout)
{
	receive_everything(c, timeout);
	send_everything(c, timeout);
	look_at_everything(c);
	receive_everything(c, 0);
	send_everything(c, 0);
}

/* ---- between the calls ------------------------------------------------------------------ */

static void fill_a_little(struct prey *p)
{
	static const uint8_t bytes[200];

	for (unsigned e = 0; e < 2; e++)
		for (unsigned i = 0; i < 4; i++)
			must_eq(kipc_send(p->end[e], bytes, 50 * i, 0), 0);
}

/* Both ends meet the word: one whose peer forged it, one whose own it is. */
static void forge_between(size_t word, unsigned i, int64_t timeout)
{
	struct prey p;
	uint64_t *at;

	prey_make(&p);
	fill_a_little(&p);
	at = word_at(p.ring[1], word);
	kipc__store_relaxed(at, lie(i, *at));
	try_everything(p.end[0], timeout);
	kipc__store_relaxed(at, lie((i + 5) % LIES, *at));
	try_everything(p.end[1], timeout);
	prey_free(&p);
}

Test(shm_hostile, each_word_between_calls)
{
	for (size_t word = 0; word < STATUS_WORDS + 2 * CTRL_WORDS + 8; word++) {
		harness_note("word %zu", word);
		for (unsigned i = 0; i < LIES && !is_dull(word); i++)
			forge_between(word, i, i % 6 == 0 ? 1000 : 0);
	}
}

/* Geometry above all: whoever maps it later checks a copy of his own. */
Test(shm_hostile, each_word_before_it_is_mapped)
{
	for (size_t word = 0; word < STATUS_WORDS + 2 * CTRL_WORDS; word++) {
		harness_note("word %zu", word);
		for (unsigned i = 0; i < LIES && !is_dull(word); i++) {
			struct prey p;
			uint64_t *at;
			int r;

			prey_make(&p);
			must_eq(prey_map(&p, 1), 0);
			at = word_at(p.ring[1], word);
			kipc__store_relaxed(at, lie(i, *at));
			r = prey_map(&p, 0);
			if (r == 0)
				try_everything(p.end[0], 0);
			else
				must(r == -EBADMSG || r == -EPIPE || r == -EBUSY || r == -EPROTO ||
				     r == -ENOMEM || r == -EINVAL);
			prey_free(&p);
		}
	}
}

/* ---- during the calls ------------------------------------------------------------------- */

struct forger {
	struct kipc__ring_chan *ring;
	uint64_t random;
	bool stop;
	bool gentle; /* leaves alone what only its own messages depend on */
};

static bool spared(const struct forger *f, size_t word)
{
	const struct kipc__ring_chan *c = f->ring;
	size_t ctrl = STATUS_WORDS + c->end * CTRL_WORDS;

	if (!f->gentle || word < STATUS_WORDS)
		return false;
	return word < ctrl || word >= ctrl + CTRL_WORDS ||
	       word == ctrl + offsetof(struct kipc_ring_ctrl, cons) / 8;
}

static void *forge(void *arg)
{
	struct forger *f = arg;
	size_t n = f->gentle ? STATUS_WORDS + 2 * CTRL_WORDS : ALL_WORDS;

	while (!kipc__load_relaxed(&f->stop)) {
		uint64_t r = harness_random(&f->random);
		size_t word = (size_t)(r >> 32) % n;
		uint64_t *at;

		if (is_dull(word) || spared(f, word))
			continue;
		at = word_at(f->ring, word);
		kipc__store_relaxed(at, r % 4 == 0 ? harness_random(&f->random)
		                                   : lie((unsigned)(r >> 8) % LIES, *at));
		if (r % 64 == 0)
			poll(NULL, 0, 0);
	}
	return NULL;
}

Test(shm_hostile, all_words_during_calls)
{
	unsigned rounds = harness_rounds(400);

	for (unsigned i = 0; i < rounds; i++) {
		struct forger f = { .random = 4711 + i };
		pthread_t thread;
		struct prey p;

		prey_make(&p);
		fill_a_little(&p);
		f.ring = p.ring[1];
		must_eq(pthread_create(&thread, NULL, forge, &f), 0);
		for (unsigned k = 0; k < 4; k++)
			try_everything(p.end[0], 2000);
		kipc__store_relaxed(&f.stop, true);
		pthread_join(thread, NULL);
		prey_free(&p);
	}
}

/* ---- honest messages among forged words ------------------------------------------------- */

#define MESSAGES 300

static void send_among_lies(struct peer *me, void *arg)
{
	struct prey *p = arg;
	struct forger f = { .random = 99 + (uint64_t)getpid(), .gentle = true };
	uint8_t bytes[1000];
	pthread_t thread;

	kipc_chan_close(p->end[0]);
	must_eq(prey_map(p, 1), 0);
	f.ring = p->ring[1];
	must_eq(pthread_create(&thread, NULL, forge, &f), 0);
	for (unsigned i = 0; i < MESSAGES; i++) {
		size_t len = content_len(sizeof(bytes), 5, i);

		content_fill(bytes, len, 5, i);
		if (kipc_send(p->end[1], bytes, len, 5 * MSEC) < 0)
			break;
	}
	peer_tell(me, 'd');
	must_eq(peer_hear(me), 'e');
	kipc__store_relaxed(&f.stop, true);
	pthread_join(thread, NULL);
}

/* Whatever arrives is whole and the next one. */
static unsigned receive_among_lies(struct kipc_chan *c, struct peer *peer)
{
	bool done = false;
	uint8_t bytes[1000];
	unsigned n = 0;
	int64_t r;

	for (;;) {
		r = lawful(kipc_recv(c, bytes, sizeof(bytes), 2 * MSEC));
		if (r >= 0) {
			must_eq(r, content_len(sizeof(bytes), 5, n));
			must(content_is(bytes, (size_t)r, 5, n));
			n++;
		} else if (r == -EPIPE || r == -EBADMSG || done) {
			return n;
		}
		done = done || peer_told_within(peer, 0);
	}
}

Test(shm_hostile, no_torn_message)
{
	unsigned rounds = harness_rounds(60), total = 0;

	for (unsigned i = 0; i < rounds; i++) {
		struct peer peer;
		struct prey p;

		prey_make(&p);
		must_eq(prey_map(&p, 0), 0);
		peer_start(&peer, send_among_lies, &p);
		kipc_chan_close(p.end[1]);
		p.end[1] = NULL;
		total += receive_among_lies(p.end[0], &peer);
		peer_expect(&peer, 'd');
		peer_tell(&peer, 'e');
		peer_end(&peer);
		prey_free(&p);
	}
	must(total > 0);
}

/* ---- the last lie ----------------------------------------------------------------------- */

struct last_lie {
	struct prey prey;
	size_t word;
	unsigned lie;
};

static void lie_and_wait(struct peer *me, void *arg)
{
	struct last_lie *l = arg;
	uint64_t *at;

	kipc_chan_close(l->prey.end[0]);
	must_eq(prey_map(&l->prey, 1), 0);
	peer_tell(me, 'm');
	peer_expect(me, 'f');
	at = word_at(l->prey.ring[1], l->word);
	kipc__store_relaxed(at, lie(l->lie, *at));
	peer_tell(me, 'l');
	(void)peer_hear(me);
}

/* Whoever sleeps, and whoever polls, hears of the death all the same. */
static void survive(size_t word, unsigned i, bool polling)
{
	struct last_lie l = { .word = word, .lie = i };
	struct pollfd p = { .events = POLLIN };
	struct peer peer;
	uint8_t buf[RING];
	int64_t r;

	prey_make(&l.prey);
	peer_start(&peer, lie_and_wait, &l);
	kipc_chan_close(l.prey.end[1]);
	l.prey.end[1] = NULL;
	peer_expect(&peer, 'm');
	must_eq(prey_map(&l.prey, 0), 0);
	peer_tell(&peer, 'f');
	peer_expect(&peer, 'l');
	p.fd = (int)must_ok(kipc_chan_fd(l.prey.end[0], KIPC_IN));
	peer_kill(&peer);
	do {
		if (polling)
			must_eq(must_sys(poll(&p, 1, -1)), 1);
		r = lawful(kipc_recv(l.prey.end[0], buf, sizeof(buf), polling ? 0 : -1));
	} while (r != -EPIPE && r != -EBADMSG);
	prey_free(&l.prey);
}

Test(shm_hostile, death_behind_each_lie)
{
	for (size_t word = 0; word < STATUS_WORDS + 2 * CTRL_WORDS; word++) {
		harness_note("word %zu", word);
		for (unsigned i = word % 4; i < LIES && !is_dull(word); i += 4)
			survive(word, i, (word + i / 4) % 2);
	}
}
