// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tsan.h"

/*
 *	tsan [SCENE]        (default: all)
 *
 * KIPC_TEST_SCALE      factor for the rounds (1)
 * KIPC_TEST_DEADLINE   seconds that one scene may take: only a hang takes as long (120)
 */

#define ROUNDS 2000

static const char *const waits[] = { "block", "spin", "adaptive" };

/* Run by the sanitizer when its runtime starts: a report is no success, and one of each is enough. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "exitcode=66 halt_on_error=0 second_deadlock_stack=1";
}

static unsigned number_in(const char *variable, unsigned otherwise, double of)
{
	const char *text = getenv(variable);

	return text && *text ? (unsigned)(atof(text) * of) : otherwise;
}

static void open_ends(struct table *t, bool named)
{
	unsigned flags = KIPC_PAIR | KIPC_CREATE;

	if (!named) {
		must(kipc_chan_pair(t->end, t->uri, KIPC_PAIR, NULL) == 0);
		return;
	}
	must(kipc_chan_open(&t->end[0], t->uri, flags, NULL) == 0);
	must(kipc_chan_open(&t->end[1], t->uri, flags, NULL) == 0);
}

static void perform(const struct scene *s, const char *uri, bool named)
{
	struct table t = { .uri = uri,
		           .rounds = number_in("KIPC_TEST_SCALE", ROUNDS, ROUNDS) + 30 };
	pthread_t thread[4];
	unsigned i, n;

	alarm(number_in("KIPC_TEST_DEADLINE", 120, 1));
	open_ends(&t, named);
	for (n = 0; n < 4 && s->side[n]; n++)
		must(pthread_create(&thread[n], NULL, s->side[n], &t) == 0);
	for (i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	kipc_chan_close(t.end[0]);
	kipc_chan_close(t.end[1]);
	exit(0);
}

static bool passes(const struct scene *s, bool named, const char *wait)
{
	char uri[96], name[32] = "";
	int status = 1;
	pid_t pid;

	if (named)
		snprintf(name, sizeof(name), "tsan-%d", (int)getpid());
	snprintf(uri, sizeof(uri), "shm://%s?size=4K&wait=%s", name, wait);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		perform(s, uri, named);
	waitpid(pid, &status, 0);
	printf("%-34s %-10s %-9s %s\n", s->name, named ? "named" : "anonymous", wait,
	       status == 0                                                 ? "passed"
	       : WIFEXITED(status) && WEXITSTATUS(status) == TSAN_FOUND    ? "RACES"
	       : WIFSIGNALED(status) && WTERMSIG(status) == 14 /* alarm */ ? "HANGS"
	                                                                   : "FAILED");
	return status == 0;
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0, i, j;

	for (i = 0; i < nr_scenes; i++)
		for (j = 0; j < 2 * 3; j++) {
			if (argc > 1 && strcmp(argv[1], scenes[i].name) != 0)
				continue;
			if (passes(&scenes[i], j % 2, waits[j / 2]))
				passed++;
			else
				failed++;
		}
	printf("test-tsan: %u passed, %u failed, 0 skipped\n", passed, failed);
	return failed != 0;
}
