// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <kipc_queue.h>
#include <kipc_ring.h>
#include "os/numa.h"
#include "uri.h"

#define DEFAULT_RING_BYTES (256 * 1024)

/* One value of the query. 0, or -EINVAL. */
typedef int (*option_fn)(struct kipc__config *cfg, const char *value);

/* Digits and an optional K, M or G. */
static int number(const char *text, uint64_t max, uint64_t *out)
{
	static const char units[] = "KMG";
	const char *unit;
	unsigned shift = 0;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
	}
	if (*end || *out > (max >> shift))
		return -EINVAL;
	*out <<= shift;
	return 0;
}

static uint64_t power_of_two_from(uint64_t v)
{
	uint64_t p = KIPC_RING_MIN_BYTES;

	while (p < v)
		p *= 2;
	return p;
}

static int set_size(struct kipc__config *cfg, uint64_t bytes)
{
	if (bytes == 0 || bytes > KIPC_RING_MAX_BYTES)
		return -EINVAL;
	cfg->ring_bytes = power_of_two_from(bytes);
	cfg->given |= KIPC__GIVEN_SIZE;
	return 0;
}

static int set_align(struct kipc__config *cfg, uint64_t align)
{
	if (align < 8 || align > KIPC_RING_MAX_ALIGN || (align & (align - 1)))
		return -EINVAL;
	cfg->align = (uint32_t)align;
	cfg->given |= KIPC__GIVEN_ALIGN;
	return 0;
}

static int set_mode(struct kipc__config *cfg, uint64_t mode)
{
	if (mode == 0 || (mode & ~0777ULL))
		return -EINVAL;
	cfg->mode = (uint32_t)mode;
	cfg->given |= KIPC__GIVEN_MODE;
	return 0;
}

static int set_node(struct kipc__config *cfg, int node)
{
	if (!kipc__numa_has(node)) {
		kipc__why_set("there is no NUMA node %d here (%d in all)", node,
		              kipc__numa_nodes());
		return -EINVAL;
	}
	cfg->node = node;
	cfg->given |= KIPC__GIVEN_NODE;
	return 0;
}

static int set_wait(struct kipc__config *cfg, uint64_t wait)
{
	if (wait < KIPC_WAIT_ADAPTIVE || wait > KIPC_WAIT_BLOCK)
		return -EINVAL;
	cfg->wait = (unsigned)wait;
	return 0;
}

static int set_spin(struct kipc__config *cfg, uint64_t ns)
{
	if (!kipc__spin_ok(ns))
		return -EINVAL;
	cfg->spin_ns = ns;
	return 0;
}

/* ---- the query -------------------------------------------------------------------------- */

static int option_size(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	return number(value, KIPC_RING_MAX_BYTES, &v) < 0 ? -EINVAL : set_size(cfg, v);
}

static int option_align(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	return number(value, KIPC_RING_MAX_ALIGN, &v) < 0 ? -EINVAL : set_align(cfg, v);
}

static int option_payload(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	if (number(value, 1, &v) < 0)
		return -EINVAL;
	cfg->payload = v != 0;
	cfg->given |= KIPC__GIVEN_PAYLOAD;
	return 0;
}

static int option_mode(struct kipc__config *cfg, const char *value)
{
	char *end;
	unsigned long v = strtoul(value, &end, 8);

	return *value < '0' || *value > '7' || *end ? -EINVAL : set_mode(cfg, v);
}

static int option_node(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	if (strcmp(value, "local") == 0)
		return set_node(cfg, kipc__numa_local());
	return number(value, INT32_MAX, &v) < 0 ? -EINVAL : set_node(cfg, (int)v);
}

static int option_wait(struct kipc__config *cfg, const char *value)
{
	static const char *const names[] = { [KIPC_WAIT_ADAPTIVE] = "adaptive",
		                             [KIPC_WAIT_SPIN] = "spin",
		                             [KIPC_WAIT_BLOCK] = "block" };
	unsigned i;

	for (i = KIPC_WAIT_ADAPTIVE; i <= KIPC_WAIT_BLOCK; i++)
		if (strcmp(value, names[i]) == 0)
			return set_wait(cfg, i);
	return -EINVAL;
}

static int option_spin(struct kipc__config *cfg, const char *value)
{
	return number(value, INT64_MAX, &cfg->spin_ns);
}

static int option_rfo(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	if (number(value, 1, &v) < 0)
		return -EINVAL;
	cfg->rfo = (int)v;
	return 0;
}

static int option_uring(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	if (number(value, 1, &v) < 0)
		return -EINVAL;
	cfg->uring = v != 0;
	return 0;
}

static int option_loss(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	if (number(value, 1, &v) < 0)
		return -EINVAL;
	cfg->lossy = v != 0;
	return 0;
}

static int option_join(struct kipc__config *cfg, const char *value)
{
	cfg->from_oldest = strcmp(value, "oldest") == 0;
	return cfg->from_oldest || strcmp(value, "newest") == 0 ? 0 : -EINVAL;
}

