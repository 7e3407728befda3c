// SPDX-License-Identifier: MIT
/* One channel from its opening to its end. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "session.h"

#define MESSAGES_MOST 3000

/* ---- telling ---------------------------------------------------------------------------- */

void broken(const struct session *s, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "long: worker %u (%d): channel %llu: %s\n", s->slot, getpid(),
	        (unsigned long long)s->me->session, text);
	_exit(1);
}

void calling(struct session *s, enum half half, const char *call)
{
	__atomic_store_n(&s->me->half[half].call, call, __ATOMIC_RELAXED);
}

int64_t called(struct session *s, enum half half, int64_t result)
{
	s->me->half[half].result = result;
	__atomic_store_n(&s->me->half[half].calls, s->me->half[half].calls + 1, __ATOMIC_RELAXED);
	(void)kipc_chan_stats(s->chan, &s->me->stats);
	return result;
}

void pause_for(int64_t ns)
{
	struct timespec ts = { .tv_nsec = ns };

	nanosleep(&ts, NULL);
}

bool not_now(int64_t result)
{
	return result == -EAGAIN || result == -ETIMEDOUT || result == -EINTR;
}

/* For ever only where the other half goes on meanwhile, and with a peer that is known to be there: it
 * ends its side at some time, or is killed.
 */
int64_t patience(struct session *s, enum half half)
{
	uint64_t r = random_below(&s->random[half], 8);

	if (r < 2)
		return 0;
	if (r < 4)
		return (int64_t)random_below(&s->random[half], 100 * USEC);
	if (r < 6 || !s->threads || !__atomic_load_n(&s->met, __ATOMIC_RELAXED))
		return (int64_t)random_below(&s->random[half], 20 * MSEC);
	return -1;
}

void poll_for(struct session *s, enum half half, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t timeout = patience(s, half);

	calling(s, half, "poll");
	(void)called(s, half, poll(&p, 1, timeout < 0 ? -1 : (int)(timeout / MSEC)));
}

/* ---- both halves ------------------------------------------------------------------------ */

/* Enough was sent, the peer has left, or the run is over. */
static bool enough(const struct session *s)
{
	return s->sent.n >= s->budget || !__atomic_load_n(&s->receiving, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&table->stop, __ATOMIC_RELAXED);
}

static void stop_sending(struct session *s)
{
	int64_t r;

	calling(s, SENDING, "kipc_shutdown");
	r = called(s, SENDING, kipc_shutdown(s->chan, KIPC_OUT));
	if (r < 0 && r != -EPIPE)
		broken(s, "shutdown: %s", kipc_strerror((int)r));
	s->sending = false;
}

static void *send_all(void *arg)
{
	struct session *s = arg;

	while (s->sending && !enough(s))
		s->sending_step(s);
	if (s->sending)
		stop_sending(s);
	calling(s, SENDING, "done");
	return NULL;
}

/* Nobody may ever come: then the end of the run is the end of the channel. */
static bool alone(const struct session *s)
{
	return !s->met && __atomic_load_n(&table->stop, __ATOMIC_RELAXED);
}

static void run_threads(struct session *s)
{
	pthread_t sender;

	if (pthread_create(&sender, NULL, send_all, s) != 0)
		broken(s, "no thread");
	while (s->receiving && !alone(s))
		s->receiving_step(s);
	__atomic_store_n(&s->receiving, false, __ATOMIC_RELAXED);
	calling(s, RECEIVING, "done");
	pthread_join(sender, NULL);
}

/* Sometimes it just leaves, with messages in both rings. */
static void run_alone(struct session *s)
{
	bool rude = random_below(&s->random[RECEIVING], 4) == 0;

	while ((s->sending || s->receiving) && !alone(s)) {
		bool send = s->sending && random_below(&s->random[SENDING], 2) == 0;

		if (s->sending && enough(s)) {
			if (rude)
				return;
			stop_sending(s);
		} else if (send) {
			s->sending_step(s);
		} else if (s->receiving) {
			s->receiving_step(s);
		}
	}
}

/* ---- opening ---------------------------------------------------------------------------- */

static void open_end(struct session *s)
{
	static const char *const options[PAIRS] = { "size=4K", "size=16K&align=64",
		                                    "size=64K&align=64&payload=1", "size=256K" };
	unsigned pair = s->slot / 2;
	char uri[200];
	int64_t r;

	snprintf(uri, sizeof(uri), "%s://%skstress-%d-%u?%s", table->scheme, table->place,
	         getppid(), pair, options[pair]);
	calling(s, SENDING, "");
	calling(s, RECEIVING, "kipc_chan_open");
	r = kipc_chan_open(&s->chan, uri, KIPC_PAIR | KIPC_CREATE, NULL);
	if (r < 0)
		broken(s, "%s: %s (%s)", uri, kipc_strerror((int)r), kipc_why());
}

struct record *record_new(struct worker *me)
{
	struct record *r = &me->records[++me->session % RECORDS];

	__atomic_store_n(&r->announced, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&r->settled, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&r->session, me->session, __ATOMIC_RELEASE);
	return r;
}

/* Only a hint to the other half of this worker. */
void hello_check(struct session *s)
{
	if (s->peer.magic != HELLO_MAGIC || s->peer.slot != (s->slot ^ 1))
		broken(s, "a stranger's first message");
	__atomic_store_n(&s->met, true, __ATOMIC_RELAXED);
}

void session_room(struct session *s)
{
	uint64_t longest = 0, ring = 0;

	if (kipc_chan_set(s->chan, KIPC_OPT_WAIT, 1 + random_below(&s->random[SENDING], 3)) != 0 ||
	    kipc_chan_get(s->chan, KIPC_OPT_MAX_MSG, &longest) != 0 ||
	    kipc_chan_get(s->chan, KIPC_OPT_RING_BYTES, &ring) != 0)
		broken(s, "an option is refused");
	s->longest = (size_t)longest;
	/* Without a ring the kernel counts what carries a message as well. */
	s->together = ring ? s->longest : s->longest / 4;
	s->out = malloc(8 * s->longest + 1);
	s->in = malloc(s->longest + 1);
	s->check = malloc(s->longest + 1);
	if (!s->out || !s->in || !s->check)
		broken(s, "no memory");
}

void session_open(struct session *s, unsigned i, struct worker *me, uint64_t *random)
{
	*s = (struct session){ .me = me,
		               .slot = i,
		               .budget = 1 + random_below(random, MESSAGES_MOST),
		               .threads = random_below(random, 2) == 0,
		               .random = { random_next(random) | 1, random_next(random) | 1 },
		               .sending = true,
		               .receiving = true };
	s->record = record_new(me);
	open_end(s);
	session_room(s);
}

void session_close(struct session *s)
{
	calling(s, RECEIVING, "kipc_chan_close");
	kipc_chan_close(s->chan);
	free(s->out);
	free(s->in);
	free(s->check);
}

void messages_run(unsigned i, struct worker *me, uint64_t *random)
{
	struct session s;

	if (random_below(random, 4) == 0)
		stranger_meet(i, me, random);
	session_open(&s, i, me, random);
	s.sending_step = sending_step;
	s.receiving_step = receiving_step;
	(s.threads ? run_threads : run_alone)(&s);
	session_close(&s);
}

void bytes_run(unsigned i, struct worker *me, uint64_t *random)
{
	struct session s;

	session_open(&s, i, me, random);
	s.budget *= 200;
	s.sending_step = bytes_sending_step;
	s.receiving_step = bytes_receiving_step;
	(s.threads ? run_threads : run_alone)(&s);
	session_close(&s);
}
