// SPDX-License-Identifier: MIT
#include <signal.h>
#include <sys/wait.h>
#include "victim.h"

/* Names whose owners are dead, and names that nobody shares: whoever opens one next finds it free. */

/* A process that opens this name and is killed. */
static void leave_corpse(const char *uri)
{
	struct kipc_chan *c;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		must_eq(kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL), 0);
		must(kipc_chan_fd(c, KIPC_IN) >= 0);
		raise(SIGKILL);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

static void leave_it_here(struct victim *v)
{
	look_through(v);
	leave_corpse(v->stage->uri);
}

static void leave_it_there(struct victim *v)
{
	struct stage other = *v->stage;

	snprintf(other.name, sizeof(other.name), "%.40s-too", v->stage->name);
	stage_uri(&other, other.uri, sizeof(other.uri));
	leave_corpse(other.uri);
}

static void create_and_close(struct victim *v)
{
	join(v);
	kipc_chan_close(v->chan);
}

static void join_and_close(struct victim *v)
{
	join(v);
	kipc_chan_close(v->chan);
}

#define NAME(WORDS, ...)                                                           \
	{                                                                          \
		.name = "name: " WORDS, .creates = true, .away = true, __VA_ARGS__ \
	}

const struct scene name_scenes[] = {
	NAME("create, close", .prepare = look_through, .act = create_and_close),
	NAME("reclaim", .prepare = leave_it_here, .act = join),
	NAME("sweep", .sweeps = true, .prepare = leave_it_there, .act = join),
	{ .name = "name: join, close",
	  .prepare = look_through,
	  .act = join_and_close,
	  .fresh = true,
	  .named_only = true },
	{ .name = NULL },
};
