// SPDX-License-Identifier: MIT
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include "../os/numa.h"
#include "../os/region.h"
#include "../os/unix.h"
#include "../os/wake.h"
#include "byte_stream.h"
#include "hub_chan.h"
#include "ring_base.h"
#include "ring_one.h"
#include "ring_layout.h"
#include "shm_chan.h"

/*
 * Plain shared memory: a memfd that both ends inherited or were given (anonymous), or a file in
 * /dev/shm (named). Life is a record lock (os/lock.h), sleeping a futex on the bell word, polling a
 * doorbell descriptor. From the bottom: shm_bell.c, shm_wake.c, shm_vigil.c, shm_end.c (memory and lock of an end),
 * shm_name.c (who meets whom under a name), shm_life.c, shm_sleep.c, shm_poll.c, and this file.
 *
 * Trust: whoever may map the region may write all of it. Every word is checked, so a hostile peer
 * cannot make this side read or write outside of the region, but it can spoil the channel.
 */

static const struct kipc__ring_back shm_back;

static struct kipc__shm_chan *shm_of(struct kipc_chan *c)
{
	return (struct kipc__shm_chan *)c;
}

static void shm_probe(struct kipc__verdict *v)
{
	v->status = kipc__region_probe();
	if (v->status == 0)
		return;
	snprintf(v->why, sizeof(v->why), "/dev/shm: %s",
	         v->status == -EACCES ? "this user may not write there" : kipc_strerror(v->status));
	snprintf(v->cure, sizeof(v->cure), "mount a writable tmpfs on /dev/shm");
}

/* ---- handles ---------------------------------------------------------------------------- */

/* The peer is told by these that I am gone, and a child has copies. */
static void in_child(struct kipc__guard *g)
{
	struct kipc__shm_chan *s = (void *)((char *)g - offsetof(struct kipc__shm_chan, guard));

	kipc__fd_close(s->sock);
	kipc__fd_close(s->leash);
	s->sock = s->leash = -1;
}

static struct kipc__shm_chan *shm_new(const struct kipc__config *cfg, unsigned end)
{
	struct kipc__shm_chan *s = aligned_alloc(64, (sizeof(*s) + 63) & ~(size_t)63);

	if (!s)
		return NULL;
	*s = (struct kipc__shm_chan){
		.sock = -1,
		.bell = -1,
		.peer_bell = -1,
		.way = -1,
		.leash = -1,
		.watch = -1,
		.guard = { .in_child = in_child },
		.may_watch = cfg->uring,
	};
	pthread_mutex_init(&s->mutex, NULL);
	s->epoll[0] = s->epoll[1] = -1;
	kipc__ring_base_init(&s->ring, &kipc__transport_shm, &shm_back, cfg);
	s->ring.end = end;
	s->mode = cfg->mode;
	return s;
}

/* ---- life ------------------------------------------------------------------------------- */

static int shm_attach(struct kipc__ring_chan *c)
{
	struct kipc__shm_chan *s = (struct kipc__shm_chan *)c;
	int r = kipc__shm_lock(s);

	if (r < 0)
		return r;
	r = kipc__shm_map(s);
	if (r == 0) {
		uint32_t state = kipc__load_acquire(&c->status->ends[c->end].state);

		if (state != KIPC_END_FREE)
			r = state == KIPC_END_DEAD ? -EPIPE : -EBUSY;
		if (r == 0)
			r = kipc__shm_begin(s);
		if (r < 0)
			kipc__shm_unmap(s);
	}
	if (r < 0)
		kipc__shm_unlock(s);
	else
		kipc__shm_way_end(s);
	return r;
}

