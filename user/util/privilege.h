/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privilege.h - capabilities that came with the program's file */
#pragma once

/*
 * Gives them up for good: they are for the kernel side, and would open files that the user may not
 * read. Root, and capabilities that a service gave, stay as they are.
 */
void privilege_drop(void);
