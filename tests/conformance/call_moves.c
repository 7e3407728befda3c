// SPDX-License-Identifier: MIT
/* Ends for calls that move to another owner, and what they must not take along. */
#include "form.h"

enum end_of { REFUSED, CANCELLED, ANSWERED, ENDS };

/* The server is done with the only request, one way or another. */
static void serve_once(struct duo *d, enum end_of how, int64_t id)
{
	struct kipc_request q;
	char byte;

	must_eq(kipc_call_next(d->end[1], &q, -1), 0);
	must_eq(q.id, id);
	if (how == REFUSED)
		must_eq(kipc_reply_error(d->end[1], q.id, -ENOENT), 0);
	if (how == ANSWERED)
		must_eq(kipc_reply(d->end[1], q.id, "x", 1, 0), 0);
	if (how == CANCELLED) {
		must_eq(kipc_call_cancel(d->end[0], id), 0);
		must_eq(kipc_call_cancelled(d->end[1], id), 1);
		must_eq(kipc_reply(d->end[1], q.id, "x", 1, 0), -ECANCELED);
		return;
	}
	must_eq(kipc_call_end(d->end[0], id, &byte, 1, -1),
	        how == REFUSED ? -ENOENT - KIPC_CALL_REMOTE : 1);
}

/* Whoever takes the end over serves what comes, and nothing twice. */
EACH_FORM(call_done_is_not_delivered_again)
{
	for (enum end_of how = 0; how < ENDS; how++) {
		struct kipc_request q;
		struct duo d;
		int64_t id;
		int fd;

		harness_note("ended by %d", how);
		duo_both(&d, f, "size=4K");
		serve_once(&d, how, must_ok(kipc_call_begin(d.end[0], "ask", 3, -1)));
		fd = (int)must_ok(kipc_chan_handover(d.end[1]));
		must_eq(kipc_chan_from_fd(&d.end[1], fd, KIPC_PAIR, NULL), 0);
		must_eq(kipc_call_next(d.end[1], &q, 0), -EAGAIN);
		id = must_ok(kipc_call_begin(d.end[0], "again", 5, -1));
		must_eq(kipc_call_next(d.end[1], &q, -1), 0);
		must(q.id == id && q.len == 5);
		must_eq(kipc_reply(d.end[1], q.id, NULL, 0, 0), 0);
		must_eq(kipc_call_end(d.end[0], id, NULL, 0, -1), 0);
		duo_close(&d);
	}
}
