// SPDX-License-Identifier: MIT
/* machine.c - what a figure was measured on; see machine.h */
#include "machine.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The first line of a file, or "". */
static void read_line(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");

	text[0] = '\0';
	if (!f)
		return;
	if (fgets(text, size, f))
		text[strcspn(text, "\n")] = '\0';
	fclose(f);
}

static void set_file(json_t *all, const char *name, const char *path)
{
	char text[256];

	read_line(path, text, sizeof(text));
	if (text[0])
		json_object_set_new(all, name, json_string(text));
}

/* The value of a line "key : value" of a file in /proc. */
static void set_key(json_t *all, const char *name, const char *path, const char *key)
{
	char line[4096], *value = NULL;
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	while (!value && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) == 0)
			value = strchr(line, ':');
	}
	fclose(f);
	if (!value)
		return;
	value += 1 + strspn(value + 1, " \t");
	value[strcspn(value, "\n")] = '\0';
	json_object_set_new(all, name, json_string(value));
}

/* Mitigations change what a system call costs, so that each is named. */
static json_t *list_mitigations(void)
{
	const char *dir = "/sys/devices/system/cpu/vulnerabilities";
	json_t *all = json_object();
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			set_file(all, e->d_name, path);
	}
	if (d)
		closedir(d);
	return all;
}

static void set_date(json_t *all)
{
	char text[64];
	time_t now = time(NULL);
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", localtime_r(&now, &tm));
	json_object_set_new(all, "date", json_string(text));
}

json_t *machine_describe(void)
{
	json_t *all = json_object();
	struct utsname u;

	set_date(all);
	uname(&u);
	json_object_set_new(all, "kernel", json_string(u.release));
	json_object_set_new(all, "architecture", json_string(u.machine));
	set_key(all, "cpu", "/proc/cpuinfo", "model name");
	set_key(all, "memory", "/proc/meminfo", "MemTotal");
	json_object_set_new(all, "cpus_online", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	set_file(all, "clocksource",
	         "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	set_file(all, "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
	set_file(all, "shared_memory_huge_pages",
	         "/sys/kernel/mm/transparent_hugepage/shmem_enabled");
	set_file(all, "hypervisor", "/sys/hypervisor/type");
	set_file(all, "load", "/proc/loadavg");
	json_object_set_new(all, "privileged", json_boolean(geteuid() == 0));
	json_object_set_new(all, "mitigations", list_mitigations());
	return all;
}

static bool same_core(int a, int b)
{
	char path[96], x[64], y[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings", a);
	read_line(path, x, sizeof(x));
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings", b);
	read_line(path, y, sizeof(y));
	return x[0] && strcmp(x, y) == 0;
}

bool machine_choose_cpus(int cpu[2])
{
	int any = -1;
	cpu_set_t set;

	cpu[0] = cpu[1] = -1;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE && cpu[1] < 0; i++) {
		if (!CPU_ISSET(i, &set))
			continue;
		if (cpu[0] < 0)
			cpu[0] = i;
		else if (!same_core(cpu[0], i))
			cpu[1] = i;
		else if (any < 0)
			any = i;
	}
	if (cpu[0] < 0)
		cpu[0] = 0;
	if (cpu[1] < 0)
		cpu[1] = any < 0 ? cpu[0] : any;
	return cpu[1] != cpu[0];
}
