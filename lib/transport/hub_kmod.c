// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include "../os/map.h"
#include "../os/sys.h"
#include "hub_chan.h"
#include "kmod_dev.h"

/*
 * Regions with many ends in the kernel module (kipc_dev.h, MANY ENDS). It gives places, decides who may
 * write what, tells of events and deaths; only what a dead end of a queue held is undone up here.
 */

struct hub_kmod {
	int fd;    /* the endpoint; it is also the descriptor of who polls for data */
	int epoll; /* "room" seen as readable, once somebody asked */
	bool polled[2];
};

static struct hub_kmod *kmod_of(const struct kipc__hub *h)
{
	return h->own;
}

static int call(const struct kipc__hub *h, unsigned long request, void *arg)
{
	return kipc__kmod_call(kmod_of(h)->fd, request, arg);
}

/* ---- memory ----------------------------------------------------------------------------- */

/* Everybody may look at all control pages, and write his own: that is a mapping apart. */
static int map_ctrl(struct kipc__hub *h, int fd)
{
	uint64_t own = h->ident.ctrl_off + (uint64_t)h->end * h->ident.ctrl_bytes;
	int r = kipc__map((void **)&h->ctrl, fd, h->ident.ctrl_off,
	                  (size_t)h->ident.nr_ends * h->ident.ctrl_bytes, PROT_READ);

	return r < 0 ? r
	             : kipc__map((void **)&h->mine, fd, own, h->ident.ctrl_bytes,
	                         PROT_READ | PROT_WRITE);
}

static size_t data_span(const struct kipc__hub *h)
{
	return (h->kind->mirrored ? 2 : 1) * h->data_bytes;
}

static int map_all(struct kipc__hub *h)
{
	struct kipc_ioc_self self = { .size = sizeof(self) };
	int fd = kmod_of(h)->fd;
	bool writes = h->kind->kind == KIPC_KIND_QUEUE;
	int r = call(h, KIPC_IOC_SELF, &self);

	if (r < 0)
		return r;
	h->status_bytes = self.status_bytes;
	h->end = self.end;
	r = kipc__map((void **)&h->status, fd, 0, h->status_bytes, PROT_READ);
	if (r == 0)
		r = kipc__hub_learn(h, UINT64_MAX);
	if (r == 0 && h->end >= h->ident.nr_ends)
		r = -EBADMSG;
	if (r == 0)
		r = map_ctrl(h, fd);
	if (r == 0)
		r = kipc__map((void **)&h->data, fd, h->geom[0].data_off, data_span(h),
		              PROT_READ | (writes || h->end == 0 ? PROT_WRITE : 0));
	return r;
}

/* Unmapping my control page is leaving: the module tells whom it concerns. */
static void unmap_all(struct kipc__hub *h)
{
	kipc__unmap(h->data, data_span(h));
	kipc__unmap(h->mine, h->ident.ctrl_bytes);
	kipc__unmap(h->ctrl, (size_t)h->ident.nr_ends * h->ident.ctrl_bytes);
	kipc__unmap(h->status, h->status_bytes);
}

/* ---- the dead --------------------------------------------------------------------------- */

static bool undone(const struct kipc__hub *h)
{
	return kipc__load_relaxed(&h->status->sets.undone[0]) |
	       kipc__load_relaxed(&h->status->sets.undone[1]);
}

/* Each end that the module gives to me is mine to clean up after, until I say that it is done. */
static void undo(struct kipc__hub *h)
{
	struct kipc_ioc_undo req = { .size = sizeof(req), .done = KIPC_END_NONE };

	while (call(h, KIPC_IOC_UNDO, &req) == 0 && req.end < h->ident.nr_ends) {
		h->kind->died(h, req.end);
		req.done = req.end;
	}
}

static void kmod_look(struct kipc__hub *h, bool now)
{
	bool some = undone(h);

	if (some)
		undo(h);
	if (some || now)
		kipc__store_relaxed(&h->looked_at, kipc__now_coarse());
}

/* ---- creating and joining --------------------------------------------------------------- */

static uint32_t role_of(const struct kipc__hub_kind *kind, const struct kipc__hub_plan *plan)
{
	if (kind->kind != KIPC_KIND_PUBSUB)
		return KIPC_ROLE_ANY;
	return plan->last == 0 ? KIPC_ROLE_PUBLISHER : KIPC_ROLE_SUBSCRIBER;
}

