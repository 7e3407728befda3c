// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../os/map.h"
#include "../os/region.h"
#include "../os/sys.h"
#include "byte_stream.h"
#include "hub_chan.h"
#include "kmod_dev.h"
#include "ring_base.h"
#include "ring_one.h"
#include "ring_layout.h"

/*
 * Rings of the kernel module. It owns the memory, decides who may map what, sleeps and wakes, and
 * knows when an end dies; this file only asks it (kmod/uapi/kipc_dev.h).
 */

struct kmod_chan {
	struct kipc__ring_chan ring;
	int fd;    /* the endpoint */
	int epoll; /* "room" seen as readable, once somebody asked */
};

static struct kmod_chan *kmod_of(struct kipc__ring_chan *c)
{
	return (struct kmod_chan *)c;
}

/* ---- handles ---------------------------------------------------------------------------- */

static const struct kipc__ring_back kmod_back;

static void handle_free(struct kmod_chan *k)
{
	kipc__fd_close(k->epoll);
	kipc__fd_close(k->fd);
	free(k);
}

/* What the end is, and of what: STATUS may be mapped by anybody who has the file. */
static int learn(struct kipc__ring_chan *c)
{
	struct kipc_ioc_self self = { .size = sizeof(self) };
	int fd = kmod_of(c)->fd;
	int r = kipc__kmod_call(fd, KIPC_IOC_SELF, &self);

	if (r < 0)
		return r;
	if (self.kind != KIPC_KIND_PAIR || self.end > 1)
		return -EBADMSG;
	c->end = self.end;
	c->may_fence = self.features & KIPC_FEAT_FENCE;
	c->status_bytes = self.status_bytes;
	r = kipc__map((void **)&c->status, fd, 0, c->status_bytes, PROT_READ);
	return r < 0 ? r : kipc__ring_layout_learn(c, c->status, 0);
}

static void unmap(struct kipc__ring_chan *c)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		kipc__unmap(c->data[i], 2 * c->geom[i].bytes);
		kipc__unmap(c->ctrl[i], c->ident.ctrl_bytes);
		c->data[i] = c->ctrl[i] = NULL;
	}
	kipc__unmap(c->status, c->status_bytes);
	c->status = NULL;
}

static int map_areas(struct kipc__ring_chan *c, int fd)
{
	int r = 0;
	unsigned i;

	for (i = 0; i < 2 && r == 0; i++) {
		int prot = PROT_READ | (i == c->end ? PROT_WRITE : 0);

		r = kipc__map((void **)&c->ctrl[i], fd,
		              c->ident.ctrl_off + (uint64_t)i * c->ident.ctrl_bytes,
		              c->ident.ctrl_bytes, prot);
		if (r == 0)
			r = kipc__map(&c->data[i], fd, c->geom[i].data_off, 2 * c->geom[i].bytes,
			              prot);
	}
	return r;
}

static int kmod_attach(struct kipc__ring_chan *c)
{
	int r = learn(c);

	if (r == 0)
		r = map_areas(c, kmod_of(c)->fd);
	if (r == 0)
		r = kipc__ring_base_begin(c);
	if (r < 0)
		unmap(c);
	return r;
}

/* A fresh handle, which knows its geometry already. Takes the descriptor over in success only. */
static int handle_make(struct kipc_chan **out, int fd, const struct kipc__config *cfg)
{
	struct kmod_chan *k = aligned_alloc(64, (sizeof(*k) + 63) & ~(size_t)63);
	int r;

	if (!k)
		return -ENOMEM;
	*k = (struct kmod_chan){ .fd = fd, .epoll = -1 };
	kipc__ring_base_init(&k->ring, &kipc__transport_kmod, &kmod_back, cfg);
	r = learn(&k->ring);
	kipc__unmap(k->ring.status, k->ring.status_bytes);
	k->ring.status = NULL;
	if (r < 0)
		free(k);
	else
		*out = &k->ring.base;
	return r;
}

