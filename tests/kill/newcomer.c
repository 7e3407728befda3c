// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include "kill.h"

/* Somebody waits there. */
static void talk_to_survivor(struct kipc_chan *c)
{
	struct letter l;

	letter_write(&l, NEWCOMER, 0);
	must_eq(kipc_send(c, l.body, l.len, -1), 0);
	must_eq(kipc_recv(c, l.body, sizeof(l.body), -1), l.len);
	must(letter_is(l.body, l.len, SURVIVOR, 0));
}

/* Nobody is behind the name, or nobody who lives: the other end is mine too. */
static void talk_to_myself(struct stage *s, struct kipc_chan *a)
{
	struct kipc_chan *b;
	struct letter l;

	must_eq(kipc_chan_open(&b, s->uri, KIPC_PAIR, NULL), 0);
	letter_write(&l, NEWCOMER, 0);
	must_eq(kipc_send(a, l.body, l.len, -1), 0);
	must_eq(kipc_recv(b, l.body, sizeof(l.body), -1), l.len);
	must(letter_is(l.body, l.len, NEWCOMER, 0));
	kipc_chan_close(b);
}

/* It brings a letter, whoever is there. A new publisher comes when the old one is dead. */
static void newcomer_to_many(struct stage *s)
{
	unsigned flags = kind_of(s) | KIPC_CREATE;
	struct kipc_chan *c;
	struct letter l;

	flags |= s->scene->kind == KIPC_PUBSUB ? s->scene->flags : 0;
	must_eq(kipc_chan_open(&c, s->uri, flags, NULL), 0);
	letter_write(&l, NEWCOMER, 0);
	if (!(flags & KIPC_RECV))
		must_eq(kipc_send(c, l.body, l.len, -1), 0);
	kipc_chan_close(c);
	_exit(0);
}

void newcomer_main(struct stage *s)
{
	struct kipc_peer peer = { .size = sizeof(peer) };
	struct kipc_chan *c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(s->patience);
	if (s->scene->kind)
		newcomer_to_many(s);
	must_eq(kipc_chan_open(&c, s->uri, KIPC_PAIR | KIPC_CREATE, NULL), 0);
	must_eq(kipc_chan_peer(c, &peer), 0);
	if (peer.state == KIPC_PEER_ALIVE) {
		talk_to_survivor(c);
	} else {
		must_eq(peer.state, KIPC_PEER_ABSENT);
		talk_to_myself(s, c);
	}
	kipc_chan_close(c);
	_exit(0);
}

static unsigned leftovers_in(const char *place, const char *name)
{
	DIR *dir = opendir(place);
	struct dirent *e;
	unsigned n = 0;

	while (dir && (e = readdir(dir))) {
		if (!strstr(e->d_name, name))
			continue;
		fprintf(stderr, "left behind: %s/%s\n", place, e->d_name);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

unsigned leftovers(const char *name)
{
	return leftovers_in("/dev/shm", name) + leftovers_in("/tmp", name);
}
