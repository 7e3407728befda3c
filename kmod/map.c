// SPDX-License-Identifier: GPL-2.0-only
/*
 * map.c - who may map which area how
 *
 * Every mapped page holds a reference of its own, so neither munmap nor the end of the channel can
 * free memory that somebody still reaches. All decisions about protection are made here, for each
 * mapping anew, from its offset and the role of the file; what mmap granted can be lowered later
 * and never raised.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "chan.h"
#include "compat.h"
#include "map.h"

/* ---- what a mapping does later ---------------------------------------------------------- */

/* Everything is mapped from the start. Faults come only after madvise(MADV_DONTNEED), which must
 * not turn a live area into SIGBUS.
 */
vm_fault_t kipc_map_fault(struct vm_fault *vmf)
{
	const struct kipc_area *area = vmf->vma->vm_private_data;
	unsigned long index = vmf->pgoff - (area->offset >> PAGE_SHIFT);

	if (index >= area->nr_pages * area->copies)
		return VM_FAULT_SIGBUS;
	vmf->page = area->pages[index % area->nr_pages];
	get_page(vmf->page);
	return 0;
}

/* Partial unmapping, partial mprotect and the like all split first. */
int kipc_map_may_split(struct vm_area_struct *vma, unsigned long address)
{
	return -EINVAL;
}

int kipc_map_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

static bool kipc_map_owns(const struct vm_area_struct *vma)
{
	const struct kipc_area *area = vma->vm_private_data;

	return area->owns;
}

/* Of what is mapped writable. mremap copies before it asks, and madvise(MADV_DOFORK) can undo VM_DONTCOPY.
 */
static void kipc_map_open(struct vm_area_struct *vma)
{
	kipc_chan_remap(vma->vm_file->private_data, vma->vm_mm, kipc_map_owns(vma));
}

static void kipc_map_close(struct vm_area_struct *vma)
{
	kipc_chan_unmap(vma->vm_file->private_data, vma->vm_mm, kipc_map_owns(vma));
}

const struct vm_operations_struct kipc_map_ops = {
	.may_split = kipc_map_may_split,
	.mremap = kipc_map_mremap,
	.fault = kipc_map_fault,
};

static const struct vm_operations_struct kipc_map_writer_ops = {
	.open = kipc_map_open,
	.close = kipc_map_close,
	.may_split = kipc_map_may_split,
	.mremap = kipc_map_mremap,
	.fault = kipc_map_fault,
};

/* ---- mmap ------------------------------------------------------------------------------- */

static struct kipc_area *kipc_map_find(struct kipc_chan *chan, const struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 bytes = vma->vm_end - vma->vm_start;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(chan->areas); i++)
		if (chan->areas[i].offset == offset && kipc_region_span(&chan->areas[i]) == bytes)
			return &chan->areas[i];
	return NULL;
}

int kipc_map_check_flags(const struct vm_area_struct *vma)
{
	/* VM_SHARED says that a shared mapping may be written, VM_MAYSHARE that it is one. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	return vma->vm_flags & VM_EXEC ? -EACCES : 0;
}

static int kipc_map_check(const struct kipc_end *end, const struct kipc_area *area,
                          const struct vm_area_struct *vma)
{
	int rc = area ? kipc_map_check_flags(vma) : -EINVAL;

	if (rc || !(vma->vm_flags & VM_WRITE))
		return rc;
	return area->writer == (int)end->index ? 0 : -EACCES;
}

/* Pages of one step. A gigabyte of them takes a while. */
#define KIPC_MAP_STEP 1024UL

/* What is not inserted, for lack of page tables, comes by faults. */
static void kipc_map_insert(const struct kipc_area *area, struct vm_area_struct *vma)
{
	unsigned long index = vma->vm_pgoff - (area->offset >> PAGE_SHIFT);
	unsigned long address = vma->vm_start;
	int rc = 0;

	while (address < vma->vm_end && !rc && !fatal_signal_pending(current)) {
		unsigned long first = index % area->nr_pages;
		unsigned long nr = min3(area->nr_pages - first,
		                        (vma->vm_end - address) >> PAGE_SHIFT, KIPC_MAP_STEP);
		unsigned long left = nr;

		rc = vm_insert_pages(vma, address, area->pages + first, &left);
		address += nr << PAGE_SHIFT;
		index += nr;
		cond_resched();
	}
}

void kipc_map_area(struct kipc_area *area, struct vm_area_struct *vma,
                   const struct vm_operations_struct *ops)
{
	kipc_compat_vm_flags(vma, VM_DONTEXPAND | VM_DONTCOPY | VM_DONTDUMP,
	                     VM_MAYEXEC | (vma->vm_flags & VM_WRITE ? 0 : VM_MAYWRITE));
	vma->vm_private_data = area;
	vma->vm_ops = ops;
	kipc_map_insert(area, vma);
}

int kipc_map_file(struct file *file, struct vm_area_struct *vma)
{
	struct kipc_end *end = file->private_data;
	struct kipc_area *area = kipc_map_find(end->chan, vma);
	int rc = kipc_map_check(end, area, vma);
	bool writes = vma->vm_flags & VM_WRITE;

	if (rc)
		return rc;
	if (writes && area->owns)
		rc = kipc_chan_map(end, vma->vm_mm);
	else if (writes)
		rc = kipc_chan_map_data(end, vma->vm_mm);
	if (!rc)
		kipc_map_area(area, vma, writes ? &kipc_map_writer_ops : &kipc_map_ops);
	return rc;
}
