// SPDX-License-Identifier: MIT
/* A module of another version, or something else at its place: what auto:// takes then, and what it says.
 * It is played by open() and ioctl() of this program, which stand before those of libc.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <kipc.h>
#include <kipc_dev.h>
#include <kipc_ring.h>
#include "../harness.h"
#include "select.h"

TestSuite(kmod_version, .init = harness_begin, .fini = harness_end);

static struct {
	bool plays;
	int answer; /* to INFO: 0 or an errno */
	unsigned abi, kinds;
	int fd;
} module;

/* ---- the player --------------------------------------------------------------------------- */

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;
	int fd;

	va_start(args, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(args, mode_t);
	va_end(args);
	if (module.plays && !strcmp(path, KIPC_DEV_PATH))
		path = "/dev/null";
	else
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	module.fd = fd;
	return fd;
}

int ioctl(int fd, unsigned long request, ...)
{
	struct kipc_ioc_info *info;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!module.plays || fd != module.fd || request != KIPC_IOC_INFO)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	if (module.answer) {
		errno = module.answer;
		return -1;
	}
	info = arg;
	info->abi = module.abi;
	info->kinds = module.kinds;
	return 0;
}

static void play(int answer, unsigned abi, unsigned kinds)
{
	module.plays = true;
	module.answer = answer;
	module.abi = abi;
	module.kinds = kinds;
}

/* ---- what comes of it --------------------------------------------------------------------- */

static void must_say(const char *text)
{
	if (!strstr(kipc_why(), text))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", kipc_why(), text);
}

/* auto:// works over shm and says why; kmod:// does not. */
static void must_avoid(unsigned kind, unsigned flags, int err, const char *why)
{
	struct kipc_chan *c;
	char uri[100];

	snprintf(uri, sizeof(uri), "auto://%s", harness_name());
	must_eq(kipc_chan_open(&c, uri, kind | flags | KIPC_CREATE, NULL), 0);
	must(!strcmp(kipc_chan_transport(c), "shm"));
	must_say(why);
	must_say("took shm");
	kipc_chan_close(c);
	memcpy(uri, "kmod", 4);
	must_eq(kipc_chan_open(&c, uri, kind | flags | KIPC_CREATE, NULL), err);
	must_say(why);
}

static void must_avoid_all(const char *why)
{
	struct kipc_transport_info info = { .size = sizeof(info) };

	must_avoid(KIPC_PAIR, 0, -EPROTO, why);
	must_avoid(KIPC_PUBSUB, KIPC_SEND, -EPROTO, why);
	must_avoid(KIPC_QUEUE, 0, -EPROTO, why);
	must_eq(kipc_transport_info(0, &info), 0);
	must(!strcmp(info.scheme, "kmod") && strstr(info.why, why) && *info.cure);
	must_eq(info.status, -EPROTO);
}

Test(kmod_version, another_interface)
{
	play(0, KIPC_DEV_ABI + 1, ~0U);
	must_avoid_all("another version of the module (its interface is 2, not 1)");
}

Test(kmod_version, no_module_at_all)
{
	play(ENOTTY, 0, 0);
	must_avoid_all("another version of the module");
	play(EINVAL, 0, 0);
	must_avoid_all("another version of the module");
}

/* INFO was shorter then, so it leaves the last fields alone. */
Test(kmod_version, older_than_many_ends)
{
	const struct kipc__transport *t;
	struct kipc_transport_info info = { .size = sizeof(info) };

	play(0, KIPC_DEV_ABI, 0);
	must_avoid(KIPC_PUBSUB, KIPC_SEND, -EOPNOTSUPP,
	           "older and carries no channels of this kind");
	must_avoid(KIPC_QUEUE, 0, -EOPNOTSUPP, "older and carries no channels of this kind");
	must_eq(kipc__select("auto", KIPC_PAIR, &t), 0);
	must(t == &kipc__transport_kmod);
	must_eq(kipc_transport_info(0, &info), 0);
	must_eq(info.status, 0);
}

Test(kmod_version, carries_all_but_one)
{
	const struct kipc__transport *t;

	play(0, KIPC_DEV_ABI, 1U << KIPC_KIND_PUBSUB);
	must_avoid(KIPC_QUEUE, 0, -EOPNOTSUPP, "older and carries no channels of this kind");
	must_eq(kipc__select("auto", KIPC_PUBSUB, &t), 0);
	must(t == &kipc__transport_kmod);
}
