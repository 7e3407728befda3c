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

static void open_pair(struct table *t, bool named)
{
	unsigned flags = KIPC_PAIR | KIPC_CREATE;

	if (!named) {
		must(kipc_chan_pair(t->end, t->uri, KIPC_PAIR, NULL) == 0);
		return;
	}
	must(kipc_chan_open(&t->end[0], t->uri, flags, NULL) == 0);
	must(kipc_chan_open(&t->end[1], t->uri, flags, NULL) == 0);
}

/* All of them are there before any thread begins. */
static void open_crowd(struct table *t, const struct scene *s)
{
	char uri[160];
	unsigned i;

	for (i = 0; i < TSAN_ENDS && s->end[i].flags; i++) {
		snprintf(uri, sizeof(uri), "%s%s", t->uri, s->end[i].options);
		map_data_apart = s->end[i].overtaken;
		must(kipc_chan_open(&t->end[i], uri, s->kind | KIPC_CREATE | s->end[i].flags,
		                    NULL) == 0);
		map_data_apart = false;
	}
}

static void perform(const struct scene *s, const char *uri, bool named)
{
	struct table t = { .uri = uri,
		           .rounds = number_in("KIPC_TEST_SCALE", ROUNDS, ROUNDS) + 30 };
	pthread_t thread[TSAN_ENDS];
	unsigned i, n;

	alarm(number_in("KIPC_TEST_DEADLINE", 120, 1));
	if (s->kind)
		open_crowd(&t, s);
	else
		open_pair(&t, named);
	for (n = 0; n < TSAN_ENDS && s->side[n]; n++)
		must(pthread_create(&thread[n], NULL, s->side[n], &t) == 0);
	for (i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < TSAN_ENDS; i++)
		kipc_chan_close(t.end[i]);
	exit(0);
}

static bool passes(const struct scene *s, bool named, const char *wait)
{
	char uri[96], name[32] = "";
	int status = 1;
	pid_t pid;

	if (named)
		snprintf(name, sizeof(name), "tsan-%d", (int)getpid());
	snprintf(uri, sizeof(uri), "shm://%s?wait=%s%s", name, wait, s->kind ? "" : "&size=4K");
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

/* Each in every way of waiting, and those of a pair with a name and without. */
static void perform_all(const struct scene *list, unsigned n, const char *only, unsigned result[2])
{
	unsigned i, way;

	for (i = 0; i < n; i++)
		for (way = 0; way < 2 * 3; way++) {
			if ((only && strcmp(only, list[i].name) != 0) ||
			    (list[i].kind && way % 2 == 0))
				continue;
			result[passes(&list[i], way % 2, waits[way / 2])]++;
		}
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	unsigned result[2] = { 0 };

	perform_all(scenes, nr_scenes, only, result);
	perform_all(call_scenes, nr_call_scenes, only, result);
	perform_all(topic_scenes, nr_topic_scenes, only, result);
	perform_all(queue_scenes, nr_queue_scenes, only, result);
	printf("test-tsan: %u passed, %u failed, 0 skipped\n", result[true], result[false]);
	return result[false] != 0;
}