static void shm_detach(struct kipc__ring_chan *c, bool handover)
{
	struct kipc__shm_chan *s = (struct kipc__shm_chan *)c;

	kipc__shm_vigil_end(s, KIPC_SIDE_DATA);
	kipc__shm_vigil_end(s, KIPC_SIDE_SPACE);
	kipc__guard_remove(&s->guard);
	if (!handover) {
		kipc__shm_look(c); /* a peer that died unseen has left its doorbell */
		kipc__shm_gone(c, c->end, KIPC_GONE_CLOSED);
		kipc__shm_wake(c, KIPC_SIDE_DATA);
		kipc__shm_wake(c, KIPC_SIDE_SPACE);
		kipc__shm_name_drop(s, KIPC__SHM_DROP_NS);
	} else {
		kipc__store_release(&c->status->ends[c->end].state, KIPC_END_FREE);
		kipc__shm_wake(c, KIPC_SIDE_DATA); /* a poller watches the way */
		kipc__shm_wake(c, KIPC_SIDE_SPACE);
	}
	kipc__shm_unlock(s);
	kipc__shm_unmap(s);
}

static void shm_close(struct kipc_chan *c, bool in_use)
{
	if (in_use)
		shm_detach(&shm_of(c)->ring, false);
	kipc__shm_free(shm_of(c));
}

/* A fresh end knows what it is an end of before it is mapped for good. */
static int learn(struct kipc__shm_chan *s)
{
	int r = kipc__shm_learn(s);

	if (r < 0)
		kipc__why_set("the memory holds no kipc channel");
	return r;
}

/* ---- anonymous -------------------------------------------------------------------------- */

static int memfd_make(struct kipc__shm_chan *s, const struct kipc__config *cfg)
{
	uint64_t total = kipc__ring_layout_bytes(cfg, (uint32_t)sysconf(_SC_PAGESIZE));
	int fd;
	int r = kipc__region_memfd(&fd, total);

	if (r < 0)
		return r;
	/* A node is kept to by having the pages, not by wanting them. */
	r = kipc__shm_fill(s, fd, cfg, cfg->node >= 0 || kipc__region_memfd_limited());
	if (r == 0)
		r = kipc__region_seal(fd);
	if (r < 0) {
		kipc__fd_close(fd);
		return r;
	}
	return kipc__lockfile_get(&s->file, fd);
}

static int shm_pair(struct kipc_chan *out[2], const struct kipc__config *cfg)
{
	struct kipc__shm_chan *s[2] = { shm_new(cfg, 0), shm_new(cfg, 1) };
	int sock[2];
	int r = s[0] && s[1] ? memfd_make(s[0], cfg) : -ENOMEM;
	unsigned i;

	if (r == 0)
		r = kipc__lockfile_ref(s[0]->file);
	if (r == 0) {
		s[1]->file = s[0]->file;
		kipc__shm_learn_from(s[1], s[0]);
		r = kipc__unix_pair(sock, SOCK_STREAM);
	}
	if (r == 0) {
		s[0]->sock = sock[0];
		s[1]->sock = sock[1];
	}
	for (i = 0; i < 2; i++) {
		if (r < 0) {
			kipc__shm_free(s[i]);
			continue;
		}
		out[i] = &s[i]->ring.base;
	}
	return r;
}

static int shm_open_named(struct kipc_chan **out, const struct kipc__config *cfg)
{
	if (cfg->flags & KIPC_QUEUE)
		return kipc__hub_open(out, cfg, &kipc__queue_kind, &kipc__hub_shm);
	if (cfg->flags & KIPC_PUBSUB)
		return kipc__hub_open(out, cfg, &kipc__pubsub_kind, &kipc__hub_shm);
	return kipc__shm_meet(out, cfg, shm_new);
}

/* ---- handing over ----------------------------------------------------------------------- */

/* What travels beside the descriptors. */
struct parcel {
	char magic[8];
	uint32_t end;
	uint32_t mode;
	char name[KIPC__REGION_NAME_MAX];
};

static const char parcel_magic[8] = "kipcshm3";

/* The order of the descriptors. The file last: where only some find a place with the receiver, they are
 * closed again, and it may hold locks on the file.
 */
