// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include "calls.h"
#include "os/fork.h"
#include "select.h"
#include "uri.h"
#include "use.h"

#define KNOWN_FLAGS (KIPC__KINDS | KIPC_SEND | KIPC_RECV | KIPC_CREATE | KIPC_EXCL)
#define BOTH        (KIPC_IN | KIPC_OUT)

#define unlikely(x) __builtin_expect(!!(x), 0)

/* ---- opening ---------------------------------------------------------------------------- */

static int flags_check(unsigned flags, unsigned allowed)
{
	if (flags & ~allowed) {
		kipc__why_set("flags 0x%x are unknown or make no sense here", flags & ~allowed);
		return -EINVAL;
	}
	if (!(flags & KIPC__KINDS)) {
		kipc__why_set("the flags name no kind of channel, e.g. KIPC_PAIR");
		return -EINVAL;
	}
	if ((flags & KIPC__KINDS) & ((flags & KIPC__KINDS) - 1)) {
		kipc__why_set("the flags name more than one kind of channel");
		return -EINVAL;
	}
	if ((flags & KIPC_EXCL) && !(flags & KIPC_CREATE)) {
		kipc__why_set("KIPC_EXCL without KIPC_CREATE");
		return -EINVAL;
	}
	return 0;
}

/* Channels without a name, and ends that travel, are pairs. */
static int pair_flags_check(unsigned flags)
{
	int r = flags_check(flags, KIPC__KINDS | KIPC_SEND | KIPC_RECV);

	if (r < 0 || (flags & KIPC_PAIR))
		return r;
	kipc__why_set("only KIPC_PAIR can do without a name");
	return -EOPNOTSUPP;
}

/* What a transport gave becomes a handle that the verbs accept. */
static struct kipc_chan *grant(struct kipc_chan *c, unsigned flags, int64_t owner)
{
	c->granted = kipc__dirs_of(flags);
	c->dirs = c->open = c->granted;
	c->kind = flags & KIPC__KINDS;
	c->owner = (uint64_t)owner;
	c->stats.size = sizeof(c->stats);
	return c;
}

static int prepare(struct kipc__uri *uri, const struct kipc__transport **t, const char *text,
                   unsigned flags, const struct kipc_opts *opts)
{
	int r = kipc__uri_parse(uri, text, flags, opts);

	if (r < 0)
		return r;
	kipc__why_clear();
	return kipc__select(uri->scheme, flags & KIPC__KINDS, t);
}

static int open_checked(struct kipc_chan **out, const char *text, unsigned flags,
                        const struct kipc_opts *opts)
{
	const struct kipc__transport *t;
	struct kipc__uri uri;
	int64_t owner;
	int r = prepare(&uri, &t, text, flags, opts);

	if (r < 0)
		return r;
	if (!*uri.name) {
		kipc__why_set("\"%s\" has no name; kipc_chan_pair() makes channels without one",
		              text);
		return -EINVAL;
	}
	owner = kipc__fork_generation();
	if (owner < 0)
		return (int)owner;
	r = t->open(out, &uri.cfg);
	if (r == 0)
		grant(*out, flags, owner);
	return r;
}

int kipc_chan_open(struct kipc_chan **out, const char *uri, unsigned flags,
                   const struct kipc_opts *opts)
{
	int r;

	kipc__why_clear();
	if (!out || !uri)
		return -EINVAL;
	*out = NULL;
	r = flags_check(flags, KNOWN_FLAGS);
	if (r == 0)
		r = open_checked(out, uri, flags, opts);
	if (r < 0) {
		*out = NULL;
		kipc__why_failed();
	}
	return r;
}

/* What the second end of a pair is for when the first one was restricted. */
static unsigned other_flags(unsigned flags)
{
	unsigned dirs = flags & (KIPC_SEND | KIPC_RECV);

	if (dirs == 0 || dirs == (KIPC_SEND | KIPC_RECV))
		return flags;
	return flags ^ (KIPC_SEND | KIPC_RECV);
}

int kipc_chan_pair(struct kipc_chan *out[2], const char *text, unsigned flags,
                   const struct kipc_opts *opts)
{
	const struct kipc__transport *t;
	struct kipc__uri uri;
	int r;

	kipc__why_clear();
	if (!out || !text)
		return -EINVAL;
	out[0] = out[1] = NULL;
	r = pair_flags_check(flags);
	if (r == 0)
		r = prepare(&uri, &t, text, flags, opts);
	if (r == 0 && *uri.name) {
		kipc__why_set("a pair is anonymous; \"%s\" has a name", text);
		r = -EINVAL;
	}
	if (r == 0)
		r = t->pair(out, &uri.cfg);
	if (r < 0) {
		out[0] = out[1] = NULL;
		kipc__why_failed();
		return r;
	}
	grant(out[0], flags, 0);
	grant(out[1], other_flags(flags), 0);
	return 0;
}

