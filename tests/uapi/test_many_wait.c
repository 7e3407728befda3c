// SPDX-License-Identifier: MIT
/*
 * Channels with many ends: sleeping and waking.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "many.h"

TestSuite(many_wait, .init = harness_begin);

#define QUEUE  KIPC_KIND_QUEUE
#define PUBSUB KIPC_KIND_PUBSUB
#define ALL    KIPC_RING_ALL
#define ONE    KIPC_RING_ONE
#define EVENTS (~KIPC_ARMED_FLAGS)

/* ---- threads that sleep ----------------------------------------------------------------- */

struct sleeper {
	const struct many *m;
	unsigned side;
	uint32_t seen;
	int64_t deadline;
	int result;
	int *awake; /* counts those that are back */
	pthread_t thread;
	pid_t tid;
};

static void *sleep_once(void *arg)
{
	struct sleeper *s = arg;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_SEQ_CST);
	s->result = many_sleep(s->m, s->side, s->seen, s->deadline);
	__atomic_fetch_add(s->awake, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static uint64_t slept(const struct many *m)
{
	struct kipc_ioc_stat stat = { .size = sizeof(stat) };

	must_eq(uapi_call(m->fd, KIPC_IOC_STAT, &stat), 0);
	return stat.waits + stat.waits_met;
}

/* Starts n of them, one after the other, and is back when all are on the list. */
static void put_to_sleep(struct sleeper *s, unsigned n, const struct many *m, unsigned side,
                         int *awake)
{
	*awake = 0;
	for (unsigned i = 0; i < n; i++) {
		s[i] = (struct sleeper){
			m, side, many_seen(m, side), KIPC_FOREVER, 1, awake, 0, 0
		};
		must_eq(pthread_create(&s[i].thread, NULL, sleep_once, &s[i]), 0);
		await_armed(many_bell(m, side), KIPC_ARMED_PARKED);
		while (!__atomic_load_n(&s[i].tid, __ATOMIC_SEQ_CST))
			sched_yield();
		await_asleep(s[i].tid);
	}
}

static void join(struct sleeper *s, unsigned n, int result)
{
	for (unsigned i = 0; i < n; i++) {
		must_eq(pthread_join(s[i].thread, NULL), 0);
		must_eq(s[i].result, result);
	}
}

Test(many_wait, a_ring_for_one_wakes_one)
{
	struct sleeper s[4];
	struct many m;
	int awake;

	many_new(&m, harness_name(), QUEUE, 0);
	put_to_sleep(s, 4, &m, DATA, &awake);
	for (int i = 1; i <= 4; i++) {
		uint32_t before = many_seen(&m, DATA);

		must_eq(many_ring(&m, DATA, ONE), 0);
		must_eq((many_seen(&m, DATA) & EVENTS) - (before & EVENTS), KIPC_ARMED_EVENT);
		must_eq(many_seen(&m, DATA) & KIPC_ARMED_FLAGS, i < 4 ? KIPC_ARMED_PARKED : 0);
		must_eq(pthread_join(s[i - 1].thread, NULL), 0); /* the longest asleep */
		must_eq(awake, i);
	}
}

Test(many_wait, a_ring_for_all_wakes_all_of_that_side)
{
	struct sleeper data[3], space[3];
	struct many m;
	int awake_data, awake_space;

	many_new(&m, harness_name(), QUEUE, 0);
	put_to_sleep(space, 3, &m, SPACE, &awake_space);
	put_to_sleep(data, 3, &m, DATA, &awake_data);
	must_eq(many_ring(&m, DATA, ALL), 0);
	join(data, 3, 0);
	must_eq(awake_space, 0);
	must(many_seen(&m, SPACE) & KIPC_ARMED_PARKED);
	must_eq(many_ring(&m, SPACE, ALL), 0);
	join(space, 3, 0);
}

/* As many as an end may have asleep on a side: then the next one is refused, and only there. */
Test(many_wait, an_end_has_room_for_so_many_sleepers)
{
	struct sleeper s[16];
	struct many m;
	int awake;

	many_new(&m, harness_name(), QUEUE, 0);
	put_to_sleep(s, 16, &m, DATA, &awake);
	must_eq(many_sleep(&m, DATA, many_seen(&m, DATA), KIPC_FOREVER), -EBUSY);
	must_eq(many_sleep(&m, SPACE, many_seen(&m, SPACE), 0), -ETIMEDOUT);
	must_eq(many_ring(&m, DATA, ONE), 0);
	must_eq(pthread_join(s[0].thread, NULL), 0);
	must_eq(many_sleep(&m, DATA, many_seen(&m, DATA), 0), -ETIMEDOUT);
	must_eq(many_ring(&m, DATA, ALL), 0);
	join(s + 1, 15, 0);
	must_eq(many_seen(&m, DATA) & KIPC_ARMED_FLAGS, 0);
}

Test(many_wait, does_not_sleep_over_what_has_happened)
{
	struct many m;
	uint32_t seen;

	many_new(&m, harness_name(), QUEUE, 0);
	seen = many_seen(&m, DATA);
	must_eq(many_ring(&m, DATA, ONE), 0);
	must_eq(many_sleep(&m, DATA, seen, KIPC_FOREVER), 0);
	must_eq(many_sleep(&m, DATA, many_seen(&m, DATA), 0), -ETIMEDOUT);
	/* An armed side stays so until somebody rings, and that is an event. */
	must_eq(many_arm(&m, DATA, KIPC_ARMED_PARKED), 0);
	seen = many_seen(&m, DATA);
	must_eq(seen & KIPC_ARMED_FLAGS, KIPC_ARMED_PARKED);
	must_eq(many_ring(&m, DATA, ONE), 0);
	must_eq(many_seen(&m, DATA) & KIPC_ARMED_FLAGS, 0);
	must_eq(many_sleep(&m, DATA, seen, KIPC_FOREVER), 0);
	must_eq(many_seen(&m, SPACE), 0);
}

Test(many_wait, deadlines_are_absolute_and_leave_nothing_armed)
{
	struct many m;
	int64_t until;

	many_new(&m, harness_name(), QUEUE, 0);
	until = harness_now() + 20 * MSEC;
	must_eq(many_sleep(&m, SPACE, 0, until), -ETIMEDOUT);
	must(harness_now() >= until);
	must_eq(many_seen(&m, SPACE), 0);
}

/* ---- a word ----------------------------------------------------------------------------- */

struct watcher {
	struct many *m;
	uint64_t offset, value;
	int result;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;

	w->result = many_sleep_word(w->m, DATA, many_seen(w->m, DATA), w->offset, w->value,
	                            KIPC_FOREVER);
	return NULL;
}

/* Publish, fence, look whether somebody sleeps: whoever it was, it does not sleep on. */
Test(many_wait, a_word_that_changes_while_it_arms_is_seen)
{
	unsigned rounds = harness_rounds(20000);
	struct many m;
	uint64_t *word;

	many_new(&m, harness_name(), QUEUE, 0);
	word = (uint64_t *)(m.data + KIPC_QUEUE_SLOTS_OFF);
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t offset = m.status->geom[0].data_off + KIPC_QUEUE_SLOTS_OFF;
		struct watcher w = { &m, offset, *word, 1 };
		pthread_t thread;

		must_eq(pthread_create(&thread, NULL, watch, &w), 0);
		for (uint64_t k = i % 512; k--;)
			__asm__ volatile("" ::: "memory");
		__atomic_store_n(word, i + 1, __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);    /* (F) pairs with (I) */
		if (many_seen(&m, DATA) & KIPC_ARMED_FLAGS) /* (G) */
			must_eq(many_ring(&m, DATA, ONE), 0);
		must_eq(pthread_join(thread, NULL), 0);
		must_eq(w.result, 0);
	}
	must_eq(many_seen(&m, DATA) & KIPC_ARMED_FLAGS, 0);
}

