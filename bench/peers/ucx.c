// SPDX-License-Identifier: MIT
/*
 * ucx.c - UCX: tagged messages between two workers, over whichever of its shared memory transports it
 * takes itself (UCX_TLS overrides)
 *
 * One send may be under way: the one before it is awaited.
 */
#include <stdlib.h>
#include <ucp/api/ucp.h>

#include "meet.h"

#define TAG 1

struct own {
	ucp_context_h context;
	ucp_worker_h worker;
	ucp_ep_h ep;
	void *pending; /* the request of the last send, unless it ended at once */
};

static int failed(struct side *s, const char *what, ucs_status_t status)
{
	return bench_fail(s->pair, -EIO, "%s: %s", what, ucs_status_string(status));
}

static ucs_status_t open_worker(struct own *own, bool spin)
{
	ucp_params_t params = { .field_mask = UCP_PARAM_FIELD_FEATURES,
		                .features = UCP_FEATURE_TAG };
	ucp_worker_params_t worker = { .field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
		                       .thread_mode = UCS_THREAD_MODE_SINGLE };
	ucs_status_t r;

	if (!spin)
		params.features |= UCP_FEATURE_WAKEUP;
	setenv("UCX_TLS", "shm", 0);
	r = ucp_init(&params, NULL, &own->context);
	return r == UCS_OK ? ucp_worker_create(own->context, &worker, &own->worker) : r;
}

static int join(struct side *s)
{
	struct own *own = bench_buffer(s, sizeof(*own));
	ucp_ep_params_t params = { .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS };
	ucp_address_t *address;
	const struct card *peer = NULL;
	size_t len;
	ucs_status_t status;
	int r;

	if (!own)
		return -ENOMEM;
	s->own = own;
	status = open_worker(own, s->spin);
	if (status == UCS_OK)
		status = ucp_worker_get_address(own->worker, &address, &len);
	if (status != UCS_OK)
		return failed(s, "ucp_worker_create", status);
	r = meet(s, address, len, &peer);
	ucp_worker_release_address(own->worker, address);
	if (r < 0)
		return r;
	params.address = (const ucp_address_t *)peer->address;
	status = ucp_ep_create(own->worker, &params, &own->ep);
	return status == UCS_OK ? 0 : failed(s, "ucp_ep_create", status);
}

static void leave(struct side *s)
{
	struct own *own = s->own;

	ucp_worker_destroy(own->worker);
	ucp_cleanup(own->context);
}

/* Lets the library work; sleeps when it has nothing to do and the side does not spin. */
static void progress(const struct side *s)
{
	struct own *own = s->own;

	if (!ucp_worker_progress(own->worker) && !s->spin)
		ucp_worker_wait(own->worker);
}

/* Waits for a request that an operation returned, which may be none or an error. */
static ucs_status_t await(const struct side *s, void *request)
{
	ucs_status_t r;

	if (!UCS_PTR_IS_PTR(request))
		return UCS_PTR_STATUS(request);
	while ((r = ucp_request_check_status(request)) == UCS_INPROGRESS)
		progress(s);
	ucp_request_free(request);
	return r;
}

static int finish(struct side *s)
{
	struct own *own = s->own;
	ucs_status_t r = await(s, own->pending);

	own->pending = NULL;
	return r == UCS_OK ? 0 : failed(s, "ucp_tag_send_nbx", r);
}

static int send_message(struct side *s, const void *buf)
{
	struct own *own = s->own;
	ucp_request_param_t none = { .op_attr_mask = 0 };
	void *request = ucp_tag_send_nbx(own->ep, buf, s->cell->size, TAG, &none);
	int r;

	if (!request && !own->pending)
		return 0;
	r = finish(s);
	own->pending = request;
	return r;
}

static int recv_message(struct side *s, void *buf)
{
	struct own *own = s->own;
	ucp_tag_recv_info_t info = { 0 };
	ucp_request_param_t param = { .op_attr_mask = UCP_OP_ATTR_FIELD_RECV_INFO |
		                                      UCP_OP_ATTR_FLAG_NO_IMM_CMPL };
	void *request;
	ucs_status_t r;

	param.recv_info.tag_info = &info;
	request = ucp_tag_recv_nbx(own->worker, buf, s->cell->size, TAG, ~(ucp_tag_t)0, &param);
	if (!UCS_PTR_IS_PTR(request))
		return failed(s, "ucp_tag_recv_nbx", UCS_PTR_STATUS(request));
	while ((r = ucp_tag_recv_request_test(request, &info)) == UCS_INPROGRESS)
		progress(s);
	ucp_request_free(request);
	if (r != UCS_OK)
		return failed(s, "ucp_tag_recv_nbx", r);
	if (info.length != s->cell->size)
		return bench_fail(s->pair, -EBADMSG, "ucp_tag_recv_nbx: %zu bytes", info.length);
	return 0;
}

extern const struct mech peer_ucx;
const struct mech peer_ucx = {
	.name = "peer:ucx",
	.keeps_buffer = true,
	.setup = meet_setup,
	.join = join,
	.leave = leave,
	.finish = finish,
	.send = send_message,
	.recv = recv_message,
};
