/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * seatfile.h - the endpoint file of a channel with many ends
 */
#ifndef KIPC_SEATFILE_H
#define KIPC_SEATFILE_H

#include <linux/fs.h>

/* private_data is a struct kipc_seat that the file holds, or NULL in a file that was never given away. */
extern const struct file_operations kipc_seat_fops;

#endif /* KIPC_SEATFILE_H */
