/* SPDX-License-Identifier: MIT */
/*
 * fork.h - which process is this?
 *
 * getpid() is a system call. Instead one word lives in a page that the kernel wipes in a forked
 * child (MADV_WIPEONFORK): a handle remembers the generation it was taken into use in, and one load
 * tells whether this is still that process.
 */
#ifndef KIPC_OS_FORK_H
#define KIPC_OS_FORK_H

#include <stdint.h>

/* The word: this process's generation, 0 before its first use here. Never NULL. */
extern const uint64_t *kipc__fork_word;

/* This process's generation, never 0. -ENOMEM or -EOPNOTSUPP comes out negative. */
int64_t kipc__fork_generation(void);

#endif /* KIPC_OS_FORK_H */