/* Unmapping is leaving: the module tells the peer. */
static void kmod_detach(struct kipc__ring_chan *c, bool handover)
{
	(void)handover;
	unmap(c);
}

static void kmod_close(struct kipc_chan *c, bool in_use)
{
	struct kmod_chan *k = kmod_of((struct kipc__ring_chan *)c);

	if (in_use)
		kmod_detach(&k->ring, false);
	handle_free(k);
}

static int kmod_handover(struct kipc_chan *c)
{
	struct kmod_chan *k = kmod_of((struct kipc__ring_chan *)c);
	int fd = k->fd;
	int r = k->ring.rx.part ? -EBUSY : kipc__kmod_call(fd, KIPC_IOC_HANDOVER, NULL);

	if (r < 0)
		return r;
	kmod_detach(&k->ring, true);
	k->fd = -1;
	handle_free(k);
	return fd;
}

/* ---- creating and joining --------------------------------------------------------------- */

static void create_fill(struct kipc_ioc_create *req, const struct kipc__config *cfg)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	unsigned r;

	*req = (struct kipc_ioc_create){
		.size = sizeof(*req),
		.kind = KIPC_KIND_PAIR,
		.mode = *cfg->name ? cfg->mode : 0,
	};
	for (r = 0; r < 2; r++) {
		req->ring_bytes[r] = kipc__ring_layout_ring_bytes(cfg, r, page);
		req->start[r] = kipc__ring_layout_start(cfg);
		req->align[r] = cfg->align;
		req->node[r] = cfg->node;
	}
	strcpy(req->name, cfg->name);
}

static int kmod_pair(struct kipc_chan *out[2], const struct kipc__config *cfg)
{
	struct kipc_ioc_create req;
	int dev = kipc__kmod_open();
	int r, i;

	if (dev < 0)
		return dev;
	create_fill(&req, cfg);
	r = kipc__kmod_explain(kipc__kmod_call(dev, KIPC_IOC_CREATE, &req));
	kipc__fd_close(dev);
	if (r < 0)
		return r;
	for (i = 0; i < 2 && r == 0; i++)
		r = handle_make(&out[i], req.fd[i], cfg);
	if (r == 0)
		return 0;
	if (i == 2)
		kmod_close(out[0], false);
	else
		kipc__fd_close(req.fd[0]);
	kipc__fd_close(req.fd[1]);
	return r;
}

/* Who joins is end 1; what it asks for explicitly is about the ring that it uses. */
static void attach_fill(struct kipc_ioc_attach *att, const struct kipc__config *cfg)
{
	unsigned r = (cfg->flags & (KIPC_SEND | KIPC_RECV)) == KIPC_RECV ? 0 : 1;

	*att = (struct kipc_ioc_attach){ .size = sizeof(*att), .kind = KIPC_KIND_PAIR };
	strcpy(att->name, cfg->name);
	if (cfg->given & KIPC__GIVEN_SIZE)
		att->ring_bytes[r] = cfg->ring_bytes;
	if (cfg->given & KIPC__GIVEN_ALIGN)
		att->align[r] = cfg->align;
}

/* A name to an endpoint: create it or join it. */
static int meet(int dev, const struct kipc__config *cfg, int *fd)
{
	struct kipc_ioc_attach att;
	struct kipc_ioc_create req;
	int r;

	attach_fill(&att, cfg);
	do {
		if (cfg->flags & KIPC_CREATE) {
			create_fill(&req, cfg);
			r = kipc__kmod_call(dev, KIPC_IOC_CREATE, &req);
			*fd = req.fd[0];
			if (r != -EEXIST || (cfg->flags & KIPC_EXCL))
				return kipc__kmod_explain(r);
		}
		r = kipc__kmod_call(dev, KIPC_IOC_ATTACH, &att);
		*fd = att.fd;
		/* It went between the two calls: then it can be created after all. */
	} while (r == -ENOENT && (cfg->flags & KIPC_CREATE));
	if (r == -EINVAL) { /* what else it could find malformed was checked before */
		kipc__why_set("the name exists and is no pair");
		return -EEXIST;
	}
	kipc__kmod_explain(r);
	if (r == -EEXIST)
		kipc__why_set("it exists with another size or alignment than asked for");
	return r;
}

