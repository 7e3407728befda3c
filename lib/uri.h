/* SPDX-License-Identifier: MIT */
/* uri.h - "scheme://name?key=value&..." and struct kipc_opts become a struct kipc__config. */
#ifndef KIPC_URI_H
#define KIPC_URI_H

#include "transport.h"

#define KIPC__SCHEME_MAX   16
#define KIPC__URI_NAME_MAX 256

struct kipc__uri {
	char scheme[KIPC__SCHEME_MAX];
	char name[KIPC__URI_NAME_MAX];
	struct kipc__config cfg; /* cfg.name points to name */
};

/* Fill uri. flags are the caller's and already checked. 0, -EINVAL, -ENAMETOOLONG, -E2BIG; then
 * kipc__why_set() has named what is wrong.
 */
int kipc__uri_parse(struct kipc__uri *uri, const char *text, unsigned flags,
                    const struct kipc_opts *opts);

#endif /* KIPC_URI_H */
