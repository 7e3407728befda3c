/* SPDX-License-Identifier: MIT */
/* select.h - from a scheme to a transport that runs here. */
#ifndef KIPC_SELECT_H
#define KIPC_SELECT_H

#include "transport.h"

/* scheme may be "auto". On failure, and when better ones were passed over, kipc_why() says why.
 * -EPROTONOSUPPORT: unknown; -ENODEV or what the probe says: it does not run here.
 */
int kipc__select(const char *scheme, unsigned kind, const struct kipc__transport **out);

#endif /* KIPC_SELECT_H */