enum { PARCEL_LINE, PARCEL_FILE, PARCEL_FDS };

static int shm_handover(struct kipc_chan *base)
{
	struct kipc__shm_chan *s = shm_of(base);
	struct parcel p = { .end = s->ring.end, .mode = s->mode };
	int fds[PARCEL_FDS] = { [PARCEL_FILE] = kipc__lockfile_fd(s->file) };
	int pipe[2];
	int r = s->ring.rx.part ? -EBUSY : *s->name ? kipc__shm_way_open(s) : 0;

	if (r == 0)
		r = kipc__unix_pair(pipe, SOCK_DGRAM);
	if (r < 0) {
		kipc__shm_way_end(s);
		return r;
	}
	fds[PARCEL_LINE] = *s->name ? s->way : s->sock;
	memcpy(p.magic, parcel_magic, sizeof(p.magic));
	memcpy(p.name, s->name, sizeof(p.name));
	r = kipc__fds_send(pipe[1], fds, PARCEL_FDS, &p, sizeof(p));
	kipc__fd_close(pipe[1]);
	if (r < 0) {
		kipc__fd_close(pipe[0]);
		kipc__shm_way_end(s);
		return r;
	}
	shm_detach(&s->ring, true);
	kipc__shm_free(s);
	return pipe[0];
}

/* Whoever has a socket can send anything. */
static int parcel_check(const struct parcel *p, const struct kipc__lockfile *file)
{
	const char *why = NULL;

	if (memcmp(p->magic, parcel_magic, sizeof(p->magic)) != 0)
		why = "that socket holds nothing from kipc_chan_handover()";
	else if (p->end > 1 || !memchr(p->name, '\0', sizeof(p->name)) || !file ||
	         (*p->name && kipc__region_name_check(p->name) < 0))
		why = "not what kipc_chan_handover() sends";
	else if (*p->name && !kipc__region_in_place(kipc__lockfile_fd(file)))
		why = "the memory has a name, and does not lie where names do";
	else if (!*p->name && !kipc__region_sealed(kipc__lockfile_fd(file)))
		why = "the memory is not sealed against shrinking";
	if (!why)
		return 0;
	kipc__why_set("%s", why);
	return -EBADMSG;
}

/* Takes the descriptors over. This process may hold locks on that file, which closing it would drop. */
static int parcel_open(struct kipc__shm_chan **out, const struct parcel *p, const int *fds, int n,
                       const struct kipc__config *cfg)
{
	struct kipc__lockfile *file = NULL;
	struct kipc__shm_chan *s = NULL;
	int r = n == PARCEL_FDS ? kipc__lockfile_get(&file, fds[PARCEL_FILE]) : 0;

	if (r == 0)
		r = parcel_check(p, file);
	if (r == 0) {
		s = shm_new(cfg, p->end);
		r = s ? 0 : -ENOMEM;
	}
	if (r < 0) {
		kipc__lockfile_put(file);
		kipc__fd_close(fds[PARCEL_LINE]);
		return r;
	}
	s->file = file;
	s->mode = p->mode & 0777;
	memcpy(s->name, p->name, sizeof(s->name));
	*(*s->name ? &s->way : &s->sock) = fds[PARCEL_LINE];
	r = learn(s);
	if (r < 0)
		kipc__shm_free(s);
	else
		*out = s;
	return r;
}

/* It stays in the descriptor until it has become an end. */
static int shm_from_fd(struct kipc_chan **out, int fd, const struct kipc__config *cfg)
{
	struct kipc__shm_chan *s;
	int fds[PARCEL_FDS];
	struct parcel p;
	int n, r;

	if (!kipc__unix_is(fd, SOCK_DGRAM))
		return -ENOTTY;
	n = kipc__fds_peek(fd, fds, PARCEL_FDS, &p, sizeof(p));
	if (n < 1) {
		kipc__why_set(n == -EMFILE ? "there are not enough free descriptors"
		                           : "that socket holds nothing from kipc_chan_handover()");
		return n == -EMFILE ? n : -EBADMSG;
	}
	r = parcel_open(&s, &p, fds, n, cfg);
	if (r < 0)
		return r;
	kipc__fds_drop(fd);
	kipc__fd_close(fd);
	*out = &s->ring.base;
	return 0;
}

