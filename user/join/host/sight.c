// SPDX-License-Identifier: GPL-2.0-or-later
/* sight.c - which directions a capture shows at all */

#include "join/host/sight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define SEEN_BITS 14 /* small: every packet looks into it */

struct sight {
	__u32 seen[1 << SEEN_BITS]; /* destinations, by their hash; 0 none */
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

/* Not mixed, because every packet asks: the high bits depend on all of both words. */
static __u64 hash_of(const __u8 *address)
{
	__u64 words[2];

	memcpy(words, address, sizeof(words));
	return hash_spread(words[0], words[1], 0, 0);
}

static __u32 *bucket_of(struct sight *sight, __u64 hash)
{
	return &sight->seen[hash >> (64 - SEEN_BITS)];
}

static __u32 print_of(__u64 hash)
{
	return (__u32)(hash >> (32 - SEEN_BITS));
}

/* The last address of a bucket is known: one that was pushed out counts as not seen. */
void sight_note(struct join *join, const struct packet *packet)
{
	__u64 h = hash_of(packet->destination);

	*bucket_of(join->sight, h) = print_of(h);
	if (!join->sight->tcp)
		join->sight->tcp = packet->what == PACKET_TCP && packet->source_port &&
				   !(packet->flags & PACKET_F_FRAGMENT);
}

bool sight_has(const struct join *join, const __u8 *address)
{
	__u64 h = hash_of(address);

	return *bucket_of(join->sight, h) == print_of(h);
}

bool sight_has_tcp(const struct join *join)
{
	return join->sight->tcp;
}
