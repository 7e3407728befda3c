// SPDX-License-Identifier: MIT
#include <err.h>
#include <kipc.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "roundtrip.h"

/* The library's system calls are counted where it makes them: in place of libc's function. */
static struct tally *tally;

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (tally)
		tally->calls++;
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

void call_done(void)
{
	tally = NULL;
}

static void must(int r)
{
	if (r < 0)
		errx(1, "kipc: %s", kipc_strerror(r));
}

void call_prepare(struct leg *leg)
{
	must(kipc_chan_pair(leg->chan, "kmod://?size=64K&wait=block", KIPC_PAIR, NULL));
}

void call_open(struct leg *leg)
{
	kipc_chan_close(leg->chan[1 - leg->me]);
	must(kipc_wait(leg->chan[leg->me], KIPC_OUT, -1));
	tally = leg->tally;
}

void call_wait(struct leg *leg, uint64_t expect)
{
	struct kipc_request q;

	(void)expect;
	must(kipc_call_next(leg->chan[1], &q, -1));
	leg->request = q.id;
}

void call_send(struct leg *leg, uint64_t count)
{
	must(kipc_reply(leg->chan[1], leg->request, &count, sizeof(count), -1));
}

void call_at_once(struct leg *leg, uint64_t count, uint64_t expect)
{
	struct kipc_request q;

	(void)expect;
	if (leg->me == 0) {
		must((int)kipc_call(leg->chan[0], &count, sizeof(count), &count, sizeof(count),
		                    -1));
		return;
	}
	must(kipc_reply_next(leg->chan[1], leg->request, &count, sizeof(count), &q, -1));
	leg->request = q.id;
}

void call_in_steps(struct leg *leg, uint64_t count, uint64_t expect)
{
	int64_t id;

	if (leg->me == 0) {
		id = kipc_call_begin(leg->chan[0], &count, sizeof(count), -1);
		must((int)(id < 0 ? id : 0));
		must((int)kipc_call_end(leg->chan[0], id, &count, sizeof(count), -1));
		return;
	}
	call_send(leg, count);
	call_wait(leg, expect);
}
