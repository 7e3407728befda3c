// SPDX-License-Identifier: GPL-2.0-only
/*
 * name.c - the registry of names, one for each network namespace
 *
 * A name leads strangers to each other, so it has an owner, a group and a mode as a FIFO has. It
 * holds no reference on its channel and vanishes with the first end of a pair that dies, or with
 * the last one of a channel with many.
 */
#include <linux/ctype.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/nsproxy.h>
#include <linux/spinlock.h>
#include <linux/stringhash.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>

#include "name.h"

static DEFINE_SPINLOCK(kipc_name_lock);
static DEFINE_HASHTABLE(kipc_name_table, 8);

int kipc_name_check(const char text[KIPC_NAME_MAX])
{
	size_t i, len = strnlen(text, KIPC_NAME_MAX);

	if (len == KIPC_NAME_MAX || text[0] == '.')
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (!isascii(text[i]) || !(isalnum(text[i]) || strchr("._-", text[i])))
			return -EINVAL;
	return memchr_inv(text + len, 0, KIPC_NAME_MAX - len) ? -EINVAL : 0;
}

static unsigned int kipc_name_hash(const struct net *net, const char *text)
{
	return full_name_hash(net, text, strlen(text));
}

static struct kipc_name *kipc_name_find(const struct net *net, const char *text)
{
	struct kipc_name *name;

	hash_for_each_possible (kipc_name_table, name, node, kipc_name_hash(net, text))
		if (name->net == net && !strcmp(name->text, text))
			return name;
	return NULL;
}

int kipc_name_reserve(struct kipc_name *name, const struct kipc_ioc_create *arg)
{
	struct net *net = current->nsproxy->net_ns;
	int rc = 0;

	name->uid = current_fsuid();
	name->gid = current_fsgid();
	name->mode = arg->mode;
	memcpy(name->text, arg->name, sizeof(name->text));

	spin_lock(&kipc_name_lock);
	if (kipc_name_find(net, name->text)) {
		rc = -EEXIST;
	} else {
		name->net = net;
		hash_add(kipc_name_table, &name->node, kipc_name_hash(net, name->text));
	}
	spin_unlock(&kipc_name_lock);
	return rc;
}

void kipc_name_publish(struct kipc_name *name)
{
	spin_lock(&kipc_name_lock);
	name->ready = true;
	spin_unlock(&kipc_name_lock);
}

static void kipc_name_remove(struct kipc_name *name)
{
	hash_del(&name->node);
	name->net = NULL;
}

void kipc_name_drop(struct kipc_name *name)
{
	spin_lock(&kipc_name_lock);
	if (name->net)
		kipc_name_remove(name);
	spin_unlock(&kipc_name_lock);
}

/* Subscribing is reading and publishing is writing, as with a FIFO; all other ends do both. */
static umode_t kipc_name_needs(const struct kipc_ioc_attach *arg)
{
	if (arg->kind != KIPC_KIND_PUBSUB)
		return 06;
	return arg->role == KIPC_ROLE_PUBLISHER ? 02 : 04;
}

/* As for a file: the first class that fits decides. Whoever is root where the network namespace
 * is at home passes, provided that owner and group have a meaning there.
 */
static bool kipc_name_may_join(const struct kipc_name *name, umode_t needs)
{
	struct user_namespace *ns = name->net->user_ns;
	umode_t bits = name->mode;

	if (uid_eq(current_fsuid(), name->uid))
		bits >>= 6;
	else if (in_group_p(name->gid))
		bits >>= 3;
	if ((bits & needs) == needs)
		return true;
	return kuid_has_mapping(ns, name->uid) && kgid_has_mapping(ns, name->gid) &&
	       ns_capable(ns, CAP_DAC_OVERRIDE);
}

static int kipc_name_check_join(const struct kipc_name *name, const struct kipc_ioc_attach *arg,
                                kipc_name_judge_fn judge)
{
	int rc;

	if (!kipc_name_may_join(name, kipc_name_needs(arg)))
		return -EACCES;
	if ((arg->flags & KIPC_ATTACH_EXPECT) &&
	    !uid_eq(name->uid, make_kuid(current_user_ns(), arg->expect_uid)))
		return -EPERM;
	rc = name->kind == arg->kind ? judge(name, arg) : -EINVAL;
	if (rc)
		return rc;
	if (name->claimed)
		return -EBUSY;
	/* It may be on its way out. */
	return kref_get_unless_zero(name->refs) ? 0 : -ENOENT;
}

struct kipc_name *kipc_name_claim(const struct kipc_ioc_attach *arg, kipc_name_judge_fn judge)
{
	struct kipc_name *name;
	int rc = -ENOENT;

	spin_lock(&kipc_name_lock);
	name = kipc_name_find(current->nsproxy->net_ns, arg->name);
	if (name && name->ready)
		rc = kipc_name_check_join(name, arg, judge);
	if (!rc)
		name->claimed = name->kind == KIPC_KIND_PAIR;
	spin_unlock(&kipc_name_lock);
	return rc ? ERR_PTR(rc) : name;
}

void kipc_name_unclaim(struct kipc_name *name)
{
	spin_lock(&kipc_name_lock);
	name->claimed = false;
	spin_unlock(&kipc_name_lock);
}

/* The channels live on for those who hold them; nobody can look them up any more. */
static void __net_exit kipc_name_exit_net(struct net *net)
{
	struct kipc_name *name;
	struct hlist_node *next;
	int bucket;

	spin_lock(&kipc_name_lock);
	hash_for_each_safe(kipc_name_table, bucket, next, name, node) if (name->net == net)
		kipc_name_remove(name);
	spin_unlock(&kipc_name_lock);
}

static struct pernet_operations kipc_name_net_ops = {
	.exit = kipc_name_exit_net,
};

int kipc_name_init(void)
{
	return register_pernet_subsys(&kipc_name_net_ops);
}

void kipc_name_exit(void)
{
	unregister_pernet_subsys(&kipc_name_net_ops);
}
