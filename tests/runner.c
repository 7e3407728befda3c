// SPDX-License-Identifier: MIT
/* The main program of a test binary, around Criterion's. */
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <stdio.h>
#include <string.h>
#include "harness.h"
#include "sweep.h"

/* A test that takes longer is named, with its time. */
#define SLOW (5 * SEC)

static const char *binary;
static size_t unasked; /* tests that were not asked for at all */
static int64_t last_end;

static void tell_time(const struct criterion_test *test)
{
	int64_t now = harness_now();

	if (now - last_end > SLOW)
		fprintf(stderr, "%s: %s/%s took %lld s\n", binary, test->category, test->name,
		        (long long)((now - last_end) / SEC));
	last_end = now;
}

/* Of a test that crashed this is the last that is heard. */
ReportHook(TEST_CRASH)(struct criterion_test_stats *s)
{
	tell_time(s->test);
}

ReportHook(POST_TEST)(struct criterion_test_stats *s)
{
	tell_time(s->test);
	if (s->test_status == CR_STATUS_SKIPPED && s->message)
		fprintf(stderr, "%s: skipped %s/%s: %s\n", binary, s->test->category, s->test->name,
		        s->message);
}

/* A test that crashed counts as failed too. */
ReportHook(POST_ALL)(struct criterion_global_stats *s)
{
	fflush(NULL);
	fprintf(stderr, "%s: %zu passed, %zu failed, %zu skipped\n", binary, s->tests_passed,
	        s->tests_failed, s->tests_skipped - unasked);
}

/* The tests of one suite that are dropped for one reason are told in one line. */
static void tell_dropped(const char *suite, unsigned n, const char *why)
{
	if (n)
		fprintf(stderr, "%s: skipped %u tests of %s: %s\n", binary, n, suite, why);
}

static void drop_suite(struct criterion_suite_set *suite,
                       const char *(*drop)(const char *suite, const char *test))
{
	char last[400] = "";
	unsigned count = 0;

	FOREACH_SET(struct criterion_test * test, suite->tests)
	{
		const char *why = drop(test->category, test->name);

		if (!why)
			continue;
		test->data->disabled = true;
		if (!*why) {
			unasked++;
			continue;
		}
		if (strcmp(why, last)) {
			tell_dropped(suite->suite.name, count, last);
			count = 0;
		}
		snprintf(last, sizeof(last), "%s", why);
		count++;
	}
	tell_dropped(suite->suite.name, count, last);
}

static void drop_tests(struct criterion_test_set *tests,
                       const char *(*drop)(const char *suite, const char *test))
{
	FOREACH_SET(struct criterion_suite_set * suite, tests->suites)
	{
		if (suite->tests)
			drop_suite(suite, drop);
	}
}

/* One job: tests measure waiting, and two spinning pairs on one machine only fight. */
int harness_main(const char *name, int argc, char **argv,
                 const char *(*drop)(const char *suite, const char *test))
{
	struct criterion_test_set *tests;
	int ok = 1;

	sweep_names("kt");
	sweep_on_sigterm("kt");
	binary = name;
	last_end = harness_now();
	setvbuf(stderr, NULL, _IOLBF, 0);
	tests = criterion_initialize();
	criterion_options.jobs = 1;
	criterion_options.short_filename = true;
	if (drop)
		drop_tests(tests, drop);
	if (criterion_handle_args(argc, argv, true))
		ok = criterion_run_all_tests(tests);
	criterion_finalize(tests);
	return ok ? 0 : 1;
}
