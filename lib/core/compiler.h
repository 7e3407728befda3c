/* SPDX-License-Identifier: MIT */
/* compiler.h - what the compiler is told about paths that are hot and paths that are not */
#ifndef KIPC_CORE_COMPILER_H
#define KIPC_CORE_COMPILER_H

#define kipc__likely(x)   __builtin_expect(!!(x), 1)
#define kipc__unlikely(x) __builtin_expect(!!(x), 0)
#define kipc__noinline    __attribute__((noinline))
#define kipc__inline      inline __attribute__((always_inline))

#endif /* KIPC_CORE_COMPILER_H */
