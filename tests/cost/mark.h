/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a program in the guest tells the counting plugin where a window begins and
 * ends: nopl NUMBER(%rax,%rax,1), with numbers that no compiler pads code with.
 */
#ifndef MARK_H
#define MARK_H

#define MARK_NOP 0x0f, 0x1f, 0x84, 0x00
#define MARK_BEGIN 0x41505801
#define MARK_END 0x41505802

#endif
