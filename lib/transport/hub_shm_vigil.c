// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <unistd.h>
#include "../os/process.h"
#include "../os/vigil.h"
#include "../os/wake.h"
#include "hub_shm.h"

/*
 * Hearing of others' ends in one's sleep. Who has slept for a whole nap sets up a vigil (os/vigil.h) for
 * the next sleep, and that sleep only, on each other process that has a place whose owner's end matters:
 *
 *   the process   its pidfd: a death
 *   the leash     a FIFO that it holds open for reading, and that exec() closes, too
 *
 * The bell is not the word that the kernel changes, for others sleep on it; the sleep is on both. That no
 * newcomer is missed: it has its lock before it stirs all sleepers (hub_shm_end.c), and the locks are looked
 * at behind arming. So it is seen here, or ends this sleep.
 *
 * Where one of those who matter cannot be watched there is no vigil, but a nap.
 */

#define PROCESSES (KIPC__VIGIL_MOST / 2)

#define QUIET 1U /* the word, as long as nothing has happened */

/* ---- my own leash ----------------------------------------------------------------------- */

/* A forked child has a copy, which would hide that its parent is gone. */
static void in_child(struct kipc__guard *g)
{
	struct kipc__hub_shm *s = (void *)((char *)g - offsetof(struct kipc__hub_shm, guard));

	kipc__fd_close(s->leash);
	s->leash = -1;
	kipc__courier_forget(s->courier);
}

int kipc__hub_shm_leash_begin(struct kipc__hub_shm *s)
{
	s->leash = -1;
	s->guard.in_child = in_child;
	return kipc__guard_add(&s->guard);
}

/* Both halves of the end may come here at once. A newcomer that cleans up has no place yet. */
void kipc__hub_shm_leash_make(struct kipc__hub *h)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	int none = -1, fd;

	if (kipc__load_relaxed(&s->leash) >= 0 || !s->placed ||
	    kipc__hub_state(h, h->end) != KIPC_END_LIVE)
		return;
	if (kipc__region_bell(&fd, s->name, h->ident.id, KIPC__HUB_LEASH(h->end), true,
	                      kipc__region_mode(kipc__lockfile_fd(s->file))) < 0)
		return;
	if (!kipc__compare_exchange(&s->leash, &none, fd))
		kipc__fd_close(fd);
}

void kipc__hub_shm_leash_end(struct kipc__hub_shm *s)
{
	kipc__guard_remove(&s->guard);
	kipc__fd_close(s->leash);
}

/* ---- those who are watched -------------------------------------------------------------- */

struct company {
	unsigned n;
	pid_t pid[PROCESSES];
	struct kipc__process *process[PROCESSES];
	struct pollfd what[KIPC__VIGIL_MOST]; /* two for each */
};

static bool knows(const struct company *c, pid_t pid)
{
	unsigned i;

	for (i = 0; i < c->n; i++)
		if (c->pid[i] == pid)
			return true;
	return false;
}

static void dismiss(struct company *c)
{
	unsigned i;

	for (i = 0; i < c->n; i++) {
		kipc__process_leave(c->process[i]);
		kipc__fd_close(c->what[2 * i].fd);
	}
}

static int holder(struct kipc__hub *h, unsigned end, pid_t *pid)
{
	return kipc__lockfile_held(kipc__hub_shm_of(h)->file, KIPC__HUB_BYTE(end), pid);
}

/* A pid can be used again, but not while its first owner still holds the lock. */
static bool watch(struct kipc__hub *h, struct company *c, unsigned end, pid_t pid)
{
	struct kipc__process *p;
	int leash;
	pid_t now;

	if (c->n == PROCESSES || kipc__region_bell_watch(&leash, kipc__hub_shm_of(h)->name,
	                                                 h->ident.id, KIPC__HUB_LEASH(end)) < 0)
		return false;
	p = kipc__process_watch(pid);
	if (!p || holder(h, end, &now) != 1 || now != pid) {
		kipc__process_leave(p);
		kipc__fd_close(leash);
		return false;
	}
	c->pid[c->n] = pid;
	c->process[c->n] = p;
	c->what[2 * c->n] = (struct pollfd){ .fd = leash, .events = POLLERR };
	c->what[2 * c->n + 1] = (struct pollfd){ .fd = kipc__process_fd(p), .events = POLLIN };
	c->n++;
	return true;
}

/* Will I hear of it when the owner of this place is gone? A place that nobody has must not be a dead
 * one's, nor one that somebody cleans up, who may die over it. The end of my own process is mine.
 */
