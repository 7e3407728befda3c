/* SPDX-License-Identifier: MIT */
/* pubsub.h - what the tests of KIPC_PUBSUB share, over each transport that carries the kind. */
#ifndef CONFORMANCE_PUBSUB_H
#define CONFORMANCE_PUBSUB_H

#include "form.h"

#define PUBSUB(name)                                          \
	static void test_pubsub_##name(const struct form *f); \
	FORM_TEST(shm_named, pubsub_##name)                   \
	FORM_TEST(kmod_named, pubsub_##name)                  \
	static void test_pubsub_##name(const struct form *f __attribute__((unused)))

#define PUB_SEED 23

/* A name that nobody else uses, and ends under it: "size=8K", "loss=1". Created if need be. */
struct topic {
	const struct form *form;
	char name[80];
};

struct topic topic_new(const struct form *f);
void topic_uri(const struct topic *t, const char *options, char *uri, size_t size);
struct kipc_chan *topic_publish(const struct topic *t, const char *options);
struct kipc_chan *topic_subscribe(const struct topic *t, const char *options);
int topic_try(const struct topic *t, unsigned flags, const char *options); /* closes it again */

/* Publish message number i, whose length up to max and content follow from i. */
int topic_put(struct kipc_chan *c, size_t max, uint64_t i, int64_t timeout);

/* Receive one, which must be number i. The result of the verb if negative, or its length. */
ssize_t topic_take(struct kipc_chan *c, size_t max, uint64_t i, int64_t timeout);

uint64_t topic_lost(struct kipc_chan *c);

/* To the end of what there is or will be: every message is the next one, or a gap is told and counted
 * exactly. Returns the number behind the last one; the error that ended it in *why.
 */
uint64_t topic_drain(struct kipc_chan *c, size_t max, uint64_t next, int64_t timeout, int *why);

#endif /* CONFORMANCE_PUBSUB_H */
