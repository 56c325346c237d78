// SPDX-License-Identifier: GPL-2.0-or-later
/* talks.c - the table of talks: places that are taken and given back */

#include <errno.h>
#include <stdlib.h>

#include "join/talk/talk_table.h"

int talks_new(struct talks **out, const struct conns *conns)
{
	struct talks *talks = calloc(1, sizeof(*talks));

	if (!talks)
		return -ENOMEM;
	talks->room = conns_slots(conns);
	talks->slots = calloc(talks->room, sizeof(*talks->slots));
	talks->free = calloc(talks->room, sizeof(*talks->free));
	if (!talks->slots || !talks->free) {
		talks_free(talks);
		return -ENOMEM;
	}
	*out = talks;
	return 0;
}

void talks_free(struct talks *talks)
{
	if (!talks)
		return;
	free(talks->slots);
	free(talks->free);
	free(talks);
}

struct talk *talks_take(struct talks *talks)
{
	struct talk *talk;

	if (talks->free_count)
		talk = &talks->slots[talks->free[--talks->free_count]];
	else if (talks->touched < talks->room)
		talk = &talks->slots[talks->touched++];
	else
		return NULL;
	*talk = (struct talk){ 0 };
	return talk;
}

void talks_give_back(struct talks *talks, const struct talk *talk)
{
	talks->free[talks->free_count++] = (__u32)(talk - talks->slots);
}
