/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * end.h - the endpoint file
 */
#ifndef KIPC_END_H
#define KIPC_END_H

#include <linux/fs.h>

/* private_data is a struct kipc_end whose channel the file holds, or NULL in a file that was never
 * given away.
 */
extern const struct file_operations kipc_end_fops;

#endif /* KIPC_END_H */
