// SPDX-License-Identifier: MIT
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "kill.h"
#include "path.h"
#include "../sweep.h"

/*
 *	kill [--all [--each N] [--first M]] [--at K] [--points N] [--pairs|--many] [--only SCENE]
 *	     [SCHEME...]
 *	                                                                (default: shm unix)
 *
 *	--all      every point, not one in each stride (path.c says what a point is)
 *	--each N --first M
 *	           of those one in N, from the M-th on
 *	--points   so many of them per scene and flavour (12)
 *	--at       this one only
 *	--pairs    not the kinds with many ends; --many: only these
 *	--only     scenes whose name begins so
 *
 * KIPC_TEST_DEADLINE   seconds that one player may take: only a hang takes as long (120)
 */

/* Of a long act fewer points are tried. */
#define LONG 4000
#define FEW  3 /* and where the machine is slow */

/* Fences stay where both block; where both spin first, each leaves its own to the other one. */
static const struct flavour flavours[] = {
	{ .name = "anonymous", .named = false, .options = "wait=block" },
	{ .name = "anonymous", .named = false, .options = "spin=1000" },
	{ .name = "named", .named = true, .options = "wait=block" },
	{ .name = "named", .named = true, .options = "spin=1000" },
};

#define SCENES_MOST 100
#define NR_FLAVOURS (sizeof(flavours) / sizeof(flavours[0]))

static const char *const moods[] = { "away", "asleep", "polling" };

static struct {
	bool all;
	uint64_t points;
	uint64_t each, first;
	uint64_t at;
	const char *only;
	bool no_pairs, no_many;
} wanted = { .points = 12, .each = 1, .at = TO_THE_END };

/* Of a scene. */
struct tally {
	unsigned plays;
	unsigned failed;
	time_t begun;
	uint32_t fewest, most; /* letters that arrived */
};

static unsigned passed, failed;

/* Of an act, in each mood of the survivor. */
static struct path paths[MOODS];

static void forget_paths(void)
{
	unsigned i;

	for (i = 0; i < MOODS; i++)
		path_clear(&paths[i]);
}

static const struct path *longest(void)
{
	unsigned i, best = 0;

	for (i = 1; i < MOODS; i++)
		best = paths[i].points > paths[best].points ? i : best;
	return &paths[best];
}

static enum mood mood_in(const struct scene *scene, unsigned turn)
{
	if (scene->away)
		return AWAY;
	return scene->talks && turn == AWAY ? ASLEEP : turn;
}

/* Along this path, if there is one. Where things come in another order, as with a name of more digits, its
 * end may be reached before the breakpoint: then step by step.
 */
static uint64_t play(struct stage *s, uint64_t steps, const struct path *path, struct tally *t)
{
	struct outcome o = { 0 };

	s->path = path;
	stage_play(s, steps, &o);
	t->plays++;
	if (path && o.passed && o.whole) {
		s->path = NULL;
		stage_play(s, steps, &o);
	}
	if (!o.passed) {
		t->failed++;
		fprintf(stderr, "kill: %s: %s: killed after %llu instructions, survivor %s\n",
		        s->uri, s->scene->name, (unsigned long long)o.steps, moods[s->mood]);
		return o.steps;
	}
	t->fewest = s->ledger->got < t->fewest ? s->ledger->got : t->fewest;
	t->most = s->ledger->got > t->most ? s->ledger->got : t->most;
	return o.steps;
}

/* Once to the end, to know the path in each mood: who sleeps must be woken. */
static void find_paths(struct stage *s, struct tally *t)
{
	unsigned turn;

	forget_paths();
	for (turn = 0; turn < MOODS && (turn == 0 || wanted.points > FEW); turn++) {
		s->mood = mood_in(s->scene, turn);
		s->record = &paths[s->mood];
		play(s, wanted.at, NULL, t);
	}
}

static uint64_t stride_of(const struct path *path)
{
	uint64_t points = wanted.points;

	if (wanted.all)
		return wanted.each;
	if (path->n > LONG && points > FEW)
		points = points * LONG / path->n + FEW;
	return path->points > points ? path->points / points : 1;
}

