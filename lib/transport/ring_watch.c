// SPDX-License-Identifier: MIT
#include "ring_watch.h"

static void pause_for(unsigned turns)
{
	while (turns--)
		kipc__cpu_relax();
}

/* Right behind its sender a receiver fetches each cache line while the next one is written, and both are
 * slower for it. Who found data at once many times in a row, and sent nothing meanwhile, lets the sender
 * run ahead before the next look: for longer as long as much comes of it, so that catching up, which
 * costs lines their way, is rare between far cores; and for less where messages are not that close.
 */
static kipc__noinline void stay_behind(struct kipc__ring_chan *c)
{
	uint64_t found = c->base.stats.recv_msgs - c->lead_from;

	if (found >= c->lead / 4 && c->lead < KIPC__LEAD_MOST)
		c->lead *= 2;
	else if (found < c->lead / 8 && c->lead > KIPC__LEAD_LEAST)
		c->lead /= 2;
	c->lead_from = c->base.stats.recv_msgs;
	pause_for(c->lead);
}

/* Right behind its receiver a sender fetches the line of cons with every message. Who found the ring full
 * lets the receiver get ahead, for some microseconds at most: there is plenty for it to do. Not the
 * next times where it is slow.
 */
void kipc__ring_watch_ahead(struct kipc__ring_chan *c)
{
	unsigned i;

	if (c->ahead_rest) {
		c->ahead_rest--;
		return;
	}
	for (i = 0; i < KIPC__AHEAD_LOOKS; i++) {
		if (kipc__ring_room(&c->tx, c->tx.bytes / 4) != 0) {
			c->ahead_missed = 0;
			return;
		}
		pause_for(KIPC__LEAD_LEAST);
	}
	c->ahead_missed = c->ahead_missed < KIPC__AHEAD_REST ? 2 * c->ahead_missed + 1
	                                                     : c->ahead_missed;
	c->ahead_rest = c->ahead_missed;
}

static void stream_ends(struct kipc__ring_chan *c)
{
	c->streak = 0;
	c->lead_from = c->base.stats.recv_msgs;
}

static void watched(struct kipc__ring_chan *c, unsigned turns)
{
	uint64_t sent = kipc__load_relaxed(c->tx.prod_word);

	if (turns >= KIPC__STREAM_NEAR || sent != c->sent_at)
		stream_ends(c);
	/* Taking a line is a store that an answer would have to wait behind. */
	c->rx.own_most = sent == c->sent_at ? c->own_most : 0;
	c->sent_at = sent;
	kipc__count(&c->base.stats.spins);
}

/* Near cores answer within the first few looks. The answer of a far one comes up to twice as late if it is looked
 * for as often as it goes; each second turn is often enough (docs/design.md, section 4).
 */
bool kipc__ring_watch_briefly(struct kipc__ring_chan *c, int64_t timeout)
{
	unsigned i;

	if (c->brisk == 0 || timeout == 0)
		return false;
	c->brisk--;
	if (kipc__unlikely(c->streak >= KIPC__STREAM_CALLS))
		stay_behind(c);
	for (i = 0; i < KIPC__BRISK_LOOKS; i++) {
		if (kipc__ring_look(&c->rx, c->rx.cons) != 0) {
			watched(c, i);
			return true;
		}
		kipc__cpu_relax();
		if (i >= KIPC__BRISK_NEAR)
			kipc__cpu_relax();
	}
	c->brisk = 0;
	stream_ends(c);
	return false;
}
