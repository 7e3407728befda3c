// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include "link.h"

/* ---- places ----------------------------------------------------------------------------- */

static bool any_dropped(const struct kipc__calls *calls)
{
	unsigned i;

	for (i = 0; i < KIPC_CALL_MAX; i++)
		if (calls->mine[i].state == KIPC__CALL_DROPPED)
			return true;
	return false;
}

/* All places are taken. Some will be free when the server has answered what nobody wants any more. */
static int wait_for_place(struct kipc_chan *c, int64_t until)
{
	struct kipc__arrival a;
	int r;

	if (!any_dropped(c->calls))
		return -EBUSY;
	r = kipc__link_receive(c, &a, until);
	if (r == -EAGAIN && until != 0)
		r = -ETIMEDOUT;
	return r < 0 ? r : kipc__link_keep(c, &a);
}

static int place_take(struct kipc_chan *c, struct kipc__call **out, int64_t deadline, int64_t until)
{
	struct kipc__calls *calls = c->calls;
	unsigned place;

	while (calls->taken == UINT64_MAX) {
		int r = wait_for_place(c, until);

		if (r < 0)
			return r;
	}
	place = (unsigned)__builtin_ctzll(~calls->taken);
	calls->taken |= 1ull << place;
	*out = &calls->mine[place];
	**out = (struct kipc__call){ .id = ++calls->made * KIPC_CALL_MAX + place,
		                     .deadline = deadline,
		                     .state = KIPC__CALL_OPEN };
	return 0;
}

static struct kipc__call *find(const struct kipc_chan *c, int64_t id)
{
	struct kipc__call *call = &c->calls->mine[kipc__place_of((uint64_t)id)];

	if (id <= 0 || call->id != (uint64_t)id || call->state == KIPC__CALL_DROPPED)
		return NULL;
	return call;
}

/* ---- asking ----------------------------------------------------------------------------- */

/* A place, and its request in the channel, not committed yet. */
static int ask(struct kipc_chan *c, struct kipc__call **call, const void *req, size_t len,
               struct kipc_msg *m, int64_t deadline, int64_t until)
{
	struct kipc__frame f = { .version = KIPC__FRAME_VERSION,
		                 .type = KIPC__FRAME_REQUEST,
		                 .deadline = deadline };
	int r = place_take(c, call, deadline, until);

	if (r < 0)
		return r;
	f.id = (*call)->id;
	r = kipc__link_put(c, &f, req, len, m, until);
	if (r < 0)
		kipc__link_forget(c->calls, *call);
	return r;
}

int64_t kipc_call_begin(struct kipc_chan *c, const void *req, size_t len, int64_t timeout)
{
	int64_t deadline = timeout > 0 ? kipc__deadline(timeout) : KIPC__NEVER;
	struct kipc__call *call;
	struct kipc_msg m;
	int r = kipc__link_enter(c, KIPC_IN | KIPC_OUT);

	if (r == 0 && !req && len)
		r = -EINVAL;
	if (r == 0)
		r = ask(c, &call, req, len, &m, deadline, timeout == 0 ? 0 : deadline);
	if (r < 0)
		return r;
	r = c->ops->commit(c, &m, 1);
	if (r < 0) {
		kipc__link_forget(c->calls, call);
		return r;
	}
	return (int64_t)call->id;
}

/* ---- the reply -------------------------------------------------------------------------- */

/* Nobody waits for it any more, and the server is told. */
static void drop(struct kipc_chan *c, struct kipc__call *call)
{
	call->state = KIPC__CALL_DROPPED;
	c->calls->owed_cancels |= 1ull << kipc__place_of(call->id);
	(void)kipc__link_flush(c);
}

/* What an answer without payload means to the caller. */
static ssize_t meaning(int32_t status)
{
	switch (status) {
	case KIPC__REPLY_EXPIRED:
		return -ETIMEDOUT;
	case KIPC__REPLY_LOST:
		return -ENOMEM;
	default:
		return status - KIPC_CALL_REMOTE;
	}
}

int kipc_call_remote(ssize_t r)
{
	return r < -KIPC_CALL_REMOTE ? (int)(r + KIPC_CALL_REMOTE) : 0;
}

