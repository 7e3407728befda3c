// SPDX-License-Identifier: MIT
/*
 * libfabric.c - libfabric's shm provider: untagged messages between two endpoints
 *
 * What is small enough is injected, and its buffer is free at once. Of the rest one send may be under
 * way: the one before it is awaited.
 */
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "meet.h"

struct own {
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_av *av;
	struct fid_cq *sent, *received;
	struct fid_ep *ep;
	fi_addr_t peer;
	unsigned int pending;
	struct fi_context context[2]; /* of a send, of a receive */
};

static int failed(struct side *s, const char *what, ssize_t err)
{
	return bench_fail(s->pair, err, "%s: %s", what, fi_strerror(-err));
}

static int find(struct own *own)
{
	struct fi_info *hints = fi_allocinfo();
	int r;

	if (!hints)
		return -FI_ENOMEM;
	hints->fabric_attr->prov_name = strdup("shm");
	hints->ep_attr->type = FI_EP_RDM;
	hints->caps = FI_MSG;
	hints->mode = FI_CONTEXT;
	hints->domain_attr->mr_mode = FI_MR_VIRT_ADDR | FI_MR_HMEM;
	r = fi_getinfo(FI_VERSION(1, 9), NULL, NULL, 0, hints, &own->info);
	fi_freeinfo(hints);
	return r;
}

static int open_endpoint(struct own *own)
{
	struct fi_cq_attr cq = { .format = FI_CQ_FORMAT_MSG, .size = 1024 };
	struct fi_av_attr av = { .type = FI_AV_TABLE };
	int r;

	r = find(own);
	if (!r)
		r = fi_fabric(own->info->fabric_attr, &own->fabric, NULL);
	if (!r)
		r = fi_domain(own->fabric, own->info, &own->domain, NULL);
	if (!r)
		r = fi_av_open(own->domain, &av, &own->av, NULL);
	if (!r)
		r = fi_cq_open(own->domain, &cq, &own->sent, NULL);
	if (!r)
		r = fi_cq_open(own->domain, &cq, &own->received, NULL);
	if (!r)
		r = fi_endpoint(own->domain, own->info, &own->ep, NULL);
	if (!r)
		r = fi_ep_bind(own->ep, &own->av->fid, 0);
	if (!r)
		r = fi_ep_bind(own->ep, &own->sent->fid, FI_TRANSMIT);
	if (!r)
		r = fi_ep_bind(own->ep, &own->received->fid, FI_RECV);
	return r ? r : fi_enable(own->ep);
}

static int join(struct side *s)
{
	struct own *own = bench_buffer(s, sizeof(*own));
	char name[256];
	size_t len = sizeof(name);
	const struct card *peer = NULL;
	int r;

	if (!own)
		return -ENOMEM;
	s->own = own;
	r = open_endpoint(own);
	if (r == 0)
		r = fi_getname(&own->ep->fid, name, &len);
	if (r < 0)
		return failed(s, "provider shm", r);
	r = meet(s, name, len, &peer);
	if (r < 0)
		return r;
	return fi_av_insert(own->av, peer->address, 1, &own->peer, 0, NULL) == 1
	               ? 0
	               : bench_fail(s->pair, -EIO, "fi_av_insert failed");
}

static void leave(struct side *s)
{
	struct own *own = s->own;

	fi_close(&own->ep->fid);
	fi_close(&own->received->fid);
	fi_close(&own->sent->fid);
	fi_close(&own->av->fid);
	fi_close(&own->domain->fid);
	fi_close(&own->fabric->fid);
	fi_freeinfo(own->info);
}

/* Waits for one completion; its length, or a negative error. */
static ssize_t complete(struct fid_cq *cq)
{
	struct fi_cq_msg_entry entry;
	ssize_t r;

	while ((r = fi_cq_read(cq, &entry, 1)) == -FI_EAGAIN)
		cpu_relax();
	return r < 0 ? r : (ssize_t)entry.len;
}

/* A full queue empties only when the library is given time. */
static void progress(struct own *own)
{
	fi_cq_read(own->sent, NULL, 0);
	cpu_relax();
}

static int await_sends(struct side *s, unsigned int left)
{
	struct own *own = s->own;

	while (own->pending > left) {
		ssize_t r = complete(own->sent);

		if (r < 0)
			return failed(s, "fi_send", r);
		own->pending--;
	}
	return 0;
}

static int send_message(struct side *s, const void *buf)
{
	struct own *own = s->own;
	size_t size = s->cell->size;
	bool small = size <= own->info->tx_attr->inject_size;
	ssize_t r;

	while ((r = small ? fi_inject(own->ep, buf, size, own->peer)
	                  : fi_send(own->ep, buf, size, NULL, own->peer, &own->context[0])) ==
	       -FI_EAGAIN)
		progress(own);
	if (r < 0)
		return failed(s, "fi_send", r);
	own->pending += !small;
	return await_sends(s, 1);
}

static int finish(struct side *s)
{
	return await_sends(s, 0);
}

static int recv_message(struct side *s, void *buf)
{
	struct own *own = s->own;
	ssize_t r;

	while ((r = fi_recv(own->ep, buf, s->cell->size, NULL, FI_ADDR_UNSPEC, &own->context[1])) ==
	       -FI_EAGAIN)
		progress(own);
	if (r == 0)
		r = complete(own->received);
	if (r < 0)
		return failed(s, "fi_recv", r);
	if (r != (ssize_t)s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "fi_recv: %zd bytes", r);
	return 0;
}

extern const struct mech peer_libfabric;
const struct mech peer_libfabric = {
	.name = "peer:libfabric-shm",
	.keeps_buffer = true,
	.setup = meet_setup,
	.join = join,
	.leave = leave,
	.finish = finish,
	.send = send_message,
	.recv = recv_message,
};