int kipc_chan_from_fd(struct kipc_chan **out, int fd, unsigned flags, const struct kipc_opts *opts)
{
	const struct kipc__transport *const *t;
	struct kipc__uri uri;
	int r;

	kipc__why_clear();
	if (!out || fd < 0)
		return -EINVAL;
	*out = NULL;
	r = pair_flags_check(flags);
	if (r == 0)
		r = kipc__uri_parse(&uri, "fd://", flags, opts);
	if (r < 0)
		return r;
	for (t = kipc__transports; *t; t++) {
		r = (*t)->from_fd(out, fd, &uri.cfg);
		if (r == 0)
			grant(*out, flags, 0);
		if (r != -ENOTTY)
			return r;
	}
	kipc__why_set("descriptor %d is no end of a channel", fd);
	return -EBADMSG;
}

/* ---- may this call go on? --------------------------------------------------------------- */

/* Why not, for messages: an end that is used for calls carries nothing else. */
static int refuse(const struct kipc_chan *c, unsigned dirs)
{
	if ((c->granted & dirs) != dirs)
		return -EACCES;
	return c->calls ? -EBUSY : -EPIPE;
}

/* In use by this process and allowed in these directions. */
static inline int ready(struct kipc_chan *c, unsigned dirs)
{
	int r;

	if (unlikely(!c))
		return -EINVAL;
	r = kipc__use(c);
	if (unlikely(r < 0))
		return r;
	return unlikely((c->dirs & dirs) != dirs) ? refuse(c, dirs) : 0;
}

/* Is that so without a further question? One direction. */
static inline bool at_once(const struct kipc_chan *c, unsigned dir)
{
	return c && kipc__fork_owns(&c->owner) && (c->dirs & dir);
}

static inline unsigned batch(unsigned n)
{
	return n > KIPC_BATCH_MAX ? KIPC_BATCH_MAX : n;
}

/* ---- life ------------------------------------------------------------------------------- */

int kipc_chan_handover(struct kipc_chan *c)
{
	struct kipc__calls *calls;
	int r = ready(c, 0);

	if (r < 0)
		return r;
	calls = c->calls;
	if (kipc__calls_busy(calls))
		return -EBUSY;
	r = c->ops->handover(c);
	if (r >= 0)
		kipc__calls_free(calls);
	return r;
}

void kipc_chan_close(struct kipc_chan *c)
{
	if (!c)
		return;
	kipc__calls_free(c->calls);
	c->ops->close(c, kipc__fork_owns(&c->owner));
}

int kipc_shutdown(struct kipc_chan *c, unsigned dirs)
{
	unsigned used;
	int r;

	if (dirs == 0 || (dirs & ~BOTH))
		return -EINVAL;
	r = ready(c, 0);
	if (r < 0)
		return r;
	if ((c->granted & dirs) != dirs)
		return -EACCES;
	/* The halves may be two threads, which share these words; and who is woken by it is to see it. */
	dirs &= kipc__fetch_and(&c->open, ~dirs);
	used = kipc__fetch_and(&c->dirs, ~dirs) & dirs;
	r = dirs ? c->ops->shutdown(c, dirs) : 0;
	if (r < 0) {
		kipc__fetch_or(&c->open, dirs);
		kipc__fetch_or(&c->dirs, used);
	}
	return r;
}

/* ---- messages --------------------------------------------------------------------------- */

int kipc_reserve(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	int r = ready(c, KIPC_OUT);

	if (unlikely(r < 0))
		return r;
	if (unlikely(!m || n == 0))
		return -EINVAL;
	return c->ops->reserve(c, m, batch(n), timeout);
}

int kipc_commit(struct kipc_chan *c, const struct kipc_msg *m, unsigned n)
{
	int r = ready(c, KIPC_OUT);

	if (unlikely(r < 0))
		return r;
	if (unlikely(!m || n == 0 || n > KIPC_BATCH_MAX))
		return -EINVAL;
	return c->ops->commit(c, m, n);
}

int kipc_discard(struct kipc_chan *c)
{
	int r = ready(c, KIPC_OUT);

	return r < 0 ? r : c->ops->discard(c);
}

int kipc_peek(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	int r = ready(c, KIPC_IN);

	if (unlikely(r < 0))
		return r;
	if (unlikely(!m || n == 0))
		return -EINVAL;
	return c->ops->peek(c, m, batch(n), timeout);
}

