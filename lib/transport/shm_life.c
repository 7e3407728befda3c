// SPDX-License-Identifier: MIT
#include <poll.h>
#include "ring_wait.h"
#include "shm_chan.h"

/* Nobody can be the peer any more: all copies of its end of the socket pair are closed. */
static bool orphaned(const struct kipc__shm_chan *s)
{
	struct pollfd p = { .fd = s->sock, .events = POLLRDHUP };

	return s->sock >= 0 && poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP));
}

/* Have my sleepers been told that the peer is gone? Whoever leaves says so before anything else. */
static bool told(const struct kipc__ring_chan *c)
{
	const unsigned left = KIPC_GONE_CLOSED | KIPC_GONE_DEAD;

	return (kipc__ring_wait_gone(c, KIPC_SIDE_DATA) & left) &&
	       (kipc__ring_wait_gone(c, KIPC_SIDE_SPACE) & left);
}

static uint32_t peer_state(const struct kipc__ring_chan *c)
{
	return kipc__load_acquire(&c->status->ends[KIPC__RING_PEER(c)].state);
}

/* How it is asked whether anybody holds a life lock. */
typedef int (*held_fn)(struct kipc__lockfile *f, unsigned byte, pid_t *pid);

/* It was handed over, and is neither on its way nor has it arrived. */
static bool strayed(struct kipc__shm_chan *s, held_fn held)
{
	struct kipc__ring_chan *c = &s->ring;
	unsigned peer = KIPC__RING_PEER(c);
	pid_t pid;

	return (kipc__load_relaxed(&s->met) ||
	        kipc__load_relaxed(&c->status->ends[peer].generation)) &&
	       !kipc__shm_way_is(s, peer) && held(s->file, peer, &pid) == 0 &&
	       peer_state(c) == KIPC_END_FREE;
}

/* The peer may have written any state before it died. Only "free" is believed, where it can be: an end
 * that was not taken yet, or was handed over.
 */
static bool lost(struct kipc__ring_chan *c, held_fn held)
{
	struct kipc__shm_chan *s = (struct kipc__shm_chan *)c;
	pid_t pid;

	if (peer_state(c) == KIPC_END_FREE)
		return *s->name ? strayed(s, held) : orphaned(s);
	kipc__store_relaxed(&s->met, true);
	if (held(s->file, KIPC__RING_PEER(c), &pid) != 0)
		return false;
	return peer_state(c) != KIPC_END_FREE; /* it handed over meanwhile */
}

static void look(struct kipc__ring_chan *c, held_fn held)
{
	struct kipc__shm_chan *s = (struct kipc__shm_chan *)c;

	kipc__store_relaxed(&s->looked_at, kipc__now_coarse());
	if (told(c) || !lost(c, held) || told(c))
		return;
	kipc__shm_gone(c, KIPC__RING_PEER(c),
	               peer_state(c) == KIPC_END_FREE ? KIPC_GONE_CLOSED : KIPC_GONE_DEAD);
	kipc__shm_wake_self(c, KIPC_SIDE_DATA);
	kipc__shm_wake_self(c, KIPC_SIDE_SPACE);
	kipc__shm_name_drop(s, 0);
}

void kipc__shm_look(struct kipc__ring_chan *c)
{
	look(c, kipc__lockfile_held);
}

void kipc__shm_glance(struct kipc__ring_chan *c)
{
	look(c, kipc__lockfile_glance);
}
