// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "hub.h"

struct kipc_chan *hub_end[HUB_ENDS];
uint64_t hub_longest;

static struct kipc__hub *dead; /* one that hub_die() has unmapped in part */
static struct kipc_ring_sets sets;
static struct kipc_ring_end ends[HUB_ENDS];
static unsigned next_letter;
static char name[40];

/* ---- opening ---------------------------------------------------------------------------- */

static void remember(void)
{
	const struct kipc_ring_status *s = hub_of(0)->status;

	__builtin_memcpy(&sets, &s->sets, sizeof(sets));
	__builtin_memcpy(ends, s->ends, sizeof(ends));
}

void hub_open(unsigned kind, const char *options, const unsigned *flags, const char *const *own)
{
	static unsigned count;
	unsigned e;
	char uri[200];
	int r;

	snprintf(name, sizeof(name), "hostile-%d-%u", (int)getpid(), count++);
	next_letter = 0;
	for (e = 0; e < HUB_ENDS; e++) {
		snprintf(uri, sizeof(uri), "%s://%s?wait=block&%s%s", hostile_scheme, name, options,
		         own ? own[e] : "");
		r = kipc_chan_open(&hub_end[e], uri, kind | KIPC_CREATE | flags[e], NULL);
		if (r < 0) {
			printf("%s: %s\n", uri, kipc_why());
			hostile_fail(__FILE__, __LINE__, "all ends can be opened");
		}
	}
	must(kipc_chan_get(hub_end[0], KIPC_OPT_MAX_MSG, &hub_longest) == 0);
	must(hub_longest <= HUB_LONGEST);
	remember();
}

const char *hub_name(void)
{
	return name;
}

static bool is_kmod(const struct kipc__hub *h)
{
	return h->back == &kipc__hub_kmod;
}

static size_t data_span(const struct kipc__hub *h)
{
	return (h->kind->mirrored ? 2 : 1) * h->data_bytes;
}

/* The last mapping of its control page goes, as if its process had ended. */
void hub_die(unsigned end)
{
	dead = hub_of(end);
	must(is_kmod(dead) && munmap(dead->mine, dead->ident.ctrl_bytes) == 0);
	hub_end[end] = NULL;
}

static void bury(void)
{
	if (!dead)
		return;
	munmap(dead->data, data_span(dead));
	munmap(dead->ctrl, (size_t)dead->ident.nr_ends * dead->ident.ctrl_bytes);
	munmap(dead->status, dead->status_bytes);
	dead->back->close(dead, false);
	dead = NULL;
}

void hub_close(void)
{
	unsigned e;

	for (e = 0; e < HUB_ENDS; e++) {
		kipc_chan_close(hub_end[e]);
		hub_end[e] = NULL;
	}
	bury();
}

/* ---- memory ----------------------------------------------------------------------------- */

static bool writes_data(const struct kipc__hub *h)
{
	return !is_kmod(h) || h->kind->kind == KIPC_KIND_QUEUE || h->end == 0;
}

static size_t handle_bytes(const struct kipc__hub *h)
{
	return (size_t)((uint8_t *)h->own - (uint8_t *)h) + h->back->own_bytes;
}

/* Data through end 0, who may write it. What only the kernel writes: hub_spoiled(). */
unsigned hub_areas(struct area *a)
{
	unsigned n = 0, e;

	for (e = 0; e < HUB_ENDS; e++) {
		struct kipc__hub *h = hub_of(e);

		a[n++] = (struct area){ h, handle_bytes(h) };
		a[n++] = (struct area){ h->mine, h->ident.ctrl_bytes };
	}
	a[n++] = (struct area){ hub_of(0)->data, hub_of(0)->data_bytes };
	a[n++] = (struct area){ &next_letter, sizeof(next_letter) };
	if (!is_kmod(hub_of(0)))
		a[n++] = (struct area){ hub_of(0)->status, hub_of(0)->status_bytes };
	return n;
}

bool hub_spoiled(void)
{
	const struct kipc_ring_status *s;

	if (dead || !hub_end[0])
		return true;
	s = hub_of(0)->status;
	return is_kmod(hub_of(0)) && (memcmp(&sets, &s->sets, sizeof(sets)) != 0 ||
	                              memcmp(ends, s->ends, sizeof(ends)) != 0);
}

/* ---- words ------------------------------------------------------------------------------ */

/* Each word on its line of 128 bytes is a field. */
static unsigned list_ctrl(struct word *w, struct kipc__hub *h)
{
	uint64_t *at = (uint64_t *)h->mine;
	bool publishes = h->kind->kind == KIPC_KIND_PUBSUB && h->end == 0;
	size_t off;
	unsigned n = 0;

	for (off = 0; off < 0x280; off += 8)
		if (off % 128 <= 24)
			w[n++] = (struct word){ "of its control page", at + off / 8, publishes };
	return n;
}

/* The event counts, the sets and the states; geometry is read while joining only. */
static unsigned list_status(struct word *w, struct kipc__hub *h)
{
	struct kipc_ring_status *s = h->status;
	unsigned n = 0, i;

	w[n++] = (struct word){ "bells.data", &s->bells[0].data, true };
	w[n++] = (struct word){ "bells.space", &s->bells[0].space, true };
	for (i = 0; i < 2; i++)
		w[n++] = (struct word){ "sets.bound", &s->sets.bound[i], true };
	w[n++] = (struct word){ "sets.undone", &s->sets.undone[0], true };
	w[n++] = (struct word){ "sets.looked_at", &s->sets.looked_at, true };
	for (i = 0; i < HUB_ENDS; i++)
		w[n++] = (struct word){ "ends.state", &s->ends[i], true };
	return n;
}

unsigned hub_words(struct word *w, unsigned liar, const size_t *data_at, unsigned nr)
{
	struct kipc__hub *h = hub_of(liar);
	unsigned n = list_ctrl(w, h), i;

	for (i = 0; i < nr && writes_data(h); i++)
		w[n++] = (struct word){ "of the data", h->data + data_at[i], true };
	return is_kmod(h) ? n : n + list_status(w + n, h);
}

/* ---- letters ---------------------------------------------------------------------------- */

#define LETTERS 200

/* The first byte tells the number, and the length follows. */
static size_t length_of(unsigned i)
{
	return 1 + 37 * i % 90;
}

size_t hub_letter(void *data)
{
	must(next_letter < LETTERS);
	fill_letter(data, length_of(next_letter), next_letter);
	return length_of(next_letter++);
}

void hub_check_letter(const void *data, size_t len)
{
	unsigned i;

	for (i = 0; i < LETTERS; i++)
		if (len == length_of(i) && is_letter(data, len, i))
			return;
	must(!"a letter is whole");
}

void hub_check_inside(unsigned end, const struct kipc_msg *m, int64_t n)
{
	const struct kipc__hub *h = hub_of(end);
	volatile uint8_t sum = 0;
	int64_t i;

	for (i = 0; i < n; i++) {
		const uint8_t *at = m[i].data;
		size_t k;

		must(m[i].len <= hub_longest);
		must(at >= h->data && at + m[i].len <= h->data + data_span(h));
		for (k = 0; k < m[i].len; k++)
			sum += at[k];
	}
}

int64_t hub_lawful(int64_t r)
{
	must(r >= 0 || r == -EAGAIN || r == -ETIMEDOUT || r == -EPIPE || r == -EBADMSG ||
	     r == -EOVERFLOW || r == -EMSGSIZE);
	return r;
}