/* ---- nothing is lost -------------------------------------------------------------------- */

/* Tokens that each of a crowd of threads takes one of. Takers sleep by the library's rules: whoever
 * takes one and leaves more for other sleepers rings again.
 */
struct crowd {
	struct many *m;
	uint64_t *tokens;
	uint64_t taken;
	uint64_t wanted;
	bool early; /* ARM, look, SLEEP instead of SLEEP with a word */
};

static bool take(struct crowd *c)
{
	uint64_t n = __atomic_load_n(c->tokens, __ATOMIC_ACQUIRE);

	while (n)
		if (__atomic_compare_exchange_n(c->tokens, &n, n - 1, false, __ATOMIC_SEQ_CST,
		                                __ATOMIC_SEQ_CST))
			return true;
	return false;
}

static void pass_on(struct crowd *c)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if ((many_seen(c->m, DATA) & KIPC_ARMED_FLAGS) &&
	    __atomic_load_n(c->tokens, __ATOMIC_ACQUIRE))
		must_eq(many_ring(c->m, DATA, ONE), 0);
}

static bool all_taken(const struct crowd *c)
{
	return __atomic_load_n(&c->taken, __ATOMIC_SEQ_CST) == c->wanted;
}

/* All looks stand behind the count that it sleeps by, also the one for the end: of that only those are
 * rung awake who counted before it.
 */
