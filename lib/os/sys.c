// SPDX-License-Identifier: MIT
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>
#include "sys.h"

#define NSEC_PER_SEC 1000000000LL

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t kipc__now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t kipc__now_coarse(void)
{
	return read_clock(CLOCK_MONOTONIC_COARSE);
}

int64_t kipc__deadline(int64_t timeout)
{
	int64_t at;

	if (timeout < 0 || __builtin_add_overflow(kipc__now(), timeout, &at))
		return KIPC__NEVER;
	return at;
}

struct timespec kipc__timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
}

bool kipc__fd_scarce(int fd)
{
	struct rlimit most;

	return getrlimit(RLIMIT_NOFILE, &most) == 0 && (rlim_t)fd >= most.rlim_cur / 4 * 3;
}

void kipc__fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}
