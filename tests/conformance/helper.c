// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "form.h"
#include "helper.h"

#define WORDS 80

/* ---- being it --------------------------------------------------------------------------- */

static bool listed(int fd, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (atoi(argv[i]) == fd)
			return true;
	return fd <= 2;
}

static int show_fds(int argc, char **argv)
{
	DIR *dir = opendir("/proc/self/fd");
	char target[200], path[40];
	struct dirent *e;
	int extra = 0;

	must(dir);
	while ((e = readdir(dir))) {
		int fd = atoi(e->d_name);
		ssize_t n;

		if (e->d_name[0] == '.' || fd == dirfd(dir) || listed(fd, argc, argv))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = 0;
		fprintf(stderr, "helper: descriptor %d is open: %s\n", fd, target);
		extra++;
	}
	closedir(dir);
	return extra ? 1 : 0;
}

static int echo(int argc, char **argv)
{
	struct kipc_chan *c;
	uint8_t buf[4096];
	int r;

	must(argc == 2);
	r = kipc_chan_from_fd(&c, atoi(argv[0]), KIPC_PAIR, NULL);
	if (r < 0) {
		fprintf(stderr, "helper: from_fd: %s (%s)\n", kipc_strerror(r), kipc_why());
		return 1;
	}
	for (int i = atoi(argv[1]); i > 0; i--) {
		size_t n = (size_t)must_ok(kipc_recv(c, buf, sizeof(buf), -1));

		must_eq(kipc_send(c, buf, n, -1), 0);
	}
	kipc_chan_close(c);
	return 0;
}

static void make_pair(struct kipc_chan *c[2], const char *uri)
{
	int r = kipc_chan_pair(c, uri, KIPC_PAIR, NULL);

	if (r < 0) {
		fprintf(stderr, "helper: %s: %s (%s)\n", uri, kipc_strerror(r), kipc_why());
		exit(1);
	}
}

/* A tracer may stop the sides at any time: they spin, so that neither ever sleeps. */
static int stream(int argc, char **argv)
{
	struct kipc_chan *c[2];
	uint64_t n, word, got;
	pid_t pid;
	int status;

	must(argc == 2);
	n = (uint64_t)atoll(argv[1]);
	make_pair(c, argv[0]);
	pid = (pid_t)must_sys(fork());
	kipc_chan_close(c[pid ? 1 : 0]);
	form_pin(pid ? 0 : 1);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (word = 0; word < n; word++) {
			must_eq(kipc_recv(c[1], &got, sizeof(got), -1), sizeof(got));
			must(got == word);
		}
		must_eq(kipc_send(c[1], &got, sizeof(got), -1), 0);
		_exit(0);
	}
	for (word = 0; word < n; word++)
		must_eq(kipc_send(c[0], &word, sizeof(word), -1), 0);
	must_eq(kipc_recv(c[0], &got, sizeof(got), -1), sizeof(got));
	kipc_chan_close(c[0]);
	must_sys(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int self(int argc, char **argv)
{
	struct kipc_chan *c[2];
	uint64_t n, word, got;

	must(argc == 2);
	n = (uint64_t)atoll(argv[1]);
	make_pair(c, argv[0]);
	for (word = 0; word < n; word++) {
		must_eq(kipc_send(c[0], &word, sizeof(word), -1), 0);
		must_eq(kipc_recv(c[1], &got, sizeof(got), -1), sizeof(got));
		must(got == word);
	}
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} modes[] = { { "fds", show_fds }, { "echo", echo }, { "stream", stream }, { "self", self } };

int helper_main(int argc, char **argv)
{
	harness_explain = kipc_strerror;
	for (size_t i = 0; argc > 0 && i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(argv[0], modes[i].name))
			return modes[i].run(argc - 1, argv + 1);
	return 127;
}

/* ---- calling it ------------------------------------------------------------------------- */

/* Criterion's runner tells its workers by this variable who they are. */
static void exec_words(const char *const *prefix, const char *const *args)
{
	const char *words[WORDS] = { 0 };
	char exe[300] = "";
	int n = 0;

	must_sys(readlink("/proc/self/exe", exe, sizeof(exe) - 1));
	unsetenv("BXFI_MAP");
	for (; prefix && *prefix; prefix++)
		words[n++] = *prefix;
	words[n++] = exe;
	words[n++] = "--helper";
	for (; *args && n < WORDS - 1; args++)
		words[n++] = *args;
	execvp(words[0], (char *const *)(uintptr_t)words);
	_exit(127);
}

void helper_exec(const char *const *args)
{
	exec_words(NULL, args);
	_exit(127);
}

int helper_run(const char *const *prefix, const char *const *args)
{
	pid_t pid = (pid_t)must_sys(fork());
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exec_words(prefix, args);
	}
	while (waitpid(pid, &status, 0) < 0)
		must(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