/* Then a point in each stride, the moods in turn: their paths are walked side by side. */
static void play_points(struct stage *s, struct tally *t)
{
	const struct path *way = longest(), *path;
	uint64_t stride = stride_of(way), turn = 0, i;

	for (i = wanted.first; i < way->points && t->failed < 3; i += stride) {
		s->mood = mood_in(s->scene, (turn++ + wanted.first) % MOODS);
		path = paths[s->mood].points ? &paths[s->mood] : way;
		play(s, path->point[i * path->points / way->points], path, t);
	}
	printf("%-44s %-24s %6zu instructions, %5zu points, %5u deaths, %3u s\n", s->uri,
	       s->scene->name, way->n ? way->n - 1 : 0, way->points, t->plays,
	       (unsigned)(time(NULL) - t->begun));
}

/* The points must have been on both sides of the commits. */
static bool saw_both(const struct stage *s, const struct tally *t)
{
	if (wanted.at != TO_THE_END || s->scene->late || t->most - t->fewest == s->scene->commits)
		return true;
	fprintf(stderr, "kill: %s: %s: from %u to %u letters arrived, but the act commits %u\n",
	        s->uri, s->scene->name, t->fewest, t->most, s->scene->commits);
	return false;
}

static void run_scene(struct stage *s, const char *scheme, unsigned number)
{
	struct tally t = { .begun = time(NULL), .fewest = UINT32_MAX };

	s->scheme = scheme;
	snprintf(s->name, sizeof(s->name), "kkill-%d-%u", (int)getpid(), number);
	stage_uri(s, s->uri, sizeof(s->uri));
	find_paths(s, &t);
	if (wanted.at == TO_THE_END && t.failed == 0)
		play_points(s, &t);
	if (t.failed == 0 && saw_both(s, &t))
		passed++;
	else
		failed++;
	fflush(stdout);
}

static bool concerns(const struct scene *scene, const struct flavour *flavour, const char *scheme)
{
	bool needs_name = scene->creates || scene->kind || scene->named_only;

	if (scene->kind ? wanted.no_many : wanted.no_pairs)
		return false;
	return (flavour->named || !needs_name) && (!scene->sweeps || !strcmp(scheme, "shm")) &&
	       (!scene->kind || strcmp(scheme, "unix") != 0) &&
	       !strncmp(wanted.only, scene->name, strlen(wanted.only));
}

/* A scene in two flavours, or in all: the fences of the first, the spinning of the second. */
static void run_scheme(struct stage *s, const char *scheme)
{
	unsigned i, j;

	for (i = 0; i < NR_FLAVOURS; i++)
		for (j = 0; (s->scene = scene_at(j)); j++) {
			s->flavour = &flavours[i];
			if (!concerns(s->scene, s->flavour, scheme) || (!wanted.all && (i + j) % 2))
				continue;
			if (s->scene->slow && wanted.points < FEW)
				printf("%s: %s: left out, too many steps for --points %llu\n",
				       scheme, s->scene->name, (unsigned long long)wanted.points);
			else
				run_scene(s, scheme, i * SCENES_MOST + j);
		}
}

/* Options come first; the index of the first scheme, or -1. */
static int options(int argc, char **argv)
{
	int i;

	wanted.only = "";
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--all") == 0)
			wanted.all = true;
		else if (strcmp(argv[i], "--at") == 0 && i + 1 < argc)
			wanted.at = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--points") == 0 && i + 1 < argc)
			wanted.points = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--each") == 0 && i + 1 < argc)
			wanted.each = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc)
			wanted.first = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			wanted.only = argv[++i];
		else if (strcmp(argv[i], "--pairs") == 0)
			wanted.no_many = true;
		else if (strcmp(argv[i], "--many") == 0)
			wanted.no_pairs = true;
		else
			return -1;
	}
	return i;
}

int main(int argc, char **argv)
{
	const char *deadline = getenv("KIPC_TEST_DEADLINE");
	struct stage s = { .patience = deadline ? (unsigned)atoi(deadline) : 120 };
	int i = options(argc, argv);

	if (i < 0 || !wanted.points || !wanted.each) {
		fprintf(stderr, "kipc: kill: unknown option, or a number is missing\n");
		return 2;
	}
	s.ledger = mmap(NULL, sizeof(*s.ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                -1, 0);
	if (s.ledger == MAP_FAILED) {
		perror("kipc: kill: mmap");
		return 1;
	}
	sweep_names("kkill");
	signal(SIGPIPE, SIG_IGN);
	if (i == argc) {
		run_scheme(&s, "shm");
		wanted.points = wanted.points > FEW ? FEW + 1 : wanted.points;
		run_scheme(&s, "unix");
	}
	for (; i < argc; i++)
		run_scheme(&s, argv[i]);
	printf("kill: %u passed, %u failed, 0 skipped\n", passed, failed);
	return failed != 0;
}
