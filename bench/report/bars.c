// SPDX-License-Identifier: MIT
/* bars.c - the table of the bars; see bars.h. One more is one more line here. */
#include "bars.h"

#define FIELD(name) offsetof(struct row, name)

static const struct figure p50 = { "µs", 1e-3, FIELD(p50), FIELD(p50_min), FIELD(p50_max), false };
static const struct figure p999 = { "µs", 1e-3, FIELD(p999), 0, 0, false };
static const struct figure rate = {
	"M/s", 1e-6, FIELD(msgs), FIELD(msgs_min), FIELD(msgs_max), true
};
static const struct figure idle = { "%", 1, FIELD(idle), 0, 0, false };
static const struct figure memory = { "KiB", 1.0 / 1024, FIELD(memory), 0, 0, false };

/* clang-format off */
#define TRIP(transport_, wait_, cpus_, size_) \
	{ "roundtrip", transport_, wait_, cpus_, "copy", NULL, 1, size_ }
#define FLOW(transport_, wait_, cpus_, size_, batch_) \
	{ "stream", transport_, wait_, cpus_, "copy", NULL, batch_, size_ }
#define TRIP_INPLACE(size_) { "roundtrip", "kipc:shm", "spin", "two", "inplace", NULL, 1, size_ }
#define SLOT_STREAM { "stream", "limit:slot-stream", "spin", "two", NULL, NULL, 0, 64 }
#define TWO_LINES   { "roundtrip", "limit:two-lines", "spin", "two", NULL, NULL, 0, 0 }
#define NOBODY      { NULL, NULL, NULL, NULL, NULL, NULL, 0, 0 }

#define SHM   "kipc:shm"
#define RINGS "peer:@(slot-queue|ck_ring|rte_ring|rte_ring-mpmc|boost-mq)"
#define USUAL "stock:@(pipe|unix-stream|unix-seqpacket|unix-dgram)"
#define CLOSE "@(core|near)"
#define MiB   (1 << 20)

