// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "hostile.h"

/*
 *	hostile [SUBJECT...]        (default: all)
 *
 * One line a subject; the last one is "hostile: N passed, N failed, 0 skipped".
 */

#define GUARD 65536

/* Whoever has not ended by then never does: pubsub tries 10000 times, of some accesses each. */
#define MOST_STEPS 1000000

/* Seconds that a subject may take: only a loop without any access takes as long. */
#define DEADLINE 300

uint8_t *hostile_ctrl, *hostile_data;

static const struct core *core;
static const struct subject *subject;
static uint8_t *saved_ctrl, *saved_data, *saved_own;

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

#define VALUES 14

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

	return (p >= hostile_ctrl && p < hostile_ctrl + CTRL_BYTES) ||
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

static void save(void)
{
	saved_ctrl = malloc(CTRL_BYTES);
	saved_data = malloc(core->data_bytes);
	saved_own = malloc(core->own_bytes);
	if (!saved_ctrl || !saved_data || !saved_own)
		abort();
	__builtin_memcpy(saved_ctrl, hostile_ctrl, CTRL_BYTES);
	__builtin_memcpy(saved_data, hostile_data, core->data_bytes);
	__builtin_memcpy(saved_own, core->own, core->own_bytes);
}

static void restore(void)
{
	__builtin_memcpy(hostile_ctrl, saved_ctrl, CTRL_BYTES);
	__builtin_memcpy(hostile_data, saved_data, core->data_bytes);
	__builtin_memcpy(core->own, saved_own, core->own_bytes);
}

/* ---- the subjects --------------------------------------------------------------------------- */

static void act(bool forged)
{
	restore();
	steps = 0;
	plan.on = true;
	subject->act(forged);
	subject->after();
	plan.on = false;
}

/* Before each step of the verb and of what follows it, each word, each value, each way. */
static unsigned long act_all(void)
{
	struct word words[HOSTILE_WORDS];
	unsigned n = subject->list(words), i;
	unsigned long most, cases = 0;

	act(false);
	most = steps;
	for (plan.at = 0; plan.at < most; plan.at++)
		for (i = 0; i < n; i++)
			for (plan.value = 0; plan.value < VALUES; plan.value++)
				for (int back = 0; back < 2; back++) {
					plan.word = &words[i];
					plan.back = back;
					act(words[i].forges);
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
	hostile_ctrl = map_shared(CTRL_BYTES, 1);
	hostile_data = map_shared(core->data_bytes, core->mirrored ? 2 : 1);
	subject->make();
	save();
	cases = act_all();
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

static bool wanted(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], subject->name) == 0)
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	static const struct core *const cores[] = { &ring_core, &long_core, &topic_core,
		                                    &queue_core };
	unsigned result[2] = { 0 }, i, k;

	for (i = 0; i < sizeof(cores) / sizeof(cores[0]); i++) {
		core = cores[i];
		for (k = 0; k < core->nr; k++) {
			subject = &core->subjects[k];
			if (wanted(argc, argv))
				result[passes()]++;
		}
	}
	printf("hostile: %u passed, %u failed, 0 skipped\n", result[true], result[false]);
	return result[false] != 0;
}
