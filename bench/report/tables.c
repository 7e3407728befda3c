// SPDX-License-Identifier: MIT
/* tables.c - the tables that the report shows; one that would be empty is left out */
#include "table.h"

#define TABLE(bench_, cpus_, wait_, title_, measure_)                                        \
	{                                                                                    \
		.title = title_, .where = { .bench = bench_, .cpus = cpus_, .wait = wait_ }, \
		.measure = measure_,                                                         \
	}

/* Every figure of one way of running. */
#define TRIPS(cpus_, wait_, title_)                                      \
	TABLE("roundtrip", cpus_, wait_, title_, &measure_p50),          \
		TABLE("roundtrip", cpus_, wait_, title_, &measure_p99),  \
		TABLE("roundtrip", cpus_, wait_, title_, &measure_p999), \
		TABLE("roundtrip", cpus_, wait_, title_, &measure_max)
#define STREAMS(cpus_, wait_, title_)                                  \
	TABLE("stream", cpus_, wait_, title_, &measure_msgs),          \
		TABLE("stream", cpus_, wait_, title_, &measure_bytes), \
		TABLE("stream", cpus_, wait_, title_, &measure_cpu)

const struct table tables[] = {
	TRIPS("two", "spin", "Round trip, two CPUs, spin"),
	TRIPS("two", "block", "Round trip, two CPUs, block"),
	TRIPS("two", "adaptive", "Round trip, two CPUs, adaptive"),
	TRIPS("same", "spin", "Into the kernel and back, one process"),
	TRIPS("same", "block", "Round trip, same CPU, block"),
	TRIPS("same", "adaptive", "Round trip, same CPU, adaptive"),
	STREAMS("two", "spin", "Stream, two CPUs, spin"),
	STREAMS("two", "block", "Stream, two CPUs, block"),
	STREAMS("two", "adaptive", "Stream, two CPUs, adaptive"),
	STREAMS("same", "spin", "Copying, one process"),
	STREAMS("same", "block", "Stream, same CPU, block"),
	TABLE("send-alone", "same", "spin", "Sending, both ends in one thread", &measure_msgs),
	TABLE("recv-alone", "same", "spin", "Receiving, both ends in one thread", &measure_msgs),
	TABLE("idle", "two", "block", "Waiting receiver, block", &measure_idle),
	TABLE("idle", "two", "adaptive", "Waiting receiver, adaptive", &measure_idle),
	TABLE("open", "same", "adaptive", "Opening a default channel, both ends", &measure_p50),
	TABLE("memory", "same", "adaptive", "Memory of a default channel", &measure_memory),
	{ NULL, { 0 }, NULL },
};
