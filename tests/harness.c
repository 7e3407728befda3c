// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "harness.h"

static pid_t test_pid; /* 0: no test has begun in this process */
static char *own_dir;

/* ---- checks ----------------------------------------------------------------------------- */

static const char *explain_errno(int err)
{
	return strerror(-err);
}

const char *(*harness_explain)(int err) = explain_errno;

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void remove_dir(void)
{
	if (own_dir && getpid() == test_pid)
		nftw(own_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Only the main thread of the test may leave through Criterion; all others end their process. */
void harness_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	base = base ? base + 1 : file;
	remove_dir();
	if (getpid() == test_pid && gettid() == test_pid)
		criterion_test_die("%s:%d: %s", base, line, text);
	fprintf(stderr, "%s %d: %s:%d: %s\n", getpid() == test_pid ? "thread" : "peer", gettid(),
	        base, line, text);
	_exit(1);
}

static const char *explain(long long value)
{
	return value < 0 && value > -4096 ? harness_explain((int)value) : "";
}

void harness_equal(const char *file, int line, const char *what, long long got, long long want)
{
	if (got == want)
		return;
	harness_fail(file, line, "%s is %lld %s, not %lld %s", what, got, explain(got), want,
	             explain(want));
}

long long harness_no_error(const char *file, int line, const char *what, long long got)
{
	if (got < 0)
		harness_fail(file, line, "%s is %lld %s", what, got, explain(got));
	return got;
}

long long harness_no_errno(const char *file, int line, const char *what, long long got)
{
	if (got == -1)
		harness_fail(file, line, "%s: %s", what, strerror(errno));
	return got;
}

/* ---- a test ----------------------------------------------------------------------------- */

/* There in a build with AddressSanitizer. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void harness_end(void)
{
	if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check())
		harness_fail(__FILE__, __LINE__, "memory leaked, see above");
}

static unsigned deadline_seconds(void)
{
	const char *text = getenv("KIPC_TEST_DEADLINE");
	int seconds = text ? atoi(text) : 0;

	return seconds > 0 ? (unsigned)seconds : 120;
}

static char note[200];

void harness_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
}

static void on_deadline(int sig)
{
	static const char text[] = "deadline passed: ";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) > 0 &&
	    write(STDERR_FILENO, note, strlen(note)) >= 0)
		(void)!write(STDERR_FILENO, "\n", 1);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* SIGALRM ends the process, however it is stuck. */
static void set_deadline(void)
{
	signal(SIGALRM, on_deadline);
	alarm(deadline_seconds());
}

void harness_begin(void)
{
	sigset_t none;

	test_pid = getpid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	set_deadline();
}

unsigned harness_rounds(unsigned n)
{
	const char *text = getenv("KIPC_TEST_SCALE");
	double scale = text ? atof(text) : 1;
	double rounds = scale > 0 ? n * scale : n;

	return rounds < 1 ? 1 : (unsigned)rounds;
}

bool harness_listed(const char *variable, const char *word)
{
	const char *list = getenv(variable);
	size_t len = strlen(word);

	for (const char *at = list; at && *at; at += strcspn(at, ",")) {
		at += strspn(at, ",");
		if (strcspn(at, ",") == len && !strncmp(at, word, len))
			return true;
	}
	return false;
}

void harness_skip(const char *what, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (harness_listed("KIPC_REQUIRE", what))
		criterion_test_die("%s is required here: %s", what, text);
	cr_skip_test("%s: %s", what, text);
	abort();
}

const char *harness_name(void)
{
	static _Thread_local char name[48];
	static unsigned count;

	snprintf(name, sizeof(name), "kt-%d-%u", getpid(),
	         __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED));
	return name;
}

const char *harness_dir(void)
{
	char path[40];

	if (own_dir)
		return own_dir;
	snprintf(path, sizeof(path), "/tmp/kt-%d-XXXXXX", getpid());
	must(mkdtemp(path));
	must_sys(chmod(path, 0711));
	own_dir = strdup(path);
	atexit(remove_dir);
	return own_dir;
}

int64_t harness_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

uint64_t harness_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

/* splitmix64: any seed will do. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t content_start(uint64_t seed, uint64_t i)
{
	return mix(mix(seed) + i) | 1;
}

void content_fill(void *data, size_t len, uint64_t seed, uint64_t i)
{
	uint64_t state = content_start(seed, i);
	uint8_t *at = data;

	for (; len >= 8; at += 8, len -= 8) {
		uint64_t word = harness_random(&state);

		memcpy(at, &word, 8);
	}
	while (len--)
		*at++ = (uint8_t)harness_random(&state);
}

bool content_is(const void *data, size_t len, uint64_t seed, uint64_t i)
{
	uint64_t state = content_start(seed, i);
	const uint8_t *at = data;
	uint64_t word;

	for (; len >= 8; at += 8, len -= 8) {
		memcpy(&word, at, 8);
		if (word != harness_random(&state))
			return false;
	}
	while (len--)
		if (*at++ != (uint8_t)harness_random(&state))
			return false;
	return true;
}

size_t content_len(size_t max, uint64_t seed, uint64_t i)
{
	uint64_t r = mix(mix(seed + 1) + i);
	size_t limit = r % 16 == 0 ? max : r % 4 == 0 ? 2000 : 100;

	return (r >> 8) % ((limit < max ? limit : max) + 1);
}

/* ---- peers ------------------------------------------------------------------------------ */

