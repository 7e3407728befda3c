/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * map.h - mapping the areas of a channel through an endpoint file
 */
#ifndef KIPC_MAP_H
#define KIPC_MAP_H

struct file;
struct vm_area_struct;

int kipc_map_file(struct file *file, struct vm_area_struct *vma);

#endif /* KIPC_MAP_H */
