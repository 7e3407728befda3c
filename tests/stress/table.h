/* SPDX-License-Identifier: MIT */
/*
 * table.h - what the workers of a long run tell: memory that they and their supervisor share
 *
 * It outlives a worker that is killed, so whoever received from it finds here how much it had
 * committed, and the watchdog what it was doing.
 */
#ifndef STRESS_TABLE_H
#define STRESS_TABLE_H

#include <kipc.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PAIRS     4
#define WORKERS   (2 * PAIRS)
#define RECORDS   64
#define UNSETTLED 256 /* messages that one call sends, at most, and then some */

/* What one worker sent over one channel. The hash after message n stands at n % UNSETTLED, and is there
 * before announced says n; settled says n when the call that sent it has returned.
 */
struct record {
	uint64_t session;
	uint64_t announced;
	uint64_t settled;
	uint64_t hash[UNSETTLED];
};

/* What one half of a worker is doing. */
struct activity {
	const char *call; /* a literal: the same address in all processes, for they are forks */
	uint64_t calls;
	int64_t result; /* of the last one */
};

enum half { SENDING, RECEIVING };

struct worker {
	pid_t pid;
	unsigned lives;
	uint64_t session; /* counts the channels that it opened */
	struct activity half[2];
	struct kipc_stats stats;
	struct record records[RECORDS];

	/* What was achieved */
	uint64_t messages, bytes; /* received and found right */
	uint64_t compared;        /* channels whose end agreed with the sender's record */
	uint64_t unknown;         /* channels that ended before the peer said who it is */
	uint64_t strangers;       /* short meetings under names that everybody uses */
};

/* Of one session of a worker: a bit for each message that somebody has received. */
#define TICKETS 4096
struct tickets {
	uint64_t received[TICKETS / 64];
};

struct table {
	bool stop;
	uint64_t seed;
	const char *scheme;
	char place[64]; /* in front of names: "" or a directory */
	struct worker worker[WORKERS];
	struct tickets tickets[WORKERS][RECORDS];
};

extern struct table *table;

#endif /* STRESS_TABLE_H */