static int kmod_open_pair(struct kipc_chan **out, const struct kipc__config *cfg)
{
	struct kipc_chan *c;
	int r, fd, dev = kipc__kmod_open();

	if (dev < 0)
		return dev;
	r = meet(dev, cfg, &fd);
	kipc__fd_close(dev);
	if (r < 0)
		return r;
	r = handle_make(&c, fd, cfg);
	if (r < 0) {
		kipc__fd_close(fd);
		return r;
	}
	r = kmod_attach((struct kipc__ring_chan *)c);
	if (r < 0)
		kmod_close(c, false);
	else
		*out = c;
	return r;
}

static int kmod_open(struct kipc_chan **out, const struct kipc__config *cfg)
{
	int r = kipc__region_name_check(cfg->name);

	if (r < 0) {
		kipc__why_set("a name is 1 to %d of A-Z a-z 0-9 . _ - and starts with no dot",
		              KIPC_NAME_MAX - 1);
		return r;
	}
	if (cfg->flags & KIPC_QUEUE)
		return kipc__hub_open(out, cfg, &kipc__queue_kind, &kipc__hub_kmod);
	if (cfg->flags & KIPC_PUBSUB)
		return kipc__hub_open(out, cfg, &kipc__pubsub_kind, &kipc__hub_kmod);
	return kmod_open_pair(out, cfg);
}

static int kmod_from_fd(struct kipc_chan **out, int fd, const struct kipc__config *cfg)
{
	struct kipc_ioc_self self = { .size = sizeof(self) };
	int r;

	if (kipc__kmod_call(fd, KIPC_IOC_SELF, &self) < 0)
		return -ENOTTY;
	r = handle_make(out, fd, cfg);
	if (r == 0) /* one that came over exec() goes no further */
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return r;
}

/* ---- sleeping, waking, polling ---------------------------------------------------------- */

/* A request to sleep. The waker compares its position with the hint before it calls. */
static struct kipc_ioc_wait lie_down(struct kipc__ring_chan *c, unsigned side, uint64_t position,
                                     int64_t deadline)
{
	struct kipc_ring_hints *mine = &c->ctrl[c->end]->hints;

	kipc__store_relaxed(side == KIPC_SIDE_DATA ? &mine->data_at : &mine->space_at, position);
	return (struct kipc_ioc_wait){
		.size = sizeof(struct kipc_ioc_wait),
		.ring = side == KIPC_SIDE_DATA ? KIPC__RING_IN(c) : KIPC__RING_OUT(c),
		.side = side,
		.position = position,
		.deadline = deadline == KIPC__NEVER ? KIPC_FOREVER : deadline,
	};
}

static int kmod_park(struct kipc__ring_chan *c, unsigned side, uint64_t position, int64_t deadline)
{
	struct kipc_ioc_wait req = lie_down(c, side, position, deadline);

	return kipc__kmod_call(kmod_of(c)->fd, KIPC_IOC_WAIT, &req);
}

static void kmod_wake(struct kipc__ring_chan *c, unsigned side)
{
	struct kipc_ioc_wake req = {
		.size = sizeof(req),
		.ring = side == KIPC_SIDE_DATA ? KIPC__RING_OUT(c) : KIPC__RING_IN(c),
		.side = side,
		.hint = c->base.wait == KIPC_WAIT_BLOCK ? KIPC_HINT_SYNC : KIPC_HINT_NONE,
	};

	(void)kipc__kmod_call(kmod_of(c)->fd, KIPC_IOC_WAKE, &req);
}

/* Whoever calls this sleeps next, so its CPU is free for the peer. */
static int kmod_xchg(struct kipc__ring_chan *c, uint64_t position, int64_t deadline)
{
	struct kipc_ioc_xchg req = {
		.size = sizeof(req),
		.wake = { .size = sizeof(req.wake),
		          .ring = KIPC__RING_OUT(c),
		          .side = KIPC_SIDE_DATA,
		          .hint = KIPC_HINT_SYNC },
		.wait = lie_down(c, KIPC_SIDE_DATA, position, deadline),
	};

	return kipc__kmod_call(kmod_of(c)->fd, KIPC_IOC_XCHG, &req);
}

