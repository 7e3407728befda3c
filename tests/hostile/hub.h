/* SPDX-License-Identifier: MIT */
/*
 * hub.h - a real channel with many ends, all of them in this process
 *
 * One end is the liar: what it may write, and nothing else, are the words that change. Over the module
 * that is its own control page and, of a publisher or in a queue, the data; over plain shared memory it is
 * everything.
 */
#ifndef HOSTILE_HUB_H
#define HOSTILE_HUB_H

#include "hostile.h"
#include "transport/hub_chan.h"

#define HUB_ENDS    3
#define HUB_LONGEST 2000 /* no message is longer, of whatever kind */

extern struct kipc_chan *hub_end[HUB_ENDS];
extern uint64_t hub_longest; /* of this kind */

/* Open the ends; flags and own options are those of each. */
void hub_open(unsigned kind, const char *options, const unsigned *flags, const char *const *own);
void hub_close(void);
const char *hub_name(void);

/* The end is gone, and had no time to say so. Over the module only. */
void hub_die(unsigned end);

/* What is true again at the beginning of each case; has the kernel been told anything in the last one? */
unsigned hub_areas(struct area *a);
bool hub_spoiled(void);

/* The words of the liar: of its control page, of the data at these offsets (where it may write them),
 * and of STATUS (the same).
 */
unsigned hub_words(struct word *w, unsigned liar, const size_t *data_at, unsigned nr);

/* Letters tell their own number: the next one, and whether it is one, whole. */
size_t hub_letter(void *data);
void hub_check_letter(const void *data, size_t len);

/* Messages in place lie inside of the end's data and can be read. */
void hub_check_inside(unsigned end, const struct kipc_msg *m, int64_t n);

/* As lawful(), of a channel's verb. */
int64_t hub_lawful(int64_t r);

static inline struct kipc__hub *hub_of(unsigned end)
{
	return (struct kipc__hub *)hub_end[end];
}

#endif /* HOSTILE_HUB_H */
