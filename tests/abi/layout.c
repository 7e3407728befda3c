// SPDX-License-Identifier: MIT
/*
 * Sizes, offsets and values that programs and peers were compiled with. A failure here means that an
 * old program would misunderstand a new library, or a new library an old module.
 */
#include <criterion/criterion.h>
#include <kipc.h>
#include <kipc_dev.h>
#include <kipc_ring.h>
#include <sys/ioctl.h>
#include "../harness.h"

TestSuite(layout, .init = harness_begin, .fini = harness_end);

#define at(type, field, offset) must_eq(offsetof(struct type, field), offset)

Test(layout, public_structs)
{
	must_eq(sizeof(struct kipc_opts), 40);
	at(kipc_opts, size, 0);
	at(kipc_opts, ring_bytes, 8);
	at(kipc_opts, mode, 16);
	at(kipc_opts, align, 20);
	at(kipc_opts, wait, 24);
	at(kipc_opts, node_plus_1, 28);
	at(kipc_opts, spin_ns, 32);
	must_eq(sizeof(struct kipc_msg), 24);
	at(kipc_msg, data, 0);
	at(kipc_msg, len, 8);
	at(kipc_msg, flags, 16);
	at(kipc_msg, reserved, 20);
	must_eq(sizeof(struct kipc_peer), 24);
	at(kipc_peer, state, 8);
	at(kipc_peer, pid, 12);
	at(kipc_peer, uid, 16);
	at(kipc_peer, gid, 20);
	must_eq(sizeof(struct kipc_stats), 64);
	at(kipc_stats, sent_msgs, 8);
	at(kipc_stats, sent_bytes, 16);
	at(kipc_stats, recv_msgs, 24);
	at(kipc_stats, recv_bytes, 32);
	at(kipc_stats, spins, 40);
	at(kipc_stats, sleeps, 48);
	at(kipc_stats, wakes, 56);
	must_eq(sizeof(struct kipc_transport_info), 56);
	at(kipc_transport_info, scheme, 8);
	at(kipc_transport_info, about, 16);
	at(kipc_transport_info, caps, 24);
	at(kipc_transport_info, status, 32);
	at(kipc_transport_info, why, 40);
	at(kipc_transport_info, cure, 48);
}

Test(layout, public_values)
{
	must(KIPC_PUBSUB == 2);
	must(KIPC_PAIR == 1 && KIPC_SEND == 0x100 && KIPC_RECV == 0x200);
	must(KIPC_CREATE == 0x10000 && KIPC_EXCL == 0x20000);
	must(KIPC_WAIT_ADAPTIVE == 1 && KIPC_WAIT_SPIN == 2 && KIPC_WAIT_BLOCK == 3);
	must(KIPC_IN == 1 && KIPC_OUT == 2 && KIPC_HUP == 4);
	must(KIPC_PEER_ABSENT == 0 && KIPC_PEER_ALIVE == 1 && KIPC_PEER_GONE == 2);
	must(KIPC_OPT_RING_BYTES == 1 && KIPC_OPT_MAX_MSG == 2 && KIPC_OPT_NODE == 3);
	must(KIPC_OPT_PAGE_BYTES == 4 && KIPC_OPT_WAIT == 5 && KIPC_OPT_SPIN_NS == 6);
	must_eq(KIPC_BATCH_MAX, 64);
	must(KIPC_CAP_ZEROCOPY == 1 && KIPC_CAP_MSG_BORDERS == 2 && KIPC_CAP_ORDERED == 4);
	must(KIPC_CAP_RELIABLE == 8 && KIPC_CAP_POLL_FD == 16 && KIPC_CAP_DEATH_NOTICE == 32);
	must(KIPC_CAP_HOSTILE_SAFE == 64 && KIPC_CAP_PEER_CRED == 128);
	must(KIPC_CAP_HANDOVER == 256 && KIPC_CAP_NAMED == 512 && KIPC_CAP_NUMA == 1024);
}

