// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include "victim.h"

/* ---- the ledger: one writer, read by others only after its death ---------------------------- */

void trying(struct victim *v, uint32_t n)
{
	__atomic_store_n(&v->ledger->trying, n, __ATOMIC_SEQ_CST);
}

void committed(struct victim *v, uint32_t n)
{
	__atomic_store_n(&v->ledger->sent, v->ledger->sent + n, __ATOMIC_SEQ_CST);
	trying(v, 0);
}

/* ---- before the act ----------------------------------------------------------------------- */

void join(struct victim *v)
{
	struct stage *s = v->stage;
	unsigned flags = kind_of(s) | s->scene->flags | (s->scene->creates ? KIPC_CREATE : 0);

	char uri[sizeof(s->uri) + 40];

	snprintf(uri, sizeof(uri), "%s%s", s->uri, s->scene->own ? s->scene->own : "");
	if (s->flavour->named)
		must_eq(kipc_chan_open(&v->chan, uri, flags, NULL), 0);
}

static void warm(struct victim *v)
{
	struct letter in, out;
	uint32_t i;

	for (i = 0; i < WARM_ROUNDS; i++) {
		ssize_t len;

		letter_write(&out, VICTIM, i);
		must_eq(kipc_send(v->chan, out.body, out.len, -1), 0);
		len = kipc_recv(v->chan, in.body, sizeof(in.body), -1);
		must(len >= 0 && letter_is(in.body, (size_t)len, SURVIVOR, i));
	}
	v->ledger->sent = WARM_ROUNDS;
}

static void letters_write(struct victim *v)
{
	unsigned i;

	for (i = 0; i < LETTERS; i++) {
		letter_write(&v->letter[i], VICTIM, v->ledger->sent + i);
		letter_write(&v->answer[i], SURVIVOR, WARM_ROUNDS + i);
		v->msg[i] = (struct kipc_msg){ .data = v->letter[i].body, .len = v->letter[i].len };
	}
}

/* Everything that still fits. */
void fill(struct victim *v)
{
	struct letter l;
	int r;

	for (;;) {
		letter_write(&l, VICTIM, v->ledger->sent);
		r = kipc_send(v->chan, l.body, l.len, 0);
		if (r < 0)
			break;
		v->ledger->sent++;
	}
	must_eq(r, -EAGAIN);
}

static void fetch_poll_fds(struct victim *v)
{
	must(kipc_chan_fd(v->chan, KIPC_IN) >= 0);
	must(kipc_chan_fd(v->chan, KIPC_OUT) >= 0);
}

static void hand_over(struct victim *v)
{
	v->fd = kipc_chan_handover(v->chan);
	must(v->fd >= 0);
}

/* ---- acts --------------------------------------------------------------------------------- */

void send_letter(struct victim *v, unsigned i)
{
	trying(v, 1);
	must_eq(kipc_send(v->chan, v->letter[i].body, v->letter[i].len, -1), 0);
	committed(v, 1);
}

void send_some(struct victim *v)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		send_letter(v, i);
}

void send_batch(struct victim *v)
{
	trying(v, LETTERS);
	must_eq(kipc_send_n(v->chan, v->msg, LETTERS, -1), LETTERS);
	committed(v, LETTERS);
}

/* Longer than they become: a gap is left behind each. */
static void reserve(struct victim *v, struct kipc_msg *m)
{
	unsigned i;

	for (i = 0; i < LETTERS; i++)
		m[i] = (struct kipc_msg){ .len = v->letter[i].len + 100 };
	must_eq(kipc_reserve(v->chan, m, LETTERS, -1), LETTERS);
	for (i = 0; i < LETTERS; i++) {
		memcpy(m[i].data, v->letter[i].body, v->letter[i].len);
		m[i].len = v->letter[i].len;
	}
}

void write_in_place(struct victim *v)
{
	struct kipc_msg m[LETTERS];

	reserve(v, m);
	trying(v, LETTERS);
	must_eq(kipc_commit(v->chan, m, LETTERS), LETTERS);
	committed(v, LETTERS);
}

void think_better(struct victim *v)
{
	struct kipc_msg m[LETTERS];

	reserve(v, m);
	must_eq(kipc_discard(v->chan), 0);
	send_letter(v, 0);
}

void taking(struct victim *v, uint32_t n)
{
	__atomic_store_n(&v->ledger->taking, n, __ATOMIC_SEQ_CST);
}

void taken(struct victim *v, uint32_t n)
{
	__atomic_store_n(&v->ledger->taken, v->ledger->taken + n, __ATOMIC_SEQ_CST);
	taking(v, 0);
}

static void receive_letter(struct victim *v, unsigned i)
{
	struct letter l;
	ssize_t len;

	taking(v, 1);
	len = kipc_recv(v->chan, l.body, sizeof(l.body), -1);
	taken(v, 1);
	must_eq(len, v->answer[i].len);
	must(memcmp(l.body, v->answer[i].body, v->answer[i].len) == 0);
}

void receive_some(struct victim *v)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		receive_letter(v, i);
}

void receive_batch(struct victim *v)
{
	struct letter l[LETTERS];
	struct kipc_msg m[LETTERS];
	unsigned i;

	for (i = 0; i < LETTERS; i++)
		m[i] = (struct kipc_msg){ .data = l[i].body, .len = sizeof(l[i].body) };
	taking(v, LETTERS);
	must_eq(kipc_recv_n(v->chan, m, LETTERS, -1), LETTERS);
	taken(v, LETTERS);
}