static void rest(struct crowd *c, uint32_t seen)
{
	uint64_t offset = (const uint8_t *)c->tokens - c->m->data + c->m->status->geom[0].data_off;
	int rc;

	if (!c->early) {
		rc = many_sleep_word(c->m, DATA, seen, offset, 0, KIPC_FOREVER);
	} else {
		must_eq(many_arm(c->m, DATA, KIPC_ARMED_PARKED), 0);
		seen = many_seen(c->m, DATA);
		if (__atomic_load_n(c->tokens, __ATOMIC_ACQUIRE) || all_taken(c))
			return;
		rc = many_sleep(c->m, DATA, seen, KIPC_FOREVER);
	}
	must_eq(rc, 0);
}

static void *take_tokens(void *arg)
{
	struct crowd *c = arg;

	while (!all_taken(c)) {
		uint32_t seen = many_seen(c->m, DATA);

		if (take(c)) {
			__atomic_fetch_add(&c->taken, 1, __ATOMIC_SEQ_CST);
			pass_on(c);
		} else if (!all_taken(c)) {
			rest(c, seen);
		}
	}
	must_eq(many_ring(c->m, DATA, ALL), 0);
	return NULL;
}

#define TAKERS 6

static void give_tokens(bool early)
{
	pthread_t thread[TAKERS];
	struct crowd c = { .wanted = harness_rounds(20000), .early = early };
	struct many m;

	many_new(&m, harness_name(), QUEUE, 0);
	c.m = &m;
	c.tokens = (uint64_t *)(m.data + KIPC_QUEUE_SLOTS_OFF);
	for (unsigned i = 0; i < TAKERS; i++)
		must_eq(pthread_create(&thread[i], NULL, take_tokens, &c), 0);
	for (uint64_t i = 0; i < c.wanted; i++) {
		__atomic_fetch_add(c.tokens, 1, __ATOMIC_SEQ_CST); /* with (F) */
		if (many_seen(&m, DATA) & KIPC_ARMED_FLAGS)        /* (G) */
			must_eq(many_ring(&m, DATA, ONE), 0);
		if (i % 7 == 0)
			sched_yield();
	}
	for (unsigned i = 0; i < TAKERS; i++)
		must_eq(pthread_join(thread[i], NULL), 0);
	must_eq(*c.tokens, 0);
	must_eq(c.taken, c.wanted);
}

Test(many_wait, of_many_that_name_a_word_none_is_lost)
{
	give_tokens(false);
}

Test(many_wait, of_many_that_arm_early_none_is_lost)
{
	give_tokens(true);
}

/* Sleeps for moments, and does not look when a moment is over. */
static void *be_impatient(void *arg)
{
	struct crowd *c = arg;
	uint64_t seed = (uint64_t)gettid();

	while (!all_taken(c)) {
		int64_t until = harness_now() + (int64_t)(harness_random(&seed) % 100000);
		int rc = many_sleep(c->m, DATA, many_seen(c->m, DATA), until);

		if (rc == 0 && take(c)) {
			__atomic_fetch_add(&c->taken, 1, __ATOMIC_SEQ_CST);
			pass_on(c);
		}
		must(rc == 0 || rc == -ETIMEDOUT);
	}
	must_eq(many_ring(c->m, DATA, ALL), 0);
	return NULL;
}

