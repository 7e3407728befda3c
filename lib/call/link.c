// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "link.h"

#define BOTH (KIPC_IN | KIPC_OUT)

/* ---- life ------------------------------------------------------------------------------- */

/* From now on the verbs for messages refuse: a message among the frames would end the conversation. */
static int begin(struct kipc_chan *c)
{
	struct kipc__calls *calls = calloc(1, sizeof(*calls));

	if (!calls)
		return -ENOMEM;
	(void)c->ops->discard(c);
	c->calls = calls;
	c->dirs = 0;
	return 0;
}

int kipc__link_enter(struct kipc_chan *c, unsigned dirs)
{
	int r = kipc__use_ready(c, dirs);

	if (r == 0 && c->kind != KIPC_PAIR)
		r = -EOPNOTSUPP;
	if (r == 0 && !c->calls)
		r = begin(c);
	return r < 0 ? r : c->calls->fault;
}

void kipc__calls_free(struct kipc__calls *calls)
{
	unsigned i;

	if (!calls)
		return;
	for (i = 0; i < KIPC_CALL_MAX; i++) {
		free(calls->mine[i].data);
		free(calls->theirs[i].data);
	}
	free(calls->pin);
	free(calls);
}

int kipc__calls_wait(const struct kipc__calls *calls)
{
	if (!calls)
		return 0;
	return calls->fault ? calls->fault : calls->kept || calls->waiting;
}

bool kipc__calls_busy(const struct kipc__calls *calls)
{
	unsigned i;

	if (!calls)
		return false;
	for (i = 0; i < KIPC_CALL_MAX; i++)
		if (calls->theirs[i].id)
			return true;
	return calls->taken != 0;
}

/* ---- time ------------------------------------------------------------------------------- */

int64_t kipc__link_deadline(int64_t timeout)
{
	return timeout == 0 ? 0 : kipc__deadline(timeout);
}

bool kipc__link_expired(int64_t deadline)
{
	return deadline != KIPC__NEVER && kipc__now() >= deadline;
}

/* What a slot of the transport table wants. */
static int64_t left(int64_t deadline)
{
	int64_t ns;

	if (deadline == KIPC__NEVER)
		return -1;
	ns = deadline == 0 ? 0 : deadline - kipc__now();
	return ns > 0 ? ns : 0;
}

/* ---- out -------------------------------------------------------------------------------- */

static int say(struct kipc_chan *c, uint8_t type, int32_t status, uint64_t id)
{
	const struct kipc__frame f = {
		.version = KIPC__FRAME_VERSION, .type = type, .status = status, .id = id
	};
	struct kipc_msg m = { .len = sizeof(f) };
	int r = c->ops->reserve(c, &m, 1, 0);

	if (r < 0)
		return r;
	memcpy(m.data, &f, sizeof(f));
	r = c->ops->commit(c, &m, 1);
	return r < 0 ? r : 0;
}

static int say_cancel(struct kipc_chan *c, unsigned place)
{
	int r = say(c, KIPC__FRAME_CANCEL, 0, c->calls->mine[place].id);

	if (r == 0)
		c->calls->owed_cancels &= ~(1ull << place);
	return r;
}

static int say_answer(struct kipc_chan *c, unsigned place)
{
	struct kipc__served *s = &c->calls->theirs[place];
	int r = say(c, KIPC__FRAME_REPLY, s->owed, s->id);

	if (r == 0) {
		c->calls->owed_answers &= ~(1ull << place);
		*s = (struct kipc__served){ 0 };
	}
	return r;
}

int kipc__link_flush(struct kipc_chan *c)
{
	struct kipc__calls *calls = c->calls;
	int r = c->open & KIPC_OUT ? 0 : -EPIPE;

	while (r == 0 && (calls->owed_cancels | calls->owed_answers)) {
		if (calls->owed_cancels)
			r = say_cancel(c, (unsigned)__builtin_ctzll(calls->owed_cancels));
		else
			r = say_answer(c, (unsigned)__builtin_ctzll(calls->owed_answers));
	}
	return r;
}

void kipc__link_owe(struct kipc_chan *c, struct kipc__served *s, int32_t status)
{
	s->owed = status;
	c->calls->owed_answers |= 1ull << kipc__place_of(s->id);
	(void)kipc__link_flush(c);
}

static void fill(struct kipc_msg *m, const struct kipc__frame *f, const void *data, size_t len)
{
	memcpy(m->data, f, sizeof(*f));
	if (len)
		memcpy((uint8_t *)m->data + sizeof(*f), data, len);
}

/* Whatever has come goes into the tables. 0 also when nothing has. */
static int take_in(struct kipc_chan *c)
{
	struct kipc__arrival a;
	int r = kipc__link_receive(c, &a, 0);

	if (r == 0)
		r = kipc__link_keep(c, &a);
	return r == -EAGAIN ? 0 : r;
}