/* A queue's geometry is packed in the plan as the module has it in STATUS. */
static void create_fill(struct kipc_ioc_create *req, const struct kipc__hub_kind *kind,
                        const struct kipc__hub_plan *plan, const struct kipc__config *cfg)
{
	const struct kipc_ring_geom *g = plan->geom;

	*req = (struct kipc_ioc_create){
		.size = sizeof(*req),
		.kind = kind->kind,
		.mode = cfg->mode,
		.ring_bytes = { g->bytes },
		.start = { g->start },
		.align = { g->align },
		.node = { g->node, KIPC_NODE_ANY },
		.role = role_of(kind, plan),
		.nr_ends = plan->nr_ends,
		.slots = (uint32_t)(g[1].reserved[0] >> 32),
		.stride = (uint32_t)g[1].reserved[0],
		.classes = (uint32_t)(g[1].reserved[1] >> 32),
		.held = (uint32_t)g[1].reserved[1],
	};
	strcpy(req->name, cfg->name);
}

/* ATTACH knows what we send; what it can find malformed is that the name is of another kind. */
static int explain(const struct kipc__hub_kind *kind, int r)
{
	if (r == -EINVAL || r == -EEXIST)
		return kipc__hub_explain(kind, -EEXIST);
	(void)kipc__kmod_explain(r);
	if (r == -EBUSY)
		kipc__why_set("all its places for this kind of end are taken");
	return r;
}

/* A name to an endpoint: create it or join it. */
static int meet(int dev, const struct kipc__hub_kind *kind, const struct kipc__hub_plan *plan,
                const struct kipc__config *cfg, int *fd)
{
	struct kipc_ioc_attach att = { .size = sizeof(att),
		                       .kind = kind->kind,
		                       .role = role_of(kind, plan) };
	struct kipc_ioc_create req;
	int r;

	strcpy(att.name, cfg->name);
	do {
		if (cfg->flags & KIPC_CREATE) {
			create_fill(&req, kind, plan, cfg);
			r = kipc__kmod_call(dev, KIPC_IOC_CREATE, &req);
			*fd = req.fd[0];
			if (r != -EEXIST || (cfg->flags & KIPC_EXCL))
				return kipc__kmod_explain(r);
		}
		r = kipc__kmod_call(dev, KIPC_IOC_ATTACH, &att);
		*fd = att.fd;
		/* It went between the two calls: then it can be created after all. */
	} while (r == -ENOENT && (cfg->flags & KIPC_CREATE));
	return explain(kind, r);
}

static int begin(struct kipc__hub *h, const struct kipc__config *cfg)
{
	int r = map_all(h);

	if (r == 0)
		r = h->kind->check(h, cfg);
	if (r == -EBADMSG || r == -EPROTO)
		return kipc__hub_explain(h->kind, r);
	if (r < 0)
		return r;
	kmod_look(h, true);
	return h->kind->join(h, cfg);
}

static void kmod_hub_close(struct kipc__hub *h, bool in_use)
{
	struct hub_kmod *k = kmod_of(h);
	struct kipc_ioc_shutdown req = { .size = sizeof(req), .dirs = KIPC_DIR_IN | KIPC_DIR_OUT };

	if (in_use) {
		h->kind->leave(h);
		if (h->kind->kind == KIPC_KIND_QUEUE) /* nothing is left to be undone */
			(void)call(h, KIPC_IOC_SHUTDOWN, &req);
		unmap_all(h);
	}
	kipc__fd_close(k->epoll);
	kipc__fd_close(k->fd);
	kipc__hub_free(h);
}

static int kmod_hub_open(struct kipc__hub **out, const struct kipc__hub_kind *kind,
                         const struct kipc__hub_plan *plan, const struct kipc__config *cfg)
{
	struct kipc__hub *h;
	int r, fd, dev = kipc__kmod_open();

	if (dev < 0)
		return dev;
	r = meet(dev, kind, plan, cfg, &fd);
	kipc__fd_close(dev);
	if (r < 0)
		return r;
	h = kipc__hub_new(kind, &kipc__hub_kmod, cfg);
	if (!h) {
		kipc__fd_close(fd);
		return -ENOMEM;
	}
	*kmod_of(h) = (struct hub_kmod){ .fd = fd, .epoll = -1 };
	r = begin(h, cfg);
	if (r < 0) {
		unmap_all(h);
		kmod_hub_close(h, false);
	} else {
		*out = h;
	}
	return r;
}