Test(layout, ring_status)
{
	at(kipc_ring_ident, magic, 0);
	at(kipc_ring_ident, abi, 8);
	at(kipc_ring_ident, kind, 12);
	at(kipc_ring_ident, nr_ends, 16);
	at(kipc_ring_ident, nr_rings, 20);
	at(kipc_ring_ident, page_bytes, 24);
	at(kipc_ring_ident, ctrl_bytes, 28);
	at(kipc_ring_ident, ctrl_off, 32);
	at(kipc_ring_ident, total_bytes, 40);
	at(kipc_ring_ident, id, 48);
	at(kipc_ring_geom, bytes, 0);
	at(kipc_ring_geom, start, 8);
	at(kipc_ring_geom, data_off, 16);
	at(kipc_ring_geom, align, 24);
	at(kipc_ring_geom, node, 28);
	at(kipc_ring_geom, page_size, 32);
	at(kipc_ring_bell, armed, 0);
	at(kipc_ring_bell, gone, 4);
	at(kipc_ring_end, state, 0);
	at(kipc_ring_end, generation, 4);
	at(kipc_ring_status, ident, 0);
	at(kipc_ring_status, geom, 0x80);
	at(kipc_ring_status, bells, 0x100);
	at(kipc_ring_status, sets, 0x300);
	at(kipc_ring_sets, looked_at, 0x20);
	at(kipc_ring_sets, undone, 0x28);
	at(kipc_ring_sets, bound, 0x80);
	at(kipc_ring_status, ends, 0x800);
	must_eq(sizeof(struct kipc_ring_status), 4096);
}

/* Words that different CPUs write never share a pair of cache lines. */
Test(layout, ring_ctrl)
{
	at(kipc_ring_ctrl, prod, 0);
	at(kipc_ring_ctrl, cons, 0x80);
	at(kipc_ring_ctrl, hints, 0x100);
	at(kipc_ring_hints, data_at, 0);
	at(kipc_ring_hints, space_at, 8);
	at(kipc_ring_hints, fence, 16);
	at(kipc_ring_hints, cpu, 20);
	at(kipc_ring_ctrl, growth, 0x180);
	at(kipc_ring_growth, at, 0);
	at(kipc_ring_growth, len, 8);
	at(kipc_ring_growth, done, 16);
	at(kipc_ring_growth, follows, 24);
	must_eq(sizeof(struct kipc_ring_growth), 128);
	must_eq(sizeof(struct kipc_ring_ctrl), 4096);
	must_eq(sizeof(struct kipc_ring_bell), 128);
	must_eq(sizeof(struct kipc_ring_pos), 128);
}

Test(layout, ring_values)
{
	must(KIPC_RING_MAGIC == 0x474e49524350494bULL && KIPC_RING_ABI == 1);
	must(!memcmp(&(uint64_t){ KIPC_RING_MAGIC }, "KIPCRING", 8));
	must(KIPC_REC_DISCARD == 1ULL << 32);
	must(KIPC_REC_LINE == 1ULL << 33 && KIPC_RING_LINE == 64);
	must(KIPC_ARMED_PARKED == 1 && KIPC_ARMED_POLLED == 2 && KIPC_ARMED_CALL == 4);
	must(KIPC_GONE_SHUT == 1 && KIPC_GONE_CLOSED == 2 && KIPC_GONE_DEAD == 4);
	must(KIPC_END_FREE == 0 && KIPC_END_LIVE == 1 && KIPC_END_DEAD == 2);
	must(KIPC_FENCE_PROD == 1 && KIPC_FENCE_CAN == 2 && KIPC_FENCE_CONS == 4);
	must_eq(kipc_ring_stride(0, 8), 8);
	must_eq(kipc_ring_stride(1, 8), 16);
	must_eq(kipc_ring_stride(56, 64), 64);
	must_eq(kipc_ring_stride(57, 64), 128);
	must_eq(kipc_ring_max_len(4096, 8), 4080);
	must(kipc_ring_due(5, 5) && kipc_ring_due(6, 5) && !kipc_ring_due(4, 5));
	must(kipc_ring_due(3, 0 - (uint64_t)8) && !kipc_ring_due(0 - (uint64_t)8, 3));
}

