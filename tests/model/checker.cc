// SPDX-License-Identifier: MIT
//
// checker.cc - the model checker's side of the seam: see checker.h
//
//   MODEL EXECUTIONS        0: every one was right; 1: one was not, its reason on stdout
//
// Each shared word is a relacy atomic, which remembers the last stores and hands out any of them that
// C++11 allows; a word of a data area is a relacy variable as well, which reports data races.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <relacy/relacy.hpp>
#undef new
#undef delete
#undef malloc
#undef memcpy
#include "checker.h"

namespace
{

typedef rl::atomic<uint64_t> atomic64;
typedef rl::var<uint64_t> plain64;

// Constructed anew for each execution, in place: relacy counts what an execution leaves behind.
template <typename T> struct slot {
	alignas(T) unsigned char raw[sizeof(T)];
	T &get() { return *reinterpret_cast<T *>(raw); }
};

struct word {
	const unsigned char *at;
	size_t size;
	uint64_t copy; // of a payload word: what lies there, for writers of a part
	bool payload, racy;
	slot<atomic64> atomic;
	slot<plain64> plain;
};

struct area {
	const unsigned char *base;
	size_t bytes;
	word *first;
};

word words[256];
unsigned nr_words;
area areas[4];
unsigned nr_areas;

// A thread that is to be killed, and when.
struct mortal {
	bool doomed;
	unsigned left;
	void *back[5];
};

mortal mortals[4];
unsigned sluggish[4]; // steps of others that a thread may have to wait, before any access

const char *why; // the model's own words for what is wrong

void fail(const char *what)
{
	why = what;
	rl::ctx().fail_test(what, rl::test_result_user_assert_failed, $);
}

word &add(const void *at, size_t size, uint64_t value, bool payload, bool racy)
{
	if (nr_words == sizeof(words) / sizeof(words[0]))
		abort();
	word &w = words[nr_words++];
	w.at = static_cast<const unsigned char *>(at);
	w.size = size;
	w.copy = value;
	w.payload = payload;
	w.racy = racy;
	::new (w.atomic.raw) atomic64(value);
	if (payload && !racy)
		::new (w.plain.raw) plain64(value);
	return w;
}

word *find(const void *p)
{
	const unsigned char *at = static_cast<const unsigned char *>(p);

	for (unsigned i = 0; i < nr_areas; i++)
		if (at >= areas[i].base && at < areas[i].base + 2 * areas[i].bytes)
			return areas[i].first + (at - areas[i].base) % areas[i].bytes / 8;
	for (unsigned i = 0; i < nr_words; i++)
		if (!words[i].payload && at >= words[i].at && at < words[i].at + words[i].size)
			return &words[i];
	return nullptr;
}

// The word at p, which has just this size, or half of it.
word &must_find(const void *p, size_t size)
{
	word *w = find(p);

	if (!w || (!w->payload && w->at != p) || w->size > size)
		fail("a word that the model did not declare");
	return *w;
}

// Here a thread may die: before each access.
void step()
{
	mortal &m = mortals[rl::thread_index()];
	unsigned wait = sluggish[rl::thread_index()];

	if (m.doomed && m.left-- == 0) {
		m.doomed = false;
		__builtin_longjmp(m.back, 1);
	}
	for (wait = wait && rl::rand(16) == 0 ? rl::rand(wait) : 0; wait; wait--)
		rl::ctx().sched();
}

rl::memory_order to_relacy(kipc__model_order order)
{
	switch (order) {
	case KIPC__RELAXED:
		return rl::mo_relaxed;
	case KIPC__ACQUIRE:
		return rl::mo_acquire;
	case KIPC__RELEASE:
		return rl::mo_release;
	default:
		return rl::mo_seq_cst;
	}
}

uint64_t read_payload(word &w)
{
	return w.racy ? w.atomic.get().load(rl::mo_relaxed, $) : w.plain.get()($).load();
}

// Payload may land where a header was or will be, so whoever looks for a header there must see it.
void write_payload(word &w, uint64_t v)
{
	w.copy = v;
	if (!w.racy)
		w.plain.get()($).store(v);
	w.atomic.get().store(v, rl::mo_relaxed, $);
}

size_t in_word(const unsigned char *p, size_t n)
{
	const area *a = areas;

	while (p < a->base || p >= a->base + 2 * a->bytes)
		a++;
	size_t left = 8 - (p - a->base) % 8;
	return n < left ? n : left;
}

// Bytes of a payload word that begin at p.
unsigned shift_of(const unsigned char *p)
{
	return 8 * (8 - in_word(p, 8));
}

struct suite_base {
	static void begin()
	{
		nr_words = nr_areas = 0;
		for (mortal &m : mortals)
			m.doomed = false;
		for (unsigned &steps : sluggish)
			steps = 0;
		kipc__model_setup();
	}

