/* SPDX-License-Identifier: MIT */
/*
 * harness.h - what every test binary needs and Criterion does not give
 *
 * Checks that work in the test, in its threads and in forked peers alike; peers with a gate for
 * messages and descriptors, a deadline and a reaper; a bounded look at what a peer sleeps in; names
 * that nobody else uses. A peer that fails a check says so on stderr and exits with 1; the test fails
 * in peer_end().
 *
 * Environment
 *   KIPC_TEST_SCALE        factor for the rounds of long loops (1)
 *   KIPC_TEST_DEADLINE     seconds that one test or one peer may take (120)
 *   KIPC_TEST_TRANSPORTS   comma-separated schemes: run these only
 *   KIPC_TEST_NAMES        comma-separated tests, without their suites: run these only
 *   KIPC_REQUIRE           comma-separated schemes and tools: their absence is a failure
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- checks ----------------------------------------------------------------------------- */

#define must(cond)                                                                \
	do {                                                                      \
		if (!(cond))                                                      \
			harness_fail(__FILE__, __LINE__, "must hold: %s", #cond); \
	} while (0)

/* Two numbers; a negative one is explained as a result of the library. */
#define must_eq(got, want) \
	harness_equal(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))

/* A result that is no error; gives its value. */
#define must_ok(result) harness_no_error(__FILE__, __LINE__, #result, (long long)(result))

/* A call of libc that returned -1 or not; gives its value. */
#define must_sys(result) harness_no_errno(__FILE__, __LINE__, #result, (long long)(result))

void harness_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void harness_equal(const char *file, int line, const char *what, long long got, long long want);
long long harness_no_error(const char *file, int line, const char *what, long long got);
long long harness_no_errno(const char *file, int line, const char *what, long long got);

/* Explains a negative result in failures; the binary sets it (kipc_strerror, say). */
extern const char *(*harness_explain)(int err);

/* ---- a test ----------------------------------------------------------------------------- */

/* First call of each test (.init): deadline, reaper, no inherited signal mask. */
void harness_begin(void);

/* Last call of each test (.fini): under AddressSanitizer, memory that leaked is a failure. */
void harness_end(void);

/* What is going on; said when the deadline ends the test. */
void harness_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* n rounds, scaled; at least 1. */
unsigned harness_rounds(unsigned n);

/* Is word in the comma-separated list that the environment variable holds? */
bool harness_listed(const char *variable, const char *word);

/* Leave the test as skipped, or failed where KIPC_REQUIRE lists what. */
void harness_skip(const char *what, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

/* "kt-PID-N": no other test uses it. */
const char *harness_name(void);

/* A fresh directory below /tmp that everybody may enter; removed with its content at the end of the
 * test.
 */
const char *harness_dir(void);

int64_t harness_now(void); /* CLOCK_MONOTONIC, ns */
#define MSEC 1000000LL
#define SEC  1000000000LL

/* xorshift64*: the same sequence from the same seed, which must not be 0. */
uint64_t harness_random(uint64_t *state);

/* Content that belongs to message i of stream seed, and whether it is that and nothing else. */
void content_fill(void *data, size_t len, uint64_t seed, uint64_t i);
bool content_is(const void *data, size_t len, uint64_t seed, uint64_t i);

/* A length for message i of stream seed: mostly short, sometimes anything up to max. */
size_t content_len(size_t max, uint64_t seed, uint64_t i);

/* ---- peers ------------------------------------------------------------------------------ */

struct peer {
	pid_t pid; /* in the test: the peer; in the peer: 0 */
	int gate;  /* a socket to the other one */
};

typedef void (*peer_fn)(struct peer *me, void *arg);

/* Fork a process that runs fn and then exits with 0. It is killed when the test ends. */
void peer_start(struct peer *p, peer_fn fn, void *arg);

/* Wait for its end; it must have been exit status 0. */
void peer_end(struct peer *p);

/* kill -9, and wait until it is gone. */
void peer_kill(struct peer *p);

/* SIGSTOP, and wait until it stands; SIGCONT. */
void peer_stop(struct peer *p);
void peer_continue(struct peer *p);

/* Either side of the gate: a byte there, a byte from there. -1: the other one is gone. */
void peer_tell(struct peer *p, uint8_t word);
int peer_hear(struct peer *p);
void peer_expect(struct peer *p, uint8_t word);
bool peer_told_within(struct peer *p, int ms);

/* A descriptor through the gate (SCM_RIGHTS); given away, it is closed here. */
void peer_give_fd(struct peer *p, int fd);
int peer_take_fd(struct peer *p);

/* Wait until a process sleeps in the kernel (state S). Use after it told that it is about to. */
void await_asleep(pid_t pid);

/* A process that holds a copy of every descriptor of the caller until the test ends. Fork it from a
 * peer that will be killed.
 */
struct hostage {
	int keep[2];
};
void hostage_prepare(struct hostage *h); /* in the test, before the peer starts */
void hostage_take(struct hostage *h);    /* in the peer */
void hostage_free(struct hostage *h);    /* in the test: the holder ends */

/* Become another user for good (root only). The groups are dropped; gid is kept as given. */
void become_user(uid_t uid, gid_t gid);

/* ---- the whole binary ------------------------------------------------------------------- */

/* Runs Criterion's main; prints "NAME: N passed, N failed, N skipped" as the last line. drop says of
 * each test why it is not to run (NULL: run it; "": it was not asked for, so it is no skip either) and
 * may be NULL.
 */
int harness_main(const char *name, int argc, char **argv,
                 const char *(*drop)(const char *suite, const char *test));

#endif /* HARNESS_H */
