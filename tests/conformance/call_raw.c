// SPDX-License-Identifier: MIT
/*
 * A peer that does not use the library's calls but makes its frames by hand, well and badly. The layout
 * stands here a second time on purpose: other programs of other ages speak it, so it must not change.
 */
#include "form.h"

struct frame {
	uint8_t version, type;
	uint16_t reserved;
	int32_t status;
	uint64_t id;
	int64_t deadline;
	uint8_t payload[8];
};

#define HEAD    24
#define REQUEST 1
#define REPLY   2
#define CANCEL  3
#define SOMEID  (5 * 64 + 7)

_Static_assert(offsetof(struct frame, payload) == HEAD && HEAD == KIPC_CALL_BYTES, "layout");

static void put(struct kipc_chan *c, const struct frame *f, size_t payload)
{
	must_eq(kipc_send(c, f, HEAD + payload, 0), 0);
}

static struct frame take(struct kipc_chan *c, size_t payload)
{
	struct frame f;

	must_eq(kipc_recv(c, &f, sizeof(f), 0), HEAD + payload);
	must(f.version == 1 && f.reserved == 0);
	return f;
}

static struct frame request(void)
{
	return (struct frame){ .version = 1, .type = REQUEST, .id = SOMEID, .deadline = INT64_MAX };
}

/* ---- done well -------------------------------------------------------------------------- */

EACH_FORM(call_frames_of_a_server)
{
	struct frame x, r;
	struct duo d;
	uint64_t got;
	int64_t id, n;

	duo_both(&d, f, "");
	for (int i = 0; i < 3; i++) {
		id = must_ok(kipc_call_begin(d.end[0], "12345678", 8, i ? 1000 * SEC : -1));
		x = take(d.end[1], 8);
		must(x.type == REQUEST && x.status == 0 && x.id == (uint64_t)id);
		must((x.deadline == INT64_MAX) == (i == 0));
		must(i == 0 ||
		     (x.deadline > harness_now() && x.deadline <= harness_now() + 1000 * SEC));
		must(!memcmp(x.payload, "12345678", 8));
		r = (struct frame){ .version = 1, .type = REPLY, .id = x.id };
		r.status = i == 2 ? -EIO : 0;
		memcpy(r.payload, "abcdefgh", 8);
		put(d.end[1], &r, i == 2 ? 0 : 8);
		n = kipc_call_end(d.end[0], id, &got, 8, 0);
		must(i == 2 ? n == -EIO - KIPC_CALL_REMOTE
		            : n == 8 && !memcmp(&got, "abcdefgh", 8));
	}
	id = must_ok(kipc_call_begin(d.end[0], NULL, 0, -1));
	must(take(d.end[1], 0).id == (uint64_t)id);
	must_eq(kipc_call_cancel(d.end[0], id), 0);
	x = take(d.end[1], 0);
	must(x.type == CANCEL && x.id == (uint64_t)id && x.status == 0 && x.deadline == 0);
	duo_close(&d);
}

EACH_FORM(call_frames_of_a_client)
{
	struct kipc_request q;
	struct frame x = request(), r;
	struct duo d;

	duo_both(&d, f, "");
	memcpy(x.payload, "12345678", 8);
	put(d.end[1], &x, 8);
	must_eq(kipc_call_next(d.end[0], &q, 0), 0);
	must(q.id == SOMEID && q.len == 8 && q.left < 0 && !memcmp(q.data, "12345678", 8));
	must((uintptr_t)q.data % 8 == 0);
	must_eq(kipc_reply(d.end[0], q.id, q.data, 8, 0), 0);
	r = take(d.end[1], 8);
	must(r.type == REPLY && r.id == SOMEID && r.status == 0 && r.deadline == 0);
	must(!memcmp(r.payload, "12345678", 8));

	/* Too late before it was sent: the library answers, status 1. */
	x.deadline = 1;
	put(d.end[1], &x, 8);
	must_eq(kipc_call_next(d.end[0], &q, 0), -EAGAIN);
	r = take(d.end[1], 0);
	must(r.type == REPLY && r.id == SOMEID && r.status == 1);

	/* A cancel of what nobody has is a word that came too late; of what the server has: status 2. */
	x = (struct frame){ .version = 1, .type = CANCEL, .id = SOMEID };
	put(d.end[1], &x, 0);
	must_eq(kipc_call_next(d.end[0], &q, 0), -EAGAIN);
	x = request();
	put(d.end[1], &x, 0);
	must_eq(kipc_call_next(d.end[0], &q, 0), 0);
	x = (struct frame){ .version = 1, .type = CANCEL, .id = SOMEID };
	put(d.end[1], &x, 0);
	must_eq(kipc_call_cancelled(d.end[0], SOMEID), 1);
	must_eq(kipc_reply(d.end[0], SOMEID, "x", 1, 0), -ECANCELED);
	r = take(d.end[1], 0);
	must(r.type == REPLY && r.id == SOMEID && r.status == 2);
	must_eq(kipc_call_next(d.end[0], &q, 0), -EAGAIN);
	duo_close(&d);
}