/* ---- sleeping, waking, polling ---------------------------------------------------------- */

static uint32_t arm(struct kipc__hub *h, unsigned side, uint32_t how)
{
	struct kipc_ioc_arm req = { .size = sizeof(req), .side = side, .how = how };

	(void)call(h, KIPC_IOC_ARM, &req);
	return req.seen;
}

/* A death before this is no event any more: look for it here. */
static uint32_t kmod_arm(struct kipc__hub *h, unsigned side)
{
	uint32_t seen = arm(h, side, KIPC_ARMED_PARKED);

	kmod_look(h, false);
	return seen;
}

static int kmod_sleep(struct kipc__hub *h, unsigned side, uint32_t armed, int64_t deadline)
{
	struct kipc_ioc_sleep req = {
		.size = sizeof(req),
		.side = side,
		.seen = armed,
		.deadline = deadline == KIPC__NEVER ? KIPC_FOREVER : deadline,
	};
	int r = call(h, KIPC_IOC_SLEEP, &req);

	kmod_look(h, false);
	return r;
}

static void kmod_wake(struct kipc__hub *h, unsigned side, bool all)
{
	struct kipc_ioc_ring req = {
		.size = sizeof(req),
		.side = side,
		.sleepers = all ? KIPC_RING_ALL : KIPC_RING_ONE,
	};

	(void)call(h, KIPC_IOC_RING, &req);
}

/* The module wakes the first few and leaves the others to a worker. */
static void kmod_call(struct kipc__hub *h, unsigned side)
{
	kmod_wake(h, side, true);
}

/* Who found something only behind arming stays ready: more may be there than what it takes. */
static void kmod_idle(struct kipc__hub *h, unsigned side)
{
	kmod_look(h, false);
	if (!kmod_of(h)->polled[side])
		return;
	(void)arm(h, side, KIPC_ARMED_POLLED);
	kmod_look(h, false);
	if (h->kind->ready(h, side) != 0) /* (J) */
		(void)arm(h, side, 0);
}

/* The module's idea of room is POLLOUT. */
static int space_fd(struct hub_kmod *k)
{
	struct epoll_event e = { .events = EPOLLOUT };
	int fd;

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

static int kmod_fd(struct kipc__hub *h, unsigned side)
{
	struct hub_kmod *k = kmod_of(h);
	int fd = side == KIPC_SIDE_DATA ? k->fd : space_fd(k);

	if (fd < 0 || k->polled[side])
		return fd;
	k->polled[side] = true;
	kmod_idle(h, side);
	return fd;
}

/* ---- what the module knows -------------------------------------------------------------- */

static void kmod_holder(struct kipc__hub *h, unsigned end, struct kipc_peer *p)
{
	struct kipc_ioc_peer req = { .size = sizeof(req), .end = end };

	if (call(h, KIPC_IOC_PEER, &req) < 0)
		return;
	p->pid = req.pid;
	p->uid = req.uid;
	p->gid = req.gid;
}

/* It tells of leaving and dying, and of somebody new, by itself. */
static void kmod_gone(struct kipc__hub *h, uint32_t how)
{
	struct kipc_ioc_shutdown req = { .size = sizeof(req), .dirs = KIPC_DIR_OUT };

	if (how == KIPC_GONE_SHUT)
		(void)call(h, KIPC_IOC_SHUTDOWN, &req);
}

static void kmod_bind(void *hub, unsigned end, bool on)
{
	const struct kipc__hub *h = hub;
	struct kipc_ioc_bind bind = { .size = sizeof(bind), .bound = on };
	struct kipc_ioc_cut cut = { .size = sizeof(cut) };

	if (end == h->end) {
		(void)call(h, KIPC_IOC_BIND, &bind);
	} else {
		cut.ends[end / 64] = 1ULL << (end % 64);
		(void)call(h, KIPC_IOC_CUT, &cut);
	}
}

const struct kipc__hub_back kipc__hub_kmod = {
	.transport = &kipc__transport_kmod,
	.own_bytes = sizeof(struct hub_kmod),
	.open = kmod_hub_open,
	.close = kmod_hub_close,
	.arm = kmod_arm,
	.sleep = kmod_sleep,
	.wake = kmod_wake,
	.call = kmod_call,
	.fd = kmod_fd,
	.idle = kmod_idle,
	.look = kmod_look,
	.holder = kmod_holder,
	.gone = kmod_gone,
	.bind = kmod_bind,
};
