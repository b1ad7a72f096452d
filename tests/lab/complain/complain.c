// SPDX-License-Identifier: GPL-2.0
/*
 * complain.ko what=NAME makes a kernel complain on purpose, to prove that the lab's tripwire sees it.
 * Never for a machine that is needed. Loading always succeeds, so that only the log can tell.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *what = "nothing";
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "nothing, warn, use_after_free, leak, recursion, rcu or sleep");

static DEFINE_SPINLOCK(outer);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static void __rcu *pointer;

static void use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kfree(p);
	/* The compiler must not see that p is dead. */
	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(p[8], 1);
}

/* kmemleak finds pointers wherever they are, so several are lost: not all of them stay in a register or on a stack. */
static noinline void leak(void)
{
	int i;

	for (i = 0; i < 16; i++) {
		void *p = kmalloc(96, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(p);
	}
}

/* Taken in both orders: the classic deadlock in waiting. */
static void recursion(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static int __init complain_init(void)
{
	if (!strcmp(what, "warn")) {
		WARN(1, "complain: asked to");
	} else if (!strcmp(what, "use_after_free")) {
		use_after_free();
	} else if (!strcmp(what, "leak")) {
		leak();
	} else if (!strcmp(what, "recursion")) {
		recursion();
	} else if (!strcmp(what, "rcu")) {
		(void)rcu_dereference(pointer);
	} else if (!strcmp(what, "sleep")) {
		spin_lock(&outer);
		might_sleep();
		spin_unlock(&outer);
	} else if (strcmp(what, "nothing")) {
		return -EINVAL;
	}
	return 0;
}

static void __exit complain_exit(void)
{
}

module_init(complain_init);
module_exit(complain_exit);
MODULE_DESCRIPTION("Makes the kernel complain on purpose");
MODULE_LICENSE("GPL");
