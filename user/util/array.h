/* SPDX-License-Identifier: GPL-2.0-or-later */
/* array.h - sizes and masks of the language that the language does not name */
#pragma once

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1u << (n))
