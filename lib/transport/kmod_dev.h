/* SPDX-License-Identifier: MIT */
/* kmod_dev.h - the device: opening it, calling it, and why that may not work */
#ifndef KIPC_TRANSPORT_KMOD_DEV_H
#define KIPC_TRANSPORT_KMOD_DEV_H

#include "../transport.h"

/* A control handle; -ENODEV: the module is not there; another negative errno. */
int kipc__kmod_open(void);

/* ioctl() that returns a negative errno. */
int kipc__kmod_call(int fd, unsigned long request, void *arg);

/* What a refusal of CREATE or ATTACH means to the user: kipc__why_set(); returns r. */
int kipc__kmod_explain(int r);

/* The slot of the transport table. */
void kipc__kmod_probe(struct kipc__verdict *v);

#endif /* KIPC_TRANSPORT_KMOD_DEV_H */