int kipc_release(struct kipc_chan *c, unsigned n)
{
	int r = ready(c, KIPC_IN);

	if (unlikely(r < 0))
		return r;
	return unlikely(n > KIPC_BATCH_MAX) ? -EINVAL : c->ops->release(c, n);
}

/* Has each message a buffer where it has a length? */
static inline bool all_there(const struct kipc_msg *m, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (unlikely(!m[i].data) && m[i].len)
			return false;
	return true;
}

int kipc_send_n(struct kipc_chan *c, const struct kipc_msg *m, unsigned n, int64_t timeout)
{
	int r = ready(c, KIPC_OUT);

	if (unlikely(r < 0))
		return r;
	if (unlikely(!m || n == 0 || !all_there(m, batch(n))))
		return -EINVAL;
	return c->ops->send(c, m, batch(n), timeout);
}

int kipc_recv_n(struct kipc_chan *c, struct kipc_msg *m, unsigned n, int64_t timeout)
{
	int r = ready(c, KIPC_IN);

	if (unlikely(r < 0))
		return r;
	if (unlikely(!m || n == 0 || !all_there(m, batch(n))))
		return -EINVAL;
	return c->ops->recv(c, m, batch(n), timeout);
}

/* The first call with a handle, and those that fail: apart, so that the others need no frame. */
static __attribute__((noinline)) int send_checked(struct kipc_chan *c, const void *data, size_t len,
                                                  int64_t timeout)
{
	int r = ready(c, KIPC_OUT);

	if (r < 0)
		return r;
	return !data && len ? -EINVAL : c->ops->send_one(c, data, len, timeout);
}

int kipc_send(struct kipc_chan *c, const void *data, size_t len, int64_t timeout)
{
	if (unlikely(!at_once(c, KIPC_OUT) || (!data && len)))
		return send_checked(c, data, len, timeout);
	return c->ops->send_one(c, data, len, timeout);
}

static __attribute__((noinline)) ssize_t recv_checked(struct kipc_chan *c, void *buf, size_t cap,
                                                      int64_t timeout)
{
	int r = ready(c, KIPC_IN);

	if (r < 0)
		return r;
	return !buf && cap ? -EINVAL : c->ops->recv_one(c, buf, cap, timeout);
}

ssize_t kipc_recv(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout)
{
	if (unlikely(!at_once(c, KIPC_IN) || (!buf && cap)))
		return recv_checked(c, buf, cap, timeout);
	return c->ops->recv_one(c, buf, cap, timeout);
}

/* ---- bytes ------------------------------------------------------------------------------ */

ssize_t kipc_write(struct kipc_chan *c, const void *buf, size_t len, int64_t timeout)
{
	int r = ready(c, KIPC_OUT);

	if (unlikely(r < 0))
		return r;
	if (unlikely(!buf || !len))
		return len ? -EINVAL : 0;
	return c->ops->write(c, buf, len, timeout);
}

ssize_t kipc_read(struct kipc_chan *c, void *buf, size_t cap, int64_t timeout)
{
	int r = ready(c, KIPC_IN);

	if (unlikely(r < 0))
		return r;
	if (unlikely(!buf || !cap))
		return cap ? -EINVAL : 0;
	return c->ops->read(c, buf, cap, timeout);
}

/* ---- waiting ---------------------------------------------------------------------------- */

/* Beside what calls have kept, which is there already. */
static int kept_and(struct kipc_chan *c, unsigned events)
{
	int r = events ? c->ops->wait(c, events, 0) : 0;

	return (r > 0 ? r : 0) | KIPC_IN;
}

int kipc_wait(struct kipc_chan *c, unsigned events, int64_t timeout)
{
	int r;

	events &= ~KIPC_HUP;
	if (events == 0 || (events & ~BOTH))
		return -EINVAL;
	r = kipc__use_ready(c, events);
	if (r == 0)
		r = kipc__calls_wait(c->calls);
	if (r < 0)
		return r;
	if (r > 0 && (events & KIPC_IN))
		return kept_and(c, events & KIPC_OUT);
	return c->ops->wait(c, events, timeout);
}

int kipc_chan_fd(struct kipc_chan *c, unsigned dir)
{
	int r;

	if (dir != KIPC_IN && dir != KIPC_OUT)
		return -EINVAL;
	r = kipc__use_ready(c, dir);
	if (r == 0)
		r = kipc__calls_wait(c->calls);
	return r < 0 ? r : c->ops->fd(c, dir);
}
