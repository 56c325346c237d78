/* SPDX-License-Identifier: GPL-2.0-or-later */
/* interfaces.h - the interfaces that packet programs are attached to */
#pragma once

#include "event.h"

enum interfaces_means { INTERFACES_TCX, INTERFACES_CLSACT };

struct interfaces;

/* @in_fd, @out_fd: the programs; they stay the caller's. */
int interfaces_open(struct interfaces **out, enum interfaces_means means, int in_fd, int out_fd);

/* Detaches everywhere. NULL is fine. */
void interfaces_close(struct interfaces *interfaces);

/* As attach_interface(). */
int interfaces_attach(struct interfaces *interfaces, __u32 netns, __u32 ifindex, const char *name,
		      __u32 *flags);

/* As attach_forget_interface(). */
void interfaces_forget(struct interfaces *interfaces, __u32 netns, __u32 ifindex);