static int option_patience(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	if (number(value, INT64_MAX, &v) < 0)
		return -EINVAL;
	cfg->patience = (int64_t)v;
	return 0;
}

static int option_slots(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	if (number(value, KIPC_QUEUE_MAX_SLOTS, &v) < 0 || v == 0)
		return -EINVAL;
	cfg->slots = (uint32_t)v;
	cfg->given |= KIPC__GIVEN_SLOTS;
	return 0;
}

static int option_slot(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	if (number(value, KIPC_QUEUE_MAX_STRIDE - sizeof(uint64_t), &v) < 0)
		return -EINVAL;
	cfg->slot_bytes = (uint32_t)v;
	cfg->given |= KIPC__GIVEN_SLOT;
	return 0;
}

static int option_prio(struct kipc__config *cfg, const char *value)
{
	uint64_t v;

	if (number(value, KIPC_QUEUE_CLASSES, &v) < 0 || v == 0)
		return -EINVAL;
	cfg->classes = (uint32_t)v;
	cfg->given |= KIPC__GIVEN_PRIO;
	return 0;
}

static int option_held(struct kipc__config *cfg, const char *value)
{
	cfg->drop_held = strcmp(value, "drop") == 0;
	cfg->given |= KIPC__GIVEN_HELD;
	return cfg->drop_held || strcmp(value, "redeliver") == 0 ? 0 : -EINVAL;
}

#define ANY_KIND  KIPC__KINDS
#define A_RING    (KIPC__KINDS & ~KIPC_QUEUE)
#define BOTH_WAYS (KIPC_SEND | KIPC_RECV)

static const struct {
	const char *key;
	option_fn set;
	const char *takes;
	unsigned kinds; /* that have it */
	unsigned dirs;  /* of the ends that have it */
} options[] = {
	{ "size", option_size, "bytes from 1 to 1G, e.g. 8M", A_RING, BOTH_WAYS },
	{ "align", option_align, "a power of two from 8 to 4096", A_RING, BOTH_WAYS },
	{ "payload", option_payload, "0 or 1", A_RING, BOTH_WAYS },
	{ "mode", option_mode, "octal permissions, e.g. 0660", ANY_KIND, BOTH_WAYS },
	{ "node", option_node, "a NUMA node or local", ANY_KIND, BOTH_WAYS },
	{ "wait", option_wait, "spin, block or adaptive", ANY_KIND, BOTH_WAYS },
	{ "spin", option_spin, "nanoseconds", ANY_KIND, BOTH_WAYS },
	{ "uring", option_uring, "0 or 1", ANY_KIND, BOTH_WAYS },
	{ "rfo", option_rfo, "0 or 1", KIPC_PAIR | KIPC_QUEUE, BOTH_WAYS },
	{ "loss", option_loss, "0 or 1", KIPC_PUBSUB, KIPC_RECV },
	{ "join", option_join, "newest or oldest", KIPC_PUBSUB, KIPC_RECV },
	{ "patience", option_patience, "nanoseconds", KIPC_PUBSUB, KIPC_SEND },
	{ "slots", option_slots, "a number from 1 to 65536", KIPC_QUEUE, BOTH_WAYS },
	{ "slot", option_slot, "bytes up to 1048568", KIPC_QUEUE, BOTH_WAYS },
	{ "prio", option_prio, "a number of priorities from 1 to 32", KIPC_QUEUE, BOTH_WAYS },
	{ "held", option_held, "redeliver or drop", KIPC_QUEUE, BOTH_WAYS },
};

#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))

/* An end that names no direction has both. */
static bool fits(size_t i, unsigned flags)
{
	unsigned dirs = flags & BOTH_WAYS ? flags & BOTH_WAYS : BOTH_WAYS;

	return (options[i].kinds & flags) && (options[i].dirs & dirs);
}

static int option_set(struct kipc__config *cfg, const char *key, const char *value)
{
	size_t i;

	for (i = 0; i < NR_OPTIONS; i++) {
		if (strcmp(key, options[i].key) != 0)
			continue;
		kipc__why_clear();
		if (!fits(i, cfg->flags)) {
			kipc__why_set("option %s is not for this kind of channel or end", key);
			return -EINVAL;
		}
		if (options[i].set(cfg, value) == 0)
			return 0;
		if (!*kipc_why())
			kipc__why_set("option %s=%s: it takes %s", key, value, options[i].takes);
		return -EINVAL;
	}
	kipc__why_set("unknown option \"%s\"; there are:", key);
	for (i = 0; i < NR_OPTIONS; i++)
		kipc__why_add(" %s", options[i].key);
	return -EINVAL;
}

