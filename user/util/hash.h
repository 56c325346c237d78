/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hash.h - mixing keys into hash values, and the one hash table */
#pragma once

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* ---- values ---- */

/* Mixes a key into a hash value (splitmix64). Every bit of the result may choose a bucket. */
static inline __u64 hash_mix(__u64 h, __u64 value)
{
	h ^= value;
	h += 0x9e3779b97f4a7c15ull;
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
	return h ^ (h >> 31);
}

/* Several words in one, a factor for each, still to be mixed: 3 ns for 15 of a mix a word. */
static inline __u64 hash_spread(__u64 a, __u64 b, __u64 c, __u64 d)
{
	return a * 0x9e3779b97f4a7c15ull + b * 0xbf58476d1ce4e5b9ull + c * 0x94d049bb133111ebull +
	       d * 0xd6e8feb86659fd93ull;
}

/* Mixes bytes into a hash value: the same wherever the byte order is. */
__u64 hash_bytes(__u64 h, const void *bytes, size_t size);

/*
 * FNV-1a, 64 bits: what stands in output, the same in every version. Begins with HASH_STABLE;
 * slower than the others.
 */
#define HASH_STABLE 0xcbf29ce484222325ull
static inline __u64 hash_stable_byte(__u64 h, __u8 byte)
{
	return (h ^ byte) * 0x100000001b3ull;
}
__u64 hash_stable(__u64 h, const void *bytes, size_t size);

/* ---- the table ---- */

/*
 * Finds items of an array of the caller's by a hash value. The table keeps no keys: chains of
 * indices, which the caller compares with what he looks for, the youngest first.
 *
 *	for (__u32 i = hash_first(&table, h); i != HASH_END; i = hash_next(&table, i))
 *		if (is_wanted(&slots[i]))
 *
 * The links stand beside the items, so that one array can be in several tables, and an item with two
 * keys in one of them (as 2i and 2i + 1). Allocated once, 8 bytes a bucket and 8 an item, and no
 * page of that is touched before it is used. Whoever takes keys from strangers bounds a chain with
 * hash_overlong(): keys can be chosen so that they share a bucket.
 */
#define HASH_END 0xffffffffu

struct hash_link { /* both 0: in no chain */
	__u32 next; /* index and one, 0 the last */
	__u32 previous; /* index and one, or HASH_HEAD and the bucket */
};

#define HASH_HEAD (1u << 31)

struct hash {
	__u32 *buckets; /* index and one, 0 none */
	struct hash_link *links;
	__u32 mask;
};

/* For items 0 to @room - 1, at most 2^29 of them. Returns 0 or -ENOMEM. */
int hash_new(struct hash *hash, size_t room);
/* Also of one that is all zeros, or whose hash_new() failed. */
void hash_free(struct hash *hash);

/* The youngest item that may have this hash value; HASH_END none. */
static inline __u32 hash_first(const struct hash *hash, __u64 value)
{
	return hash->buckets[value & hash->mask] - 1;
}

static inline __u32 hash_next(const struct hash *hash, __u32 item)
{
	return hash->links[item].next - 1;
}

static inline bool hash_has(const struct hash *hash, __u32 item)
{
	return hash->links[item].previous;
}

/* Takes the item out, if it is in. */
static inline void hash_remove(struct hash *hash, __u32 item)
{
	struct hash_link *link = &hash->links[item];

	if (!link->previous)
		return;
	if (link->previous & HASH_HEAD)
		hash->buckets[link->previous & ~HASH_HEAD] = link->next;
	else
		hash->links[link->previous - 1].next = link->next;
	if (link->next)
		hash->links[link->next - 1].previous = link->previous;
	*link = (struct hash_link){ 0 };
}

/* Puts the item in front of its chain; it must be in none. */
static inline void hash_add(struct hash *hash, __u64 value, __u32 item)
{
	__u32 bucket = (__u32)value & hash->mask, next = hash->buckets[bucket];

	hash->links[item] = (struct hash_link){ .next = next, .previous = HASH_HEAD | bucket };
	if (next)
		hash->links[next - 1].previous = item + 1;
	hash->buckets[bucket] = item + 1;
}

/* The oldest item of the chain of that hash value, if it holds more than @most; else HASH_END. */
__u32 hash_overlong(const struct hash *hash, __u64 value, unsigned int most);
