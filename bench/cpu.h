/* SPDX-License-Identifier: MIT */
/* cpu.h - where a process runs */
#ifndef CPU_H
#define CPU_H

/* Run this process on that CPU only. 0, or a negative errno. */
int cpu_pin(int cpu);

#endif /* CPU_H */
