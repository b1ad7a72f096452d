// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the kernel complain on purpose, so that the tripwire of tests/vm/run is seen to work on a
 * stock kernel's real messages. Used by tests/vm/selfcheck/run only.
 */
#include <linux/bug.h>
#include <linux/module.h>

static char *how = "warn";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "warn: one WARN_ON; oops: read address 8");

static int __init complain_init(void)
{
	if (!strcmp(how, "oops"))
		return *(volatile int *)8;
	WARN_ON(1);
	return 0;
}

static void __exit complain_exit(void)
{
}

module_init(complain_init);
module_exit(complain_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("complains on purpose");
