// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "select.h"

const struct kipc__transport *const kipc__transports[] = {
	&kipc__transport_kmod,
	&kipc__transport_shm,
	&kipc__transport_unix,
	NULL,
};

static const struct kipc__transport *by_scheme(const char *scheme)
{
	const struct kipc__transport *const *t;

	for (t = kipc__transports; *t; t++)
		if (strcmp((*t)->scheme, scheme) == 0)
			return *t;
	return NULL;
}

static int unknown(const char *scheme)
{
	const struct kipc__transport *const *t;

	kipc__why_set("unknown scheme \"%s\"; there are: auto", scheme);
	for (t = kipc__transports; *t; t++)
		kipc__why_add(" %s", (*t)->scheme);
	return -EPROTONOSUPPORT;
}

static bool carries(const struct kipc__transport *t, unsigned kind)
{
	return (t->kinds | KIPC_PAIR) & kind;
}

/* Those that carry the kind, for people. */
static void why_add_carriers(unsigned kind)
{
	const struct kipc__transport *const *t;

	for (t = kipc__transports; *t; t++)
		if (carries(*t, kind))
			kipc__why_add(" %s", (*t)->scheme);
}

/* Does it run here, with this kind? */
static void ask(const struct kipc__transport *t, unsigned kind, struct kipc__verdict *v)
{
	if (!carries(t, kind)) {
		*v = (struct kipc__verdict){ .status = -EOPNOTSUPP,
			                     .why = "no channels of this kind" };
		return;
	}
	t->probe(v);
	if (v->status == 0 && (v->lacks & kind))
		v->status = -EOPNOTSUPP;
}

static int exactly(const char *scheme, unsigned kind, const struct kipc__transport **out)
{
	struct kipc__verdict v = { 0 };

	*out = by_scheme(scheme);
	if (!*out)
		return unknown(scheme);
	if (!carries(*out, kind)) {
		kipc__why_set("%s: carries no channels of this kind; these do:", scheme);
		why_add_carriers(kind);
		return -EOPNOTSUPP;
	}
	ask(*out, kind, &v);
	if (v.status == 0)
		return 0;
	kipc__why_set("%s: %s", scheme, v.why);
	return v.status;
}

/* The best that runs; on the way, note why better ones do not. */
static int best(unsigned kind, const struct kipc__transport **out)
{
	const struct kipc__transport *const *t;

	for (t = kipc__transports; *t; t++) {
		struct kipc__verdict v = { 0 };

		if (!(*t)->automatic)
			continue;
		ask(*t, kind, &v);
		if (v.status == 0) {
			*out = *t;
			if (*kipc_why())
				kipc__why_add("; took %s", (*t)->scheme);
			kipc__why_note();
			return 0;
		}
		kipc__why_add("%s%s: %s", *kipc_why() ? "; " : "", (*t)->scheme, v.why);
	}
	return -ENODEV;
}

int kipc__select(const char *scheme, unsigned kind, const struct kipc__transport **out)
{
	const char *wanted = getenv("KIPC_TRANSPORT");
	int r;

	if (strcmp(scheme, "auto") != 0)
		return exactly(scheme, kind, out);
	if (!wanted || !*wanted || strcmp(wanted, "auto") == 0)
		return best(kind, out);
	r = exactly(wanted, kind, out);
	if (r < 0)
		kipc__why_add(" (KIPC_TRANSPORT asks for it)");
	return r;
}

int kipc_transport_info(unsigned i, struct kipc_transport_info *info)
{
	static _Thread_local struct kipc__verdict v;
	unsigned n = 0;

	if (!info || info->size != sizeof(*info))
		return -EINVAL;
	while (n < i && kipc__transports[n])
		n++;
	if (!kipc__transports[n])
		return -ENOENT;
	v = (struct kipc__verdict){ 0 };
	kipc__transports[n]->probe(&v);
	*info = (struct kipc_transport_info){
		.size = sizeof(*info),
		.scheme = kipc__transports[n]->scheme,
		.about = kipc__transports[n]->about,
		.caps = kipc__transports[n]->caps,
		.status = v.status,
		.why = v.why,
		.cure = v.cure,
	};
	return 0;
}
