/* SPDX-License-Identifier: MIT */
/* asleep.h - what the tests of sleeping share: putting an end to sleep, and what the kernel offers. */
#ifndef CONFORMANCE_ASLEEP_H
#define CONFORMANCE_ASLEEP_H

#include "form.h"

#define OFTEN 200 /* sleeps after which a pair has set up what it sleeps by */

/* Each message of the one is answered by the other, and both sleep meanwhile. */
void exchange(struct kipc_chan *c, bool first, unsigned n);

/* Wait until that process, or thread, sleeps and goes on sleeping. */
void still(pid_t pid);

/* Is io_uring allowed at all? Does that process use one? From here on it is forbidden. */
bool may_uring(void);
bool has_uring(pid_t pid);
void forbid_uring(void);

#endif /* CONFORMANCE_ASLEEP_H */