/* ---- knowing ---------------------------------------------------------------------------- */

static int shm_peer(struct kipc_chan *base, struct kipc_peer *p)
{
	static const int states[] = { [KIPC_END_FREE] = KIPC_PEER_ABSENT,
		                      [KIPC_END_LIVE] = KIPC_PEER_ALIVE,
		                      [KIPC_END_DEAD] = KIPC_PEER_GONE };
	struct kipc__ring_chan *c = &shm_of(base)->ring;
	const uint32_t *word = &c->status->ends[KIPC__RING_PEER(c)].state;
	uint32_t state;

	kipc__shm_look(c);
	state = kipc__load_acquire(word);
	p->state = state <= KIPC_END_DEAD ? states[state] : KIPC_PEER_GONE;
	if (p->state == KIPC_PEER_ALIVE &&
	    kipc__lockfile_held(shm_of(base)->file, KIPC__RING_PEER(c), &p->pid) == 0)
		/* Whatever the word said; unless it has just handed over. */
		p->state = kipc__load_acquire(word) == KIPC_END_FREE ? KIPC_PEER_ABSENT
		                                                     : KIPC_PEER_GONE;
	return 0;
}

/* Two futexes take two calls. */
static int shm_xchg(struct kipc__ring_chan *c, uint64_t position, int64_t deadline)
{
	kipc__shm_wake(c, KIPC_SIDE_DATA);
	return kipc__shm_park(c, KIPC_SIDE_DATA, position, deadline);
}

static const struct kipc__ring_back shm_back = {
	.attach = shm_attach,
	.detach = shm_detach,
	.park = kipc__shm_park,
	.wake = kipc__shm_wake,
	.xchg = shm_xchg,
	.idle = kipc__shm_idle,
	.look = kipc__shm_glance,
	.fd = kipc__shm_fd,
	.shut = kipc__shm_shut,
	.writes_in = true,
	.early = true,
	.look_every = 32,
};

const struct kipc__transport kipc__transport_shm = {
	.scheme = "shm",
	.about = "rings in POSIX shared memory, futexes to sleep",
	.caps = KIPC_CAP_ZEROCOPY | KIPC_CAP_MSG_BORDERS | KIPC_CAP_ORDERED | KIPC_CAP_RELIABLE |
	        KIPC_CAP_POLL_FD | KIPC_CAP_DEATH_NOTICE | KIPC_CAP_HANDOVER | KIPC_CAP_NAMED |
	        KIPC_CAP_NUMA,
	.automatic = true,
	.kinds = KIPC_PUBSUB | KIPC_QUEUE,
	.probe = shm_probe,
	.open = shm_open_named,
	.pair = shm_pair,
	.from_fd = shm_from_fd,
	.use = kipc__ring_base_use,
	.handover = shm_handover,
	.close = shm_close,
	.reserve = kipc__ring_base_reserve,
	.commit = kipc__ring_base_commit,
	.discard = kipc__ring_base_discard,
	.peek = kipc__ring_base_peek,
	.release = kipc__ring_base_release,
	.send = kipc__ring_base_send,
	.recv = kipc__ring_base_recv,
	.turn = kipc__ring_base_turn,
	.send_one = kipc__ring_one_send,
	.recv_one = kipc__ring_one_recv,
	.write = kipc__byte_stream_write,
	.read = kipc__ring_base_read,
	.wait = kipc__ring_base_wait,
	.fd = kipc__ring_base_fd,
	.shutdown = kipc__ring_base_shutdown,
	.peer = shm_peer,
	.get = kipc__ring_base_get,
};
