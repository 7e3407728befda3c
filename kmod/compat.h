/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - the only file that may ask which kernel this is
 */
#ifndef KIPC_COMPAT_H
#define KIPC_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "kipc needs Linux 6.1 or later"
#endif

#ifndef CONFIG_64BIT
#error "kipc needs a 64-bit kernel: positions are read and written as one word"
#endif

/* On some machines a page has cache lines of its own at each address where it is seen. Those where that is
 * known not to be, and where the orders that kipc_ring.h stands on were looked at:
 */
#if !defined(CONFIG_X86_64) && !defined(CONFIG_ARM64)
#error "kipc needs x86-64 or arm64: kernel and users see the same words at different addresses"
#endif

#ifndef CONFIG_MMU_NOTIFIER
#error "kipc needs CONFIG_MMU_NOTIFIER to notice the death of a process at once"
#endif

/*
 * The wake-up flag that places the wakee on the waker's CPU. It has no public name; what
 * default_wake_function() accepts is WF_SYNC alone before 6.6 and WF_CURRENT_CPU too since then.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define KIPC_COMPAT_WAKE_HERE 0x40
#else
#define KIPC_COMPAT_WAKE_HERE 0
#endif

/* WF_SYNC, whose name is the scheduler's own. */
#define KIPC_COMPAT_WAKE_SYNC 0x10

/* vm_flags_mod() came in 6.3, and vm_flags became read-only with it. */
static inline void kipc_compat_vm_flags(struct vm_area_struct *vma, unsigned long set,
                                        unsigned long clear)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

#endif /* KIPC_COMPAT_H */