/* The parent may have ended before prctl() was in force; then the gate's other end is closed. */
static void run_peer(struct peer *p, int gate, peer_fn fn, void *arg)
{
	pid_t parent = getppid();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	set_deadline();
	*p = (struct peer){ .pid = 0, .gate = gate };
	fn(p, arg);
	_exit(0);
}

void peer_start(struct peer *p, peer_fn fn, void *arg)
{
	int gate[2];

	must_sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gate));
	fflush(NULL);
	p->pid = must_sys(fork());
	if (p->pid == 0) {
		close(gate[0]);
		run_peer(p, gate[1], fn, arg);
	}
	close(gate[1]);
	p->gate = gate[0];
}

static int reap(struct peer *p)
{
	int status = 0;

	while (waitpid(p->pid, &status, 0) < 0)
		must(errno == EINTR);
	close(p->gate);
	p->gate = -1;
	return status;
}

void peer_end(struct peer *p)
{
	pid_t pid = p->pid;
	int status = reap(p);

	if (WIFSIGNALED(status))
		harness_fail("harness", 0, "peer %d was killed by signal %d (%s)", pid,
		             WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) != 0)
		harness_fail("harness", 0, "peer %d failed with status %d", pid,
		             WEXITSTATUS(status));
}

void peer_kill(struct peer *p)
{
	must_sys(kill(p->pid, SIGKILL));
	must(WIFSIGNALED(reap(p)));
}

void peer_stop(struct peer *p)
{
	int status;

	must_sys(kill(p->pid, SIGSTOP));
	must_eq(must_sys(waitpid(p->pid, &status, WUNTRACED)), p->pid);
	must(WIFSTOPPED(status));
}

void peer_continue(struct peer *p)
{
	must_sys(kill(p->pid, SIGCONT));
}

void peer_tell(struct peer *p, uint8_t word)
{
	while (send(p->gate, &word, 1, MSG_NOSIGNAL) < 0)
		must(errno == EINTR);
}

int peer_hear(struct peer *p)
{
	uint8_t word;
	ssize_t n;

	while ((n = recv(p->gate, &word, 1, 0)) < 0)
		if (errno != EINTR)
			return -1;
	return n == 1 ? word : -1;
}

void peer_expect(struct peer *p, uint8_t word)
{
	must_eq(peer_hear(p), word);
}

bool peer_told_within(struct peer *p, int ms)
{
	struct pollfd pfd = { .fd = p->gate, .events = POLLIN };

	return poll(&pfd, 1, ms) == 1;
}

union fd_space {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

void peer_give_fd(struct peer *p, int fd)
{
	union fd_space space = { 0 };
	char byte = 'f';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = &space,
		              .msg_controllen = sizeof(space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	must_sys(sendmsg(p->gate, &msg, MSG_NOSIGNAL));
	close(fd);
}

int peer_take_fd(struct peer *p)
{
	union fd_space space = { 0 };
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = &space,
		              .msg_controllen = sizeof(space) };
	struct cmsghdr *c;
	int fd;

	must_eq(recvmsg(p->gate, &msg, MSG_CMSG_CLOEXEC), 1);
	c = CMSG_FIRSTHDR(&msg);
	must(c && c->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static char process_state(pid_t pid)
{
	char path[40], text[300] = "", *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 'X';
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	state = strrchr(text, ')');
	return state && state[1] ? state[2] : '?';
}

/* The pause between two looks only keeps the CPU free; what ends the loop is the state. */
void await_asleep(pid_t pid)
{
	struct timespec pause = { .tv_nsec = 200000 };
	char state;

	while ((state = process_state(pid)) != 'S') {
		if (state == 'X' || state == 'Z')
			harness_fail("harness", 0, "process %d ended instead of sleeping", pid);
		nanosleep(&pause, NULL);
	}
}

void hostage_prepare(struct hostage *h)
{
	must_sys(pipe(h->keep));
}

/* It ends when the last write end is closed: the test's own, also by the test's death. */
void hostage_take(struct hostage *h)
{
	pid_t pid = must_sys(fork());
	char byte;

	if (pid == 0) {
		set_deadline();
		close(h->keep[1]);
		while (read(h->keep[0], &byte, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	close(h->keep[1]);
}

void hostage_free(struct hostage *h)
{
	close(h->keep[0]);
	close(h->keep[1]);
}

void become_user(uid_t uid, gid_t gid)
{
	must_sys(setgroups(0, NULL));
	must_sys(setresgid(gid, gid, gid));
	must_sys(setresuid(uid, uid, uid));
}
