/* SPDX-License-Identifier: GPL-2.0-or-later */
/* denial.h - who may have said that a call is not permitted, beside the kernel itself */
#pragma once

#include <stdbool.h>

#include "event.h"

struct denial {
	bool known; /* the rest is */
	bool seccomp; /* a filter of the process may have answered in the kernel's place */
	__u32 program; /* a BPF program of the cgroup that was asked, 0: there was none */
};
