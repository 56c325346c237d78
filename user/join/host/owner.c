// SPDX-License-Identifier: GPL-2.0-or-later
/* owner.c - processes that own sockets, each kept once */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/host/owner.h"
#include "util/hash.h"

struct owner_slot {
	struct event_owner owner; /* first */
	__u32 uses; /* 0: free */
	__u32 next; /* of the free ones, 0 the last */
};

struct owners {
	struct owner_slot *slots; /* [0] is nobody */
	struct hash by; /* number by process and start time */
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
	owners->slots = calloc(room + 1, sizeof(*owners->slots));
	if (!owners->slots || hash_new(&owners->by, room + 1)) {
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
	hash_free(&owners->by);
	free(owners->slots);
	free(owners);
}

static __u64 key_of(const struct event_owner *owner)
{
	return hash_mix(owner->start_ns, owner->tgid);
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
	__u32 number = hash_first(&owners->by, key_of(owner));

	_Static_assert(sizeof(*owner) == 96, "compared as bytes: there is no padding in it");
	for (; number != HASH_END; number = hash_next(&owners->by, number))
		if (!memcmp(&owners->slots[number].owner, owner, sizeof(*owner)))
			return owners_keep(owners, number);
	number = take_slot(owners);
	if (!number)
		return 0;
	owners->slots[number] = (struct owner_slot){ .owner = *owner, .uses = 1 };
	hash_add(&owners->by, key_of(owner), number);
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

	if (!number || --slot->uses)
		return;
	hash_remove(&owners->by, number);
	slot->next = owners->free;
	owners->free = number;
	owners->used--;
}

const struct event_owner *owners_at(const struct owners *owners, __u32 number)
{
	return number ? &owners->slots[number].owner : NULL;
}

static __u32 number_of(const struct owners *owners, const struct event_owner *kept)
{
	return kept ? (__u32)((const struct owner_slot *)kept - owners->slots) : 0;
}

/* What is new is taken first: it may be what stands there. */
void owners_set(struct owners *owners, const struct event_owner **kept,
		const struct event_owner *owner)
{
	__u32 number = owner ? owners_take(owners, owner) : 0;

	owners_drop(owners, number_of(owners, *kept));
	*kept = owners_at(owners, number);
}

size_t owners_used(const struct owners *owners)
{
	return owners->used;
}