static bool covered(struct kipc__hub *h, struct company *c, unsigned end, pid_t me)
{
	uint32_t state;
	pid_t pid;
	int held = holder(h, end, &pid);

	if (held == 0) {
		state = kipc__hub_state(h, end);
		return state != KIPC_END_LIVE && state != KIPC_END_REAP;
	}
	if (held < 0 || pid == 0)
		return false;
	return pid == me || knows(c, pid) || watch(h, c, end, pid);
}

static bool gather(struct kipc__hub *h, struct company *c)
{
	pid_t me = getpid();
	unsigned end;

	for (end = h->watch[0]; end <= h->watch[1] && end < h->ident.nr_ends; end++)
		if (end != h->end && !covered(h, c, end, me))
			return false;
	return true;
}

/* 0: it stands, or none is needed (NULL). */
static int begin(struct kipc__hub *h, struct kipc__hub_rest *rest, struct kipc__vigil **v)
{
	struct company c = { .n = 0 };
	int r = gather(h, &c) ? 0 : -EAGAIN;

	rest->word = QUIET;
	if (r == 0 && c.n)
		r = kipc__vigil_open(v, c.what, 2 * c.n, &rest->word);
	dismiss(&c);
	return r;
}

/* ---- the sleep -------------------------------------------------------------------------- */

/* Those who were chosen to wake the others of a crowd may be gone, or stopped, before they do (hub_shm_bell.c). So
 * the others take turns: every so often the timer of one of them ends, whether they are three or 64.
 */
#define TURN_NS (100 * 1000 * 1000)

/* When it is my turn; NEVER, where all that can sleep on this side are woken by who calls. A newcomer stirs all
 * once it counts, before it can sleep (hub_shm_end.c): who armed behind that counts it here.
 */
static int64_t my_turn(const struct kipc__hub *h, unsigned side)
{
	int64_t now, next, round;
	unsigned live, before_me;

	if (!h->kind->calls || side != KIPC_SIDE_DATA)
		return KIPC__NEVER;
	before_me = kipc__hub_shm_live(h, 1, h->end);
	live = before_me + kipc__hub_shm_live(h, h->end, h->ident.nr_ends);
	if (live <= KIPC__HUB_CHOSEN)
		return KIPC__NEVER;
	now = kipc__now();
	round = (int64_t)live * TURN_NS;
	next = now - now % round + (int64_t)before_me * TURN_NS;
	return next > now ? next : next + round;
}

/* In my turn: has anything happened since I armed? Then I ought to have been woken, and so ought the others. */
static int take_turn(uint32_t *word, uint32_t armed)
{
	if (kipc__load_relaxed(word) == armed)
		return -ETIMEDOUT;
	kipc__futex_wake(word);
	return 0;
}

static int sleep_by_turns(struct kipc__hub *h, unsigned side, struct kipc__vigil *v, uint32_t armed,
                          int64_t deadline)
{
	struct kipc__hub_rest *rest = &kipc__hub_shm_of(h)->rest[side];
	uint32_t *word = &kipc__hub_bell(h, side)->armed;
	int64_t turn, until;
	int r;

	do {
		turn = my_turn(h, side);
		until = turn < deadline ? turn : deadline;
		r = v ? kipc__vigil_sleep(&rest->word, QUIET, word, armed, until)
		      : kipc__futex_wait(word, armed, until, KIPC__NEVER);
		if (r != -ETIMEDOUT || until == deadline)
			return r;
		r = take_turn(word, armed);
	} while (r == -ETIMEDOUT);
	return r;
}

/* For this reason, and perhaps for ever. */
static int refused(struct kipc__hub_shm *s, int r)
{
	if (r == -EPERM || r == -ENOSYS || r == -EINVAL)
		s->may_watch = false;
	return -EAGAIN;
}

/* Not after each nap, if it was in vain. */
static bool worth_trying(const struct kipc__hub_rest *rest)
{
	return rest->naps && ((rest->naps & (rest->naps - 1)) == 0 || rest->naps % 64 == 0);
}

int kipc__hub_shm_vigil_sleep(struct kipc__hub *h, unsigned side, uint32_t armed, int64_t deadline)
{
	struct kipc__hub_shm *s = kipc__hub_shm_of(h);
	struct kipc__hub_rest *rest = &s->rest[side];
	struct kipc__vigil *v = NULL;
	bool happened;
	int r;

	if (!s->may_watch || !worth_trying(rest))
		return -EAGAIN;
	r = begin(h, rest, &v);
	if (r < 0)
		return refused(s, r);
	r = sleep_by_turns(h, side, v, armed, deadline);
	kipc__hub_shm_answer(h, side); /* at once: to end a vigil takes longer */
	happened = v && !kipc__vigil_stands(v);
	kipc__vigil_close(v);
	if (r < 0 && r != -ETIMEDOUT && r != -EINTR)
		return refused(s, r);
	rest->naps = 0;
	if (happened)
		kipc__hub_shm_look(h, true);
	return r;
}
