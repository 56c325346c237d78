// SPDX-License-Identifier: GPL-2.0-or-later
/* look_lookup.c - questions that rules ask about names */

#include <stdlib.h>
#include <string.h>

#include "rules/look.h"

/* How many labels in front are numbers up to @most of at most @digits digits of @base. */
static unsigned int count_numbers(const char *name, int base, size_t digits, unsigned long most)
{
	unsigned int count = 0;

	for (;;) {
		size_t length = strcspn(name, ".");
		char label[4] = "", *end;

		if (!length || length > digits || !name[length])
			return count;
		memcpy(label, name, length);
		if (strtoul(label, &end, base) > most || *end)
			return count;
		name += length + 1;
		count++;
	}
}

/* RFC 5782 2.1, 2.4 */
bool look_is_list_query(const char *name)
{
	return count_numbers(name, 10, 3, 255) >= 4 || count_numbers(name, 16, 1, 15) >= 32;
}
