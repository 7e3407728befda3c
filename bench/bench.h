/* SPDX-License-Identifier: MIT */
/*
 * bench.h - the contract between the runner, the benchmarks and the mechanisms
 *
 * A *mechanism* (struct mech) is one way for two processes to exchange messages: one const table of
 * functions, one small file. A *benchmark* (struct bench) is two functions, one for each of the two
 * processes, written once over any mechanism. A *cell* is one figure to be taken: a mechanism, a
 * benchmark, and how (wait mode, CPUs, variant, batch, size). The runner takes each cell several
 * times, each time in two fresh processes:
 *
 *	first process			second process
 *	setup(pair)			.
 *	fork ---------------------->	.
 *	join(side)			join(side)
 *	-------------- both meet at a barrier --------------
 *	bench->run[0](side)		bench->run[1](side)
 *	-------------- both meet at a barrier --------------
 *	leave(side)			leave(side)
 *
 * and remove(pair) in the runner after both are gone, also when they had to be killed.
 *
 * Results: 0 or a positive count, or a negative errno. A reason in words goes to bench_fail(), and
 * ends up as the reason of the skipped row.
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hist.h"

enum wait_mode { WAIT_SPIN, WAIT_BLOCK, WAIT_ADAPTIVE, WAIT_MODES };
enum cpus_mode { CPUS_SAME, CPUS_TWO, CPUS_MODES };
enum variant_mode { VARIANT_COPY, VARIANT_INPLACE, VARIANT_MODES };

#define BIT(n) (1u << (n))

#define BENCH_BATCH_MAX 32
#define BENCH_WHY_MAX   160
#define BENCH_MSG_MIN   8

struct mech;
struct bench;
struct token_ops;

struct cell {
	const struct mech *mech;
	const struct bench *bench;
	enum wait_mode wait;
	enum cpus_mode cpus;
	enum variant_mode variant;
	unsigned int batch;
	size_t size;
	unsigned int ms; /* how long one repetition measures */
};

/* What one process of a repetition used while the clock ran. */
struct meter {
	uint64_t wall_ns;
	uint64_t cpu_ns;
	uint64_t delay_ns; /* ready to run but not running */
};

/* The raw result of one repetition. */
struct sample {
	struct meter meter[2];
	uint64_t msgs;  /* delivered while the clock ran */
	uint64_t ticks; /* how long that took */
	uint64_t bytes; /* of memory, where that is the figure */
	struct hist hist;
};

/* One repetition: in memory shared by the runner and both processes, zeroed before setup(). */
struct pair {
	struct cell cell;
	int cpu[2];
	pid_t pid[2];
	atomic_int arrived[2]; /* processes at the first and the last barrier */
	atomic_int failed;     /* negative errno of whoever failed first */
	char why[BENCH_WHY_MAX];
	struct sample sample;

	/* For the mechanism, from setup() on. */
	int fd[2][2]; /* [which side's][in, out], or as the mechanism likes */
	int id[4];    /* objects that remove() has to remove; id + 1, so that 0 is none */
	void *map;    /* mapped by setup() and therefore at the same address in both */
	size_t map_bytes;
	void *handle[2]; /* whatever setup() made and fork() copies */
};

/* One process's view of a repetition; private to it. */
struct side {
	struct pair *pair;
	const struct cell *cell;
	int who; /* 0: the first process, 1: the second */
	bool spin;
	int in;
	int out;
	const struct token_ops *tokens; /* mechanisms over shared slots: how they wake */
	uint32_t sent;
	uint32_t received;
	void *own; /* the mechanism's private state */
};

struct mech {
	const char *name; /* "stock:pipe" */
	const char *about;
	unsigned int waits;    /* BIT(enum wait_mode): which it has */
	unsigned int variants; /* BIT(enum variant_mode) */
	size_t max_size;       /* 0: no limit */
	const char *max_why;   /* whose limit that is */

	/*
	 * send() may read buf until the next call on this side has returned, so that a sender has to
	 * change buffers after each message.
	 */
	bool keeps_buffer;

	/* NULL, or why this mechanism is not there: its rows are listed with that reason. */
	const char *absent;

	/* NULL: the plan's benchmarks; else the one that this mechanism brings along. */
	const struct bench *own_bench;

	/* In the first process before the fork. Doubles as the probe: what is not permitted or not there
	 * makes it fail with a reason in words.
	 */
	int (*setup)(struct pair *p);

	int (*join)(struct side *s);   /* in each process; may be NULL */
	void (*leave)(struct side *s); /* may be NULL */

	/* After the last message: send() of a mechanism that keeps buffers may still have to end. May
	 * be NULL.
	 */
	int (*finish)(struct side *s);

	/* In the runner when both processes are gone: removes what outlives them. May be NULL. */
	void (*remove)(struct pair *p);

	/* Copy one message of cell->size bytes in or out. recv() fails unless it is that long. */
	int (*send)(struct side *s, const void *buf);
	int (*recv)(struct side *s, void *buf);

	/* n messages that lie one behind the other at base; recv_many() returns how many came. */
	int (*send_many)(struct side *s, const void *base, unsigned int n);
	int (*recv_many)(struct side *s, void *base, unsigned int n);

	/* The same in place, for VARIANT_INPLACE. at[i]: where message i lies. */
	int (*reserve)(struct side *s, void **at, unsigned int n);
	int (*commit)(struct side *s, unsigned int n);
	int (*peek)(struct side *s, void **at, unsigned int n);
	int (*release)(struct side *s, unsigned int n);
};

struct bench {
	const char *name;              /* "roundtrip" */
	int (*run[2])(struct side *s); /* run[1] NULL: one process is enough */
};

extern const struct bench bench_roundtrip;
extern const struct bench bench_call; /* of mech_call.c only: a round trip of its own */
extern const struct bench bench_stream;
extern const struct bench bench_send_alone;
extern const struct bench bench_recv_alone;
extern const struct bench bench_idle;
extern const struct bench bench_open;
extern const struct bench bench_memory;

/* Every mechanism, in the order in which tables show them; ends with NULL. */
extern const struct mech *mechs[];

/* One more, before the plan is made. A negative errno when there is no room. */
int mechs_add(const struct mech *m);

extern const char *const wait_names[WAIT_MODES];
extern const char *const cpus_names[CPUS_MODES];
extern const char *const variant_names[VARIANT_MODES];

/* Record why this repetition failed (the first reason stays) and return err. */
int bench_fail(struct pair *p, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Measure what this process uses between the two calls. */
void meter_start(struct meter *m);
void meter_stop(struct meter *m);

/* Page-aligned, touched, private memory that lives until the process ends; NULL with a reason. */
void *bench_buffer(struct side *s, size_t bytes);

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

#endif /* BENCH_H */
