// SPDX-License-Identifier: GPL-2.0-only
/*
 * seatmap.c - who of many ends may map which area how
 *
 * Besides who owns the end, every writable mapping is counted, whoever has it: the place is given to
 * somebody else only when none is left.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "map.h"
#include "seat.h"

/* ---- what a mapping does later ---------------------------------------------------------- */

static bool kipc_map_is_ctrl(const struct vm_area_struct *vma)
{
	const struct kipc_seat *seat = vma->vm_file->private_data;

	return vma->vm_private_data == &seat->hub->areas[KIPC_HUB_AREA_CTRL];
}

static void kipc_map_seat_open(struct vm_area_struct *vma)
{
	kipc_seat_remap(vma->vm_file->private_data, vma->vm_mm, kipc_map_is_ctrl(vma));
}

static void kipc_map_seat_close(struct vm_area_struct *vma)
{
	kipc_seat_unmap(vma->vm_file->private_data, vma->vm_mm, kipc_map_is_ctrl(vma));
}

static const struct vm_operations_struct kipc_map_writer_ops = {
	.open = kipc_map_seat_open,
	.close = kipc_map_seat_close,
	.may_split = kipc_map_may_split,
	.mremap = kipc_map_mremap,
	.fault = kipc_map_fault,
};

/* ---- mmap ------------------------------------------------------------------------------- */

/* A whole area, or one page of the control area. */
static struct kipc_area *kipc_map_seat_find(struct kipc_hub *hub, const struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 bytes = vma->vm_end - vma->vm_start;
	struct kipc_area *ctrl = &hub->areas[KIPC_HUB_AREA_CTRL];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hub->areas); i++)
		if (hub->areas[i].offset == offset && kipc_region_span(&hub->areas[i]) == bytes)
			return &hub->areas[i];
	if (bytes == PAGE_SIZE && offset >= ctrl->offset &&
	    offset < ctrl->offset + kipc_region_span(ctrl))
		return ctrl;
	return NULL;
}

static bool kipc_map_is_own_page(const struct kipc_seat *seat, const struct vm_area_struct *vma)
{
	const struct kipc_area *ctrl = &seat->hub->areas[KIPC_HUB_AREA_CTRL];

	return vma->vm_end - vma->vm_start == PAGE_SIZE &&
	       vma->vm_pgoff == (ctrl->offset >> PAGE_SHIFT) + seat->index;
}

static bool kipc_map_may_write_area(const struct kipc_seat *seat, const struct kipc_area *area,
                                    const struct vm_area_struct *vma)
{
	const struct kipc_hub *hub = seat->hub;

	if (area == &hub->areas[KIPC_HUB_AREA_CTRL])
		return kipc_map_is_own_page(seat, vma);
	return area == &hub->areas[KIPC_HUB_AREA_DATA] &&
	       (hub->kind == KIPC_KIND_QUEUE || seat->index == 0);
}

static int kipc_map_seat_check(const struct kipc_seat *seat, const struct kipc_area *area,
                               const struct vm_area_struct *vma)
{
	int rc = area ? kipc_map_check_flags(vma) : -EINVAL;

	if (rc || !(vma->vm_flags & VM_WRITE))
		return rc;
	if (!kipc_map_may_write_area(seat, area, vma))
		return -EACCES;
	return kipc_seat_may_write(seat);
}

int kipc_map_seat(struct file *file, struct vm_area_struct *vma)
{
	struct kipc_seat *seat = file->private_data;
	struct kipc_area *area = kipc_map_seat_find(seat->hub, vma);
	bool writes = vma->vm_flags & VM_WRITE;
	int rc = kipc_map_seat_check(seat, area, vma);

	if (rc)
		return rc;
	if (writes && area == &seat->hub->areas[KIPC_HUB_AREA_CTRL])
		rc = kipc_seat_map(seat, vma->vm_mm);
	else if (writes)
		rc = kipc_seat_map_data(seat, vma->vm_mm);
	if (!rc)
		kipc_map_area(area, vma, writes ? &kipc_map_writer_ops : &kipc_map_ops);
	return rc;
}
