/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hot.h - what the compiler is told of the path that every packet takes; measured with gcc 12 -O2 */
#pragma once

/* Seldom called by who is often called: its variables shall cost him no register and no stack. */
#define APART static __attribute__((noinline))

/* Into every caller: what it is given pointers to need not be in memory then. */
#define INLINED static inline __attribute__((always_inline))

/*
 * The address of an element of which many members are used. gcc would multiply its index anew for each
 * of them, four instructions where the size is no power of two: so it is kept from knowing how.
 */
#define ELEMENT(array, index)                                   \
	({                                                      \
		typeof(&(array)[0]) element_ = &(array)[index]; \
		__asm__("" : "+r"(element_));                   \
		element_;                                       \
	})