/* Both sides may be where this one is: each waits for room, and makes room for the other one by taking
 * in what came. events without KIPC_IN: that is not possible.
 */
static int wait_for_room(struct kipc_chan *c, struct kipc_msg *m, unsigned events, int64_t deadline)
{
	int r;

	do {
		r = c->ops->wait(c, events, left(deadline));
		if (r > 0 && (r & KIPC_IN)) {
			r = take_in(c);
			if (r == -EPIPE)
				events = KIPC_OUT; /* it says no more, and may listen still */
			else if (r < 0)
				return r;
		} else if (r < 0) {
			return r == -EAGAIN ? -ETIMEDOUT : r;
		}
		r = c->ops->reserve(c, m, 1, 0);
	} while (r == -EAGAIN);
	return r;
}

static int put_slowly(struct kipc_chan *c, const struct kipc__frame *f, const void *data,
                      size_t len, struct kipc_msg *m, int64_t deadline)
{
	unsigned events = c->open;
	void *copy = NULL;
	int r;

	/* The payload may be a part of the request, which does not survive that something is taken in. */
	if (c->calls->pinned || c->calls->pin) {
		copy = malloc(len + 1);
		if (!copy)
			events = KIPC_OUT;
		else if (len)
			memcpy(copy, data, len);
		if (copy)
			kipc__link_unpin(c);
	}
	r = wait_for_room(c, m, events, deadline);
	if (r > 0)
		fill(m, f, copy ? copy : data, len);
	free(copy);
	return r;
}

int kipc__link_put(struct kipc_chan *c, const struct kipc__frame *f, const void *data, size_t len,
                   struct kipc_msg *m, int64_t deadline)
{
	int r;

	if (len > SIZE_MAX - sizeof(*f))
		return -EMSGSIZE;
	*m = (struct kipc_msg){ .len = sizeof(*f) + len };
	r = c->ops->reserve(c, m, 1, 0);
	if (r > 0)
		fill(m, f, data, len);
	else if (r == -EAGAIN && deadline != 0)
		r = put_slowly(c, f, data, len, m, deadline);
	if (r < 0)
		return r;
	kipc__link_unpin(c);
	return 0;
}

/* ---- in --------------------------------------------------------------------------------- */

void kipc__link_unpin(struct kipc_chan *c)
{
	struct kipc__calls *calls = c->calls;

	free(calls->pin);
	calls->pin = NULL;
	if (calls->pinned)
		(void)c->ops->release(c, 1);
	calls->pinned = false;
}

/* Whoever sends nonsense is not believed any more, nor kept waiting. */
static int broken(struct kipc_chan *c)
{
	c->calls->fault = -EBADMSG;
	(void)c->ops->shutdown(c, BOTH);
	return -EBADMSG;
}

static bool is_sound(const struct kipc__frame *f, size_t len)
{
	if (f->version != KIPC__FRAME_VERSION || f->reserved || f->id == 0 || f->id > INT64_MAX)
		return false;
	switch (f->type) {
	case KIPC__FRAME_REQUEST:
		return f->status == 0 && f->deadline > 0;
	case KIPC__FRAME_REPLY:
		return f->deadline == 0 && f->status >= -KIPC__ERRNO_MAX &&
		       f->status <= KIPC__REPLY_LAST && (f->status == 0 || len == 0);
	case KIPC__FRAME_CANCEL:
		return f->deadline == 0 && f->status == 0 && len == 0;
	default:
		return false;
	}
}

/* Each place is asked once and answered once. */
static bool is_expected(const struct kipc__calls *calls, const struct kipc__frame *f)
{
	const struct kipc__call *call = &calls->mine[kipc__place_of(f->id)];

	if (f->type == KIPC__FRAME_REQUEST)
		return calls->theirs[kipc__place_of(f->id)].id == 0;
	if (f->type == KIPC__FRAME_CANCEL)
		return true;
	if (call->id != f->id || call->state == KIPC__CALL_KEPT)
		return false;
	return f->status != KIPC__REPLY_CANCELLED || call->state == KIPC__CALL_DROPPED;
}

static int arrive(struct kipc_chan *c, const struct kipc_msg *m, struct kipc__arrival *a)
{
	if (m->len < sizeof(a->frame))
		return broken(c);
	memcpy(&a->frame, m->data, sizeof(a->frame));
	a->data = (const uint8_t *)m->data + sizeof(a->frame);
	a->len = m->len - sizeof(a->frame);
	if (!is_sound(&a->frame, a->len) || !is_expected(c->calls, &a->frame))
		return broken(c);
	return 0;
}