	static void end()
	{
		kipc__model_after();
		for (unsigned i = 0; i < nr_words; i++) {
			words[i].atomic.get().~atomic64();
			if (words[i].payload && !words[i].racy)
				words[i].plain.get().~plain64();
		}
	}
};

template <int threads> struct suite : rl::test_suite<suite<threads>, threads> {
	void before() { suite_base::begin(); }
	void thread(unsigned i) { kipc__model_thread(i); }
	void after() { suite_base::end(); }
};

bool simulate(rl::test_params &params)
{
	return kipc__model_threads == 2   ? rl::simulate<suite<2> >(params)
	       : kipc__model_threads == 3 ? rl::simulate<suite<3> >(params)
	                                  : rl::simulate<suite<4> >(params);
}

} // namespace

extern "C" {

void kipc__model_word(const void *at, size_t size, uint64_t value)
{
	add(at, size, value, false, false);
}

void kipc__model_area(const void *base, size_t bytes, bool racy)
{
	area &a = areas[nr_areas++];

	a.base = static_cast<const unsigned char *>(base);
	a.bytes = bytes;
	a.first = &words[nr_words];
	for (size_t i = 0; i < bytes; i += 8)
		add(a.base + i, 8, 0, true, racy);
}

unsigned kipc__model_rand(unsigned limit)
{
	return rl::rand(limit);
}

void kipc__model_assert(bool right, const char *what)
{
	if (!right)
		fail(what);
}

void kipc__model_yield(void)
{
	step();
	rl::ctx().yield(1, $);
}

void kipc__model_sluggish(unsigned steps)
{
	sluggish[rl::thread_index()] = steps;
}

bool kipc__model_mortal(void (*body)(void), unsigned accesses)
{
	mortal &m = mortals[rl::thread_index()];

	if (__builtin_setjmp(m.back) != 0)
		return true;
	m.left = rl::rand(accesses);
	m.doomed = true;
	body();
	m.doomed = false;
	return false;
}

// The kernel compares and enqueues under the lock of its hash bucket, so that is one step here: the
// comparison sees the last value, and nothing comes between it and the sleep. Few sleeps end for no
// reason, or those would make up for wake-ups that are lost. Who is to be killed often is here, or before it
// has done what it was woken for.
bool kipc__model_futex_wait(uint32_t *word_at, uint32_t expected, bool timed)
{
	word &w = must_find(word_at, 4);
	bool over = false;

	step();
	if (w.atomic.get().fetch_add(0, rl::mo_seq_cst, $) == expected)
		over = w.atomic.get().wait(rl::ctx(), timed, !timed && rl::rand(8) == 0, $) ==
		       rl::unpark_reason_timeout;
	rl::atomic_thread_fence(rl::mo_seq_cst, $);
	if (mortals[rl::thread_index()].doomed && rl::rand(4) == 0)
		mortals[rl::thread_index()].left = rl::rand(4);
	return over;
}

unsigned kipc__model_futex_wake(uint32_t *word_at, unsigned n)
{
	word &w = must_find(word_at, 4);

	step();
	rl::atomic_thread_fence(rl::mo_seq_cst, $);
	return w.atomic.get().wake(rl::ctx(), static_cast<rl::thread_id_t>(n), $);
}

void kipc__model_fence_others(void)
{
	step();
	rl::ctx().sched();
	rl::systemwide_fence($);
}

uint64_t kipc__model_load(const void *p, size_t size, kipc__model_order order)
{
	word &w = must_find(p, size);
	uint64_t v;

	step();
	v = w.atomic.get().load(to_relacy(order), $);
	if (w.size < size) {
		// Two words in one load: weaker here than on any machine, for each is loaded alone.
		word &high = must_find(static_cast<const unsigned char *>(p) + w.size, w.size);

		v |= high.atomic.get().load(to_relacy(order), $) << 8 * w.size;
	}
	return v;
}

void kipc__model_store(void *p, size_t size, uint64_t v, kipc__model_order order)
{
	word &w = must_find(p, size);

	step();
	w.copy = v;
	if (w.payload && !w.racy)
		w.plain.get()($).store(v); // a header over payload that somebody still reads
	w.atomic.get().store(v, to_relacy(order), $);
}

uint64_t kipc__model_change(void *p, size_t size, kipc__model_rmw how, uint64_t v)
{
	word &w = must_find(p, size);
	atomic64 &a = w.atomic.get();

	step();
	switch (how) {
	case KIPC__EXCHANGE:
		return a.exchange(v, rl::mo_seq_cst, $);
	case KIPC__OR:
		return a.fetch_or(v, rl::mo_seq_cst, $);
	case KIPC__AND:
		return a.fetch_and(w.size == 4 ? v & 0xffffffff : v, rl::mo_seq_cst, $);
	default:
		return a.fetch_add(v, rl::mo_seq_cst, $);
	}
}

bool kipc__model_cas(void *p, size_t size, void *expected, uint64_t v)
{
	word &w = must_find(p, size);
	uint64_t old = 0;
	bool done;

	memcpy(&old, expected, size);
	step();
	done = w.atomic.get().compare_exchange_strong(old, v, rl::mo_seq_cst, $);
	memcpy(expected, &old, size);
	return done;
}

void kipc__model_fence(kipc__model_order order)
{
	step();
	rl::atomic_thread_fence(to_relacy(order), $);
}

void *kipc__model_copy(void *to, const void *from, size_t n)
{
	unsigned char *t = static_cast<unsigned char *>(to);
	const unsigned char *f = static_cast<const unsigned char *>(from);

	while (n) {
		word *in = find(f), *out = find(t);
		size_t part = n < 8 ? n : 8;
		uint64_t v = 0;

		if (in && in->payload)
			part = in_word(f, part);
		if (out && out->payload)
			part = in_word(t, part);
		if (in && in->payload) {
			step();
			v = read_payload(*in) >> shift_of(f);
		} else {
			memcpy(&v, f, part);
		}
		if (out && out->payload) {
			uint64_t w = out->copy;

			memcpy(reinterpret_cast<unsigned char *>(&w) + shift_of(t) / 8, &v,
			            part);
			step();
			write_payload(*out, w);
		} else {
			memcpy(t, &v, part);
		}
		t += part, f += part, n -= part;
	}
	return to;
}
}

int main(int argc, char **argv)
{
	bool history = getenv("KIPC_MODEL_HISTORY");
	std::ostream nowhere(nullptr);
	rl::test_params params;

	params.iteration_count = argc > 1 ? strtoul(argv[1], nullptr, 10) : 1000;
	params.execution_depth_limit = 20000;
	params.progress_stream = &nowhere;
	params.output_stream = history ? &std::cout : &nowhere;
	params.output_history = !history; // the wrong execution is not repeated to print it
	if (simulate(params)) {
		printf("%lu executions\n", static_cast<unsigned long>(params.stop_iteration));
		return 0;
	}
	printf("%s in execution %lu\n", why ? why : rl::test_result_str(params.test_result),
	       static_cast<unsigned long>(params.stop_iteration));
	return 1;
}
