// SPDX-License-Identifier: MIT
#include "form.h"
#include "helper.h"

/* Tests, and tests of transports, that were not asked for do not count at all. Those that do not run here are told
 * once, unless they are required: then their tests run and fail.
 */
static const char *drop(const char *suite, const char *test)
{
	static char why[64];

	if (getenv("KIPC_TEST_NAMES") && !harness_listed("KIPC_TEST_NAMES", test))
		return "";
	for (const struct form *const *f = forms; *f; f++) {
		if (strcmp(suite, (*f)->id))
			continue;
		if (getenv("KIPC_TEST_TRANSPORTS") &&
		    !harness_listed("KIPC_TEST_TRANSPORTS", (*f)->scheme))
			return "";
		if (form_info((*f)->scheme).status &&
		    !harness_listed("KIPC_REQUIRE", (*f)->scheme)) {
			snprintf(why, sizeof(why), "%s does not run here", (*f)->scheme);
			return why;
		}
	}
	return NULL;
}

static void tell_absent(void)
{
	struct kipc_transport_info info = { .size = sizeof(info) };

	for (unsigned i = 0; kipc_transport_info(i, &info) == 0; i++)
		if (info.status)
			fprintf(stderr, "conformance: %s does not run here: %s\n", info.scheme,
			        info.why);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--helper"))
		return helper_main(argc - 2, argv + 2);
	harness_explain = kipc_strerror;
	tell_absent();
	return harness_main("conformance", argc, argv, drop);
}
