// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "hostile.h"

/*
 *	hostile [--many SCHEME] [--one-in N] [SUBJECT...]        (default: all)
 *
 *	--many     only channels with many ends, over this transport (otherwise shm, and the cores)
 *	--one-in   one case in so many, chosen at random, the same ones in each run
 *
 * One line a subject; the last one is "hostile: N passed, N failed, 0 skipped".
 */

#define GUARD 65536

/* Whoever has not ended by then never does: pubsub tries 10000 times, of some accesses each. */
#define MOST_STEPS 1000000

/* Seconds that a subject may take: only a loop without any access takes as long. */
#define DEADLINE 300

uint8_t *hostile_ctrl, *hostile_data;
const char *hostile_scheme = "shm";

static const struct core *core;
static const struct subject *subject;
static unsigned long one_in = 1;

static struct area areas[HOSTILE_AREAS];
static unsigned nr_areas;
static uint8_t *saved[HOSTILE_AREAS];

/* What is done to whom: at step, word becomes a strange value; back: until the next step. */
static struct {
	bool on;
	unsigned at;
	const struct word *word;
	unsigned value;
	bool back;
	uint64_t before;
} plan;

static unsigned long steps;

/* ---- saying what went wrong --------------------------------------------------------------- */

_Noreturn void hostile_fail(const char *file, int line, const char *what)
{
	printf("%s:%d: must hold: %s\n", file, line, what);
	printf("%s: word %s, value %u, before step %u%s\n", subject->name,
	       plan.word ? plan.word->name : "none", plan.value, plan.at,
	       plan.back ? ", until the next" : "");
	fflush(stdout);
	_exit(1);
}

static void on_fault(int sig)
{
	hostile_fail("signal", sig, sig == SIGALRM ? "an end" : "no access outside");
}

/* ---- changing words ----------------------------------------------------------------------- */

#define VALUES 15

static uint64_t strange(unsigned i, uint64_t truth, uint64_t bytes)
{
	const uint64_t values[VALUES] = { 0,
		                          UINT64_MAX,
		                          truth + 1,
		                          truth - 1,
		                          truth + 8,
		                          truth - 8,
		                          truth + bytes,
		                          truth - bytes,
		                          truth + bytes / 2,
		                          truth ^ 1ULL << 63,
		                          truth ^ 1ULL << 19, /* of a slot's word: its length */
		                          truth ^ 1ULL << 32,
		                          truth ^ 1ULL << 40,
		                          0x9e3779b97f4a7c15ULL,
		                          1 };

	return values[i];
}

static void change(void)
{
	uint64_t *at = plan.word->at;

	plan.before = *at;
	*at = strange(plan.value, *at, core->data_bytes);
}

static bool shared(const volatile void *at)
{
	const volatile uint8_t *p = at;

	return core->areas || (p >= hostile_ctrl && p < hostile_ctrl + CTRL_BYTES) ||
	       (p >= hostile_data && p < hostile_data + 2 * core->data_bytes);
}

void hostile_step(const volatile void *at)
{
	if (!plan.on || !shared(at))
		return;
	if (plan.word && steps == plan.at)
		change();
	if (plan.word && plan.back && steps == plan.at + 1)
		*(uint64_t *)plan.word->at = plan.before;
	if (++steps > MOST_STEPS)
		hostile_fail(__FILE__, __LINE__, "an end within so many steps");
}

/* A copy is no single step. */
void *hostile_copy(void *to, const void *from, size_t n)
{
	size_t first = n / 2;

	hostile_step(to);
	hostile_step(from);
	__builtin_memcpy(to, from, first);
	if (n > 8) {
		hostile_step(to);
		hostile_step(from);
	}
	__builtin_memcpy((uint8_t *)to + first, (const uint8_t *)from + first, n - first);
	return to;
}

/* ---- what subjects are made of ------------------------------------------------------------- */

int64_t lawful(int64_t r)
{
	must(r >= 0 || r == -EBADMSG || r == -EOVERFLOW || r == -EMSGSIZE || r == -EAGAIN ||
	     r == -EINVAL || r == -EBUSY);
	return r;
}

static uint8_t letter_byte(uint64_t i, size_t k)
{
	return (uint8_t)(0xa0 + 31 * i + 7 * k); /* as a header it is none */
}

void fill_letter(void *data, size_t len, uint64_t i)
{
	size_t k;

	for (k = 0; k < len; k++)
		((uint8_t *)data)[k] = letter_byte(i, k);
}

bool is_letter(const void *data, size_t len, uint64_t i)
{
	size_t k;

	for (k = 0; k < len; k++)
		if (((const uint8_t *)data)[k] != letter_byte(i, k))
			return false;
	return true;
}

void tray_set(struct tray *t, size_t cap)
{
	t->cap = cap;
	__builtin_memset(t->bytes + cap, 0x5a, 16);
}

void tray_check(const struct tray *t)
{
	size_t k;

	for (k = 0; k < 16; k++)
		must(t->bytes[t->cap + k] == 0x5a);
}

void check_inside(const struct kipc_msg *m, int n, size_t skip, size_t mapped, size_t longest)
{
	volatile uint8_t sum = 0;
	int i;

	for (i = 0; i < n; i++) {
		const uint8_t *at = m[i].data;
		size_t k;

		must(m[i].len <= longest);
		must(at >= hostile_data + skip && at + m[i].len <= hostile_data + mapped);
		for (k = 0; k < m[i].len; k++)
			sum += at[k];
	}
}

