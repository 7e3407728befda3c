/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * map.h - mapping the areas of a channel through an endpoint file
 */
#ifndef KIPC_MAP_H
#define KIPC_MAP_H

#include <linux/mm.h>

struct kipc_area;

int kipc_map_file(struct file *file, struct vm_area_struct *vma); /* of an end of a pair */
int kipc_map_seat(struct file *file, struct vm_area_struct *vma); /* of one of many */

/* What no area of any channel allows: -EINVAL, -EACCES. */
int kipc_map_check_flags(const struct vm_area_struct *vma);

/* Maps the part of the area that the mapping asks for; never more than it asks for now. It comes last, and
 * does not fail: other threads can write a page as soon as it is there, whatever mmap says in the end, and
 * a mapping that fails is not closed. So whoever counts the mapping has done so before.
 */
void kipc_map_area(struct kipc_area *area, struct vm_area_struct *vma,
                   const struct vm_operations_struct *ops);

/* What a mapping does later; vm_private_data is its area. */
extern const struct vm_operations_struct kipc_map_ops;
vm_fault_t kipc_map_fault(struct vm_fault *vmf);
int kipc_map_may_split(struct vm_area_struct *vma, unsigned long address);
int kipc_map_mremap(struct vm_area_struct *vma);

#endif /* KIPC_MAP_H */
