// SPDX-License-Identifier: MIT
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "kill.h"
#include "path.h"

static pid_t play(struct stage *s, void (*player)(struct stage *))
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		close(s->said[0]);
		close(s->told[1]);
		player(s);
	}
	return pid;
}

/* Did it end as it should? */
static bool ended_well(pid_t pid, const char *who)
{
	int status = 0;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fprintf(stderr, "%s hangs\n", who);
	else if (WIFSIGNALED(status))
		fprintf(stderr, "%s died of signal %d\n", who, WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The survivor's next word; it has died when there is none. */
static bool heard(struct stage *s)
{
	char c;

	return read(s->said[0], &c, 1) == 1;
}

static bool newcomer_is_content(struct stage *s)
{
	return !s->flavour->named || ended_well(play(s, newcomer_main), "the newcomer");
}

/* A unix socket lies in a directory. */
void stage_uri(const struct stage *s, char *uri, size_t size)
{
	const char *options = s->scene->options               ? s->scene->options
	                      : s->scene->kind == KIPC_QUEUE  ? "slots=8&slot=1000&rfo=1"
	                      : s->scene->kind == KIPC_PUBSUB ? "size=16K"
	                                                      : "size=4K";
	const char *place = s->flavour->named && !strcmp(s->scheme, "unix") ? "/tmp/" : "";

	snprintf(uri, size, "%s://%s%s?%s&%s", s->scheme, place, s->flavour->named ? s->name : "",
	         s->flavour->options, options);
}

/* ---- the two who talk ---------------------------------------------------------------------- */

static bool make_pair(struct stage *s)
{
	unsigned flags = KIPC_PAIR | s->scene->flags;

	s->end[0] = s->end[1] = NULL;
	if (s->flavour->named)
		return true;
	return kipc_chan_pair(s->end, s->uri, flags, NULL) == 0;
}

static void drop_pair(struct stage *s)
{
	kipc_chan_close(s->end[0]);
	kipc_chan_close(s->end[1]);
}

/* Only the survivor may hold the writing side, so that its death is heard. */
static bool make_pipes(struct stage *s)
{
	return pipe(s->said) == 0 && pipe(s->told) == 0;
}

static void drop_pipes(struct stage *s)
{
	close(s->said[0]);
	close(s->told[0]);
	close(s->told[1]);
}

static bool step(struct stage *s, pid_t victim, struct outcome *o)
{
	if (s->path)
		return step_along(victim, s->path, o->steps, &o->whole);
	if (o->steps == TO_THE_END)
		return step_recording(victim, &o->steps, &o->whole, s->record);
	return step_through(victim, &o->steps, &o->whole);
}

static bool execute(struct stage *s, pid_t victim, uint64_t steps, struct outcome *o)
{
	bool ok = step_to_act(victim);

	o->steps = steps;
	o->whole = false;
	if (!ok)
		fprintf(stderr, "the victim did not come to its act\n");
	/* The survivor's second word: it does now what its mood is. */
	if (ok && !s->scene->creates)
		ok = heard(s);
	if (ok && !s->scene->creates && !s->scene->busy && s->mood != AWAY)
		await_sleep(s->survivor);
	if (ok && s->scene->asleep)
		ok = step_into_sleep(victim);
	else if (ok)
		ok = step(s, victim, o);
	step_kill(victim);
	return ok;
}

void stage_play(struct stage *s, uint64_t steps, struct outcome *o)
{
	bool creates = s->scene->creates;
	pid_t victim;
	bool ok;

	memset(s->ledger, 0, sizeof(*s->ledger));
	o->passed = false;
	if (!make_pair(s) || !make_pipes(s)) {
		perror("kipc: kill");
		return;
	}
	s->survivor = play(s, survivor_main);
	close(s->said[1]);
	ok = s->survivor > 0 && (creates || heard(s));
	victim = ok ? play(s, victim_main) : -1;
	drop_pair(s);
	ok = ok && victim > 0 && execute(s, victim, steps, o);
	ok = write(s->told[1], "g", 1) == 1 && ok;
	if (creates || s->scene->alone)
		ok = heard(s) && ok;
	ok = ok && newcomer_is_content(s);
	if (!ok)
		kill(s->survivor, SIGKILL);
	ok = ended_well(s->survivor, "the survivor") && ok;
	ok = ok && newcomer_is_content(s);
	if (s->flavour->named)
		ok = leftovers(s->name) == 0 && ok;
	drop_pipes(s);
	o->passed = ok;
}