/* ---- done badly ------------------------------------------------------------------------- */

/* end[0] has one call in flight, whose id a frame with id 0 and "mine" gets. */
static const struct {
	const char *name;
	struct frame f;
	size_t len;
	bool mine;
} bad[] = {
	{ "empty", { 0 }, 0, false },
	{ "one byte", { .version = 1 }, 1, false },
	{ "a byte too short", { 1, CANCEL, 0, 0, 9, 0, "" }, HEAD - 1, false },
	{ "version 0", { 0, REQUEST, 0, 0, 9, INT64_MAX, "" }, HEAD, false },
	{ "version 2", { 2, REQUEST, 0, 0, 9, INT64_MAX, "" }, HEAD, false },
	{ "type 0", { 1, 0, 0, 0, 9, 0, "" }, HEAD, false },
	{ "type 4", { 1, 4, 0, 0, 9, 0, "" }, HEAD, false },
	{ "type 255", { 1, 255, 0, 0, 9, 0, "" }, HEAD, false },
	{ "reserved", { 1, REQUEST, 1, 0, 9, INT64_MAX, "" }, HEAD, false },
	{ "id 0", { 1, REQUEST, 0, 0, 0, INT64_MAX, "" }, HEAD, false },
	{ "id above 2^63", { 1, REQUEST, 0, 0, 1ull << 63, INT64_MAX, "" }, HEAD, false },
	{ "id -1", { 1, CANCEL, 0, 0, UINT64_MAX, 0, "" }, HEAD, false },
	{ "request with a status", { 1, REQUEST, 0, 1, 9, INT64_MAX, "" }, HEAD, false },
	{ "request, deadline 0", { 1, REQUEST, 0, 0, 9, 0, "" }, HEAD, false },
	{ "request, deadline -1", { 1, REQUEST, 0, 0, 9, -1, "" }, HEAD, false },
	{ "request, deadline min", { 1, REQUEST, 0, 0, 9, INT64_MIN, "" }, HEAD, false },
	{ "cancel with a payload", { 1, CANCEL, 0, 0, 9, 0, "" }, HEAD + 1, false },
	{ "cancel with a deadline", { 1, CANCEL, 0, 0, 9, 1, "" }, HEAD, false },
	{ "cancel with a status", { 1, CANCEL, 0, -1, 9, 0, "" }, HEAD, false },
	{ "reply to nothing", { 1, REPLY, 0, 0, 9, 0, "" }, HEAD, false },
	{ "reply with a deadline", { 1, REPLY, 0, 0, 0, 1, "" }, HEAD, true },
	{ "reply, status 3", { 1, REPLY, 0, 3, 0, 0, "" }, HEAD, true },
	{ "reply, status max", { 1, REPLY, 0, INT32_MAX, 0, 0, "" }, HEAD, true },
	{ "reply, status -4096", { 1, REPLY, 0, -4096, 0, 0, "" }, HEAD, true },
	{ "reply, status min", { 1, REPLY, 0, INT32_MIN, 0, 0, "" }, HEAD, true },
	{ "error with a payload", { 1, REPLY, 0, -EIO, 0, 0, "" }, HEAD + 1, true },
	{ "cancelled by nobody", { 1, REPLY, 0, 2, 0, 0, "" }, HEAD, true },
};

static void is_over(struct duo *d, int64_t id)
{
	struct kipc_request q;
	struct frame f;
	ssize_t r;

	must_eq(kipc_call_end(d->end[0], id, NULL, 0, 0), -EBADMSG);
	must_eq(kipc_call_next(d->end[0], &q, -1), -EBADMSG);
	must_eq(kipc_call_begin(d->end[0], NULL, 0, -1), -EBADMSG);
	must_eq(kipc_call(d->end[0], NULL, 0, NULL, 0, -1), -EBADMSG);
	must_eq(kipc_call_cancelled(d->end[0], 1), -EBADMSG);
	must_eq(kipc_reply(d->end[0], 1, NULL, 0, -1), -EBADMSG);
	for (unsigned events = KIPC_IN; events <= (KIPC_IN | KIPC_OUT); events++)
		must_eq(kipc_wait(d->end[0], events, -1), -EBADMSG);
	must_eq(kipc_chan_fd(d->end[0], KIPC_IN), -EBADMSG);
	/* Nor does the other side wait for ever. */
	while ((r = kipc_recv(d->end[1], &f, sizeof(f), -1)) >= 0)
		;
	must_eq(r, -EPIPE);
}

/* By a caller, by a server, and by a caller that has left the frame to the server. */
static void hit(struct duo *d, int64_t id, unsigned how)
{
	struct kipc_request q;

	if (how == 0)
		must_eq(kipc_call_end(d->end[0], id, NULL, 0, -1), -EBADMSG);
	else if (how == 1)
		must_eq(kipc_call_next(d->end[0], &q, -1), -EBADMSG);
	else
		must_eq(kipc_call(d->end[0], NULL, 0, NULL, 0, -1), -EBADMSG);
}

