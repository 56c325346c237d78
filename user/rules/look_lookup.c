// SPDX-License-Identifier: GPL-2.0-or-later
/* look_lookup.c - questions that rules ask about names */

#include <string.h>

#include "rules/look.h"

/* The digit's value; 16: it is none. */
static unsigned int digit_of(char c)
{
	return c >= '0' && c <= '9' ? (unsigned int)(c - '0') :
	       c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 :
				      16;
}

/* How many labels in front are numbers of up to @digits digits of @base. */
static unsigned int count_numbers(const char *name, unsigned int base, size_t digits)
{
	unsigned int count = 0;

	for (;; count++) {
		size_t length = strcspn(name, ".");

		if (!length || length > digits || !name[length])
			return count;
		for (size_t i = 0; i < length; i++)
			if (digit_of(name[i]) >= base)
				return count;
		name += length + 1;
	}
}

/* RFC 5782 2.1, 2.4 */
bool look_is_list_query(const char *name)
{
	return count_numbers(name, 10, 3) >= 4 || count_numbers(name, 16, 1) >= 32;
}