Test(layout, device_structs)
{
	must_eq(sizeof(struct kipc_ioc_info), 64);
	at(kipc_ioc_info, features, 8);
	at(kipc_ioc_info, nr_nodes, 52);
	at(kipc_ioc_info, kinds, 56);
	must_eq(sizeof(struct kipc_ioc_create), 168);
	at(kipc_ioc_create, ring_bytes, 16);
	at(kipc_ioc_create, start, 32);
	at(kipc_ioc_create, align, 48);
	at(kipc_ioc_create, node, 56);
	at(kipc_ioc_create, name, 64);
	at(kipc_ioc_create, fd, 128);
	at(kipc_ioc_create, role, 136);
	at(kipc_ioc_create, slots, 144);
	at(kipc_ioc_create, end, 160);
	must_eq(sizeof(struct kipc_ioc_attach), 136);
	at(kipc_ioc_attach, ring_bytes, 88);
	at(kipc_ioc_attach, align, 104);
	at(kipc_ioc_attach, name, 16);
	at(kipc_ioc_attach, fd, 80);
	at(kipc_ioc_attach, end, 84);
	at(kipc_ioc_attach, role, 112);
	at(kipc_ioc_attach, held_plus_1, 128);
	must_eq(sizeof(struct kipc_ioc_self), 32);
	must_eq(sizeof(struct kipc_ioc_wait), 32);
	at(kipc_ioc_wait, position, 16);
	at(kipc_ioc_wait, deadline, 24);
	must_eq(sizeof(struct kipc_ioc_wake), 16);
	must_eq(sizeof(struct kipc_ioc_xchg), 56);
	at(kipc_ioc_xchg, wake, 8);
	at(kipc_ioc_xchg, wait, 24);
	must_eq(sizeof(struct kipc_ioc_shutdown), 8);
	must_eq(sizeof(struct kipc_ioc_peer), 40);
	at(kipc_ioc_peer, end, 32);
	must_eq(sizeof(struct kipc_ioc_stat), 48);
	must_eq(sizeof(struct kipc_ioc_arm), 16);
	must_eq(sizeof(struct kipc_ioc_sleep), 40);
	at(kipc_ioc_sleep, seen, 12);
	at(kipc_ioc_sleep, offset, 16);
	at(kipc_ioc_sleep, value, 24);
	at(kipc_ioc_sleep, deadline, 32);
	must_eq(sizeof(struct kipc_ioc_ring), 16);
	must_eq(sizeof(struct kipc_ioc_bind), 8);
	must_eq(sizeof(struct kipc_ioc_cut), 24);
	at(kipc_ioc_cut, ends, 8);
	must_eq(sizeof(struct kipc_ioc_undo), 16);
}

Test(layout, device_values)
{
	static const struct {
		unsigned long call;
		unsigned nr;
	} calls[] = {
		{ KIPC_IOC_INFO, 0 },     { KIPC_IOC_CREATE, 1 },      { KIPC_IOC_ATTACH, 2 },
		{ KIPC_IOC_SELF, 0x20 },  { KIPC_IOC_WAIT, 0x21 },     { KIPC_IOC_WAKE, 0x22 },
		{ KIPC_IOC_XCHG, 0x23 },  { KIPC_IOC_SHUTDOWN, 0x24 }, { KIPC_IOC_HANDOVER, 0x25 },
		{ KIPC_IOC_PEER, 0x26 },  { KIPC_IOC_STAT, 0x27 },     { KIPC_IOC_ARM, 0x28 },
		{ KIPC_IOC_SLEEP, 0x29 }, { KIPC_IOC_RING, 0x2a },     { KIPC_IOC_BIND, 0x2b },
		{ KIPC_IOC_CUT, 0x2c },   { KIPC_IOC_UNDO, 0x2d },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		must_eq(_IOC_TYPE(calls[i].call), 0xb9);
		must_eq(_IOC_NR(calls[i].call), calls[i].nr);
	}
	must(KIPC_SIDE_DATA == 0 && KIPC_SIDE_SPACE == 1);
	must(KIPC_DIR_IN == KIPC_IN && KIPC_DIR_OUT == KIPC_OUT);
	must(KIPC_DEV_ABI == 1 && KIPC_NAME_MAX == 64 && KIPC_FOREVER == -1);
}
