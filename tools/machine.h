/* SPDX-License-Identifier: MIT */
/* machine.h - what of this machine matters to the transports, one line each */
#ifndef KIPC_MACHINE_H
#define KIPC_MACHINE_H

#include <stddef.h>

#define FACT_BYTES 160

/* The i-th fact: its name, and what is found is written to text. NULL: there are no more. */
const char *machine_fact(size_t i, char text[FACT_BYTES]);

#endif /* KIPC_MACHINE_H */