/* The result of a call; it is over, unless the buffer is too small. */
static ssize_t deliver(struct kipc_chan *c, struct kipc__call *call, int32_t status,
                       const void *data, size_t len, void *buf, size_t cap)
{
	ssize_t r = (ssize_t)len;

	if (status != 0)
		r = meaning(status);
	else if (len > cap)
		return -EMSGSIZE;
	else if (len)
		memcpy(buf, data, len);
	kipc__link_forget(c->calls, call);
	return r;
}

static ssize_t deliver_arrived(struct kipc_chan *c, struct kipc__call *call,
                               const struct kipc__arrival *a, void *buf, size_t cap)
{
	ssize_t r = deliver(c, call, a->frame.status, a->data, a->len, buf, cap);

	/* One that is too long stays where it is, until it is taken or in the way. */
	if (r != -EMSGSIZE)
		(void)c->ops->release(c, 1);
	return r;
}

/* No reply has come. */
static ssize_t give_up(struct kipc_chan *c, struct kipc__call *call, int r)
{
	if (r == -EPIPE || r == -EBADMSG) {
		kipc__link_forget(c->calls, call);
		return r;
	}
	if (r != -EAGAIN && r != -ETIMEDOUT)
		return r;
	if (!kipc__link_expired(call->deadline))
		return -EAGAIN;
	drop(c, call);
	return -ETIMEDOUT;
}

/* r, a: what came first. Everything else is kept on the way. */
static ssize_t await(struct kipc_chan *c, struct kipc__call *call, int r, struct kipc__arrival *a,
                     void *buf, size_t cap, int64_t until)
{
	while (r == 0) {
		if (a->frame.type == KIPC__FRAME_REPLY && a->frame.id == call->id)
			return deliver_arrived(c, call, a, buf, cap);
		r = kipc__link_keep(c, a);
		if (r == 0)
			r = kipc__link_receive(c, a, until);
	}
	return give_up(c, call, r);
}

ssize_t kipc_call_end(struct kipc_chan *c, int64_t id, void *buf, size_t cap, int64_t timeout)
{
	struct kipc__arrival a;
	struct kipc__call *call;
	int64_t until;
	int r = kipc__link_enter(c, KIPC_IN);

	if (r < 0)
		return r;
	call = find(c, id);
	if (!call || (!buf && cap))
		return -EINVAL;
	if (call->state == KIPC__CALL_KEPT)
		return deliver(c, call, call->status, call->data, call->len, buf, cap);
	until = kipc__link_deadline(timeout);
	if (call->deadline < until)
		until = call->deadline;
	r = kipc__link_receive(c, &a, until);
	return await(c, call, r, &a, buf, cap, until);
}

int kipc_call_cancel(struct kipc_chan *c, int64_t id)
{
	struct kipc__call *call;
	int r = kipc__link_enter(c, KIPC_IN);

	if (r < 0)
		return r;
	call = find(c, id);
	if (!call)
		return -EINVAL;
	if (call->state == KIPC__CALL_KEPT)
		kipc__link_forget(c->calls, call);
	else
		drop(c, call);
	return 0;
}

/* ---- both at once ----------------------------------------------------------------------- */

ssize_t kipc_call(struct kipc_chan *c, const void *req, size_t len, void *buf, size_t cap,
                  int64_t timeout)
{
	struct kipc__arrival a;
	struct kipc__call *call;
	struct kipc_msg m;
	int64_t deadline, id;
	bool went;
	ssize_t r = kipc__link_enter(c, KIPC_IN | KIPC_OUT);

	if (r < 0)
		return r;
	if ((!req && len) || (!buf && cap))
		return -EINVAL;
	if (timeout == 0)
		return -EAGAIN;
	deadline = kipc__deadline(timeout);
	r = ask(c, &call, req, len, &m, deadline, deadline);
	if (r < 0)
		return r;
	id = (int64_t)call->id;
	r = kipc__link_turn(c, &m, &a, deadline, &went);
	if (!went) { /* the server will never answer */
		kipc__link_forget(c->calls, call);
		return r;
	}
	r = await(c, call, (int)r, &a, buf, cap, deadline);
	/* Nobody knows its id. A reply that was too long is dropped when it is in the way. */
	if (r < 0 && find(c, id))
		drop(c, call);
	return r;
}
