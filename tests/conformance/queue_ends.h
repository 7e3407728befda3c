/* SPDX-License-Identifier: MIT */
/* queue_ends.h - ends of one queue, and messages that tell who sent them */
#ifndef CONFORMANCE_QUEUE_ENDS_H
#define CONFORMANCE_QUEUE_ENDS_H

#include "form.h"

#define QUEUE_TEST(name)                               \
	static void test_##name(const struct form *f); \
	FORM_TEST(shm_named, name)                     \
	FORM_TEST(kmod_named, name)                    \
	static void test_##name(const struct form *f __attribute__((unused)))

/* An end of the queue with this URI, created if it is not there; it must be had. */
struct kipc_chan *queue_end(const char *uri, unsigned dirs);

/* Message i of stream seed with this length and priority: what kipc_send_n() says. */
int queue_send(struct kipc_chan *c, size_t len, unsigned prio, uint64_t seed, uint64_t i,
               int64_t timeout);

/* Receive one, which must be that. */
void queue_recv(struct kipc_chan *c, size_t len, unsigned prio, uint64_t seed, uint64_t i);

/* Send messages of one byte until there is no room, and take them back: how many there were. */
unsigned queue_capacity(struct kipc_chan *c);

#endif /* CONFORMANCE_QUEUE_ENDS_H */
