// SPDX-License-Identifier: GPL-2.0-or-later
/* owner.c - processes that own sockets, each kept once */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/host/owner.h"
#include "util/hash.h"

struct owner_slot {
	struct event_owner owner;
	__u32 uses; /* 0: free */
	__u32 next; /* in its bucket, or of the free ones; 0 the last */
};

struct owners {
	struct owner_slot *slots; /* [0] is nobody */
	__u32 *buckets;
	__u32 bucket_count; /* a power of two */
	__u32 room;
	__u32 touched;
	__u32 free; /* 0 none */
	__u32 used;
};

int owners_new(struct owners **out, size_t room)
{
	struct owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return -ENOMEM;
	owners->room = (__u32)room;
	for (owners->bucket_count = 64; owners->bucket_count < room;)
		owners->bucket_count *= 2;
	owners->slots = calloc(room + 1, sizeof(*owners->slots));
	owners->buckets = calloc(owners->bucket_count, sizeof(*owners->buckets));
	if (!owners->slots || !owners->buckets) {
		owners_free(owners);
		return -ENOMEM;
	}
	*out = owners;
	return 0;
}

void owners_free(struct owners *owners)
{
	if (!owners)
		return;
	free(owners->slots);
	free(owners->buckets);
	free(owners);
}

static __u32 *bucket_of(const struct owners *owners, const struct event_owner *owner)
{
	__u64 h = hash_mix(owner->start_ns, owner->tgid);

	return &owners->buckets[h & (owners->bucket_count - 1)];
}

/* A place for another one; 0 there is none. */
static __u32 take_slot(struct owners *owners)
{
	__u32 number = owners->free;

	if (number)
		owners->free = owners->slots[number].next;
	else if (owners->touched < owners->room)
		number = ++owners->touched;
	return number;
}

__u32 owners_take(struct owners *owners, const struct event_owner *owner)
{
	__u32 *bucket = bucket_of(owners, owner), number;

	_Static_assert(sizeof(*owner) == 96, "compared as bytes: there is no padding in it");
	for (number = *bucket; number; number = owners->slots[number].next)
		if (!memcmp(&owners->slots[number].owner, owner, sizeof(*owner)))
			return owners_keep(owners, number);
	number = take_slot(owners);
	if (!number)
		return 0;
	owners->slots[number] = (struct owner_slot){ *owner, 1, *bucket };
	*bucket = number;
	owners->used++;
	return number;
}

__u32 owners_keep(struct owners *owners, __u32 number)
{
	if (number)
		owners->slots[number].uses++;
	return number;
}

void owners_drop(struct owners *owners, __u32 number)
{
	struct owner_slot *slot = &owners->slots[number];
	__u32 *link;

	if (!number || --slot->uses)
		return;
	for (link = bucket_of(owners, &slot->owner); *link != number;)
		link = &owners->slots[*link].next;
	*link = slot->next;
	slot->next = owners->free;
	owners->free = number;
	owners->used--;
}

const struct event_owner *owners_at(const struct owners *owners, __u32 number)
{
	return number ? &owners->slots[number].owner : NULL;
}

size_t owners_used(const struct owners *owners)
{
	return owners->used;
}
