// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include "link.h"

/* ---- the next request ------------------------------------------------------------------- */

static void hand_over(struct kipc_request *req, const struct kipc__served *s, const void *data,
                      size_t len)
{
	*req = (struct kipc_request){ .id = (int64_t)s->id, .data = data, .len = len, .left = -1 };
	if (s->deadline == KIPC__NEVER)
		return;
	/* Negative would be "none", and time has passed since it was found to have some left. */
	req->left = s->deadline - kipc__now();
	if (req->left < 0)
		req->left = 0;
}

/* What the server had lies in the channel no longer, so that it is not delivered again to whom the end is
 * handed over.
 */
static void dismiss(struct kipc_chan *c, struct kipc__served *s, int32_t status)
{
	kipc__link_unpin(c);
	kipc__link_owe(c, s, status);
}

/* The oldest of those that came while something else was awaited. */
static bool hand_over_kept(struct kipc_chan *c, struct kipc_request *req)
{
	struct kipc__calls *calls = c->calls;

	while (calls->waiting) {
		struct kipc__served *s = &calls->theirs[calls->queue[calls->first]];

		calls->first = (calls->first + 1) % KIPC_CALL_MAX;
		calls->waiting--;
		s->waiting = false;
		calls->pin = s->data;
		s->data = NULL;
		if (!kipc__link_expired(s->deadline)) {
			hand_over(req, s, calls->pin, s->len);
			return true;
		}
		dismiss(c, s, KIPC__REPLY_EXPIRED);
	}
	return false;
}

/* One that has just come, where it lies. Too late, it is answered instead. */
static bool hand_over_arrived(struct kipc_chan *c, struct kipc_request *req,
                              const struct kipc__arrival *a)
{
	struct kipc__served *s = &c->calls->theirs[kipc__place_of(a->frame.id)];

	*s = (struct kipc__served){ .id = a->frame.id, .deadline = a->frame.deadline };
	c->calls->pinned = true;
	if (!kipc__link_expired(s->deadline)) {
		hand_over(req, s, a->data, a->len);
		return true;
	}
	dismiss(c, s, KIPC__REPLY_EXPIRED);
	return false;
}

/* r, a: what came first. */
static int await(struct kipc_chan *c, struct kipc_request *req, int r, struct kipc__arrival *a,
                 int64_t until)
{
	while (r == 0) {
		if (a->frame.type != KIPC__FRAME_REQUEST)
			r = kipc__link_keep(c, a);
		else if (hand_over_arrived(c, req, a))
			return 0;
		if (r == 0)
			r = kipc__link_receive(c, a, until);
	}
	return r == -EAGAIN && until != 0 ? -ETIMEDOUT : r;
}

static int next(struct kipc_chan *c, struct kipc_request *req, int64_t until)
{
	struct kipc__arrival a;
	int r;

	kipc__link_unpin(c);
	if (hand_over_kept(c, req))
		return 0;
	r = kipc__link_receive(c, &a, until);
	return await(c, req, r, &a, until);
}

int kipc_call_next(struct kipc_chan *c, struct kipc_request *req, int64_t timeout)
{
	int r = kipc__link_enter(c, KIPC_IN);

	if (r < 0)
		return r;
	if (!req)
		return -EINVAL;
	*req = (struct kipc_request){ 0 };
	return next(c, req, kipc__link_deadline(timeout));
}

/* ---- answering -------------------------------------------------------------------------- */

/* A call that the server has. */
static struct kipc__served *find(const struct kipc_chan *c, int64_t id)
{
	struct kipc__served *s = &c->calls->theirs[kipc__place_of((uint64_t)id)];

	return id <= 0 || s->id != (uint64_t)id || s->waiting || s->owed ? NULL : s;
}

/* The answer is in the channel, not committed yet; the call is over. */
static int answer(struct kipc_chan *c, struct kipc__served *s, const void *data, size_t len,
                  struct kipc_msg *m, int64_t until)
{
	const struct kipc__frame f = { .version = KIPC__FRAME_VERSION,
		                       .type = KIPC__FRAME_REPLY,
		                       .id = s->id };
	int r = kipc__link_put(c, &f, data, len, m, until);

	if (r == 0)
		*s = (struct kipc__served){ 0 };
	return r;
}

/* It did not go after all: still due, if anybody waits for it. Its id; 0: nobody does. */
static int64_t take_back(struct kipc__served *s, const struct kipc__served *was, int r)
{
	if (r != -EPIPE)
		*s = *was;
	return (int64_t)s->id;
}

