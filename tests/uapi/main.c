// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "kipc_dev.h"
#include "../harness.h"

/* Without the device nothing is to be tested; where it is required, the tests run and fail. */
static const char *drop(const char *suite, const char *test)
{
	static char why[128];

	(void)suite;
	(void)test;
	if (access(KIPC_DEV_PATH, R_OK | W_OK) == 0 || harness_listed("KIPC_REQUIRE", "kmod"))
		return NULL;
	snprintf(why, sizeof(why), "%s: %s", KIPC_DEV_PATH, strerror(errno));
	return why;
}

int main(int argc, char **argv)
{
	return harness_main("uapi", argc, argv, drop);
}
