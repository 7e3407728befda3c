/* SPDX-License-Identifier: MIT */
/*
 * kill.h - a process is killed at every instruction of a call; what does its peer see?
 *
 * For each scene, flavour and k: a survivor and a victim have a channel. The victim is single-stepped
 * through the k first instructions of the scene's act, system calls included, and gets SIGKILL. The
 * survivor, which slept, polled or was busy elsewhere meanwhile, must then receive exactly what was
 * committed, learn that the peer is gone, and leave nothing behind; a newcomer must be able to use
 * the name at once.
 *
 *   main.c      which k, which mood; counts
 *   stage.c     one k: starts the players, steps, kills, asks everybody
 *   step.c      ptrace
 *   path.c      between which instructions to kill, and how to get there soon
 *   scenes.c    all of them; they stand with their acts: victim.c (messages), calls.c, bytes.c,
 *               longs.c (messages that are received while they are sent), names.c, many.c (the
 *               kinds with many ends)
 *   survivor.c  what it must see; queue.c, topic.c: of the kinds with many ends
 *   newcomer.c  the name afterwards, and what is left in /dev/shm
 *   letter.c    numbered messages whose every byte is known
 */
#ifndef KILL_H
#define KILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <kipc.h>

/* In a player, a forked process: say so and end it; the runner sees the status. */
#define must(cond)                                                                            \
	do {                                                                                  \
		if (!(cond)) {                                                                \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #cond); \
			_exit(1);                                                             \
		}                                                                             \
	} while (0)

