// SPDX-License-Identifier: GPL-2.0-or-later
/* sight.c - which directions a capture shows at all */

#include "join/host/sight.h"

#include <errno.h>
#include <stdlib.h>

#include "util/address.h"

#define SEEN_MAX 16384 /* a power of two, small: every packet looks into it */

struct sight {
	__u32 seen[SEEN_MAX]; /* destinations, by their hash; 0 none */
	bool tcp;
};

int sight_new(struct sight **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void sight_free(struct sight *sight)
{
	free(sight);
}

/* The last address of a bucket is known: one that was pushed out counts as not seen. */
void sight_note(struct join *join, const struct packet *packet)
{
	__u64 h = address_hash(packet->destination);

	join->sight->seen[h & (SEEN_MAX - 1)] = (__u32)(h >> 32);
	if (packet->what == PACKET_TCP && !(packet->flags & PACKET_F_FRAGMENT) &&
	    packet->source_port)
		join->sight->tcp = true;
}

bool sight_has(const struct join *join, const __u8 *address)
{
	__u64 h = address_hash(address);

	return join->sight->seen[h & (SEEN_MAX - 1)] == (__u32)(h >> 32);
}

bool sight_has_tcp(const struct join *join)
{
	return join->sight->tcp;
}