int kipc_reply(struct kipc_chan *c, int64_t id, const void *data, size_t len, int64_t timeout)
{
	struct kipc__served *s, was;
	struct kipc_msg m;
	int r = kipc__link_enter(c, KIPC_OUT);

	if (r < 0)
		return r;
	s = find(c, id);
	if (!s || (!data && len))
		return -EINVAL;
	if (s->cancelled) {
		dismiss(c, s, KIPC__REPLY_CANCELLED);
		return -ECANCELED;
	}
	was = *s;
	r = answer(c, s, data, len, &m, kipc__link_deadline(timeout));
	if (r < 0)
		return r;
	r = c->ops->commit(c, &m, 1);
	if (r < 0)
		(void)take_back(s, &was, r);
	return r < 0 ? r : 0;
}

int kipc_reply_error(struct kipc_chan *c, int64_t id, int err)
{
	struct kipc__served *s;
	bool cancelled;
	int r = kipc__link_enter(c, KIPC_OUT);

	if (r < 0)
		return r;
	s = find(c, id);
	if (!s || err >= 0 || err < -KIPC__ERRNO_MAX)
		return -EINVAL;
	cancelled = s->cancelled;
	dismiss(c, s, cancelled ? KIPC__REPLY_CANCELLED : err);
	return cancelled ? -ECANCELED : 0;
}

/* The reply to a cancelled call is of no interest, so there is only the next request to wait for. */
static int skip(struct kipc_chan *c, struct kipc__served *s, struct kipc_request *req,
                int64_t until)
{
	kipc__link_owe(c, s, KIPC__REPLY_CANCELLED);
	return next(c, req, until);
}

int kipc_reply_next(struct kipc_chan *c, int64_t id, const void *data, size_t len,
                    struct kipc_request *req, int64_t timeout)
{
	int64_t until = kipc__link_deadline(timeout);
	struct kipc__arrival a;
	struct kipc__served *s, was;
	struct kipc_msg m;
	bool went;
	int r = kipc__link_enter(c, KIPC_IN | KIPC_OUT);

	if (r < 0)
		return r;
	s = find(c, id);
	if (!s || !req || (!data && len))
		return -EINVAL;
	*req = (struct kipc_request){ .id = s->cancelled ? 0 : id };
	if (s->cancelled)
		return skip(c, s, req, until);
	was = *s;
	r = answer(c, s, data, len, &m, until);
	if (r < 0)
		return r;
	if (c->calls->waiting) {
		r = c->ops->commit(c, &m, 1);
		went = r >= 0;
	} else {
		r = kipc__link_turn(c, &m, &a, until, &went);
	}
	req->id = 0;
	if (!went) {
		req->id = take_back(s, &was, r);
		return r;
	}
	if (r > 0)
		return next(c, req, until);
	return await(c, req, r, &a, until);
}

/* ---- is it still wanted? ---------------------------------------------------------------- */

/* A word that came behind the request lies in the channel, where nobody has looked yet. It stays there:
 * the request in front of it does, too.
 */
static bool cancel_came(struct kipc_chan *c, uint64_t id)
{
	struct kipc_msg m[KIPC_BATCH_MAX];
	struct kipc__frame f;
	int n = c->ops->peek(c, m, KIPC_BATCH_MAX, 0);
	int i;

	for (i = c->calls->pinned ? 1 : 0; i < n; i++) {
		if (m[i].len != sizeof(f))
			continue;
		memcpy(&f, m[i].data, sizeof(f));
		if (f.type == KIPC__FRAME_CANCEL && f.id == id)
			return true;
	}
	return false;
}

static bool peer_left(struct kipc_chan *c)
{
	struct kipc_peer p = { .size = sizeof(p), .state = KIPC_PEER_ALIVE };

	return c->ops->peer(c, &p) == 0 && p.state == KIPC_PEER_GONE;
}

int kipc_call_cancelled(struct kipc_chan *c, int64_t id)
{
	struct kipc__served *s;
	int r = kipc__link_enter(c, KIPC_IN);

	if (r < 0)
		return r;
	s = find(c, id);
	if (!s)
		return -EINVAL;
	if (!s->cancelled)
		s->cancelled = cancel_came(c, s->id);
	return s->cancelled || kipc__link_expired(s->deadline) || peer_left(c);
}
