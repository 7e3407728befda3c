// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - loading and its mirror
 */
#include <linux/module.h>

#include "crowd.h"
#include "main.h"

static int __init kipc_main_init(void)
{
	int rc;

	rc = kipc_crowd_start();
	if (rc)
		return rc;
	rc = kipc_name_init();
	if (rc)
		goto err_crowd;
	rc = kipc_dev_init();
	if (rc)
		goto err_name;
	return 0;

err_name:
	kipc_name_exit();
err_crowd:
	kipc_crowd_stop();
	return rc;
}

/* Open files and mappings pin the module, so nothing is in use here. What may still run is a worker that
 * wakes a crowd, and the deferred freeing of owners.
 */
static void __exit kipc_main_exit(void)
{
	kipc_dev_exit();
	kipc_name_exit();
	kipc_crowd_stop();
	kipc_owner_exit();
}

module_init(kipc_main_init);
module_exit(kipc_main_exit);

MODULE_DESCRIPTION("Rings between processes: safe sharing, waking, death notice");
MODULE_LICENSE("GPL");
