// SPDX-License-Identifier: MIT
#include <kipc.h>
#include "kipc_pair.h"

#include <stdio.h>
#include <string.h>

const char *kipc_extra_options = "";

static const uint32_t waits[WAIT_MODES] = {
	[WAIT_SPIN] = KIPC_WAIT_SPIN,
	[WAIT_BLOCK] = KIPC_WAIT_BLOCK,
	[WAIT_ADAPTIVE] = KIPC_WAIT_ADAPTIVE,
};

int kipc_pair_failed(struct pair *p, int err, const char *what)
{
	return bench_fail(p, err, "%s: %s", what, kipc_strerror(err));
}

/* The default ring, 256 KiB, for what fits it well; as much as the slots of the others take for longer
 * messages, see slots_depth(); and four of the longest.
 */
static uint64_t ring_bytes(size_t size)
{
	if (size <= 1024)
		return 0;
	return size <= 65536 ? 1 << 20 : 4 * size;
}

int kipc_pair_setup(struct pair *p)
{
	const char *scheme = strchr(p->cell.mech->name, ':') + 1;
	struct kipc_opts opts = {
		.size = sizeof(opts),
		.ring_bytes = ring_bytes(p->cell.size),
		.wait = waits[p->cell.wait],
	};
	struct kipc_chan *chan[2];
	char uri[128];
	int r;

	snprintf(uri, sizeof(uri), "%s://%s%s", scheme, *kipc_extra_options ? "?" : "",
	         kipc_extra_options);
	r = kipc_chan_pair(chan, uri, KIPC_PAIR, &opts);
	if (r < 0)
		return bench_fail(p, r, "%s", *kipc_why() ? kipc_why() : kipc_strerror(r));
	if (p->cell.variant == VARIANT_INPLACE && !(kipc_chan_caps(chan[0]) & KIPC_CAP_ZEROCOPY))
		return bench_fail(p, -EOPNOTSUPP, "%s:// copies: it has no place to be in", scheme);
	p->handle[0] = chan[0];
	p->handle[1] = chan[1];
	return 0;
}

struct kipc_chan *kipc_pair_end(struct side *s)
{
	kipc_chan_close(s->pair->handle[!s->who]);
	return s->pair->handle[s->who];
}
