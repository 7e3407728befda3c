// SPDX-License-Identifier: MIT
/* One function a fact; the table at the end is the order they are told in. */
#include "machine.h"

#include <errno.h>
#include <glob.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static void tell(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void tell(char *text, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, FACT_BYTES, fmt, ap);
	va_end(ap);
}

static void tell_kernel(char *text)
{
	struct utsname u;

	uname(&u);
	tell(text, "%s %s %s", u.sysname, u.release, u.machine);
}

static void tell_module(char *text)
{
	char version[64] = "";
	FILE *f = fopen("/sys/module/kipc/version", "r");

	if (f) {
		if (fgets(version, sizeof(version), f))
			version[strcspn(version, "\n")] = '\0';
		fclose(f);
	}
	tell(text, "%s%s%s", access("/sys/module/kipc", F_OK) ? "not loaded" : "loaded",
	     *version ? ", version " : "", version);
}

static void tell_choice(char *text)
{
	const char *scheme = getenv("KIPC_TRANSPORT");

	tell(text, "%s", scheme && *scheme ? scheme : "not set");
}

/* The set may be larger than cpu_set_t; the call says so and is repeated with a larger one. */
static int usable_cpus(void)
{
	int n = -1;

	for (int cpus = CPU_SETSIZE; n < 0 && cpus <= CPU_SETSIZE << 8; cpus <<= 1) {
		cpu_set_t *set = CPU_ALLOC(cpus);

		if (!set)
			break;
		if (!sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set))
			n = CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set);
		CPU_FREE(set);
	}
	return n;
}

static void tell_cpus(char *text)
{
	int usable = usable_cpus();

	tell(text, "%ld online, %d usable here%s", sysconf(_SC_NPROCESSORS_ONLN), usable,
	     usable == 1 ? ": spinning can only delay the other side, waits sleep at once" : "");
}

static void tell_nodes(char *text)
{
	glob_t g;
	size_t n = 1;

	if (!glob("/sys/devices/system/node/node[0-9]*", 0, NULL, &g)) {
		n = g.gl_pathc;
		globfree(&g);
	}
	tell(text, "%zu", n);
}

static void tell_shm(char *text)
{
	struct statvfs v;
	struct stat s;

	if (stat("/dev/shm", &s) < 0 || statvfs("/dev/shm", &v) < 0) {
		tell(text, "%s: named shm:// channels need it", strerror(errno));
		return;
	}
	tell(text, "mode %04o, %llu MiB free of %llu%s", s.st_mode & 07777u,
	     (unsigned long long)v.f_bavail * v.f_frsize >> 20,
	     (unsigned long long)v.f_blocks * v.f_frsize >> 20,
	     access("/dev/shm", W_OK | X_OK) ? ", not writable by this user" : "");
}

static void tell_limit(char *text, int which, unsigned unit, const char *suffix)
{
	struct rlimit r;

	if (getrlimit(which, &r) < 0)
		tell(text, "%s", strerror(errno));
	else if (r.rlim_cur == RLIM_INFINITY)
		tell(text, "unlimited");
	else
		tell(text, "%llu%s", (unsigned long long)r.rlim_cur / unit, suffix);
}

static void tell_memlock(char *text)
{
	tell_limit(text, RLIMIT_MEMLOCK, 1024, " KiB");
}

static void tell_files(char *text)
{
	tell_limit(text, RLIMIT_NOFILE, 1, "");
}

/* Lets the side that publishes go without a fence; the one that goes to sleep pays for it. */
static void tell_membarrier(char *text)
{
	long r = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	if (r < 0)
		tell(text, "%s: every message costs a full fence", strerror(errno));
	else
		tell(text, "%s",
		     r & MEMBARRIER_CMD_GLOBAL_EXPEDITED ? "yes"
		                                         : "no: every message costs a full fence");
}

static const struct {
	const char *name;
	void (*find)(char *text);
} facts[] = {
	{ "kernel", tell_kernel },         { "module", tell_module },
	{ "KIPC_TRANSPORT", tell_choice }, { "cpus", tell_cpus },
	{ "numa nodes", tell_nodes },      { "/dev/shm", tell_shm },
	{ "memlock", tell_memlock },       { "open files", tell_files },
	{ "membarrier", tell_membarrier },
};

#define NR_FACTS (sizeof(facts) / sizeof(*facts))

const char *machine_fact(size_t i, char text[FACT_BYTES])
{
	if (i >= NR_FACTS)
		return NULL;
	facts[i].find(text);
	return facts[i].name;
}