void read_in_place(struct victim *v)
{
	struct kipc_msg m[LETTERS];
	unsigned i;

	must_eq(kipc_peek(v->chan, m, LETTERS, -1), LETTERS);
	for (i = 0; i < LETTERS; i++)
		must(m[i].len == v->answer[i].len &&
		     memcmp(m[i].data, v->answer[i].body, m[i].len) == 0);
	taking(v, 2);
	must_eq(kipc_release(v->chan, 2), 2);
	taken(v, 2);
	taking(v, LETTERS - 2);
	must_eq(kipc_release(v->chan, LETTERS - 2), LETTERS - 2);
	taken(v, LETTERS - 2);
}

static void wait_for_data(struct victim *v)
{
	char c;

	must_eq(kipc_recv(v->chan, &c, 1, NAP), -ETIMEDOUT);
}

static void wait_for_room(struct victim *v)
{
	must_eq(kipc_send(v->chan, v->letter, LETTER_MAX, NAP), -ETIMEDOUT);
}

static void sleep_for_data(struct victim *v)
{
	char c;

	(void)kipc_recv(v->chan, &c, 1, -1);
}

static void sleep_for_room(struct victim *v)
{
	(void)kipc_send(v->chan, v->letter, LETTER_MAX, -1);
}

static void wait_for_both(struct victim *v)
{
	must_eq(kipc_wait(v->chan, KIPC_IN, 0), -EAGAIN);
	must_eq(kipc_wait(v->chan, KIPC_IN | KIPC_OUT, NAP), KIPC_OUT);
}

void poll_and_send(struct victim *v)
{
	char c;

	fetch_poll_fds(v);
	must_eq(kipc_recv(v->chan, &c, 1, 0), -EAGAIN);
	send_letter(v, 0);
}

static void shut(struct victim *v)
{
	must_eq(kipc_shutdown(v->chan, KIPC_OUT), 0);
	must_eq(kipc_shutdown(v->chan, KIPC_IN), 0);
}

void close_end(struct victim *v)
{
	kipc_chan_close(v->chan);
}

static void take_over(struct victim *v)
{
	must_eq(kipc_chan_from_fd(&v->chan, v->fd, KIPC_PAIR, NULL), 0);
	send_letter(v, 0);
}

static void hand_over_and_back(struct victim *v)
{
	hand_over(v);
	take_over(v);
}

/* The first named open of a process looks through /dev/shm; that is a scene of its own. */
void look_through(struct victim *v)
{
	static const struct scene pair = { .kind = 0 };
	struct stage nobody = *v->stage;
	struct kipc_chan *c;

	nobody.scene = &pair;

	snprintf(nobody.name, sizeof(nobody.name), "nobody-%d", (int)getpid());
	stage_uri(&nobody, nobody.uri, sizeof(nobody.uri));
	if (v->stage->flavour->named)
		must_eq(kipc_chan_open(&c, nobody.uri, KIPC_PAIR, NULL), -ENOENT);
}

void begin(struct victim *v)
{
	join(v);
	if (v->stage->scene->flags & KIPC_RECV)
		(void)kipc_wait(v->chan, KIPC_IN, 0);
	else
		send_letter(v, 0);
}

static void create(struct victim *v)
{
	join(v);
}

/* ---- the scenes --------------------------------------------------------------------------- */

const struct scene pair_scenes[] = {
	{ .name = "send", .act = send_some, .commits = 3 },
	{ .name = "send_n", .act = send_batch, .commits = LETTERS },
	{ .name = "reserve, commit", .act = write_in_place, .commits = LETTERS },
	{ .name = "reserve, discard, send", .act = think_better, .commits = 1 },
	{ .name = "recv", .act = receive_some, .full = true },
	{ .name = "recv_n", .act = receive_batch, .full = true },
	{ .name = "peek, release", .act = read_in_place, .full = true },
	{ .name = "recv, asleep", .act = sleep_for_data, .asleep = true },
	{ .name = "send, asleep",
	  .prepare = fill,
	  .act = sleep_for_room,
	  .asleep = true,
	  .away = true },
	{ .name = "recv, timed out", .act = wait_for_data },
	{ .name = "send, timed out", .prepare = fill, .act = wait_for_room, .away = true },
	{ .name = "wait", .act = wait_for_both },
	{ .name = "poll, send", .act = poll_and_send, .commits = 1 },
	{ .name = "shutdown", .act = shut },
	{ .name = "close", .act = close_end },
	{ .name = "close after poll", .prepare = fetch_poll_fds, .act = close_end },
	{ .name = "handover", .act = hand_over_and_back, .gives = true, .commits = 1 },
	{ .name = "from_fd", .prepare = hand_over, .act = take_over, .gives = true, .commits = 1 },
	{ .name = "begin", .prepare = look_through, .act = begin, .fresh = true, .commits = 1 },
	{ .name = "begin to send",
	  .prepare = look_through,
	  .act = begin,
	  .flags = KIPC_SEND,
	  .fresh = true,
	  .commits = 1 },
	{ .name = "begin to receive",
	  .prepare = look_through,
	  .act = begin,
	  .flags = KIPC_RECV,
	  .fresh = true },
	{ .name = "create", .prepare = look_through, .act = create, .creates = true },
	{ .name = "look through, create", .act = create, .creates = true },
	{ .name = NULL },
};

void victim_main(struct stage *s)
{
	static struct victim v;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	v.stage = s;
	v.ledger = s->ledger;
	if (!s->flavour->named) {
		v.chan = s->end[0];
		kipc_chan_close(s->end[1]);
	}
	if (!s->scene->fresh && !s->scene->creates) {
		join(&v);
		if (!s->scene->kind)
			warm(&v);
	}
	if (s->scene->prepare)
		s->scene->prepare(&v);
	letters_write(&v);
	mark_begin();
	s->scene->act(&v);
	mark_end();
	_exit(1);
}
