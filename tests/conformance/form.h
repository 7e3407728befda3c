/* SPDX-License-Identifier: MIT */
/*
 * form.h - the transports under test, each in its anonymous and in its named form
 *
 * EACH_FORM(name) { ... } is one test per form, with "f" for the form; EACH_ANON and EACH_NAMED
 * restrict it. A duo is the two ends of one channel, made the way its form is made: by
 * kipc_chan_pair(), or by two opens of one name.
 */
#ifndef CONFORMANCE_FORM_H
#define CONFORMANCE_FORM_H

#include <criterion/criterion.h>
#include <errno.h>
#include <kipc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../harness.h"

struct form {
	const char *id;
	const char *scheme;
	bool named;
};

extern const struct form shm_anon, shm_named, unix_anon, unix_named, kmod_anon, kmod_named;
extern const struct form *const forms[]; /* NULL-terminated */

void form_run(const struct form *f, void (*body)(const struct form *f));

#define FORM_TEST(form, name)                                        \
	Test(form, name, .init = harness_begin, .fini = harness_end) \
	{                                                            \
		form_run(&form, test_##name);                        \
	}

#define EACH_ANON(name)                                \
	static void test_##name(const struct form *f); \
	FORM_TEST(shm_anon, name)                      \
	FORM_TEST(unix_anon, name)                     \
	FORM_TEST(kmod_anon, name)                     \
	static void test_##name(const struct form *f __attribute__((unused)))

#define EACH_NAMED(name)                               \
	static void test_##name(const struct form *f); \
	FORM_TEST(shm_named, name)                     \
	FORM_TEST(unix_named, name)                    \
	FORM_TEST(kmod_named, name)                    \
	static void test_##name(const struct form *f __attribute__((unused)))

#define EACH_FORM(name)                                \
	static void test_##name(const struct form *f); \
	FORM_TEST(shm_anon, name)                      \
	FORM_TEST(shm_named, name)                     \
	FORM_TEST(unix_anon, name)                     \
	FORM_TEST(unix_named, name)                    \
	FORM_TEST(kmod_anon, name)                     \
	FORM_TEST(kmod_named, name)                    \
	static void test_##name(const struct form *f __attribute__((unused)))

/* The transport of this scheme as kipc_transport_info() tells it. */
struct kipc_transport_info form_info(const char *scheme);
bool form_can(const struct form *f, uint64_t cap);

/* The group that may use the transport at all: another user needs it. NOBODY's own where anybody may. */
#define NOBODY 65534
gid_t form_group(const struct form *f);

/* A URI that nobody else uses. options: "" or "size=4K&..." */
void form_uri(const struct form *f, const char *options, char *uri, size_t size);
#define URI_MAX 300

/* ---- a channel with two ends ------------------------------------------------------------ */

struct duo {
	const struct form *form;
	char uri[URI_MAX];
	struct kipc_chan *end[2];
};

/* Anonymous: both ends, fresh. Named: end[0], created; end[1] is NULL until somebody opens it. */
void duo_make(struct duo *d, const struct form *f, const char *options);

/* Both ends in this process. */
void duo_both(struct duo *d, const struct form *f, const char *options);

/* Which end is mine: in the process that made it end 0, in the forked peer end 1. The other process's
 * end is let go.
 */
struct kipc_chan *duo_mine(struct duo *d);
struct kipc_chan *duo_theirs(struct duo *d);

void duo_close(struct duo *d);

uint64_t chan_get(const struct kipc_chan *c, enum kipc_opt opt);
void chan_set_wait(struct kipc_chan *c, unsigned wait);
struct kipc_stats chan_stats(const struct kipc_chan *c);

extern const unsigned wait_modes[3];
const char *wait_name(unsigned wait);

/* How many descriptors and mappings this process has. */
unsigned form_fds(void);
unsigned form_maps(void);

/* How often that process has gone to sleep. */
long form_switches(pid_t pid);

/* ---- messages --------------------------------------------------------------------------- */

/* Message i of stream seed with this length, copied, checked. */
int send_one(struct kipc_chan *c, size_t len, uint64_t seed, uint64_t i, int64_t timeout);
void recv_one(struct kipc_chan *c, size_t len, uint64_t seed, uint64_t i);

/* Send messages of this length until there is no more room; how many went. */
unsigned fill_up(struct kipc_chan *c, size_t len, uint64_t seed);

/* Run on the n-th of the CPUs that this process may use, modulo their number. */
void form_pin(int n);

/* A stream of n messages of random lengths, through different verbs. */
struct stream {
	uint64_t seed;
	unsigned n;
	size_t max;
};

struct sender {
	const char *name;
	void (*run)(struct kipc_chan *c, const struct stream *s);
};

extern const struct sender senders[4];   /* one or n, copied or in place */
extern const struct sender receivers[4]; /* the mirror image; check everything */

#endif /* CONFORMANCE_FORM_H */
