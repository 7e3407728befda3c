// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "transport.h"

/* One line for people. What does not fit is cut off. */
static _Thread_local char text[512];
static _Thread_local bool noted; /* it is no reason of a failure */

static void append(size_t at, const char *fmt, va_list args)
{
	if (at < sizeof(text))
		(void)vsnprintf(text + at, sizeof(text) - at, fmt, args);
}

void kipc__why_clear(void)
{
	text[0] = '\0';
	noted = false;
}

void kipc__why_note(void)
{
	noted = true;
}

void kipc__why_failed(void)
{
	if (noted)
		kipc__why_clear();
}

void kipc__why_set(const char *fmt, ...)
{
	va_list args;

	noted = false;
	va_start(args, fmt);
	append(0, fmt, args);
	va_end(args);
}

void kipc__why_add(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	append(strlen(text), fmt, args);
	va_end(args);
}

const char *kipc_why(void)
{
	return text;
}

static const struct {
	int err;
	const char *text;
} texts[] = {
	{ 0, "success" },
	{ EINVAL, "malformed argument, flag or option" },
	{ EAGAIN, "nothing to be done now without waiting" },
	{ ETIMEDOUT, "the timeout passed" },
	{ EINTR, "interrupted by a signal" },
	{ EPIPE, "the peer shut down, closed or died" },
	{ EOVERFLOW, "messages were missed; the next call goes on behind them" },
	{ EBADMSG, "no channel of libkipc, or the peer broke its protocol" },
	{ EMSGSIZE, "the message is too long for the channel or the buffer" },
	{ ESTALE, "the handle was in use before fork() and belongs to the other process" },
	{ EACCES, "no permission, or this end was opened for the other direction" },
	{ EOPNOTSUPP, "this transport cannot do that" },
	{ ENOENT, "there is no channel of that name" },
	{ EEXIST, "the name exists, or the channel has another geometry" },
	{ EBUSY, "both ends are taken, or one operation is still pending" },
	{ ENOSPC, "no room, or a limit is reached" },
	{ EFBIG,
	  "shared memory of that size is beyond this process's limit for files (ulimit -f)" },
	{ ENOMEM, "out of memory" },
	{ EMFILE, "too many open files in this process" },
	{ ENFILE, "too many open files in the system" },
	{ ENODEV, "the transport does not run here" },
	{ EPROTONOSUPPORT, "unknown scheme" },
	{ EPROTO, "the other side speaks another version of the layout" },
	{ ENAMETOOLONG, "the name is too long" },
	{ E2BIG, "the options have fields that this libkipc does not know" },
	{ ECANCELED, "the call was cancelled" },
	{ EPERM, "not permitted" },
	{ ENOTDIR, "a part of the path is no directory" },
	{ EROFS, "the file system is read-only" },
};

const char *kipc_strerror(int err)
{
	const char *known = NULL;
	size_t i;

	if (err < -KIPC_CALL_REMOTE) /* a server's */
		err += KIPC_CALL_REMOTE;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (err == -texts[i].err)
			return texts[i].text;
	if (err < 0 && err > -4096)
		known = strerrordesc_np(-err);
	return known ? known : "unknown error";
}