#define must_eq(got, want)                                                                         \
	do {                                                                                       \
		long long g_ = (got), w_ = (want);                                                 \
		if (g_ != w_) {                                                                    \
			fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, \
			        g_, w_);                                                           \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* Memory that all players and the runner share. */
struct ledger {
	uint32_t sent;   /* messages that the victim's calls have committed when they returned */
	uint32_t trying; /* messages that the present call commits: all or none of them */
	uint32_t got;    /* messages of the victim that the survivor received */
	uint32_t taken;  /* letters that the victim has received when its call returned */
	uint32_t taking; /* letters that the present call receives, or some of them */
	uint32_t joined; /* a newcomer took the place that the victim had not taken yet */
};

/* What the survivor does while the victim is killed. */
enum mood { AWAY, ASLEEP, POLLING, MOODS };

struct path;

struct flavour {
	const char *name;
	bool named;
	const char *options; /* of the URI */
};

struct stage {
	const struct scene *scene;
	const struct flavour *flavour;
	const char *scheme;
	struct ledger *ledger;
	char name[48];
	char uri[128];
	enum mood mood;
	const struct path *path;  /* of an act in this mood; NULL: step */
	struct path *record;      /* where a path is written down */
	struct kipc_chan *end[2]; /* anonymous: the victim's and the survivor's, fresh */
	int said[2];              /* survivor to runner */
	int told[2];              /* runner to survivor */
	unsigned patience;        /* seconds that a player may take: only a hang takes as long */
	pid_t survivor;
};

/* What a victim does. prepare() comes before the first of the k instructions. */
struct victim;
struct scene {
	unsigned kind; /* 0: KIPC_PAIR */
	const char *name;
	void (*prepare)(struct victim *v); /* or NULL */
	void (*act)(struct victim *v);
	void (*survive)(struct stage *s, struct kipc_chan *c); /* or NULL: messages come or go on */
	const char *options;                                   /* or NULL: those of the kind */
	const char *own; /* or NULL: more, of the end of the victim only */
	unsigned flags;  /* KIPC_SEND, KIPC_RECV of the victim's end, or 0 */
	bool fresh;      /* the act contains the first use of the victim's end */
	bool creates;    /* named only: the act creates the name, the survivor comes after it */
	bool full;       /* the survivor fills its ring and wants to go on */
	bool named_only; /* there is no such thing without a name */
	bool slow;       /* a copy is stepped through: not for a machine where points are few */
	bool talks;      /* the survivor answers all the time, so it is never away */
	bool busy;   /* the survivor does something all the time, so nobody waits for its sleep */
	bool alone;  /* no newcomer helps the survivor: it goes on first, and says so */
	bool sweeps; /* what it looks through is only there over shared memory */
	bool late;   /* what it commits may come too late to be received */
	bool drops;  /* of a queue: what its receiver held is dropped */
	bool away;   /* the survivor may not take anything before the end */
	bool asleep; /* the victim is not stepped but killed in its sleep */
	bool gives;  /* the act hands the end over */
	unsigned commits; /* messages that the act commits when it gets to its end */
};

/* The i-th one, or NULL. */
const struct scene *scene_at(unsigned i);

/* ---- players: forked processes that do not return ----------------------------------------- */

void victim_main(struct stage *s) __attribute__((noreturn));
void survivor_main(struct stage *s) __attribute__((noreturn));
void newcomer_main(struct stage *s) __attribute__((noreturn));

/* In those, for the kinds with many ends. */
void queue_survive(struct stage *s, struct kipc_chan *c);
void classes_survive(struct stage *s, struct kipc_chan *c);
void topic_survive(struct stage *s, struct kipc_chan *c);
void publish_survive(struct stage *s, struct kipc_chan *c);
void overtaken_survive(struct stage *s, struct kipc_chan *c);

/* What the survivor of a queue sends for the victim to receive, before anything else. */
#define QUEUE_LETTERS 5
#define QUEUE_SLOTS   8
#define WARM_ROUNDS   24 /* of a pair: the ring goes round; later letters have higher numbers */

unsigned kind_of(const struct stage *s);
void poll_for(struct kipc_chan *c, unsigned dir);

/* Everything says that the peer is gone, and goes on saying so. */
void check_gone(struct kipc_chan *c, unsigned dirs);

/* The URI that belongs to the stage's scene, flavour, scheme and name. */
void stage_uri(const struct stage *s, char *uri, size_t size);

/* Between survivor and runner. */
void say(struct stage *s);
void hear(struct stage *s);
bool heard_already(struct stage *s); /* does not wait */

/* ---- letters ---------------------------------------------------------------------------- */

#define LETTER_MAX 704

enum author { VICTIM = 1, SURVIVOR, NEWCOMER };

struct letter {
	size_t len;
	uint8_t body[LETTER_MAX];
};

/* The letter with this number: its length and every byte follow from author and number. */
void letter_write(struct letter *l, enum author author, uint32_t number);
bool letter_is(const void *body, size_t len, enum author author, uint32_t number);
enum author letter_author(const void *body, size_t len);

/* ---- the runner ------------------------------------------------------------------------- */

#define TO_THE_END UINT64_MAX

struct outcome {
	bool passed;
	bool whole;     /* the act came to its end before the kill */
	uint64_t steps; /* instructions that were executed */
};

/* Play the scene once and kill the victim after so many instructions. */
void stage_play(struct stage *s, uint64_t steps, struct outcome *o);

/* Let a fresh victim come to the begin of its act. false: it ended instead. */
bool step_to_act(pid_t victim);

/* Up to *steps instructions; *steps becomes how many there were, *whole whether the act is over. */
bool step_through(pid_t victim, uint64_t *steps, bool *whole);

/* To the end, writing down the path. */
bool step_recording(pid_t victim, uint64_t *steps, bool *whole, struct path *path);

/* To the k-th point of a path that was written down; *whole: it went another way, to the end. */
bool step_along(pid_t victim, const struct path *path, uint64_t k, bool *whole);

/* Let it run until it sleeps. */
bool step_into_sleep(pid_t victim);
void step_kill(pid_t victim);

/* Wait until a process that was not stopped sleeps. */
void await_sleep(pid_t pid);

/* The victim's side of that. */
void mark_begin(void);
void mark_end(void);

/* The files that this name has left in /dev/shm; says which. */
unsigned leftovers(const char *name);

#endif /* KILL_H */
