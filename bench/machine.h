/* SPDX-License-Identifier: MIT */
/* machine.h - what a figure was measured on, and which CPUs to use */
#ifndef MACHINE_H
#define MACHINE_H

#include <jansson.h>
#include <stdbool.h>

/* CPU, kernel, mitigations, ... as an object of strings and numbers. */
json_t *machine_describe(void);

/*
 * The two CPUs to run on: the first that this process may use, and the first other one that is not a
 * hyper-thread of the same core (or any other one). false: there is only one, in both places.
 */
bool machine_choose_cpus(int cpu[2]);

#endif /* MACHINE_H */