int kipc__link_receive(struct kipc_chan *c, struct kipc__arrival *a, int64_t deadline)
{
	struct kipc__calls *calls = c->calls;
	struct kipc_msg m;
	int r;

	kipc__link_unpin(c);
	while ((calls->owed_cancels | calls->owed_answers) && kipc__link_flush(c) == -EAGAIN) {
		r = c->ops->wait(c, BOTH, left(deadline));
		if (r < 0)
			return r;
		if (r & KIPC_IN)
			break;
	}
	r = c->ops->peek(c, &m, 1, left(deadline));
	return r < 0 ? r : arrive(c, &m, a);
}

/* Rings never fail to take what was reserved; the kernel may lack the memory for a packet. */
static bool in_one(const struct kipc_chan *c)
{
	return c->ops->turn != kipc__turn_apart &&
	       !(c->calls->owed_cancels | c->calls->owed_answers);
}

int kipc__link_turn(struct kipc_chan *c, const struct kipc_msg *m, struct kipc__arrival *a,
                    int64_t deadline, bool *went)
{
	struct kipc_msg in;
	int r;

	*went = true;
	if (!in_one(c)) {
		r = c->ops->commit(c, m, 1);
		*went = r >= 0;
		return r < 0 ? r : kipc__link_receive(c, a, deadline);
	}
	r = c->ops->turn(c, m, &in, left(deadline));
	return r < 0 ? r : arrive(c, &in, a);
}

/* ---- keeping ---------------------------------------------------------------------------- */

static bool copy_of(const struct kipc__arrival *a, void **data, size_t *len)
{
	*len = a->len;
	*data = malloc(a->len + 1);
	if (*data && a->len)
		memcpy(*data, a->data, a->len);
	return *data;
}

void kipc__link_forget(struct kipc__calls *calls, struct kipc__call *call)
{
	uint64_t bit = 1ull << kipc__place_of(call->id);

	if (call->state == KIPC__CALL_KEPT)
		calls->kept--;
	free(call->data);
	*call = (struct kipc__call){ 0 };
	calls->taken &= ~bit;
	calls->owed_cancels &= ~bit;
}

static void keep_reply(struct kipc__calls *calls, const struct kipc__arrival *a)
{
	struct kipc__call *call = &calls->mine[kipc__place_of(a->frame.id)];

	if (call->state == KIPC__CALL_DROPPED) {
		kipc__link_forget(calls, call);
		return;
	}
	call->state = KIPC__CALL_KEPT;
	call->status = copy_of(a, &call->data, &call->len) ? a->frame.status : KIPC__REPLY_LOST;
	calls->kept++;
}

static void keep_request(struct kipc_chan *c, const struct kipc__arrival *a)
{
	struct kipc__calls *calls = c->calls;
	unsigned place = kipc__place_of(a->frame.id);
	struct kipc__served *s = &calls->theirs[place];

	*s = (struct kipc__served){ .id = a->frame.id, .deadline = a->frame.deadline };
	if (!copy_of(a, &s->data, &s->len)) {
		kipc__link_owe(c, s, -ENOMEM);
		return;
	}
	s->waiting = true;
	calls->queue[(calls->first + calls->waiting++) % KIPC_CALL_MAX] = (uint8_t)place;
}

/* Out of the queue; those behind it move up. */
static void unqueue(struct kipc__calls *calls, unsigned place)
{
	unsigned i, to = 0;

	for (i = 0; i < calls->waiting; i++) {
		uint8_t entry = calls->queue[(calls->first + i) % KIPC_CALL_MAX];

		if (entry != place)
			calls->queue[(calls->first + to++) % KIPC_CALL_MAX] = entry;
	}
	calls->waiting = to;
}

static void heed_cancel(struct kipc_chan *c, uint64_t id)
{
	unsigned place = kipc__place_of(id);
	struct kipc__served *s = &c->calls->theirs[place];

	if (s->id != id)
		return; /* answered already */
	s->cancelled = true;
	if (!s->waiting)
		return;
	unqueue(c->calls, place);
	s->waiting = false;
	free(s->data);
	s->data = NULL;
	kipc__link_owe(c, s, KIPC__REPLY_CANCELLED);
}

int kipc__link_keep(struct kipc_chan *c, const struct kipc__arrival *a)
{
	int r;

	switch (a->frame.type) {
	case KIPC__FRAME_REQUEST:
		keep_request(c, a);
		break;
	case KIPC__FRAME_REPLY:
		keep_reply(c->calls, a);
		break;
	case KIPC__FRAME_CANCEL:
		heed_cancel(c, a->frame.id);
		break;
	}
	r = c->ops->release(c, 1);
	return r < 0 ? r : 0;
}
