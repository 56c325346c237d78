/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock.h - what a clock shows now; not for stages whose time is only what records say */
#pragma once

#include <time.h>

#include "util/time.h"

__u64 clock_read_ns(clockid_t clock);
