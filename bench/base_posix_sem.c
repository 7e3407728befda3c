// SPDX-License-Identifier: MIT
/* base_posix_sem.c - POSIX shared memory and POSIX semaphores in it */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "slots.h"

struct counter {
	_Alignas(128) sem_t sem;
};

static int map_object(struct pair *p)
{
	char name[64];
	int fd, r;

	snprintf(name, sizeof(name), "/kipc-bench-%d", getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return bench_fail(p, -errno, "shm_open: %m");
	shm_unlink(name);
	p->map_bytes = slots_bytes(p->cell.size);
	r = posix_fallocate(fd, 0, p->map_bytes);
	if (r)
		return bench_fail(p, -r, "/dev/shm has no room for %zu bytes", p->map_bytes);
	p->map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p->map == MAP_FAILED)
		return bench_fail(p, -errno, "mmap: %m");
	close(fd);
	return 0;
}

static int setup(struct pair *p)
{
	int r = map_object(p);
	struct counter *c = p->map;

	for (unsigned int i = 0; i < TOKENS && r == 0; i++) {
		if (sem_init(&c[i].sem, 1, slots_initial(p->cell.size, i)) < 0)
			r = bench_fail(p, -errno, "sem_init: %m");
	}
	return r;
}

static int post(struct side *s, unsigned int index)
{
	struct counter *c = s->pair->map;

	if (sem_post(&c[index].sem) < 0)
		return bench_fail(s->pair, -errno, "sem_post: %m");
	return 0;
}

static int wait(struct side *s, unsigned int index)
{
	sem_t *sem = &((struct counter *)s->pair->map)[index].sem;

	while ((s->spin ? sem_trywait(sem) : sem_wait(sem)) < 0) {
		if (errno == EAGAIN)
			cpu_relax();
		else if (errno != EINTR)
			return bench_fail(s->pair, -errno, "sem_wait: %m");
	}
	return 0;
}

static const struct token_ops posix_tokens = { post, wait };

static int join(struct side *s)
{
	s->tokens = &posix_tokens;
	return 0;
}

const struct mech mech_posix_sem = {
	.name = "stock:posix-shm-sem",
	.about = "POSIX shared memory slots and POSIX semaphores",
	.waits = BIT(WAIT_SPIN) | BIT(WAIT_BLOCK),
	.setup = setup,
	.join = join,
	.send = slots_send,
	.recv = slots_recv,
};
