// SPDX-License-Identifier: MIT
/* base_sysv_sem.c - System V shared memory and a set of System V semaphores */
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "slots.h"

static int map_segment(struct pair *p)
{
	int id;

	p->map_bytes = slots_bytes(p->cell.size);
	id = shmget(IPC_PRIVATE, p->map_bytes, IPC_CREAT | 0600);
	if (id < 0)
		return bench_fail(p, -errno, "shmget of %zu bytes: %m", p->map_bytes);
	p->map = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	if (p->map == (void *)-1)
		return bench_fail(p, -errno, "shmat: %m");
	memset(p->map, 0, p->map_bytes);
	return 0;
}

static int setup(struct pair *p)
{
	int r = map_segment(p), id;

	if (r < 0)
		return r;
	id = semget(IPC_PRIVATE, TOKENS, IPC_CREAT | 0600);
	if (id < 0)
		return bench_fail(p, -errno, "semget: %m");
	p->id[0] = id + 1;
	for (unsigned int i = 0; i < TOKENS; i++) {
		if (semctl(id, i, SETVAL, (int)slots_initial(p->cell.size, i)) < 0)
			return bench_fail(p, -errno, "semctl: %m");
	}
	return 0;
}

static void remove_set(struct pair *p)
{
	if (p->id[0])
		semctl(p->id[0] - 1, 0, IPC_RMID);
}

static int operate(struct side *s, unsigned int index, int change)
{
	struct sembuf op = { index, change, s->spin ? IPC_NOWAIT : 0 };

	while (semop(s->pair->id[0] - 1, &op, 1) < 0) {
		if (errno == EAGAIN && s->spin)
			cpu_relax();
		else if (errno != EINTR)
			return bench_fail(s->pair, -errno, "semop: %m");
	}
	return 0;
}

static int post(struct side *s, unsigned int index)
{
	return operate(s, index, 1);
}

static int wait(struct side *s, unsigned int index)
{
	return operate(s, index, -1);
}

static const struct token_ops sysv_tokens = { post, wait };

static int join(struct side *s)
{
	s->tokens = &sysv_tokens;
	return 0;
}

const struct mech mech_sysv_sem = {
	.name = "stock:sysv-shm-sem",
	.about = "System V shared memory slots and System V semaphores",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = join,
	.remove = remove_set,
	.send = slots_send,
	.recv = slots_recv,
};
