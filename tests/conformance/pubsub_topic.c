// SPDX-License-Identifier: MIT
#include "pubsub.h"

struct topic topic_new(const struct form *f)
{
	struct topic t = { .form = f };

	snprintf(t.name, sizeof(t.name), "%s", harness_name());
	return t;
}

void topic_uri(const struct topic *t, const char *options, char *uri, size_t size)
{
	snprintf(uri, size, "%s://%s%s%s", t->form->scheme, t->name, *options ? "?" : "", options);
}

static int try_open(struct kipc_chan **c, const struct topic *t, unsigned flags,
                    const char *options)
{
	char uri[URI_MAX];

	topic_uri(t, options, uri, sizeof(uri));
	return kipc_chan_open(c, uri, KIPC_PUBSUB | flags, NULL);
}

static struct kipc_chan *must_open(const struct topic *t, unsigned flags, const char *options)
{
	struct kipc_chan *c = NULL;
	int r = try_open(&c, t, flags, options);

	if (r < 0)
		harness_fail(__FILE__, __LINE__, "open %s?%s: %s (%s)", t->name, options,
		             kipc_strerror(r), kipc_why());
	return c;
}

struct kipc_chan *topic_publish(const struct topic *t, const char *options)
{
	return must_open(t, KIPC_SEND | KIPC_CREATE, options);
}

struct kipc_chan *topic_subscribe(const struct topic *t, const char *options)
{
	return must_open(t, KIPC_RECV | KIPC_CREATE, options);
}

int topic_try(const struct topic *t, unsigned flags, const char *options)
{
	struct kipc_chan *c = NULL;
	int r = try_open(&c, t, flags, options);

	must((r == 0) == (c != NULL));
	if (r < 0)
		must(*kipc_why());
	kipc_chan_close(c);
	return r;
}

int topic_put(struct kipc_chan *c, size_t max, uint64_t i, int64_t timeout)
{
	return send_one(c, content_len(max, PUB_SEED, i), PUB_SEED, i, timeout);
}

ssize_t topic_take(struct kipc_chan *c, size_t max, uint64_t i, int64_t timeout)
{
	uint8_t *copy = malloc(max + 1);
	ssize_t r;

	copy[max] = 0xa5;
	r = kipc_recv(c, copy, max, timeout);
	if (r >= 0) {
		must_eq(r, content_len(max, PUB_SEED, i));
		must(content_is(copy, (size_t)r, PUB_SEED, i));
	}
	must(copy[max] == 0xa5);
	free(copy);
	return r;
}

uint64_t topic_lost(struct kipc_chan *c)
{
	uint64_t n = 0;

	must_eq(kipc_lost(c, &n), 0);
	return n;
}

uint64_t topic_drain(struct kipc_chan *c, size_t max, uint64_t next, int64_t timeout, int *why)
{
	uint64_t lost = topic_lost(c);
	ssize_t r;

	for (;;) {
		r = topic_take(c, max, next, timeout);
		if (r >= 0) {
			next++;
		} else if (r == -EOVERFLOW) {
			must(topic_lost(c) > lost);
			next += topic_lost(c) - lost;
			lost = topic_lost(c);
		} else {
			*why = (int)r;
			return next;
		}
		must(topic_lost(c) == lost);
	}
}
