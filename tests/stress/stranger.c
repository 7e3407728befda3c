// SPDX-License-Identifier: MIT
/* Short meetings under names that every worker opens and closes all the time. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "session.h"

#define NAMES 2

/* Both ends may be taken, and whoever is there may leave at any time. */
void stranger_meet(unsigned i, struct worker *me, uint64_t *random)
{
	struct session s = { .me = me, .slot = i };
	struct flow sent = { 0, i }, received = { 0, 0 };
	uint64_t word[3], hello[3];
	char uri[200];
	int64_t r;

	snprintf(uri, sizeof(uri), "%s://%skstress-%d-any%u?size=4K", table->scheme, table->place,
	         getppid(), (unsigned)random_below(random, NAMES));
	calling(&s, RECEIVING, "kipc_chan_open (stranger)");
	r = kipc_chan_open(&s.chan, uri, KIPC_PAIR | KIPC_CREATE, NULL);
	if (r == -EBUSY)
		return;
	if (r < 0)
		broken(&s, "%s: %s (%s)", uri, kipc_strerror((int)r), kipc_why());
	content_make(&sent, random, hello, sizeof(hello));
	r = called(&s, SENDING, kipc_send(s.chan, hello, sizeof(hello), 0));
	if (r < 0 && r != -EPIPE && !not_now(r))
		broken(&s, "to a stranger: %s", kipc_strerror((int)r));
	calling(&s, RECEIVING, "kipc_recv (stranger)");
	r = called(&s, RECEIVING,
	           kipc_recv(s.chan, word, sizeof(word), (int64_t)random_below(random, 2 * MSEC)));
	if (r < 0 && r != -EPIPE && !not_now(r))
		broken(&s, "from a stranger: %s", kipc_strerror((int)r));
	received.hash = word[1];
	if (r >= 0 && (r != sizeof(word) || word[1] >= WORKERS ||
	               !content_take(&received, word, sizeof(word))))
		broken(&s, "a stranger's message is not what one sends");
	me->strangers++;
	calling(&s, RECEIVING, "kipc_chan_close (stranger)");
	kipc_chan_close(s.chan);
}