const struct bar bars[] = {
	{ "Spin round trip of 8 B against two bare lines", &p50, PICK_BEST, NULL,
	  TRIP(SHM, "spin", "two", 8), TWO_LINES, 1.0, 0 },
	{ "Spin round trip of 40 B against two bare lines", &p50, PICK_BEST, NULL,
	  TRIP(SHM, "spin", "two", 40), TWO_LINES, 1.0, 0 },
	{ "Spin round trip of 8 B against the fastest peer ring", &p50, PICK_BEST, NULL,
	  TRIP(SHM, "spin", "two", 8), TRIP(RINGS, "spin", "two", 8), 0.75, 0 },
	{ "Spin round trip of 40 B against the fastest peer ring", &p50, PICK_BEST, NULL,
	  TRIP(SHM, "spin", "two", 40), TRIP(RINGS, "spin", "two", 40), 0.75, 0 },
	{ "Spin round trip of 64 B against the fastest peer ring", &p50, PICK_BEST, NULL,
	  TRIP(SHM, "spin", "two", 64), TRIP(RINGS, "spin", "two", 64), 0.75, 0 },
	{ "Stream of 64 B, one at a time, copying, against the slot queue", &rate, PICK_BEST, CLOSE,
	  FLOW(SHM, "spin", "two", 64, 1), FLOW("peer:slot-queue", "spin", "two", 64, 1), 1.5, 0 },
	{ "Stream of 64 B in batches of 32, copying, against rte_ring bulk", &rate, PICK_BEST, NULL,
	  FLOW(SHM, "spin", "two", 64, 32), FLOW("peer:rte_ring", "spin", "two", 64, 32), 1.3, 0 },
	{ "Stream of 64 B in batches of 32, in place, against the bare slot stream", &rate, PICK_BEST, CLOSE,
	  { "stream", SHM, "spin", "two", "inplace", NULL, 32, 64 }, SLOT_STREAM, 0.85, 0 },
	{ "Stream of 4 KiB, copying, against the copy limit", &rate, PICK_BEST, NULL,
	  FLOW(SHM, "spin", "two", 4096, 1), FLOW("limit:copy", "spin", "two", 4096, 1), 0.8, 0 },
	{ "Stream of 64 KiB, copying, against the copy limit", &rate, PICK_BEST, NULL,
	  FLOW(SHM, "spin", "two", 65536, 1), FLOW("limit:copy", "spin", "two", 65536, 1), 0.9, 0 },
	{ "Stream of 1 MiB, copying, against the copy limit", &rate, PICK_BEST, NULL,
	  FLOW(SHM, "spin", "two", MiB, 1), FLOW("limit:copy", "spin", "two", MiB, 1), 0.95, 0 },
	{ "Stream of 4 KiB, copying, against the fastest peer", &rate, PICK_BEST, NULL,
	  FLOW(SHM, "spin", "two", 4096, 1), FLOW("peer:*", NULL, "two", 4096, 1), 1.0, 0 },
	{ "Stream of 64 KiB, copying, against the fastest peer", &rate, PICK_BEST, NULL,
	  FLOW(SHM, "spin", "two", 65536, 1), FLOW("peer:*", NULL, "two", 65536, 1), 1.0, 0 },
	{ "Stream of 1 MiB, copying, against the fastest peer", &rate, PICK_BEST, NULL,
	  FLOW(SHM, "spin", "two", MiB, 1), FLOW("peer:*", NULL, "two", MiB, 1), 1.0, 0 },
	{ "Spin round trip of 1 MiB, copying, against the slot queue", &p50, PICK_BEST, NULL,
	  TRIP(SHM, "spin", "two", MiB), TRIP("peer:slot-queue", "spin", "two", MiB), 0.7, 0 },
	{ "Round trip in place, the slowest size", &p50, PICK_WORST, CLOSE,
	  TRIP_INPLACE(0), NOBODY, 1.0, 0.2 },
	{ "Round trip in place, the slowest size against 1 KiB", &p50, PICK_WORST, NULL,
	  TRIP_INPLACE(0), TRIP_INPLACE(1024), 1.3, 0 },
	{ "Blocked round trip of 64 B, same CPU, against a shared futex", &p50, PICK_BEST, NULL,
	  TRIP(SHM, "block", "same", 64), TRIP("stock:futex", "block", "same", 64), 1.0, 0 },
	{ "Blocked round trip of 64 B over kmod, same CPU, against a shared futex", &p50, PICK_BEST, NULL,
	  TRIP("kipc:kmod", "block", "same", 64), TRIP("stock:futex", "block", "same", 64), 1.0, 0 },
	{ "Blocked round trip of 64 B, same CPU, against a pipe", &p50, PICK_BEST, NULL,
	  TRIP(SHM, "block", "same", 64), TRIP("stock:pipe", "block", "same", 64), 0.95, 0 },
	{ "Default waiting, round trip of 64 B, against pure spin", &p50, PICK_BEST, NULL,
	  TRIP(SHM, "adaptive", "two", 64), TRIP(SHM, "spin", "two", 64), 1.15, 0 },
	{ "Default waiting, p99.9 of the round trip of 64 B, against pure spin", &p999, PICK_BEST, NULL,
	  TRIP(SHM, "adaptive", "two", 64), TRIP(SHM, "spin", "two", 64), 3.0, 0 },
	{ "Default waiting, CPU of a receiver while idle", &idle, PICK_WORST, NULL,
	  { "idle", SHM, "adaptive", NULL, NULL, NULL, 0, 0 }, NOBODY, 1.0, 0.05 },
	{ "Far apart: stream of 64 B, one at a time, against the slot queue", &rate, PICK_BEST, "far",
	  FLOW(SHM, "spin", "two", 64, 1), FLOW("peer:slot-queue", "spin", "two", 64, 1), 1.5, 0 },
	{ "Far apart: stream of 64 B in batches of 32 against the bare slot stream", &rate, PICK_BEST, "far",
	  { "stream", SHM, "spin", "two", NULL, NULL, 32, 64 }, SLOT_STREAM, 0.8, 0 },
	{ "Round trip against pipe and unix sockets, the worst size and mode", &p50, PICK_ALIKE, NULL,
	  TRIP(SHM, NULL, NULL, 0), TRIP(USUAL, NULL, NULL, 0), 1.0, 0 },
	{ "Stream against pipe and unix sockets, the worst size and mode", &rate, PICK_ALIKE, NULL,
	  FLOW(SHM, NULL, NULL, 0, 1), FLOW(USUAL, NULL, NULL, 0, 1), 1.0, 0 },
	{ "Default waiting, round trip against blocking pipe and unix sockets, the worst size", &p50, PICK_ALIKE, NULL,
	  TRIP(SHM, "adaptive", NULL, 0), TRIP(USUAL, "block", NULL, 0), 1.0, 0 },
	{ "Default waiting, stream against blocking pipe and unix sockets, the worst size", &rate, PICK_ALIKE, NULL,
	  FLOW(SHM, "adaptive", NULL, 0, 1), FLOW(USUAL, "block", NULL, 0, 1), 1.0, 0 },
	{ "Stream of bytes against pipe and unix stream, the worst size and mode", &rate, PICK_ALIKE, NULL,
	  FLOW("bytes:shm", NULL, NULL, 0, 1), FLOW("stock:@(pipe|unix-stream)", NULL, NULL, 0, 1), 1.0, 0 },
	{ "Publishing 64 B to 8 lossy subscribers against 1", &rate, PICK_BEST, NULL,
	  FLOW("pubsub:1-to-8", "spin", "two", 64, 1), FLOW("pubsub:1-to-1", "spin", "two", 64, 1), 0.8, 0 },
	{ "Queue of 64 B, 1 sender and 1 receiver, against Boost", &rate, PICK_BEST, NULL,
	  FLOW("queue:1-to-1", "spin", "two", 64, 1), FLOW("peer:boost-mq", "spin", "two", 64, 1), 2.0, 0 },
	{ "Queue of 64 B, 1 sender and 1 receiver, against rte_ring for many", &rate, PICK_BEST, NULL,
	  FLOW("queue:1-to-1", "spin", "two", 64, 1), FLOW("peer:rte_ring-mpmc", "spin", "two", 64, 1), 1.2, 0 },
	{ "Queue of 64 B, 4 senders and 4 receivers, against Boost 1 to 1", &rate, PICK_BEST, NULL,
	  FLOW("queue:4-to-4", "adaptive", "two", 64, 1), FLOW("peer:boost-mq", "spin", "two", 64, 1), 2.0, 0 },
	{ "Queue of 64 B, 4 senders and 4 receivers, against rte_ring for many 1 to 1", &rate, PICK_BEST, NULL,
	  FLOW("queue:4-to-4", "adaptive", "two", 64, 1), FLOW("peer:rte_ring-mpmc", "spin", "two", 64, 1), 1.2, 0 },
	{ "Memory of a default channel beyond its rings", &memory, PICK_WORST, NULL,
	  { "memory", SHM, NULL, NULL, NULL, NULL, 0, 0 }, NOBODY, 1.0, 64 },
	{ "Opening a default channel, both ends", &p50, PICK_BEST, NULL,
	  { "open", SHM, NULL, NULL, NULL, NULL, 0, 0 }, NOBODY, 1.0, 100 },
	{ NULL, NULL, PICK_BEST, NULL, NOBODY, NOBODY, 0, 0 },
};
/* clang-format on */