/* ---- the memory --------------------------------------------------------------------------- */

static uint8_t *map_shared(size_t bytes, unsigned times)
{
	size_t all = times * bytes + 2 * GUARD;
	uint8_t *at = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("hostile", MFD_CLOEXEC);
	unsigned i;

	if (at == MAP_FAILED || fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
		abort();
	at += GUARD;
	for (i = 0; i < times; i++)
		if (mmap(at + i * bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		         0) == MAP_FAILED)
			abort();
	close(fd);
	return at;
}

static unsigned plain_areas(struct area *a)
{
	a[0] = (struct area){ hostile_ctrl, CTRL_BYTES };
	a[1] = (struct area){ hostile_data, core->data_bytes };
	a[2] = (struct area){ core->own, core->own_bytes };
	return 3;
}

static void save(void)
{
	unsigned i;

	nr_areas = core->areas ? core->areas(areas) : plain_areas(areas);
	for (i = 0; i < nr_areas; i++) {
		free(saved[i]);
		saved[i] = malloc(areas[i].bytes);
		if (!saved[i])
			abort();
		__builtin_memcpy(saved[i], areas[i].at, areas[i].bytes);
	}
}

static void make(void)
{
	subject->make();
	save();
}

static void restore(void)
{
	unsigned i;

	if (core->spoiled && core->spoiled()) {
		core->unmake();
		make();
	}
	for (i = 0; i < nr_areas; i++)
		__builtin_memcpy(areas[i].at, saved[i], areas[i].bytes);
}

/* ---- the subjects --------------------------------------------------------------------------- */

static void act(bool forged)
{
	steps = 0;
	plan.on = true;
	subject->act(forged);
	subject->after();
	plan.on = false;
}

/* xorshift64* */
static bool chosen(void)
{
	static uint64_t state = 4711;
	unsigned long in = one_in * (core->dear ? core->dear : 1);

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return in == 1 || ((state * 0x2545f4914f6cdd1dULL) >> 33) % in == 0;
}

/* A fresh channel may lie elsewhere, so the words are asked for each time. */
static void act_one(unsigned i)
{
	struct word words[HOSTILE_WORDS];

	restore();
	(void)subject->list(words);
	plan.word = &words[i];
	act(words[i].forges);
}

/* Before each step of the verb and of what follows it, each word, each value, each way. */
static unsigned long act_all(void)
{
	struct word words[HOSTILE_WORDS];
	unsigned n = subject->list(words), i;
	unsigned long most, cases = 0;

	restore();
	act(false);
	most = steps;
	for (plan.at = 0; plan.at < most; plan.at++)
		for (i = 0; i < n; i++)
			for (plan.value = 0; plan.value < VALUES; plan.value++)
				for (int back = 0; back < 2; back++) {
					if (!chosen())
						continue;
					plan.back = back;
					act_one(i);
					cases++;
				}
	return cases;
}

static _Noreturn void perform(void)
{
	unsigned long cases;

	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	signal(SIGALRM, on_fault);
	alarm(DEADLINE);
	if (!core->areas) {
		hostile_ctrl = map_shared(CTRL_BYTES, 1);
		hostile_data = map_shared(core->data_bytes, core->mirrored ? 2 : 1);
	}
	make();
	cases = act_all();
	if (core->unmake)
		core->unmake();
	printf("%-34s %9lu cases  ", subject->name, cases);
	fflush(stdout);
	_exit(cases ? 0 : 1);
}

static bool passes(void)
{
	int status = 1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		perform();
	waitpid(pid, &status, 0);
	printf("%s\n", status == 0 ? "passed" : "FAILED");
	return status == 0;
}

/* Options come first; the index of the first subject, or -1. */
static int options(int argc, char **argv, bool *many)
{
	int i;

	for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		if (strcmp(argv[i], "--many") == 0) {
			hostile_scheme = argv[i + 1];
			*many = true;
		} else if (strcmp(argv[i], "--one-in") == 0) {
			one_in = strtoul(argv[i + 1], NULL, 0);
		} else {
			return -1;
		}
	}
	return one_in == 0 || (i < argc && argv[i][0] == '-') ? -1 : i;
}

static bool wanted(int nr, char **names)
{
	int i;

	if (core->only && strcmp(core->only, hostile_scheme) != 0)
		return false;
	for (i = 0; i < nr; i++)
		if (strcmp(names[i], subject->name) == 0)
			return true;
	return nr == 0;
}

int main(int argc, char **argv)
{
	static const struct core *const cores[] = { &ring_core,          &long_core,
		                                    &topic_core,         &queue_core,
		                                    &hub_topic_core,     &hub_topic_slow_core,
		                                    &hub_queue_core,     &hub_queue_slow_core,
		                                    &hub_queue_dead_core };
	unsigned result[2] = { 0 }, i, k;
	bool many = false;
	int first = options(argc, argv, &many);

	if (first < 0) {
		fprintf(stderr, "kipc: hostile: unknown option, or a number is missing\n");
		return 2;
	}
	for (i = 0; i < sizeof(cores) / sizeof(cores[0]); i++) {
		core = cores[i];
		for (k = 0; k < core->nr && (core->areas || !many); k++) {
			subject = &core->subjects[k];
			if (wanted(argc - first, argv + first))
				result[passes()]++;
		}
	}
	printf("hostile: %u passed, %u failed, 0 skipped\n", result[true], result[false]);
	return result[false] != 0;
}
