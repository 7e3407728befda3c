// SPDX-License-Identifier: MIT
/* mechs.c - the table of all mechanisms, and the names of how they are run */
#include "bench.h"

extern const struct mech mech_line, mech_two_lines, mech_slot_stream, mech_copy, mech_memcpy,
	mech_syscall;
extern const struct mech mech_kipc_shm, mech_kipc_kmod, mech_kipc_unix;
extern const struct mech mech_call_shm, mech_call_kmod, mech_call_unix;
extern const struct mech mech_bytes_shm, mech_bytes_kmod, mech_bytes_unix;
extern const struct mech mech_pubsub_1, mech_pubsub_8;
extern const struct mech mech_queue_1, mech_queue_4;
extern const struct mech mech_slot_queue;
extern const struct mech mech_pipe, mech_fifo, mech_posix_mq, mech_sysv_mq, mech_posix_sem,
	mech_sysv_sem, mech_unix_stream, mech_unix_seqpacket, mech_unix_dgram, mech_tcp, mech_udp,
	mech_raw, mech_signal, mech_eventfd, mech_futex, mech_vm_readv, mech_uring_unix;

#define MECHS_MAX 64

const struct mech *mechs[MECHS_MAX] = {
	&mech_line,       &mech_two_lines,   &mech_slot_stream,
	&mech_copy,       &mech_memcpy,      &mech_syscall,
	&mech_kipc_kmod,  &mech_kipc_shm,    &mech_kipc_unix,
	&mech_slot_queue, &mech_pipe,        &mech_fifo,
	&mech_posix_mq,   &mech_sysv_mq,     &mech_posix_sem,
	&mech_sysv_sem,   &mech_unix_stream, &mech_unix_seqpacket,
	&mech_unix_dgram, &mech_tcp,         &mech_udp,
	&mech_raw,        &mech_signal,      &mech_eventfd,
	&mech_futex,      &mech_vm_readv,    &mech_uring_unix,
	&mech_pubsub_1,   &mech_pubsub_8,    &mech_queue_1,
	&mech_queue_4,    &mech_call_kmod,   &mech_call_shm,
	&mech_call_unix,  &mech_bytes_kmod,  &mech_bytes_shm,
	&mech_bytes_unix,
};

int mechs_add(const struct mech *m)
{
	int i = 0;

	while (mechs[i])
		i++;
	if (i == MECHS_MAX - 1)
		return -ENOSPC;
	mechs[i] = m;
	return 0;
}

const char *const wait_names[] = { "spin", "block", "adaptive" };
const char *const cpus_names[] = { "same", "two" };
const char *const variant_names[] = { "copy", "inplace" };
