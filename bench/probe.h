/* SPDX-License-Identifier: MIT */
/*
 * probe.h - how far apart are the two CPUs right now?
 *
 * On a virtual machine two CPUs may share a cache at one moment and not at the next. Nothing but a
 * measurement tells, so that each repetition stands between two of these.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>

enum placement { PLACE_NONE, PLACE_CORE, PLACE_NEAR, PLACE_FAR, PLACEMENTS };

extern const char *const placement_names[PLACEMENTS];

/* Memory for the probe; a negative errno when there is none. */
int probe_init(void);

/*
 * Round trip of a cache line between the two CPUs in ns, measured for 5 ms; 0 when the other process
 * did not get to run.
 */
double probe_line(const int cpu[2]);

/* Below 40 ns: two threads of one core; below 150 ns: two cores with a cache in common; more is far,
 * but no machine takes microseconds: then another program was in the way, and it tells nothing.
 */
enum placement probe_placement(double line_ns);

/* Do the probes before and after a repetition mean the same placement? */
bool probes_agree(double before, double after);

#endif /* PROBE_H */