/* The module arms in poll itself, and it tells of a death by itself. */
static void kmod_idle(struct kipc__ring_chan *c, unsigned side)
{
	if (side == KIPC_SIDE_DATA && c->polled[side])
		kipc__store_relaxed(&c->ctrl[c->end]->hints.data_at, c->rx.cons + 1);
}

static void kmod_look(struct kipc__ring_chan *c)
{
	(void)c;
}

static int kmod_fd(struct kipc__ring_chan *c, unsigned side)
{
	struct kmod_chan *k = kmod_of(c);
	struct epoll_event e = { .events = EPOLLOUT };
	int fd;

	c->polled[side] = true;
	if (side == KIPC_SIDE_DATA)
		return k->fd;
	if (k->epoll >= 0)
		return k->epoll;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (epoll_ctl(fd, EPOLL_CTL_ADD, k->fd, &e) != 0) {
		int r = -errno;

		kipc__fd_close(fd);
		return r;
	}
	k->epoll = fd;
	return fd;
}

static int kmod_shut(struct kipc__ring_chan *c, unsigned dirs)
{
	struct kipc_ioc_shutdown req = {
		.size = sizeof(req),
		.dirs = (dirs & KIPC_IN ? KIPC_DIR_IN : 0) | (dirs & KIPC_OUT ? KIPC_DIR_OUT : 0),
	};

	return kipc__kmod_call(kmod_of(c)->fd, KIPC_IOC_SHUTDOWN, &req);
}

static int kmod_peer(struct kipc_chan *base, struct kipc_peer *p)
{
	static const int states[] = { [KIPC_END_FREE] = KIPC_PEER_ABSENT,
		                      [KIPC_END_LIVE] = KIPC_PEER_ALIVE,
		                      [KIPC_END_DEAD] = KIPC_PEER_GONE };
	struct kipc_ioc_peer req = { .size = sizeof(req) };
	int r = kipc__kmod_call(kmod_of((struct kipc__ring_chan *)base)->fd, KIPC_IOC_PEER, &req);

	if (r < 0)
		return r;
	p->state = req.state <= KIPC_END_DEAD ? states[req.state] : KIPC_PEER_GONE;
	p->pid = req.pid;
	p->uid = req.uid;
	p->gid = req.gid;
	return 0;
}

static const struct kipc__ring_back kmod_back = {
	.attach = kmod_attach,
	.detach = kmod_detach,
	.park = kmod_park,
	.wake = kmod_wake,
	.xchg = kmod_xchg,
	.idle = kmod_idle,
	.look = kmod_look,
	.fd = kmod_fd,
	.shut = kmod_shut,
	.look_every = 0,
};

const struct kipc__transport kipc__transport_kmod = {
	.scheme = "kmod",
	.about = "rings of the kernel module, " KIPC_DEV_PATH,
	.caps = KIPC_CAP_ZEROCOPY | KIPC_CAP_MSG_BORDERS | KIPC_CAP_ORDERED | KIPC_CAP_RELIABLE |
	        KIPC_CAP_POLL_FD | KIPC_CAP_DEATH_NOTICE | KIPC_CAP_HOSTILE_SAFE |
	        KIPC_CAP_PEER_CRED | KIPC_CAP_HANDOVER | KIPC_CAP_NAMED | KIPC_CAP_NUMA,
	.automatic = true,
	.kinds = KIPC_PUBSUB | KIPC_QUEUE,
	.probe = kipc__kmod_probe,
	.open = kmod_open,
	.pair = kmod_pair,
	.from_fd = kmod_from_fd,
	.use = kipc__ring_base_use,
	.handover = kmod_handover,
	.close = kmod_close,
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
	.peer = kmod_peer,
	.get = kipc__ring_base_get,
};
