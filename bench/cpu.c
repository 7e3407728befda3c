// SPDX-License-Identifier: MIT
/* cpu.c - see cpu.h */
#include "cpu.h"

#include <errno.h>
#include <sched.h>

int cpu_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}
