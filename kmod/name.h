/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * name.h - channels that strangers can find
 */
#ifndef KIPC_NAME_H
#define KIPC_NAME_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "main.h"

struct kref;
struct kipc_ioc_attach;
struct kipc_ioc_create;
struct net;

/* Part of a channel. Not in the registry while net is NULL. Protected by kipc_name_lock; text,
 * uid, gid and mode do not change once it is there.
 */
struct kipc_name {
	struct hlist_node node;
	struct net *net; /* only compared: the entry goes before the namespace does */
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	u32 kind;          /* KIPC_KIND_*: what it names; a pair is joined once */
	struct kref *refs; /* of what it names, which goes with it */
	bool ready;        /* until then the name is taken, but nobody can attach */
	bool claimed;      /* the second end has been given away */
	char text[KIPC_NAME_MAX];
};

/* Is this a name, or empty? -EINVAL when it is neither. */
int kipc_name_check(const char text[KIPC_NAME_MAX]);

/* Takes the name for the caller: -EEXIST. */
int kipc_name_reserve(struct kipc_name *name, const struct kipc_ioc_create *arg);
void kipc_name_publish(struct kipc_name *name);
void kipc_name_drop(struct kipc_name *name);

/* Finds the name of something that the caller may join and that the judge finds suitable, claims its
 * second end if it is a pair, and takes a reference on it: -ENOENT, -EACCES, -EPERM, -EBUSY, -EINVAL
 * when it is of another kind, or what the judge says, who is called under kipc_name_lock. What was
 * claimed is given back by kipc_name_unclaim() for as long as the caller has not made a file of it.
 */
typedef int (*kipc_name_judge_fn)(const struct kipc_name *name, const struct kipc_ioc_attach *arg);
struct kipc_name *kipc_name_claim(const struct kipc_ioc_attach *arg, kipc_name_judge_fn judge);
void kipc_name_unclaim(struct kipc_name *name);

#endif /* KIPC_NAME_H */
