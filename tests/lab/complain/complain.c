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
MODULE_PARM_DESC(what, "nothing, warn, use_after_free, red_zone, shift, bounds, leak, late_leak, recursion, rcu or sleep");

static DEFINE_SPINLOCK(outer);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static void __rcu *pointer;
static unsigned int numbers[4];

static void use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kfree(p);
	/* The compiler must not see that p is dead. */
	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(p[8], 1);
	/* Poison is looked at when the memory is given out again. */
	kfree(kmalloc(64, GFP_KERNEL));
}

/* As code does that KASAN does not see, such as a device's or one in assembler: SLUB has to find it. */
static noinline __no_sanitize_address void red_zone(void)
{
	char *p = kmalloc(96, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(p[96], 1);
	kfree(p);
}

static void shift(void)
{
	unsigned int by = 40;

	OPTIMIZER_HIDE_VAR(by);
	WRITE_ONCE(numbers[0], 1U << by);
}

static void bounds(void)
{
	unsigned int i = 4;

	OPTIMIZER_HIDE_VAR(i);
	numbers[i] = i;
	barrier();
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
	} else if (!strcmp(what, "red_zone")) {
		red_zone();
	} else if (!strcmp(what, "shift")) {
		shift();
	} else if (!strcmp(what, "bounds")) {
		bounds();
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
	} else if (strcmp(what, "late_leak") && strcmp(what, "nothing")) {
		return -EINVAL;
	}
	return 0;
}

static void __exit complain_exit(void)
{
	if (!strcmp(what, "late_leak"))
		leak();
}

module_init(complain_init);
module_exit(complain_exit);
MODULE_DESCRIPTION("Makes the kernel complain on purpose");
MODULE_LICENSE("GPL");
