// SPDX-License-Identifier: MIT
#include "ring_base.h"
#include "ring_bell.h"
#include "ring_long.h"
#include "ring_one.h"
#include "ring_watch.h"

static struct kipc__ring_chan *ring_of(struct kipc_chan *c)
{
	return (struct kipc__ring_chan *)c;
}

/* ---- in --------------------------------------------------------------------------------- */

static inline int sent(struct kipc__ring_chan *c, size_t len)
{
	c->base.stats.sent_msgs++;
	c->base.stats.sent_bytes += len;
	return kipc__ring_tx_done(c);
}

static kipc__noinline int send_slowly(struct kipc__ring_chan *c, const void *data, size_t len,
                                      int64_t timeout)
{
	struct kipc_msg m = { .data = (void *)(uintptr_t)data, .len = len };
	int r;

	if (len >= KIPC__RING_LONG)
		kipc__ring_wait_announce(c, len);
	r = kipc__ring_base_send(&c->base, &m, 1, timeout);
	return r < 0 ? r : 0;
}

static kipc__noinline int send_wide(struct kipc__ring_chan *c, const void *data, size_t len,
                                    int64_t timeout)
{
	if (!kipc__ring_put(&c->tx, data, len))
		return send_slowly(c, data, len, timeout);
	return sent(c, len);
}

int kipc__ring_one_send(struct kipc_chan *base, const void *data, size_t len, int64_t timeout)
{
	struct kipc__ring_chan *c = ring_of(base);

	if (kipc__unlikely(kipc__load_relaxed(&c->fault) || len != c->tx.next_len))
		return send_slowly(c, data, len, timeout);
	if (len > KIPC__RING_WORDWISE)
		return send_wide(c, data, len, timeout);
	kipc__ring_copy_words(c->tx.next_at + 1, data, len, c->tx.next_at + 1);
	kipc__ring_put_done(&c->tx, len);
	return sent(c, len);
}

/* ---- out -------------------------------------------------------------------------------- */

static inline ssize_t received(struct kipc__ring_chan *c, ssize_t len)
{
	c->base.stats.recv_msgs++;
	c->base.stats.recv_bytes += (size_t)len;
	return kipc__ring_rx_done(c, len);
}

static kipc__noinline ssize_t recv_slowly(struct kipc__ring_chan *c, void *buf, size_t cap,
                                          int64_t timeout)
{
	struct kipc_msg m = { .data = buf, .len = cap };
	ssize_t len;
	int r;

	if (cap >= KIPC__RING_LONG && timeout != 0) {
		len = kipc__ring_long_recv(c, buf, cap, &timeout);
		if (len >= 0)
			return received(c, len);
		if (len != -EAGAIN)
			return len;
	}
	r = kipc__ring_base_recv(&c->base, &m, 1, timeout);
	return r < 0 ? r : (ssize_t)m.len;
}

static kipc__noinline ssize_t recv_wide(struct kipc__ring_chan *c, void *buf, size_t cap,
                                        int64_t timeout)
{
	ssize_t len = kipc__ring_take(&c->rx, buf, cap);

	if (kipc__unlikely(len < 0))
		return recv_slowly(c, buf, cap, timeout);
	c->streak++;
	return received(c, len);
}

static kipc__noinline ssize_t recv_watching(struct kipc__ring_chan *c, void *buf, size_t cap,
                                            int64_t timeout)
{
	if (!kipc__ring_watch_briefly(c, timeout))
		return recv_slowly(c, buf, cap, timeout);
	return kipc__ring_one_recv(&c->base, buf, cap, timeout);
}

ssize_t kipc__ring_one_recv(struct kipc_chan *base, void *buf, size_t cap, int64_t timeout)
{
	struct kipc__ring_chan *c = ring_of(base);
	uint64_t header, cons = c->rx.cons;
	int64_t len;

	if (kipc__unlikely(kipc__load_relaxed(&c->fault)))
		return kipc__load_relaxed(&c->fault);
	header = kipc__ring_look(&c->rx, cons);
	if (header == 0)
		return recv_watching(c, buf, cap, timeout);
	if (c->fetches)
		kipc__ring_tx_fetch(&c->tx, kipc__ring_header_len(header));
	len = kipc__ring_easy(&c->rx, header, cap);
	if (kipc__unlikely(len < 0))
		return recv_slowly(c, buf, cap, timeout);
	if (len > KIPC_RING_LINE)
		return recv_wide(c, buf, cap, timeout);
	kipc__ring_copy_line_out(buf, kipc__ring_payload(&c->rx, cons), (uint64_t)len);
	kipc__ring_copied(&c->rx, kipc__ring_after(cons, header, c->rx.align), 1);
	c->streak++;
	return received(c, len);
}