EACH_FORM(call_malformed_frames_end_the_conversation)
{
	struct frame b;
	struct duo d;
	int64_t id;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		harness_note("%s", bad[i].name);
		duo_both(&d, f, "size=4K");
		id = must_ok(kipc_call_begin(d.end[0], "x", 1, -1));
		b = bad[i].f;
		if (bad[i].mine)
			b.id = (uint64_t)id;
		must_eq(kipc_send(d.end[1], &b, bad[i].len, 0), 0);
		hit(&d, id, i % 3);
		is_over(&d, id);
		duo_close(&d);
	}
}

/* Well made, and yet not possible. */
EACH_FORM(call_frames_out_of_turn)
{
	struct frame req = request(), rep = { .version = 1, .type = REPLY };
	struct kipc_request q;
	struct duo d;
	int64_t id;

	duo_both(&d, f, "size=4K"); /* the same id twice, the first is being served */
	put(d.end[1], &req, 0);
	must_eq(kipc_call_next(d.end[0], &q, 0), 0);
	put(d.end[1], &req, 0);
	must_eq(kipc_call_next(d.end[0], &q, 0), -EBADMSG);
	is_over(&d, 1);
	duo_close(&d);

	duo_both(&d, f, "size=4K"); /* another id in the same place, the first is kept */
	id = must_ok(kipc_call_begin(d.end[0], NULL, 0, -1));
	put(d.end[1], &req, 0);
	req.id += 64;
	put(d.end[1], &req, 0);
	must_eq(kipc_call_end(d.end[0], id, NULL, 0, -1), -EBADMSG);
	is_over(&d, id);
	duo_close(&d);

	duo_both(&d, f, "size=4K"); /* two replies to one call, the first is kept */
	id = must_ok(kipc_call_begin(d.end[0], NULL, 0, -1));
	rep.id = (uint64_t)id;
	put(d.end[1], &rep, 0);
	put(d.end[1], &rep, 0);
	must_eq(kipc_call_next(d.end[0], &q, -1), -EBADMSG);
	is_over(&d, id);
	duo_close(&d);

	duo_both(&d, f, "size=4K"); /* ... and the first was taken */
	id = must_ok(kipc_call_begin(d.end[0], NULL, 0, -1));
	rep.id = (uint64_t)id;
	put(d.end[1], &rep, 0);
	must_eq(kipc_call_end(d.end[0], id, NULL, 0, 0), 0);
	put(d.end[1], &rep, 0);
	must_eq(kipc_call_next(d.end[0], &q, -1), -EBADMSG);
	duo_close(&d);
}

/* ---- anything at all -------------------------------------------------------------------- */

/* Mostly plausible, so that it gets beyond the first check. */
static size_t guess(struct frame *f, uint64_t *rnd, uint64_t id)
{
	static const int64_t odd[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 64, 4095, -4095 };
	uint64_t v = harness_random(rnd);

	*f = (struct frame){ .version = 1, .type = (uint8_t)(1 + v % 3) };
	f->id = v & 8 ? id : 1 + v % 500;
	f->deadline = f->type == REQUEST ? INT64_MAX : 0;
	if (v % 11 == 0)
		f->deadline = odd[v / 16 % 8];
	if (f->type == REPLY || v % 13 == 0)
		f->status = (int32_t)odd[v / 128 % 8];
	if (v % 17 == 0)
		((uint8_t *)f)[v / 1024 % HEAD] ^= (uint8_t)v;
	return v % 19 == 0 ? v / 4096 % (HEAD + 8) : HEAD + (f->status ? 0 : v / 4096 % 8);
}

static void try_everything(struct kipc_chan *c, int64_t *id, uint64_t v)
{
	struct kipc_request q;
	char buf[8];
	ssize_t r = kipc_call_end(c, *id, buf, sizeof(buf), 0);

	if (r != -EAGAIN)
		*id = kipc_call_begin(c, &v, 8, 0);
	if (kipc_call_next(c, &q, 0) == 0) {
		kipc_call_cancelled(c, q.id);
		if (v & 1)
			kipc_reply(c, q.id, q.data, q.len, 0);
		else
			kipc_reply_error(c, q.id, -EIO);
	}
}

EACH_FORM(call_random_frames_are_survived)
{
	uint64_t rnd = 0x9e3779b97f4a7c15;
	struct frame g, waste;
	unsigned over = 0;

	for (unsigned i = 0; i < harness_rounds(200); i++) {
		struct duo d;
		int64_t id;
		int r = 0;

		duo_both(&d, f, "size=4K");
		id = must_ok(kipc_call_begin(d.end[0], &rnd, 8, -1));
		for (unsigned k = 0; k < 50 && r == 0; k++) {
			r = kipc_send(d.end[1], &g, guess(&g, &rnd, (uint64_t)id), 0);
			try_everything(d.end[0], &id, rnd);
			while (kipc_recv(d.end[1], &waste, sizeof(waste), 0) >= 0)
				;
		}
		over += r == -EPIPE || id == -EBADMSG;
		duo_close(&d);
	}
	must(over > 0);
}