static int query_parse(struct kipc__config *cfg, const char *query)
{
	char text[256], *pair, *value, *rest;
	int r = 0;

	if (strlen(query) >= sizeof(text)) {
		kipc__why_set("the options are longer than %zu bytes", sizeof(text) - 1);
		return -EINVAL;
	}
	strcpy(text, query);
	for (pair = strtok_r(text, "&", &rest); pair && r == 0; pair = strtok_r(NULL, "&", &rest)) {
		value = strchr(pair, '=');
		if (!value) {
			kipc__why_set("option \"%s\" has no value", pair);
			return -EINVAL;
		}
		*value = '\0';
		r = option_set(cfg, pair, value + 1);
	}
	return r;
}

/* ---- the options struct ----------------------------------------------------------------- */

static int tail_check(const struct kipc_opts *o)
{
	const unsigned char *p = (const unsigned char *)o;
	size_t i;

	if (o->size < offsetof(struct kipc_opts, ring_bytes)) {
		kipc__why_set("opts.size is %zu", o->size);
		return -EINVAL;
	}
	for (i = sizeof(*o); i < o->size; i++)
		if (p[i])
			return kipc__why_set("opts has fields that this libkipc does not know"),
			       -E2BIG;
	return 0;
}

static int out_of_range(const char *field, uint64_t value)
{
	kipc__why_set("opts.%s is %" PRIu64 ", which is out of range", field, value);
	return -EINVAL;
}

static int opts_apply(struct kipc__config *cfg, const struct kipc_opts *opts)
{
	struct kipc_opts o = { 0 };
	int r = tail_check(opts);

	if (r < 0)
		return r;
	memcpy(&o, opts, opts->size < sizeof(o) ? opts->size : sizeof(o));
	if (o.ring_bytes && set_size(cfg, o.ring_bytes) < 0)
		return out_of_range("ring_bytes", o.ring_bytes);
	if (o.mode && set_mode(cfg, o.mode) < 0)
		return out_of_range("mode", o.mode);
	if (o.align && set_align(cfg, o.align) < 0)
		return out_of_range("align", o.align);
	if (o.wait && set_wait(cfg, o.wait) < 0)
		return out_of_range("wait", o.wait);
	if (o.spin_ns && set_spin(cfg, o.spin_ns) < 0)
		return out_of_range("spin_ns", o.spin_ns);
	return o.node_plus_1 ? set_node(cfg, (int)(o.node_plus_1 - 1)) : 0;
}

/* ---- the whole -------------------------------------------------------------------------- */

static int too_long(const char *what, size_t max)
{
	kipc__why_set("the %s is longer than %zu bytes", what, max);
	return -ENAMETOOLONG;
}

static int split(struct kipc__uri *uri, const char *text, const char **query)
{
	const char *colon = strstr(text, "://");
	size_t scheme, name;

	if (!colon || colon == text) {
		kipc__why_set("\"%.64s\" is not scheme://name", text);
		return -EINVAL;
	}
	scheme = (size_t)(colon - text);
	name = strcspn(colon + 3, "?");
	*query = colon[3 + name] ? colon + 3 + name + 1 : "";
	if (scheme >= sizeof(uri->scheme))
		return too_long("scheme", sizeof(uri->scheme) - 1);
	if (name >= sizeof(uri->name))
		return too_long("name", sizeof(uri->name) - 1);
	memcpy(uri->scheme, text, scheme);
	memcpy(uri->name, colon + 3, name);
	return 0;
}

/* What options mean together. A topic makes its ring large enough. */
static int settle(struct kipc__config *cfg)
{
	if (cfg->payload) {
		cfg->given |= KIPC__GIVEN_ALIGN; /* whoever joins gets it, or is refused */
		if (cfg->align < KIPC_RING_LINE)
			cfg->align = KIPC_RING_LINE; /* aligned to a line is aligned to less */
	}
	if ((cfg->flags & KIPC_PUBSUB) || cfg->ring_bytes >= 2ULL * cfg->align)
		return 0;
	kipc__why_set("size=%" PRIu64 " is less than two messages of align=%u", cfg->ring_bytes,
	              cfg->align);
	return -EINVAL;
}

int kipc__uri_parse(struct kipc__uri *uri, const char *text, unsigned flags,
                    const struct kipc_opts *opts)
{
	const char *query;
	int r;

	*uri = (struct kipc__uri){ .cfg = { .flags = flags,
		                            .ring_bytes = DEFAULT_RING_BYTES,
		                            .mode = 0600,
		                            .align = 8,
		                            .node = -1,
		                            .wait = KIPC_WAIT_ADAPTIVE,
		                            .spin_ns = KIPC__SPIN_MEASURED,
		                            .rfo = -1,
		                            .uring = true,
		                            .patience = -1 } };
	uri->cfg.name = uri->name;
	r = split(uri, text, &query);
	if (r == 0 && opts)
		r = opts_apply(&uri->cfg, opts);
	if (r == 0)
		r = query_parse(&uri->cfg, query);
	return r == 0 ? settle(&uri->cfg) : r;
}