/* Who is chosen in the moment in which it gives up is told so, or the patient one would sleep on. */
Test(many_wait, who_leaves_takes_no_wake_up_with_it)
{
	pthread_t thread[4];
	struct crowd c = { .wanted = harness_rounds(30000) };
	struct many m;

	many_new(&m, harness_name(), QUEUE, 0);
	c.m = &m;
	c.tokens = (uint64_t *)(m.data + KIPC_QUEUE_SLOTS_OFF);
	for (unsigned i = 0; i < 4; i++)
		must_eq(pthread_create(&thread[i], NULL, i ? be_impatient : take_tokens, &c), 0);
	for (uint64_t i = 0; i < c.wanted; i++) {
		__atomic_fetch_add(c.tokens, 1, __ATOMIC_SEQ_CST); /* with (F) */
		if (many_seen(&m, DATA) & KIPC_ARMED_FLAGS)        /* (G) */
			must_eq(many_ring(&m, DATA, ONE), 0);
		while (__atomic_load_n(c.tokens, __ATOMIC_ACQUIRE))
			sched_yield();
	}
	for (unsigned i = 0; i < 4; i++)
		must_eq(pthread_join(thread[i], NULL), 0);
}

static void ignore(int sig)
{
	(void)sig;
}

Test(many_wait, a_signal_ends_it_and_sa_restart_does_not)
{
	struct sigaction action = { .sa_handler = ignore };
	struct sleeper s;
	struct many m;
	int awake;

	many_new(&m, harness_name(), QUEUE, 0);
	must_sys(sigaction(SIGUSR1, &action, NULL));
	put_to_sleep(&s, 1, &m, DATA, &awake);
	while (__atomic_load_n(&awake, __ATOMIC_SEQ_CST) == 0) {
		must_eq(pthread_kill(s.thread, SIGUSR1), 0);
		sched_yield();
	}
	join(&s, 1, -EINTR);
	must_eq(many_seen(&m, DATA) & KIPC_ARMED_FLAGS, 0);
	action.sa_flags = SA_RESTART;
	must_sys(sigaction(SIGUSR1, &action, NULL));
	put_to_sleep(&s, 1, &m, DATA, &awake);
	for (unsigned i = 0; i < 100; i++)
		must_eq(pthread_kill(s.thread, SIGUSR1), 0);
	must_eq(many_ring(&m, DATA, ALL), 0);
	join(&s, 1, 0);
}

/* ---- a big crowd ------------------------------------------------------------------------ */

#define SUBS 64

Test(many_wait, sixty_four_subscribers_hear_each_message)
{
	const char *name = harness_name();
	struct kipc_ioc_create c = many_arg(name, PUBSUB, PUB);
	static struct many sub[SUBS];
	static struct sleeper s[SUBS];
	struct many pub;
	int control = uapi_control(), awake;

	c.nr_ends = 1 + SUBS;
	must_eq(uapi_call(control, KIPC_IOC_CREATE, &c), 0);
	many_map(&pub, c.fd[0]);
	for (unsigned i = 0; i < SUBS; i++) {
		many_join(&sub[i], name, PUBSUB, SUB);
		must_eq(sub[i].end, i + 1);
		must_eq(many_bind(&sub[i], 1), 0);
	}
	must_eq(many_attach(name, PUBSUB, SUB), -EBUSY);
	must_eq(many_bound(&pub), ~1ULL);
	must_eq(pub.status->sets.bound[1], 1);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SUBS; i++)
			put_to_sleep(&s[i], 1, &sub[i], DATA, &awake);
		must_eq(many_ring(&pub, DATA, ONE), 0); /* of a pubsub always all */
		join(s, SUBS, 0);
	}
	must_eq(slept(&sub[0]), 3);
}
