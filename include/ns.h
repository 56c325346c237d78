/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ns.h - nanoseconds, in which both sides count time, and what people read it in */
#pragma once

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

#define US_PER_MS 1000ull
#define US_PER_S 1000000ull
