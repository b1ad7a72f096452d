/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration as C sources see it, when clang builds for a kernel that gcc has built (make LLVM=1): what depends
 * on the compiler is clang's. Met before the kernel's own header by the same name.
 */
#include_next <generated/autoconf.h>

#undef CONFIG_CC_IS_GCC
#define CONFIG_CC_IS_CLANG 1

/* The address space of variables of one processor gets lost in typeof: memory accesses without %gs. */
#undef CONFIG_CC_HAS_NAMED_AS
#undef CONFIG_USE_X86_SEG_SUPPORT

/* Of clang before 22.1. */
#define CONFIG_CC_HAS_BROKEN_COUNTED_BY_REF 1
